"""Debits that went back: written once each, with their correction of the books.

    return row · payment · event · ledger · settlement entry      one transaction, or nothing

A payment that has succeeded stays as it was: that its money went back is a fact of its own. It is
written whatever else became of the payment. Refunds of it race for the same counters, so it stands
on the version that it read, and is decided anew when a refund was faster.
"""

from __future__ import annotations

from datetime import date, datetime

from farthing.acquiring.answer import Returned
from farthing.clock import later, to_text
from farthing.ledger import posting
from farthing.ledger.transaction import booked
from farthing.money import Money
from farthing.payments import debit
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import DEBITED, STILL_WATCHED, returnable
from farthing.payments.event import event_put
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import Operation
from farthing.payments.returned import EVENT_TYPE, Return, decide
from farthing.payments.services import Services
from farthing.payments.states import Status
from farthing.payments.views import show_intent
from farthing.settlement.entry import Operation as Movement
from farthing.settlement.entry import settlement_entry
from farthing.store import NOT_CREATED, ConditionFailed, Put, StoreBusy, Update, Write

TRIES_MAX = 12


def record(operation: Operation, returned: Returned, services: Services) -> None:
    """Write that the debit went back, unless that is written already.

    Raises StoreBusy if refunds of the payment were faster each time: the next look finds it again.
    """
    for attempt in range(TRIES_MAX):
        item = services.store.get(intent_key(operation.tenant, operation.intent_id))
        intent = Intent.from_item(item) if item is not None else None
        if intent is None or intent.status is not Status.SUCCEEDED or intent.returned is not None:
            return
        after, fact = decide(intent, operation, returned, services.now())
        event_id = services.new_id("evt")
        try:
            day = services.business_day(operation.connector)
            writes = return_writes(intent, after, fact, event_id, services.now(), day)
            services.store.write(*writes)
        except ConditionFailed as failed:
            if failed.key == fact.key:
                return
            services.pause(attempt)
        else:
            return
    raise StoreBusy(f"{TRIES_MAX} refunds of this payment came first")


def return_writes(
    before: Intent, after: Intent, fact: Return, event_id: str, now: datetime, day: date
) -> list[Write]:
    """The transaction that makes the return true. Its row, put once, keeps it from being two.

    `day` is the business day of `now` at the acquirer.
    """
    operation, amount_cents = fact.operation, fact.returned.amount_cents
    transaction = posting.returned(
        fact.return_id,
        Money(amount_cents, operation.currency),
        operation.connector,
        intent_id=operation.intent_id,
        at=now,
    )
    key, entry = settlement_entry(
        operation.tenant,
        operation.intent_id,
        fact.return_id,
        operation.reference,
        Movement.RETURN,
        amount_cents,
        operation.currency,
        operation.connector,
        day,
        now,
    )
    return [
        Put(fact.key, fact.to_item(), NOT_CREATED),
        *intent_update(before, after, returnable(before.version)),
        event_put(after, event_id, EVENT_TYPE, show_intent(after), now),
        booked(transaction, operation.tenant),
        Put(key, entry, NOT_CREATED),
        Update(operation.address.key, DEBITED, remove=["due_pk", "due_at"]),
    ]


def watch(operation: Operation, services: Services, *, asked: bool) -> None:
    """A debit that has not gone back: when it is looked into again, or that it is for good.

    `asked`: whether the acquirer could be. Raises StoreBusy.
    """
    now = services.now()
    following = debit.next_return_look(operation, now)
    if not asked:
        if operation.due_at is not None and operation.due_at > to_text(now):
            return
        following = later(now, seconds=debit.FAILED_LOOK_SECONDS)
    if following == operation.due_at:
        return
    sets = {"due_at": following} if following is not None else {}
    remove = [] if following is not None else ["due_pk", "due_at"]
    try:
        services.store.write(Update(operation.address.key, STILL_WATCHED, set=sets, remove=remove))
    except ConditionFailed:
        return
