"""Bringing a dispute to where its acquirer has it: step by step, each in a transaction of its own.

Whoever looks brings the case; in whatever order they look, however often, and wherever one of them
dies, the steps are those of the table, each taken once. A case that is behind ours changes nothing:
it was read before somebody else's. One to which no way leads is for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from farthing.acquiring.dispute import Case
from farthing.acquiring.inbound import NotYet
from farthing.disputes import step
from farthing.disputes.dispute import Dispute, dispute_id_of, dispute_key, new_dispute
from farthing.disputes.schedule import reminded_at_once
from farthing.disputes.services import Services
from farthing.disputes.states import HOLDS_MONEY, way
from farthing.disputes.step import Stepped
from farthing.disputes.writes import dispute_writes, step_writes
from farthing.payments.intent import Intent, intent_key
from farthing.payments.states import Status
from farthing.store import ConditionFailed, Item, StoreBusy, Write

TRIES_MAX = 24
"""The longest way has eight steps; the other tries are races lost."""

Also = Callable[[Dispute], tuple[Dispute, Sequence[Write]]]
"""What else is to become true of a dispute with its last step, and the writes of it."""


class Contradicted(Exception):
    """The acquirer has a dispute otherwise than could follow from what we know. Nothing is changed
    by it, and a person has to look."""


def converge(
    case: Case, intent_id: str, connector: str, services: Services, also: Also | None = None
) -> Dispute:
    """The dispute, when it is where `case` has it. `also` becomes true with the last step.

    Raises NotYet if its payment is not there or has not succeeded yet, Contradicted, StoreBusy.
    """
    key = dispute_key(services.tenant, dispute_id_of(services.tenant, connector, case))
    of_payment = intent_key(services.tenant, intent_id)
    for attempt in range(TRIES_MAX):
        found = services.store.batch_get([key, of_payment])
        intent = _disputable(found.get(of_payment), intent_id)
        before = Dispute.from_item(found[key]) if key in found else None
        _require_fitting(case, intent, before, connector)
        stepped, is_last = _next(case, intent, before, connector, services)
        try:
            after = _write(stepped, before, case, services, also if is_last else None)
        except ConditionFailed:
            services.pause(attempt)
            continue
        if is_last:
            return after
    raise StoreBusy(f"{TRIES_MAX} others changed this payment first")


def remind(dispute: Dispute, days: int, services: Services) -> Dispute:
    """Tell the merchant that a deadline is near, once for each of the days.

    Raises StoreBusy if others changed the payment first each time: the next look finds it again.
    """
    for attempt in range(TRIES_MAX):
        item = services.store.get(intent_key(services.tenant, dispute.intent_id))
        intent, now = _disputable(item, dispute.intent_id), services.now()
        stepped = step.told_again(intent, dispute, {"last_reminder_days": days})
        event_id, day = services.new_id("evt"), services.business_day(dispute.connector)
        writes = step_writes(stepped, dispute.reference, event_id, now, day, days)
        try:
            services.store.write(*writes)
        except ConditionFailed as failed:
            if failed.key == dispute.key:
                return dispute
            services.pause(attempt)
        else:
            return stepped.dispute
    raise StoreBusy(f"{TRIES_MAX} others changed this payment first")


def _next(
    case: Case, intent: Intent, before: Dispute | None, connector: str, services: Services
) -> tuple[Stepped | None, bool]:
    """The next step towards the case, None if there is none, and whether it is the last one."""
    path, now = way(before.state if before else None, case.state), services.now()
    if path is None and before is not None and way(case.state, before.state) is not None:
        return None, True
    if path is None:
        raise Contradicted(case.reference)
    if before is None:
        new = new_dispute(services.tenant, connector, intent.intent_id, case)
        return step.first(intent, new, path[0], case, now), len(path) == 1
    if path:
        return step.onward(intent, before, path[0], case, now), len(path) == 1
    if case.due_by not in {None, before.due_by}:
        changes = {
            "due_by": case.due_by,
            "last_reminder_days": reminded_at_once(case.due_by, now),
        }
        return step.told_again(intent, before, changes), True
    return None, True


def _write(
    stepped: Stepped | None,
    before: Dispute | None,
    case: Case,
    services: Services,
    also: Also | None,
) -> Dispute:
    now = services.now()
    after = stepped.dispute if stepped is not None else before
    if after is None:
        raise AssertionError("neither a step nor a dispute")
    final, more = also(after) if also is not None else (after, ())
    if stepped is not None:
        final_step = replace(stepped, dispute=final)
        reference = case.money_reference(final.stage)
        event_id, day = services.new_id("evt"), services.business_day(final.connector)
        writes = step_writes(final_step, reference, event_id, now, day)
    elif final != after:
        final = replace(final, version=final.version + 1)
        writes = dispute_writes(before, final, now)
    else:
        return final
    services.store.write(*writes, *more)
    return final


def _disputable(item: Item | None, intent_id: str) -> Intent:
    """The payment, which has succeeded. Raises NotYet, or Contradicted if it never can."""
    if item is None:
        raise NotYet(intent_id)
    intent = Intent.from_item(item)
    if intent.status in {Status.CREATED, Status.PROCESSING}:
        raise NotYet(intent_id)
    if intent.status is not Status.SUCCEEDED:
        raise Contradicted(intent_id)
    return intent


def _require_fitting(case: Case, intent: Intent, before: Dispute | None, connector: str) -> None:
    """Raises Contradicted for another payment, acquirer or currency, or another amount than was
    taken."""
    if before is not None and before.intent_id != intent.intent_id:
        raise Contradicted(case.reference)
    if intent.connector != connector:
        raise Contradicted(case.reference)
    if case.currency != intent.currency or case.amount_cents <= 0:
        raise Contradicted(case.reference)
    out = before is not None and before.state in HOLDS_MONEY
    if out and before is not None and case.amount_cents != before.amount_cents:
        raise Contradicted(case.reference)
