"""Taking a report: a batch is SETTLED if it agrees with our lines, else somebody has to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farthing.clock import Clock, to_text
from farthing.settlement.batch import Batch, Status
from farthing.settlement.line import Line
from farthing.settlement.ports import Store
from farthing.settlement.report import Report, trouble_with
from farthing.settlement.totals import totals_of
from farthing.settlement.transition import excepted, moved


@dataclass(frozen=True)
class Agreement:
    """Compares the reports of one merchant's batches."""

    store: Store
    clock: Clock

    def take(self, batch: Batch, lines: Sequence[Line], report: Report) -> None:
        """Move the batch on. Raises ConditionFailed if somebody else did meanwhile."""
        paid = report.paid
        figures = {
            "gross_cents": paid.gross_cents,
            "fee_cents": paid.fee_cents,
            "net_cents": paid.net_cents,
        }
        trouble = trouble_with(report, lines, totals_of(lines))
        if trouble is None:
            settled_at = to_text(self.clock.now())
            writes = moved(batch, Status.SETTLED, settled_at=settled_at, **figures)
        else:
            writes = moved(batch, Status.EXCEPTION, **excepted(trouble), **figures)
        self.store.write(*writes)
