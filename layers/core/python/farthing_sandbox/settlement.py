"""The daily report: what this acquirer's own books say about the entries of a submission.

A client's amounts are not believed. An entry that the books do not know is not
in the report, and one that was submitted twice is in it once. What another
settlement has paid is not paid again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox.asks import Operation
from farthing_sandbox.operations import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farthing_sandbox.asks import Settlement
    from farthing_sandbox.operations import Booked, Row

FEE_PER_MILLE: Final = 14
FEE_FIXED_MINOR: Final = 10

BRINGS: Final = frozenset({Operation.CAPTURE, Operation.REFUND_RETURN, Operation.DISPUTE_REVERSAL})
"""What this acquirer pays for; the rest is taken off."""


@dataclass(frozen=True)
class Line:
    """One amount as it is paid. `net_cents` is negative for what takes money back."""

    reference: str
    operation: str
    amount_cents: int
    fee_cents: int
    net_cents: int


@dataclass(frozen=True)
class Report:
    """The lines, and their sums: gross is captures − refunds − returns, net is gross − fee."""

    lines: tuple[Line, ...]

    def totals(self) -> dict[str, int]:
        """Minor units; each may be negative but the fee."""
        fee = sum(line.fee_cents for line in self.lines)
        net = sum(line.net_cents for line in self.lines)
        return {"gross_cents": net + fee, "fee_cents": fee, "net_cents": net}

    def body(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"lines": [vars(line) for line in self.lines], **self.totals()}


def payable(asked: Settlement, books: Mapping[tuple[str, Operation], Booked]) -> tuple[Booked, ...]:
    """What a submission pays, each once."""
    wanted = dict.fromkeys((entry.reference, entry.operation) for entry in asked.entries)
    found = (books.get(key) for key in wanted)
    return tuple(booked for booked in found if booked is not None and pays(booked, asked))


def pays(booked: Booked, asked: Settlement) -> bool:
    """Whether money moves for a row in this settlement."""
    return (
        booked.row.status is Status.APPROVED
        and booked.row.currency.upper() == asked.currency.upper()
        and booked.settled_by in {None, asked.reference}
    )


def report_on(paid: Iterable[Booked]) -> Report:
    """The report of what is paid."""
    return Report(tuple(line(booked.row) for booked in paid))


def line(row: Row) -> Line:
    """One line: a capture costs a fee, and nothing else does."""
    gross = row.amount_cents if row.operation in BRINGS else -row.amount_cents
    fee = capture_fee_minor(row.amount_cents) if row.operation is Operation.CAPTURE else 0
    return Line(row.reference, row.operation.value, row.amount_cents, fee, gross - fee)


def capture_fee_minor(amount_minor: int) -> int:
    """1.4 % of a capture, rounded half to even, plus 10 minor units."""
    return divide_half_even(amount_minor * FEE_PER_MILLE, 1000) + FEE_FIXED_MINOR


def divide_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator`, a tie going to the even neighbour. Both are positive."""
    quotient, remainder = divmod(numerator, denominator)
    if remainder * 2 == denominator:
        return quotient + quotient % 2
    return quotient + (remainder * 2 > denominator)
