"""A report's file day by day: what the acquirer paid, and what it took off.

    gross − fees − refunds − chargebacks − reserve = net

Whatever a line keeps of its amount is its fee, also where its fee column says otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from farthing.settlement.csv_rows import rows_of
from farthing.settlement.entry import Operation
from farthing.settlement.report_file import COLUMNS, TOTAL

_REFUNDS = frozenset({Operation.REFUND, Operation.RETURN, Operation.REFUND_RETURN})
_CHARGEBACKS = frozenset({Operation.DISPUTE, Operation.DISPUTE_REVERSAL, Operation.DISPUTE_FEE})


@dataclass
class Day:
    """One day in one currency, in minor units. All but the net are as they are taken off the
    gross."""

    gross: int = 0
    fees: int = 0
    refunds: int = 0
    chargebacks: int = 0
    reserve: int = 0

    @property
    def net(self) -> int:
        """What is left."""
        return self.gross - self.fees - self.refunds - self.chargebacks - self.reserve

    def add(self, operation: Operation, amount_cents: int, net_cents: int) -> None:
        """One line."""
        signed = operation.sign * amount_cents
        self.fees += signed - net_cents
        if operation in _REFUNDS:
            self.refunds -= signed
        elif operation in _CHARGEBACKS:
            self.chargebacks -= signed
        else:
            self.gross += signed

    def join(self, other: Day) -> None:
        """Another file's lines of the same currency."""
        self.gross += other.gross
        self.fees += other.fees
        self.refunds += other.refunds
        self.chargebacks += other.chargebacks
        self.reserve += other.reserve

    def steps(self) -> list[tuple[str, int]]:
        """The steps of a waterfall: what each adds, the last one being what is left."""
        return [
            ("gross", self.gross),
            ("fees", -self.fees),
            ("refunds", -self.refunds),
            ("chargebacks", -self.chargebacks),
            ("reserve", -self.reserve),
            ("net", self.net),
        ]


def days_of(content: bytes) -> dict[tuple[str, str], Day]:
    """By currency and day, in that order. Raises FileRefused."""
    found: dict[tuple[str, str], Day] = defaultdict(Day)
    for row in rows_of(content, COLUMNS):
        kind = row.text("type")
        if kind != TOTAL:
            place = row.currency(), row.day("settled_on")
            found[place].add(Operation(kind), row.cents("amount_cents"), row.cents("net_cents"))
    return dict(sorted(found.items()))
