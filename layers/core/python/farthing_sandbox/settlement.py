"""The daily report: what this acquirer's own books say about the entries of a submission.

A client's amounts are not believed. An entry that the books do not know is not
in the report, and one that was submitted twice is in it once. What another
settlement has paid is not paid again.

What it pays is what it reports: its net is transferred to the client's bank on
the next day. So the captures of some cards are not only reported wrongly, but
paid wrongly, while the books show what was captured.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from farthing_sandbox.asks import Operation
from farthing_sandbox.cards import Settles
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
    order_id: str
    currency: str


@dataclass(frozen=True)
class Transfer:
    """The net of a settlement, at the client's bank: negative if the client pays."""

    booked_on: str
    currency: str
    amount_cents: int
    reference: str


@dataclass(frozen=True)
class Report:
    """The lines, and their sums: gross is what came less what went back, net is gross − fee."""

    lines: tuple[Line, ...]
    currency: str
    settled_on: str

    def totals(self) -> dict[str, int]:
        """Minor units; each may be negative but the fee."""
        fee = sum(line.fee_cents for line in self.lines)
        net = sum(line.net_cents for line in self.lines)
        return {"gross_cents": net + fee, "fee_cents": fee, "net_cents": net}

    def transfer(self, reference: str) -> Transfer:
        """What the client's bank books the next day."""
        booked_on = date.fromisoformat(self.settled_on) + timedelta(days=1)
        net = self.totals()["net_cents"]
        return Transfer(booked_on.isoformat(), self.currency, net, reference)


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


def report_on(asked: Settlement, paid: Iterable[Booked], today: date) -> Report:
    """The report of what is paid."""
    lines = tuple(line for booked in paid for line in settled(booked))
    return Report(lines, asked.currency.lower(), today.isoformat())


def settled(booked: Booked) -> tuple[Line, ...]:
    """How a row is settled: once and as it is, but for the captures of some cards."""
    row = booked.row
    match booked.settles:
        case Settles.NEVER:
            return ()
        case Settles.TWICE:
            return line(row), line(row)
        case Settles.OTHERWISE:
            less = max(1, row.amount_cents // 10)
            return (line(replace(row, amount_cents=row.amount_cents - less or 2)),)
    return (line(row),)


def line(row: Row) -> Line:
    """One line: a capture costs a fee, and nothing else does."""
    gross = row.amount_cents if row.operation in BRINGS else -row.amount_cents
    fee = capture_fee_minor(row.amount_cents) if row.operation is Operation.CAPTURE else 0
    return Line(
        row.reference,
        row.operation.value,
        row.amount_cents,
        fee,
        gross - fee,
        row.order_id,
        row.currency.lower(),
    )


def capture_fee_minor(amount_minor: int) -> int:
    """1.4 % of a capture, rounded half to even, plus 10 minor units."""
    return divide_half_even(amount_minor * FEE_PER_MILLE, 1000) + FEE_FIXED_MINOR


def divide_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator`, a tie going to the even neighbour. Both are positive."""
    quotient, remainder = divmod(numerator, denominator)
    if remainder * 2 == denominator:
        return quotient + quotient % 2
    return quotient + (remainder * 2 > denominator)
