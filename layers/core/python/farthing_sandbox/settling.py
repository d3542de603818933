"""What a client can have done about settlements: submit one, and read what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farthing_sandbox import reports, settlement
from farthing_sandbox.acquirer import ATTEMPTS_MAX, Busy, ReferenceReused
from farthing_sandbox.operations import rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from farthing_sandbox.acquirer import Acquirer
    from farthing_sandbox.asks import Settlement
    from farthing_sandbox.books import Books


def settle(acquirer: Acquirer, asked: Settlement, attempt: str, now: datetime) -> None:
    """Accept a settlement, once per reference: mark what it pays, and write its report.

    Raises ReferenceReused, Busy. One that died half-way is gone on with when it comes again.
    """
    books = acquirer.books
    for turn in range(ATTEMPTS_MAX):
        head = reports.find_head(books, asked.reference)
        if head is not None:
            if head.content != asked.sha256:
                raise ReferenceReused(asked.reference)
            return
        rows = books.rows((e.reference, e.operation) for e in asked.entries)
        public = {key: it for key, it in rows.items() if it.is_public(now)}
        paid = settlement.payable(asked, public)
        if not books.pay(paid, asked.reference):
            acquirer.pause(turn)
            continue
        report = settlement.report_on(asked, paid, now.date())
        if reports.keep(books, asked.reference, asked.sha256, attempt, report):
            return
    raise Busy(asked.reference)


def report_of(books: Books, reference: str) -> settlement.Report | None:
    """The report of an accepted settlement."""
    head = reports.find_head(books, reference)
    return None if head is None else reports.read(books, reference, head)


def transfers(books: Books, booked_on: str, now: datetime) -> list[settlement.Transfer]:
    """What banks have booked on a day: nothing before it has come."""
    return reports.transfers(books, booked_on) if booked_on <= rfc3339(now)[:10] else []
