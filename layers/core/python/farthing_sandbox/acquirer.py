"""What a client can have done: one use case per route.

A request is read, decided and written; if the books changed in between, all
three again. So concurrent equal requests have one effect and get one answer,
and concurrent refunds never exceed what was captured.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import reports, settlement
from farthing_sandbox.asks import Authorize, Settlement
from farthing_sandbox.books import as_json
from farthing_sandbox.operations import decide_authorize, decide_follow_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from farthing_sandbox.asks import Ask
    from farthing_sandbox.books import Books
    from farthing_sandbox.cards import Fault
    from farthing_sandbox.operations import Entry, Numbers, Row

ATTEMPTS_MAX: Final = 12


class ReferenceReused(Exception):
    """The reference was used before, for something else."""


class Busy(Exception):
    """Others kept changing the same charge; nothing was written."""


class NoAnswer(Exception):
    """The network fails at this point. What is in the books stays there."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class Acquirer:
    """The use cases over one set of books.

    `pause` waits a little, longer with each attempt: many may want one charge.
    """

    books: Books
    idempotent: bool
    pause: Callable[[int], None]

    def operate(self, ask: Ask, now: datetime, numbers: Numbers) -> str:
        """Do what is asked, once per reference. Answers JSON.

        Raises ReferenceReused, Busy, NoAnswer.
        """
        behaviour = ask.card.behaviour if isinstance(ask, Authorize) else None
        if behaviour and behaviour.first_request_fault and self.books.lose_first(ask.reference):
            raise NoAnswer(behaviour.first_request_fault)
        answer = self.decide_and_record(ask, now, numbers)
        if behaviour and behaviour.answer_fault:
            raise NoAnswer(behaviour.answer_fault)
        return answer

    def decide_and_record(self, ask: Ask, now: datetime, numbers: Numbers) -> str:
        """Read, decide, write; again, if the books changed in between."""
        for attempt in range(ATTEMPTS_MAX):
            earlier = self.books.operation(ask.reference) if self.idempotent else None
            if earlier is not None:
                if earlier.content != as_json(ask.content()):
                    raise ReferenceReused(ask.reference)
                return earlier.answer
            entry = self.decide(ask, now, numbers)
            if self.books.record(entry, once=self.idempotent):
                return as_json(entry.answer)
            self.pause(attempt)
        raise Busy(ask.reference)

    def decide(self, ask: Ask, now: datetime, numbers: Numbers) -> Entry:
        """Bring the facts from the books to the rules."""
        if not isinstance(ask, Authorize):
            charge = self.books.charge(ask.original_reference)
            return decide_follow_up(ask, charge, now, numbers)
        stored = ask.stored_credential
        named = stored.network_reference if stored else None
        known = self.books.issued_to(named) if named else None
        return decide_authorize(ask, known, now, numbers)

    def find(self, reference: str) -> str | None:
        """The answer that `reference` got, as JSON."""
        recorded = self.books.operation(reference)
        return None if recorded is None else recorded.answer

    def transactions_of_order(self, order_id: str) -> list[Row]:
        """What was really done for an order."""
        return self.books.rows_of_order(order_id)

    def transactions_of_reference(self, reference: str) -> list[Row]:
        """What was really done under a reference: a combined charge has two rows."""
        recorded = self.books.operation(reference)
        rows = [] if recorded is None else self.books.rows_of_order(recorded.order_id)
        return [row for row in rows if row.reference == reference]

    def settle(self, asked: Settlement, attempt: str) -> None:
        """Accept a settlement, once per reference: mark what it pays, and write its report.

        Raises ReferenceReused, Busy. One that died half-way is gone on with when it comes again.
        """
        content = hashlib.sha256(repr(asked).encode()).hexdigest()
        for turn in range(ATTEMPTS_MAX):
            head = reports.find_head(self.books, asked.reference)
            if head is not None:
                if head.content != content:
                    raise ReferenceReused(asked.reference)
                return
            books = self.books.rows((e.reference, e.operation) for e in asked.entries)
            paid = settlement.payable(asked, books)
            if not self.books.pay(paid, asked.reference):
                self.pause(turn)
                continue
            report = settlement.report_on(paid)
            if reports.keep(self.books, asked.reference, content, attempt, report):
                return
        raise Busy(asked.reference)

    def report(self, reference: str) -> dict[str, Any] | None:
        """The report of an accepted settlement."""
        head = reports.find_head(self.books, reference)
        return None if head is None else reports.read(self.books, reference, head).body()
