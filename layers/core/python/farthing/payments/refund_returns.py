"""Refunds that the payer's bank sent back after they had succeeded: written once each.

    return row · payment · refund · event · ledger · settlement entry      one transaction, or none

The refund stays what it was: that its money came back is a fact of its own, which corrects the
books. The payment can be refunded again by so much, but for what was overdrawn: that is made good
first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from farthing.acquiring.answer import Answer, Outcome, Returned
from farthing.acquiring.decline import decline
from farthing.acquiring.port import Kind, LookUp, LookUpFailed
from farthing.clock import to_text
from farthing.ledger import posting
from farthing.ledger.transaction import booked
from farthing.money import Money
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import returnable
from farthing.payments.event import event_put
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import Operation, OperationState
from farthing.payments.refund import Refund, refund_key, show_refund
from farthing.payments.refund_outcome import given_back
from farthing.payments.returned import Return, return_key
from farthing.payments.services import Services
from farthing.settlement.entry import Operation as Movement
from farthing.settlement.entry import settlement_entry
from farthing.store import EXISTS, NOT_CREATED, ConditionFailed, Put, StoreBusy, Update, Write

EVENT_TYPE = "refund.returned"
TRIES_MAX = 12


def may_come_back(operation: Operation) -> bool:
    """Whether it is a refund that succeeded: the payer's bank may still send it back."""
    return operation.kind is Kind.REFUND and operation.state is OperationState.APPROVED


def is_known(operation: Operation, services: Services) -> bool:
    """Whether it is written that it came back."""
    return services.store.get(return_key(operation)) is not None


def look(operation: Operation, services: Services) -> None:
    """Ask the acquirer whether a refund that succeeded came back, and write it down.

    Raises LookUpFailed, StoreBusy.
    """
    looked = services.sender.look_up(operation.address)
    returned = returned_of(operation, looked)
    if returned is not None:
        record(operation, returned, services)


def returned_of(operation: Operation, looked: LookUp) -> Returned | None:
    """What a look-up says of a refund that had succeeded. An acquirer that has it as failed by now
    gives no other name to what came back."""
    answer = looked.answer
    if answer is None or answer.outcome is not Outcome.DECLINED:
        return answer.returned if answer is not None else None
    reason = answer.decline or decline("OTHER", "")
    return Returned(operation.reference, operation.amount_cents, reason, looked.as_of)


def record_if_back(operation: Operation, answer: Answer, services: Services) -> None:
    """The same of a refund whose success was learned together with its coming back.

    Raises StoreBusy.
    """
    if answer.outcome is Outcome.APPROVED and answer.returned is not None:
        record(operation, answer.returned, services)


def record(operation: Operation, returned: Returned, services: Services) -> None:
    """Write that the refund came back, unless that is written already.

    Raises StoreBusy if others changed the payment first each time: the next look finds it again.
    """
    if returned.amount_cents != operation.amount_cents:
        raise LookUpFailed("another amount came back than was refunded")
    for attempt in range(TRIES_MAX):
        keys = (
            intent_key(operation.tenant, operation.intent_id),
            refund_key(operation.tenant, operation.operation_id),
        )
        found = services.store.batch_get(keys)
        intent, refund = Intent.from_item(found[keys[0]]), Refund.from_item(found[keys[1]])
        if refund.returned is not None:
            return
        now, event_id = services.now(), services.new_id("evt")
        after, fact = decide(intent, operation, returned, now)
        try:
            day = services.business_day(operation.connector)
            services.store.write(*return_writes(intent, after, refund, fact, event_id, now, day))
        except ConditionFailed as failed:
            if failed.key != intent.key:
                return
            services.pause(attempt)
        else:
            return
    raise StoreBusy(f"{TRIES_MAX} others changed this payment first")


def decide(
    intent: Intent, operation: Operation, returned: Returned, now: datetime
) -> tuple[Intent, Return]:
    """The payment after its refund came back, and the fact."""
    amount_cents = returned.amount_cents
    after = replace(
        intent,
        amount_refunded=intent.amount_refunded - amount_cents,
        version=intent.version + 1,
        event_sequence=intent.event_sequence + 1,
        **given_back(intent, amount_cents),  # type: ignore[arg-type]
    )
    return after, Return(operation, returned, 0, to_text(now))


def return_writes(
    before: Intent,
    after: Intent,
    refund: Refund,
    fact: Return,
    event_id: str,
    now: datetime,
    day: date,
) -> list[Write]:
    """The transaction that makes it true, on a business day. Its row, put once, keeps it one."""
    operation, amount_cents = fact.operation, fact.returned.amount_cents
    transaction = posting.refund_returned(
        fact.return_id,
        Money(amount_cents, operation.currency),
        operation.connector,
        refund.refund_id,
        intent_id=operation.intent_id,
        at=now,
    )
    key, entry = settlement_entry(
        operation.tenant,
        operation.intent_id,
        fact.return_id,
        operation.reference,
        Movement.REFUND_RETURN,
        amount_cents,
        operation.currency,
        operation.connector,
        day,
        now,
    )
    came_back = replace(refund, returned=fact.shown())
    return [
        Put(fact.key, fact.to_item(), NOT_CREATED),
        *intent_update(before, after, returnable(before.version)),
        event_put(after, event_id, EVENT_TYPE, show_refund(came_back), now),
        Update(refund.key, EXISTS, set={"returned": fact.shown()}),
        booked(transaction, operation.tenant),
        Put(key, entry, NOT_CREATED),
    ]
