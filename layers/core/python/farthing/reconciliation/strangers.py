"""Lines of a report that its batch does not have: what of ours they may be about.

Looked for inside the merchant whose batch the report is of, and nowhere else: a file is nobody's
proof of whose a payment is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from farthing.business_calendar import Calendar
from farthing.clock import from_text
from farthing.ids import is_id
from farthing.ledger.transaction import transaction_key
from farthing.payments.address import Address
from farthing.payments.operation import OperationState
from farthing.reconciliation.mark import WAITING, Mark, State
from farthing.reconciliation.match import AlreadyPaid, Known, NotMoved, Ours
from farthing.reconciliation.reported import Reported
from farthing.settlement.batch import batch_key
from farthing.settlement.entry import Entry, Operation, settlement_entry
from farthing.store.port import BatchGets, Gets, Queries
from farthing.store.scope import TenantScope

REPORTED_AT = "reported_at"
_PREFIXES = {Operation.CAPTURE: "op", Operation.REFUND: "re"}
"""Whose reference is our operation's own id; the others have references of the acquirer's."""
_NO_MONEY = frozenset({OperationState.DECLINED, OperationState.NOT_SENT, OperationState.ABSENT})


class Books(Gets, BatchGets, Queries, Protocol):
    """What is read of the payments and the settlement table."""


@dataclass(frozen=True)
class Found:
    """What a line is about. `is_early`: a movement of ours that its own batch has yet to report."""

    known: Known
    is_early: bool = False


@dataclass(frozen=True)
class Strangers:
    """The one merchant's books, asked about one line at a time."""

    tenant: TenantScope
    acquirer: str
    settlement_id: str
    calendar: Calendar
    store: Books

    def about(self, line: Reported, mark: Mark | None) -> Found:
        """What of ours a line of another batch is about."""
        if mark is not None:
            if mark.state in WAITING:
                return Found(mark.ours)
            if mark.state is State.GIVEN_UP:
                return Found(given_up(mark))
            if mark.settlement_id != self.settlement_id:
                return Found(AlreadyPaid(mark.ours))
            if mark.state is not State.STRAY:
                return Found(mark.ours)
        return self._by_payment(line)

    def _by_payment(self, line: Reported) -> Found:
        prefix = _PREFIXES.get(line.operation)
        operation_id = f"{prefix}_{line.reference.lower()}"
        if prefix is None or not is_id(prefix, operation_id) or not is_id("pi", line.order_id):
            return Found(None)
        item = self.store.get(Address(self.tenant, line.order_id, operation_id).key)
        if item is None:
            return Found(None)
        entry = self._entry(line, operation_id, item["currency"])
        if entry is not None:
            return self._by_entry(entry)
        state = OperationState(item["state"])
        captured = prefix == "op"
        return Found(
            NotMoved(state.value, line.order_id, operation_id, captured and state in _NO_MONEY)
        )

    def _entry(self, line: Reported, operation_id: str, currency: str) -> Entry | None:
        """The movement's entry, by way of its ledger transaction, which knows its day."""
        booked = self.store.get(transaction_key(self.tenant, "", operation_id, line.order_id))
        if booked is None:
            return None
        at = from_text(booked["created_at"])
        key, _ = settlement_entry(
            self.tenant,
            line.order_id,
            operation_id,
            line.reference,
            line.operation,
            1,
            currency,
            self.acquirer,
            self.calendar.business_day(at),
            at,
        )
        item = self.store.get(key)
        return None if item is None else Entry.of(item)

    def _by_entry(self, entry: Entry) -> Found:
        ours = Ours(
            entry.operation,
            entry.reference,
            entry.intent_id,
            entry.operation_id,
            entry.currency,
            entry.amount_cents,
            entry.fee_cents,
        )
        if entry.settlement_id is not None:
            batch = self.store.get(batch_key(self.tenant, entry.settlement_id))
            if batch is not None and REPORTED_AT in batch:
                return Found(AlreadyPaid(ours))
        return Found(ours, is_early=True)


def given_up(mark: Mark) -> NotMoved:
    """What a person wrote off: paid all the same, it is theirs to look at again."""
    ours = mark.ours
    return NotMoved("GIVEN_UP", ours.intent_id if ours else "", ours.operation_id if ours else "")
