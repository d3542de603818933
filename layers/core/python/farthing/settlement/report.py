"""The acquirer's report of a batch, and whether it says what our lines say.

A batch is SETTLED only if both agree to the line and to the cent. Which line is wrong, and why, is
reconciliation's to name; here it is enough that a difference is never passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from farthing.settlement.batch import Paid, Reason, Trouble
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.totals import Totals


@dataclass(frozen=True)
class ReportLine:
    """One amount as the acquirer pays it. `net_cents` is negative for what costs money."""

    reference: str
    operation: Operation
    amount_cents: int
    fee_cents: int
    net_cents: int
    order_id: str = ""
    currency: str = ""
    settled_on: str = ""
    number: int = 0
    """Its place in the file, from 1."""

    @property
    def gross_cents(self) -> int:
        """What the line adds to the report's gross."""
        return self.operation.sign * self.amount_cents


@dataclass(frozen=True)
class Report:
    """What the acquirer says that it pays for a batch, line by line and in sum.

    `sha256` identifies the file that says so.
    """

    lines: tuple[ReportLine, ...]
    paid: Paid
    sha256: str = ""

    @property
    def adds_up(self) -> bool:
        """Whether its own sums are those of its lines, and net is gross less fee everywhere."""
        return (
            all(line.net_cents == line.gross_cents - line.fee_cents for line in self.lines)
            and self.paid.gross_cents == sum(line.gross_cents for line in self.lines)
            and self.paid.fee_cents == sum(line.fee_cents for line in self.lines)
            and self.paid.net_cents == self.paid.gross_cents - self.paid.fee_cents
        )


def trouble_with(report: Report, lines: Iterable[Line], totals: Totals) -> Trouble | None:
    """The first thing that is wrong with a report of our `lines`, or None if all agrees."""
    ours = Counter((line.reference, line.operation, line.amount_cents) for line in lines)
    theirs = Counter((line.reference, line.operation, line.amount_cents) for line in report.lines)
    if ours != theirs:
        missing, unexpected = (ours - theirs).total(), (theirs - ours).total()
        return Trouble(
            Reason.REPORT_LINES_DIFFER,
            f"{missing} of our {ours.total()} lines are not in the report, "
            f"{unexpected} of its {theirs.total()} are not ours",
        )
    if report.paid.gross_cents != totals.gross_cents:
        return Trouble(
            Reason.REPORT_GROSS_DIFFERS,
            f"our gross is {totals.gross_cents}, the report's {report.paid.gross_cents}",
        )
    if not report.adds_up:
        return Trouble(
            Reason.REPORT_DOES_NOT_ADD_UP, "its sums are not those of its lines, or net is wrong"
        )
    return None
