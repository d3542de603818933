"""The acquirer's report of a batch as it was fetched. What it means is reconciliation's to say."""

from __future__ import annotations

from dataclasses import dataclass

from farthing.settlement.batch import Paid
from farthing.settlement.entry import Operation


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

    @property
    def gross_cents(self) -> int:
        """What the line adds to the report's gross."""
        return self.operation.sign * self.amount_cents


@dataclass(frozen=True)
class Report:
    """What the acquirer says that it pays for a batch, line by line and in sum.

    `sha256` identifies the file that says so. The sums are of the lines in `currency`.
    """

    lines: tuple[ReportLine, ...]
    paid: Paid
    sha256: str = ""
    currency: str = ""
