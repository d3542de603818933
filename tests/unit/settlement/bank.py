"""An acquirer in memory, with its own books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from farthing.settlement.batch import BatchName, Paid
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown, Refused, Submission
from farthing.settlement.report import Report, ReportLine
from tests.unit.settlement.steps import Steps

FEE = 10
BRINGS = {Operation.CAPTURE, Operation.REFUND_RETURN, Operation.DISPUTE_REVERSAL}


@dataclass
class Bank:
    """An acquirer's own books: what moved, and what it was asked to settle."""

    moved: dict[tuple[str, Operation], int] = field(default_factory=dict)
    accepted: dict[str, tuple[Line, ...]] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    report_ready: bool = True
    tamper: Callable[[Report], Report] = lambda report: report

    def report(self, reference: str) -> Report | None:
        if not self.report_ready:
            return None
        lines = tuple(
            paid_line(line.reference, line.operation, self.moved[line.reference, line.operation])
            for line in self.accepted[reference]
            if (line.reference, line.operation) in self.moved
        )
        return self.tamper(summed(lines))


def paid_line(reference: str, operation: Operation, amount_cents: int) -> ReportLine:
    """A line with a flat fee on captures."""
    gross = amount_cents if operation in BRINGS else -amount_cents
    fee = FEE if operation is Operation.CAPTURE else 0
    return ReportLine(reference, operation, amount_cents, fee, gross - fee)


def summed(lines: tuple[ReportLine, ...]) -> Report:
    """A report that adds up."""
    gross = sum(line.gross_cents for line in lines)
    fee = sum(line.fee_cents for line in lines)
    return Report(lines, Paid(gross, fee, gross - fee))


@dataclass
class FakeAcquirer:
    """The way to the bank. `hear` decides what of a submission and its answer gets through."""

    bank: Bank
    steps: Steps
    hear: Callable[[], None] = lambda: None
    arrives: bool = True

    def look_up(self, reference: str) -> Submission | None:
        def look() -> Submission | None:
            if reference not in self.bank.accepted:
                return None
            return Submission(self.bank.report(reference))

        return self.steps.around(look)  # type: ignore[no-any-return]

    def submit(self, name: BatchName, lines: Sequence[Line]) -> None:
        def accept() -> None:
            if self.arrives:
                earlier = self.bank.accepted.setdefault(name.reference, tuple(lines))
                if earlier != tuple(lines):
                    raise Refused("REFERENCE_REUSED")
                self.bank.sent[name.reference] += 1
            self.hear()

        self.steps.around(accept)


def silence() -> None:
    """For `hear`: the answer never comes."""
    raise OutcomeUnknown("silence")


def with_paid(report: Report, **changes: int) -> Report:
    """A report whose sums were changed."""
    return replace(report, paid=replace(report.paid, **changes))
