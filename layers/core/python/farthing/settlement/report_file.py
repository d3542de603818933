"""An acquirer's report as a file: CSV, one line for each amount, and the sums at the end.

    settlement_reference,line,type,reference,order_id,currency,amount_cents,fee_cents,net_cents,…
    …,1,CAPTURE,…,…,eur,1000,24,976,2026-11-22
    …,2,TOTAL,,,eur,1000,24,976,2026-11-22

Amounts are positive and the type says their direction, net is signed. In the last line the amount
is the gross, and signed; it sums up the lines of its own currency. A file that is not exactly so is
not read at all, nor is one with a card number in it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date

from farthing.settlement.batch import Paid
from farthing.settlement.csv_rows import FileRefused, Row, rows_of
from farthing.settlement.entry import Operation
from farthing.settlement.files import sha256_of
from farthing.settlement.report import Report, ReportLine

COLUMNS = (
    "settlement_reference",
    "line",
    "type",
    "reference",
    "order_id",
    "currency",
    "amount_cents",
    "fee_cents",
    "net_cents",
    "settled_on",
)
TOTAL = "TOTAL"
LINES_MAX = 100_000
OPERATIONS = {operation.value: operation for operation in Operation}
"""What a line's type may be, but for TOTAL."""


class ReportUnreadable(ValueError):
    """The file is no report of this batch. The message names the line and repeats no value."""


def read_report(file: bytes, settlement_reference: str) -> Report:
    """The report in `file`. Raises ReportUnreadable, also if it is about another batch."""
    try:
        return _read(file, settlement_reference)
    except FileRefused as refused:
        raise ReportUnreadable(str(refused)) from refused


def _read(file: bytes, settlement_reference: str) -> Report:
    rows = list(rows_of(file, COLUMNS))
    if not 0 < len(rows) < LINES_MAX:
        raise FileRefused(1, "it has no lines, or more than one report may have")
    for at, row in enumerate(rows, start=1):
        if row.name("settlement_reference") != settlement_reference:
            raise row.wrong("it is about another settlement")
        if row.text("line") != str(at):
            raise row.wrong("it has another number")
    *lines, total = rows
    if total.text("type") != TOTAL:
        raise total.wrong("it is the last one, and not the total")
    return Report(tuple(map(_line, lines)), paid_in(total), sha256_of(file), total.currency())


def write_report(
    settlement_reference: str, lines: Sequence[ReportLine], currency: str, on: date
) -> bytes:
    """A report of `lines`, for an acquirer that gives none of its own. It adds up in `currency`."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for at, line in enumerate(lines, start=1):
        what = (line.operation.value, line.reference, line.order_id, line.currency)
        amounts = (line.amount_cents, line.fee_cents, line.net_cents)
        rows.writerow((settlement_reference, at, *what, *amounts, line.settled_on))
    own = [line for line in lines if line.currency == currency]
    sums = (
        sum(line.gross_cents for line in own),
        sum(line.fee_cents for line in own),
        sum(line.net_cents for line in own),
    )
    named = (TOTAL, "", "", currency)
    rows.writerow((settlement_reference, len(lines) + 1, *named, *sums, on.isoformat()))
    return text.getvalue().encode()


def paid_in(row: Row) -> Paid:
    """The amounts of a row: gross, fee, net."""
    names = ("amount_cents", "fee_cents", "net_cents")
    return Paid(*(row.cents(name) for name in names))


def operation_in(row: Row) -> Operation:
    """What a row says that moved the money. Raises FileRefused for a type that nobody knows."""
    operation = OPERATIONS.get(row.text("type"))
    if operation is None:
        raise row.wrong("type is none of " + ", ".join([*OPERATIONS, TOTAL]))
    return operation


def _line(row: Row) -> ReportLine:
    amounts = paid_in(row)
    if amounts.gross_cents < 0:
        raise row.wrong("amount_cents is below zero")
    return ReportLine(
        reference=row.name("reference"),
        operation=operation_in(row),
        amount_cents=amounts.gross_cents,
        fee_cents=amounts.fee_cents,
        net_cents=amounts.net_cents,
        order_id=row.name("order_id", required=False),
        currency=row.currency(),
        settled_on=row.day("settled_on"),
    )
