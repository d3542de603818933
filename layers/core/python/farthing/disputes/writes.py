"""The transaction of a step.

    dispute · payment · event · ledger · settlement entries      one transaction, or nothing

The dispute stands on the version that was read, and its first row is put once, so a step is taken
once; the payment stands on its version too, because refunds of it race for the same counters.
"""

from __future__ import annotations

from datetime import date, datetime

from farthing.acquiring.dispute import Stage
from farthing.disputes.conditions import as_read
from farthing.disputes.dispute import Dispute, pointer_key, show_dispute
from farthing.disputes.states import Money
from farthing.disputes.step import Stepped
from farthing.ledger import posting
from farthing.ledger.transaction import LedgerTransaction, booked, booked_alone
from farthing.money import Money as Amount
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import disputable
from farthing.payments.event import event_put
from farthing.settlement.entry import Operation as Movement
from farthing.settlement.entry import settlement_entry
from farthing.store import NOT_CREATED, Condition, Put, Update, Write

_NAMES = {
    (Stage.CHARGEBACK, Money.TAKEN): "opened",
    (Stage.CHARGEBACK, Money.GIVEN_BACK): "won",
    (Stage.CHARGEBACK, Money.LOST): "lost",
    (Stage.PRE_ARBITRATION, Money.TAKEN): "arbitrated",
    (Stage.PRE_ARBITRATION, Money.GIVEN_BACK): "arbitration_won",
    (Stage.PRE_ARBITRATION, Money.LOST): "arbitration_lost",
}
"""What names each fact of one dispute in the ledger."""


def step_writes(
    stepped: Stepped,
    money_reference: str,
    event_id: str,
    now: datetime,
    day: date,
    reminder_days: int | None = None,
) -> list[Write]:
    """All that makes a step true. `money_reference` names its money in the acquirer's books, and
    `day` is its business day there."""
    intent = stepped.intent
    shown = show_dispute(stepped.dispute, reminder_days)
    return [
        *dispute_writes(stepped.before, stepped.dispute, now),
        *intent_update(stepped.intent_before, intent, disputable(stepped.intent_before.version)),
        event_put(intent, event_id, stepped.event_type, shown, now),
        *_money_writes(stepped, money_reference, now, day),
    ]


def dispute_writes(
    before: Dispute | None, after: Dispute, now: datetime, also: Condition | None = None
) -> list[Write]:
    """The dispute's row as it is now; with its first one, the pointer beside its payment. `also` is
    a rule that says more than AS_READ."""
    if before is None:
        pointer = pointer_key(after.tenant, after.intent_id, after.dispute_id)
        named = {"entity": "dispute_pointer", "dispute_id": after.dispute_id}
        return [
            Put(after.key, after.to_item(now), NOT_CREATED),
            Put(pointer, named, NOT_CREATED),
        ]
    when = as_read(before.version)
    sets, removes = _changed(before, after, now)
    return [Update(after.key, also or when, set=sets, remove=removes)]


def _changed(before: Dispute, after: Dispute, now: datetime) -> tuple[dict[str, object], list[str]]:
    """Its place in the due index is said anew each time, as it depends on the time."""
    old, new = before.to_item(now), after.to_item(now)
    places = {name: value for name, value in new.items() if name in {"due_pk", "due_at"}}
    sets = {name: value for name, value in new.items() if old.get(name) != value} | places
    return sets, sorted((set(old) | {"due_pk", "due_at"}) - set(new))


def _money_writes(stepped: Stepped, reference: str, now: datetime, day: date) -> list[Write]:
    if stepped.money is Money.STAYS:
        return []
    dispute, transaction = stepped.dispute, _transaction(stepped, now)
    if stepped.money is Money.LOST:
        return list(booked_alone(transaction, dispute.tenant))
    taken = stepped.money is Money.TAKEN
    moved = [(Movement.DISPUTE if taken else Movement.DISPUTE_REVERSAL, dispute.amount_cents)]
    if stepped.fee_cents:
        moved.append((Movement.DISPUTE_FEE, stepped.fee_cents))
    entries = (
        settlement_entry(
            dispute.tenant,
            dispute.intent_id,
            transaction.subject_id,
            reference,
            movement,
            amount_cents,
            dispute.currency,
            dispute.connector,
            day,
            now,
        )
        for movement, amount_cents in moved
    )
    return [booked(transaction, dispute.tenant), *(Put(k, e, NOT_CREATED) for k, e in entries)]


def _transaction(stepped: Stepped, now: datetime) -> LedgerTransaction:
    dispute = stepped.dispute
    amount = Amount(dispute.amount_cents, dispute.currency)
    dispute_id, intent_id = dispute.dispute_id, dispute.intent_id
    name, acquirer = _NAMES[dispute.stage, stepped.money], dispute.connector
    match stepped.money:
        case Money.TAKEN:
            return posting.dispute_opened(
                dispute_id,
                amount,
                acquirer,
                intent_id=intent_id,
                at=now,
                fee=stepped.fee_cents,
                step=name,
            )
        case Money.GIVEN_BACK:
            return posting.dispute_won(
                dispute_id, amount, acquirer, intent_id=intent_id, at=now, step=name
            )
        case _:
            return posting.dispute_lost(dispute_id, amount, intent_id=intent_id, at=now, step=name)
