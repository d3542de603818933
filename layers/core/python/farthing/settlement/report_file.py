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
import hashlib
import io
import re
from collections.abc import Sequence
from datetime import date

from farthing.cards import holds_pan
from farthing.ids import is_of_an_id
from farthing.money import EXPONENTS
from farthing.settlement.batch import Paid
from farthing.settlement.entry import Operation
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
TEXT = re.compile(r"[!-~]{0,120}")
CENTS = re.compile(r"-?[0-9]{1,15}")


class ReportUnreadable(ValueError):
    """The file is no report of this batch. The message names the line and repeats no value."""


def read_report(file: bytes, settlement_reference: str) -> Report:
    """The report in `file`. Raises ReportUnreadable, also if it is about another batch."""
    try:
        rows = list(csv.reader(io.StringIO(file.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReportUnreadable("it is no CSV in UTF-8") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ReportUnreadable("its first line is not the header")
    if not 1 < len(rows) <= LINES_MAX:
        raise ReportUnreadable("it has no lines, or more than one report may have")
    *lines, total = (_row(row, at) for at, row in enumerate(rows[1:], start=1))
    for at, row in enumerate((*lines, total), start=1):
        if row["settlement_reference"] != settlement_reference:
            raise ReportUnreadable(f"line {at} is about another settlement")
    if total["type"] != TOTAL:
        raise ReportUnreadable("its last line is not the total")
    paid = Paid(*(_cents(total[name], len(rows) - 1) for name in COLUMNS[6:9]))
    read = tuple(_line(row, at) for at, row in enumerate(lines, start=1))
    currency = _currency(total, len(rows) - 1)
    return Report(read, paid, hashlib.sha256(file).hexdigest(), currency)


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


def _row(row: Sequence[str], at: int) -> dict[str, str]:
    if len(row) != len(COLUMNS) or not all(TEXT.fullmatch(value) for value in row):
        raise ReportUnreadable(f"line {at} has not the columns that it should")
    if any(holds_pan(value) and not is_of_an_id(value) for value in row):
        raise ReportUnreadable(f"line {at} has a card number")
    named = dict(zip(COLUMNS, row, strict=True))
    if named["line"] != str(at):
        raise ReportUnreadable(f"line {at} has another number")
    return named


def _line(row: dict[str, str], at: int) -> ReportLine:
    try:
        operation = Operation(row["type"])
        date.fromisoformat(row["settled_on"])
    except ValueError as error:
        raise ReportUnreadable(f"line {at} has a type or a day that nobody knows") from error
    amount, fee, net = (_cents(row[name], at) for name in COLUMNS[6:9])
    if amount < 0:
        raise ReportUnreadable(f"line {at} has an amount below zero")
    return ReportLine(
        reference=row["reference"],
        operation=operation,
        amount_cents=amount,
        fee_cents=fee,
        net_cents=net,
        order_id=row["order_id"],
        currency=_currency(row, at),
        settled_on=row["settled_on"],
        number=at,
    )


def _currency(row: dict[str, str], at: int) -> str:
    currency = row["currency"].lower()
    if currency not in EXPONENTS:
        raise ReportUnreadable(f"line {at} has no currency of ISO 4217")
    return currency


def _cents(text: str, at: int) -> int:
    if not CENTS.fullmatch(text):
        raise ReportUnreadable(f"line {at} has an amount that is no whole number")
    return int(text)
