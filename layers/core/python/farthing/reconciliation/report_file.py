"""An acquirer's report as a file: one row a line, and one TOTAL row for each batch in it.

A batch without its TOTAL row is a file that was cut off: it is refused, and changes nothing.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence

from farthing.reconciliation.reported import Report, Reported, numbered
from farthing.settlement.batch import Paid
from farthing.settlement.csv_rows import FileRefused, Row, rows_of
from farthing.settlement.files import sha256_of
from farthing.settlement.report_file import COLUMNS, TOTAL, operation_in, paid_in


def reports_of(content: bytes) -> dict[str, Report]:
    """The reports by their settlement reference, in the order of the file. Raises FileRefused."""
    sha256 = sha256_of(content)
    lines: dict[str, list[Reported]] = defaultdict(list)
    totals: dict[str, tuple[str, Paid]] = {}
    for row in rows_of(content, COLUMNS):
        reference = sys.intern(row.name("settlement_reference"))
        if reference in totals:
            raise row.wrong("it comes after the TOTAL of its settlement_reference")
        row.day("settled_on")
        if row.text("type") == TOTAL:
            totals[reference] = row.currency(), paid_in(row)
            lines[reference] += ()
        else:
            lines[reference].append(_line(row))
    if not lines:
        raise FileRefused(2, "there are no lines")
    if cut := [reference for reference in lines if reference not in totals]:
        raise FileRefused(2, f"{cut[0]} has no TOTAL: the file was cut off")
    return {
        reference: Report(sha256, totals[reference][0], numbered(of_batch), totals[reference][1])
        for reference, of_batch in lines.items()
    }


def _line(row: Row) -> Reported:
    amounts = paid_in(row)
    if amounts.gross_cents <= 0:
        raise row.wrong("amount_cents is positive: the type says its direction")
    return Reported(
        operation=operation_in(row),
        reference=row.name("reference"),
        currency=sys.intern(row.currency()),
        amount_cents=amounts.gross_cents,
        fee_cents=amounts.fee_cents,
        net_cents=amounts.net_cents,
        order_id=row.name("order_id", required=False),
    )


def lines_in(reports: Sequence[Report]) -> int:
    """How many lines there are, without TOTAL rows."""
    return sum(len(report.lines) for report in reports)
