"""An acquirer's report as a file: one row a line, and one TOTAL row for each batch in it.

A batch without its TOTAL row is a file that was cut off: it is refused, and changes nothing.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Sequence

from farthing.reconciliation.csv_rows import FileRefused, Row, rows_of
from farthing.reconciliation.reported import Report, Reported, numbered
from farthing.settlement.batch import Paid
from farthing.settlement.entry import Operation

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
_OPERATIONS = {operation.value: operation for operation in Operation}


def reports_of(content: bytes) -> dict[str, Report]:
    """The reports by their settlement reference, in the order of the file. Raises FileRefused."""
    sha256 = hashlib.sha256(content).hexdigest()
    lines: dict[str, list[Reported]] = defaultdict(list)
    totals: dict[str, tuple[str, Paid]] = {}
    for row in rows_of(content, COLUMNS):
        reference = sys.intern(row.name("settlement_reference"))
        kind = row.text("type")
        if reference in totals:
            raise row.wrong("it comes after the TOTAL of its settlement_reference")
        row.day("settled_on")
        if kind == TOTAL:
            totals[reference] = row.currency(), _paid(row)
            lines[reference] += ()
        elif kind in _OPERATIONS:
            lines[reference].append(_line(row, _OPERATIONS[kind]))
        else:
            raise row.wrong("type is none of " + ", ".join([*_OPERATIONS, TOTAL]))
    if not lines:
        raise FileRefused(2, "there are no lines")
    if cut := [reference for reference in lines if reference not in totals]:
        raise FileRefused(2, f"{cut[0]} has no TOTAL: the file was cut off")
    return {
        reference: Report(sha256, totals[reference][0], numbered(of_batch), totals[reference][1])
        for reference, of_batch in lines.items()
    }


def _line(row: Row, operation: Operation) -> Reported:
    amount = row.cents("amount_cents")
    if amount <= 0:
        raise row.wrong("amount_cents is positive: the type says its direction")
    return Reported(
        operation=operation,
        reference=row.name("reference"),
        currency=sys.intern(row.currency()),
        amount_cents=amount,
        fee_cents=row.cents("fee_cents"),
        net_cents=row.cents("net_cents"),
        order_id=row.name("order_id", required=False),
    )


def _paid(row: Row) -> Paid:
    names = ("amount_cents", "fee_cents", "net_cents")
    return Paid(*(row.cents(name) for name in names))


def lines_in(reports: Sequence[Report]) -> int:
    """How many lines there are, without TOTAL rows."""
    return sum(len(report.lines) for report in reports)
