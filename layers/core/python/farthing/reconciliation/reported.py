"""What an acquirer's report says: its lines, each with a name that does not change, and its sums.

A line is named by what moved the money, by our reference, and by the how-manieth of these it is in
its report. So the same line in a second file is the same line, and one that is there twice is two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from farthing.settlement.batch import Paid
from farthing.settlement.entry import Operation

Movement = tuple[Operation, str]
"""What moved the money, and our reference of it."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One line. `amount_cents` is positive, `net_cents` signed: what is paid for it.

    `order_id` is our payment as the acquirer knows it, `seq` counts from 1.
    """

    operation: Operation
    reference: str
    currency: str
    amount_cents: int
    fee_cents: int
    net_cents: int
    order_id: str = ""
    seq: int = 1

    @property
    def movement(self) -> Movement:
        """What of ours it is about."""
        return self.operation, self.reference

    @property
    def name(self) -> str:
        """`CAPTURE#01JD…#1`."""
        return f"{self.operation.value}#{self.reference}#{self.seq}"

    @property
    def gross_cents(self) -> int:
        """Signed: what it adds to the report's gross."""
        return self.operation.sign * self.amount_cents

    @property
    def paid(self) -> Paid:
        """What it adds to the report's sums."""
        return Paid(self.gross_cents, self.fee_cents, self.net_cents)


@dataclass(frozen=True)
class Report:
    """One batch's lines in one file. `sha256` is the file's, `currency` the batch's.

    `total` is what the file says that its lines of that currency sum up to.
    """

    sha256: str
    currency: str
    lines: tuple[Reported, ...]
    total: Paid

    @property
    def summed(self) -> Paid:
        """What the lines of the batch's currency sum up to."""
        own = [line for line in self.lines if line.currency == self.currency]
        return Paid(
            sum(line.gross_cents for line in own),
            sum(line.fee_cents for line in own),
            sum(line.net_cents for line in own),
        )


def numbered(lines: Iterable[Reported]) -> tuple[Reported, ...]:
    """The lines of one batch with their `seq`, in the order in which they came."""
    seen: Counter[Movement] = Counter()
    counted = []
    for line in lines:
        seen[line.movement] += 1
        seq = seen[line.movement]
        counted.append(line if line.seq == seq else replace(line, seq=seq))
    return tuple(counted)
