"""An acquirer in memory, with its own books."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from farthing.settlement.batch import BatchName, Paid
from farthing.settlement.entry import Operation
from farthing.settlement.line import Line
from farthing.settlement.ports import OutcomeUnknown, Refused
from farthing.settlement.report import Report, ReportLine
from tests.unit.settlement.steps import Steps

FEE = 10
HEADER = (
    "settlement_reference,line,type,reference,order_id,currency,"
    "amount_cents,fee_cents,net_cents,settled_on"
)


@dataclass
class Bank:
    """An acquirer's own books: what moved, and what it was asked to settle."""

    moved: dict[tuple[str, Operation], int] = field(default_factory=dict)
    accepted: dict[str, bytes] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    report_ready: bool = True
    tamper: Callable[[Report], Report] = lambda report: report
    spoil: Callable[[bytes], bytes] = lambda file: file

    def asked(self, reference: str) -> list[tuple[str, Operation, int]]:
        """The lines of an accepted file."""
        rows = csv.DictReader(io.StringIO(self.accepted[reference].decode()))
        return [(r["reference"], Operation(r["type"]), int(r["amount_cents"])) for r in rows]

    def report(self, reference: str) -> bytes | None:
        if not self.report_ready:
            return None
        lines = tuple(
            paid_line(of, operation, self.moved[of, operation])
            for of, operation, _ in self.asked(reference)
            if (of, operation) in self.moved
        )
        return self.spoil(report_file(reference, self.tamper(summed(lines))))


def paid_line(reference: str, operation: Operation, amount_cents: int) -> ReportLine:
    """A line with a flat fee on captures."""
    fee = FEE if operation is Operation.CAPTURE else 0
    net = operation.sign * amount_cents - fee
    return ReportLine(reference, operation, amount_cents, fee, net, "order", "eur", "2026-11-02")


def summed(lines: tuple[ReportLine, ...]) -> Report:
    """A report that adds up."""
    gross = sum(line.gross_cents for line in lines)
    fee = sum(line.fee_cents for line in lines)
    return Report(lines, Paid(gross, fee, gross - fee))


def report_file(reference: str, report: Report) -> bytes:
    """A report as the acquirer writes it, right or wrong."""
    currency = reference.split(".")[3]
    rows = [
        f"{line.operation},{line.reference},{line.order_id},{currency},"
        f"{line.amount_cents},{line.fee_cents},{line.net_cents},{line.settled_on}"
        for line in report.lines
    ]
    paid = report.paid
    rows.append(
        f"TOTAL,,,{currency},{paid.gross_cents},{paid.fee_cents},{paid.net_cents},2026-11-02"
    )
    numbered = (f"{reference},{at},{row}" for at, row in enumerate(rows, start=1))
    return "\n".join([HEADER, *numbered, ""]).encode()


@dataclass
class FakeAcquirer:
    """The way to the bank. `hear` decides what of a submission and its answer gets through."""

    bank: Bank
    steps: Steps
    hear: Callable[[], None] = lambda: None
    arrives: bool = True
    reports_within: timedelta = timedelta(hours=20)

    def has(self, reference: str) -> bool:
        return self.steps.around(lambda: reference in self.bank.accepted)  # type: ignore[no-any-return]

    def submit(self, reference: str, file: bytes) -> None:
        def accept() -> None:
            if self.arrives:
                if self.bank.accepted.setdefault(reference, file) != file:
                    raise Refused("REFERENCE_REUSED")
                self.bank.sent[reference] += 1
            self.hear()

        self.steps.around(accept)

    def report(self, name: BatchName, lines: Iterable[Line]) -> bytes | None:
        def look() -> bytes | None:
            known = name.reference in self.bank.accepted
            return self.bank.report(name.reference) if known else None

        return self.steps.around(look)  # type: ignore[no-any-return]


def silence() -> None:
    """For `hear`: the answer never comes."""
    raise OutcomeUnknown("silence")


def with_paid(report: Report, **changes: int) -> Report:
    """A report whose sums were changed."""
    return replace(report, paid=replace(report.paid, **changes))


def adds_up(report: Report) -> bool:
    """Whether its own sums are those of its lines, and net is gross less fee everywhere."""
    own = [line for line in report.lines if line.currency == report.currency]
    paid = report.paid
    return (
        all(line.net_cents == line.gross_cents - line.fee_cents for line in report.lines)
        and paid.gross_cents == sum(line.gross_cents for line in own)
        and paid.fee_cents == sum(line.fee_cents for line in own)
        and paid.net_cents == paid.gross_cents - paid.fee_cents
    )
