"""What a client can have done: one use case per route.

A request is read, decided and written; if the books changed in between, all
three again. So concurrent equal requests have one effect and get one answer,
and concurrent refunds never exceed what was captured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import (
    cards,
    dispute_books,
    items,
    journal,
    maturity,
    token_books,
)
from farthing_sandbox.asks import Authorize, Due, Operation
from farthing_sandbox.books import recorded
from farthing_sandbox.cards import Fault
from farthing_sandbox.debits import decide_debit
from farthing_sandbox.items import as_json
from farthing_sandbox.operations import (
    decide_authorize,
    decide_follow_up,
    landed,
    rfc3339,
)
from farthing_sandbox.refusals import paying_card, paying_token, paying_wallet
from farthing_sandbox.reversals import Result, decide_reversal
from farthing_sandbox.sources import BankAccount, Card, NetworkToken, WalletPayload
from farthing_sandbox.token_rules import Presented

if TYPE_CHECKING:
    from collections.abc import Callable

    from farthing_sandbox.asks import Ask, Listing, Reversal
    from farthing_sandbox.books import Books, Recorded
    from farthing_sandbox.items import Item
    from farthing_sandbox.operations import Booked, Charge, Entry, Numbers, Row
    from farthing_sandbox.refusals import Paying

ATTEMPTS_MAX: Final = 12
REFUND_PENDING_SECONDS: Final = 10
DEFER_SECONDS_MAX: Final = 900
"""What SQS can put off. What comes later is found by whoever looks, and told by nobody."""
MOMENT_LENGTH: Final = len("2026-11-22T09:00:00.000Z")


class ReferenceReused(Exception):
    """The reference was used before, for something else."""


class Busy(Exception):
    """Others kept changing the same charge; nothing was written."""


class NoAnswer(Exception):
    """The network fails at this point. What is in the books stays there."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class NotBooked(Exception):
    """A refund is to end that is not in the books, or not yet."""


@dataclass(frozen=True)
class Acquirer:
    """The use cases over one set of books.

    `pause` waits a little, longer with each attempt: many may want one charge.
    `defer(message, seconds)` has a message come back later. `token_number` is what the network
    says is the number of a token.
    """

    books: Books
    idempotent: bool
    pause: Callable[[int], None]
    defer: Callable[[str, int], None]
    token_number: Callable[[str], str]

    def operate(self, ask: Ask, now: datetime, numbers: Numbers) -> str:
        """Do what is asked, once per reference. Answers JSON.

        Raises ReferenceReused, Busy, NoAnswer.
        """
        card = ask.card if isinstance(ask, Authorize) else None
        fault = card.behaviour.first_request_fault if isinstance(card, Card) else None
        if fault is not None and self.books.lose_first(ask.reference):
            raise NoAnswer(fault)
        done = self.decide_and_record(ask, now, numbers)
        if not landed(done.visible_at, now):
            raise NoAnswer(Fault.NO_ANSWER)
        if done.fault is Fault.WRONG_AMOUNT:
            return misquoted(done.answer)
        if done.fault is not None:
            raise NoAnswer(done.fault)
        return done.answer

    def decide_and_record(self, ask: Ask, now: datetime, numbers: Numbers) -> Recorded:
        """Read, decide, write; again, if the books changed in between."""
        for attempt in range(ATTEMPTS_MAX):
            earlier = self.earlier(ask)
            if earlier is not None:
                return earlier
            entry = self.decide(ask, now, numbers)
            if entry.is_pending:
                self.defer_end(entry)
            for due, seconds in entry.goes_on():
                self.defer(as_json(vars(due)), seconds)
            if self.books.record(entry, once=self.idempotent):
                return recorded(entry)
            self.pause(attempt)
        raise Busy(ask.reference)

    def earlier(self, ask: Ask | Reversal) -> Recorded | None:
        """What an equal request has come to. Raises ReferenceReused if it was another one."""
        earlier = self.books.operation(ask.reference) if self.idempotent else None
        if earlier is not None and earlier.content != as_json(ask.content()):
            raise ReferenceReused(ask.reference)
        return earlier

    def decide(self, ask: Ask, now: datetime, numbers: Numbers) -> Entry:
        """Bring the facts from the books to the rules."""
        if not isinstance(ask, Authorize):
            charge = self.charge(ask.original_reference, now)
            return decide_follow_up(ask, charge, now, numbers)
        if isinstance(ask.card, BankAccount):
            return decide_debit(ask, ask.card, now, numbers)
        return decide_authorize(ask, self.paying(ask, ask.card, now), now, numbers)

    def paying(
        self, ask: Authorize, card: Card | NetworkToken | WalletPayload, now: datetime
    ) -> Paying:
        """What pays, with what the books and the network know of it."""
        if isinstance(card, WalletPayload):
            return paying_wallet(card)
        stored = ask.stored_credential
        named = stored.network_reference if stored else None
        known = self.books.issued_to(named) if named else None
        if isinstance(card, NetworkToken):
            return paying_token(ask, card, self.presented(card), known, rfc3339(now))
        return paying_card(ask, card, known)

    def presented(self, shown: NetworkToken) -> Presented:
        """What the network knows of a token and its cryptogram."""
        issued = token_books.issued(self.books, shown.cryptogram)
        if issued is None:
            return Presented(None, None, "")
        token = token_books.token(self.books, issued.token_reference)
        return Presented(issued, token, self.token_number(issued.token_reference))

    def charge(self, reference: str, now: datetime) -> Charge | None:
        """The charge that `reference` authorized, if it can be seen by now."""
        charge = self.books.charge(reference)
        if charge is not None and charge.taken_at_once:
            maturity.mature(self.books, charge.order_id, charge.entry, now)
            charge = self.books.charge(reference)
        if charge is not None and cards.behaviour_tagged(charge.behaviour).disputed:
            dispute_books.open_if_due(self.books, charge.order_id, charge.entry, now)
            charge = self.books.charge(reference)
        return charge if charge is not None and landed(charge.visible_at, now) else None

    def defer_end(self, entry: Entry) -> None:
        """Have a pending refund end later, or a bank's decision told.

        The message is sent before the entry is written. One that ends nothing does no harm; a
        refund without one would stay pending for good.
        """
        due = Due(entry.ask.order_id, entry.entry, entry.ask.reference)
        seconds = REFUND_PENDING_SECONDS
        if entry.debit is not None:
            due = replace(due, what="DECISION")
            seconds = seconds_until(entry.debit.decides_at, entry.entry[:MOMENT_LENGTH])
        if seconds <= DEFER_SECONDS_MAX:
            self.defer(as_json(vars(due)), seconds)

    def debit(self, due: Due, now: datetime) -> Item | None:
        """A debit's row, after all that is due of it. None if it is none. Raises NotBooked."""
        debit = maturity.mature(self.books, due.order_id, due.entry, now)
        if debit is None and self.books.operation(due.reference) is None:
            raise NotBooked(due.reference)
        return debit if debit is not None and "decides_at" in debit else None

    def defer_debit(self, due: Due, debit: Item, now: datetime) -> None:
        """Have a debit's message come again, if something more will happen to it."""
        at = items.due_at(debit)
        if at is None:
            return
        what = "DECISION" if debit["status"] == "PENDING" else "RETURN"
        seconds = max(1, min(DEFER_SECONDS_MAX, seconds_until(at, rfc3339(now)) + 1))
        self.defer(as_json(vars(replace(due, what=what))), seconds)

    def end_refund(self, due: Due, now: datetime) -> Booked | None:
        """Approve a pending refund, once. None if nothing was pending there. Raises NotBooked."""
        self.books.end_refund(due.order_id, due.entry, rfc3339(now))
        refund = self.books.row(due.order_id, due.entry, Operation.REFUND)
        if refund is not None:
            return refund if refund.ended_at else None
        if self.books.operation(due.reference) is None:
            raise NotBooked(due.reference)
        return None

    def reverse(self, ask: Reversal, now: datetime, numbers: Numbers) -> Result:
        """Undo what `original_reference` did, if it did anything that can be undone.

        Raises ReferenceReused, Busy.
        """
        for attempt in range(ATTEMPTS_MAX):
            if self.earlier(ask) is not None:
                return Result.REVERSED
            original = self.books.operation(ask.original_reference)
            if original is None or not landed(original.visible_at, now):
                return Result.NOT_FOUND
            charge = self.charge(ask.original_reference, now)
            result, entry = decide_reversal(ask, charge, now, numbers)
            if entry is None or self.books.record(entry, once=self.idempotent):
                return result
            self.pause(attempt)
        raise Busy(ask.reference)

    def find(self, reference: str, now: datetime) -> dict[str, Any] | None:
        """The answer that `reference` got, with the status that it has now."""
        found = self.books.operation(reference)
        if found is None or not landed(found.visible_at, now):
            return None
        answer: dict[str, Any] = json.loads(found.answer)
        if answer["method"] == "BANK":
            debit = maturity.mature(self.books, found.order_id, found.entry, now)
            return answer if debit is None else answer | maturity.present(debit)
        if answer["operation"] == Operation.REFUND:
            refund = maturity.mature_refund(self.books, found.order_id, found.entry, now)
            return answer if refund is None else answer | maturity.stands(refund)
        row = self.books.row(found.order_id, found.entry, Operation(answer["operation"]))
        return answer if row is None else answer | {"status": row.row.status.value}

    def list_operations(
        self, asked: Listing, now: datetime
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of all operations, oldest first, and the cursor behind it."""
        return journal.page(self.books, asked, now)

    def transactions_of_order(self, order_id: str, now: datetime) -> list[Row]:
        """What was really done for an order."""
        rows = self.books.rows_of_order(order_id)
        happened = maturity.mature_all(self.books, order_id, rows, now)
        if dispute_books.mature_all(self.books, order_id, rows, now) or happened:
            rows = self.books.rows_of_order(order_id)
        return [it.row for it in rows if it.is_public(now)]

    def transactions_of_reference(self, reference: str, now: datetime) -> list[Row]:
        """What was really done under a reference: a combined charge has two rows."""
        found = self.books.operation(reference)
        rows = [] if found is None else self.transactions_of_order(found.order_id, now)
        return [row for row in rows if row.reference == reference]


def seconds_until(at: str, since: str) -> int:
    """Whole seconds between two moments."""
    return int((datetime.fromisoformat(at) - datetime.fromisoformat(since)).total_seconds())


def misquoted(answer: str) -> str:
    """The answer with an amount that was never asked for."""
    told = json.loads(answer)
    return as_json(told | {"amount_cents": told["amount_cents"] + 1})
