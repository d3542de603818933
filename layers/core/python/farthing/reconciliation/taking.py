"""What the settlement does with a report that it fetched: it is taken as one that was brought."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from farthing.reconciliation.reported import Report, Reported, numbered
from farthing.reconciliation.take import Reconciler, Source
from farthing.settlement.batch import Batch, BatchName, Status
from farthing.settlement.line import Line
from farthing.settlement.ports import LinesAwaited
from farthing.settlement.report import Report as Fetched

FETCHED = Source("fetched", "settlement")


@dataclass(frozen=True)
class Taking:
    """`books` are one merchant's at one acquirer, by the name of a batch."""

    books: Callable[[BatchName], Reconciler]

    def take(self, batch: Batch, lines: Sequence[Line], report: Fetched) -> None:
        """Move the batch on. Raises LinesAwaited if it stays: the report lacks lines of ours."""
        name = batch.name
        said = numbered(
            Reported(
                operation=line.operation,
                reference=line.reference,
                currency=line.currency,
                amount_cents=line.amount_cents,
                fee_cents=line.fee_cents,
                net_cents=line.net_cents,
                order_id=line.order_id,
            )
            for line in report.lines
        )
        taken = self.books(name).take_report(
            name.settlement_id, Report(report.sha256, name.currency, said, report.paid), FETCHED
        )
        if taken.status is Status.SUBMITTED:
            raise LinesAwaited
