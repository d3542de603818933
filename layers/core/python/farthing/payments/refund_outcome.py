"""What a refund's outcome means, and its Tx-2.

Several refunds of one payment may end at the same time. Each event shows the payment and its
place in the order, so each conclusion stands on the version that it read, and is decided anew
when another one was faster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from farthing.acquiring.answer import Answer, Outcome
from farthing.http.response import Response
from farthing.ids import IdSource
from farthing.payments.answers import answer_of
from farthing.payments.conclusion import (
    intent_update,
    key_writes,
    money_writes,
    operation_update,
)
from farthing.payments.conditions import same_version
from farthing.payments.event import event_put
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import Operation
from farthing.payments.refund import (
    Refund,
    RefundStatus,
    refund_key,
    settled,
    show_refund,
    unsettled,
)
from farthing.payments.services import Services
from farthing.store import EXISTS, ConditionFailed, StoreBusy, Update, Write

TRIES_MAX = 12


@dataclass(frozen=True)
class RefundConcluded:
    """What becomes true of the payment, the refund and its operation."""

    intent: Intent
    refund: Refund
    operation: Operation
    event_type: str | None = None
    moved_cents: int = 0


def decide(intent: Intent, refund: Refund, operation: Operation, answer: Answer) -> RefundConcluded:
    """What `answer` makes of the refund. Only a definite no gives the reservation back."""
    concluded = operation.concluded(answer)
    match answer.outcome:
        case Outcome.APPROVED:
            after = _ended(intent, amount_refunded=intent.amount_refunded + refund.amount_cents)
            done = settled(refund, RefundStatus.SUCCEEDED, None)
            return RefundConcluded(after, done, concluded, "refund.succeeded", refund.amount_cents)
        case Outcome.DECLINED | Outcome.NOT_SENT | Outcome.ABSENT:
            after = _ended(intent, **given_back(intent, refund.amount_cents))
            decline = answer.decline.to_item() if answer.decline else None
            failed = settled(refund, RefundStatus.FAILED, decline)
            return RefundConcluded(after, failed, concluded, "refund.failed")
        case Outcome.UNKNOWN | Outcome.PENDING:
            waiting = unsettled(refund, requires_decision=operation.requires_decision)
            return RefundConcluded(intent, waiting, concluded)


def given_back(intent: Intent, amount_cents: int) -> dict[str, int]:
    """What is left when a refund came to nothing: what the bank took back is not refunded again."""
    covered = min(amount_cents, intent.amount_overdrawn)
    return {
        "amount_refundable": intent.amount_refundable + amount_cents - covered,
        "amount_overdrawn": intent.amount_overdrawn - covered,
    }


def conclude_refund(
    operation: Operation, answer: Answer, services: Services, also: Sequence[Write] = ()
) -> Response | None:
    """Tx-2 of a refund. The answer to its request, or None if somebody else concluded it.

    Raises StoreBusy if it cannot be read or written now: the refund stays PENDING, and its
    operation is found by its lease.
    """
    for attempt in range(TRIES_MAX):
        intent, refund = _read(operation, services)
        concluded = decide(intent, refund, operation, answer)
        day = services.business_day(operation.connector)
        writes, response = refund_writes(intent, concluded, services.new_id, services.now(), day)
        try:
            services.store.write(*writes, *also)
        except ConditionFailed as failed:
            if failed.key != intent.key:
                return None
            services.pause(attempt)
        else:
            return response
    raise StoreBusy(f"{TRIES_MAX} other refunds of this payment ended first")


def refund_writes(
    before: Intent, concluded: RefundConcluded, new_id: IdSource, now: datetime, day: date
) -> tuple[list[Write], Response]:
    """The transaction that makes `concluded` true, and the answer to the refund's request.

    `day` is the business day of `now` at the acquirer.
    """
    operation, refund = concluded.operation, concluded.refund
    answer = answer_of(operation, show_refund(refund), "refund")
    writes: list[Write] = [
        operation_update(operation, now),
        *intent_update(before, concluded.intent, same_version(before.version)),
    ]
    if concluded.event_type is not None:
        event_id, shown = new_id("evt"), show_refund(refund)
        writes.append(event_put(concluded.intent, event_id, concluded.event_type, shown, now))
    if concluded.event_type is not None or refund.status_detail is not None:
        names = ("status", "status_detail", "decline")
        sets = {name: value for name, value in refund.to_item().items() if name in names}
        writes.append(Update(refund.key, EXISTS, set=sets))
    writes += money_writes(operation, concluded.moved_cents, now, day)
    writes += key_writes(operation, None, answer, now)
    return writes, answer


def _ended(intent: Intent, **changes: int) -> Intent:
    return replace(
        intent,
        open_refunds=intent.open_refunds - 1,
        version=intent.version + 1,
        event_sequence=intent.event_sequence + 1,
        **changes,  # type: ignore[arg-type]
    )


def _read(operation: Operation, services: Services) -> tuple[Intent, Refund]:
    keys = (
        intent_key(operation.tenant, operation.intent_id),
        refund_key(operation.tenant, operation.operation_id),
    )
    found = services.store.batch_get(keys)
    return Intent.from_item(found[keys[0]]), Refund.from_item(found[keys[1]])
