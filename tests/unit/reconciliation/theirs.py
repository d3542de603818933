"""Their side: a little acquirer with books of its own, which knows nothing of our code.

It is told what moved, and which settlement each movement is asked for in. It writes the report and
the transfers from its own books alone.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

HEADER = (
    "settlement_reference",
    "line",
    "type",
    "reference",
    "order_id",
    "currency",
    "amount_cents",
    "fee_cents",
    "net_cents",
    "settled_on",
)
BANK_HEADER = ("booked_on", "currency", "amount_cents", "reference", "description")
PAYS = {"CAPTURE", "REFUND_RETURN", "DISPUTE_REVERSAL"}


@dataclass
class Moved:
    """One movement in its books."""

    type: str
    reference: str
    order_id: str
    currency: str
    amount: int
    fee: int | None = None

    @property
    def kept(self) -> int:
        if self.fee is not None:
            return self.fee
        if self.type != "CAPTURE":
            return 0
        share = Decimal(self.amount) * Decimal("0.014")
        return int(share.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) + 10

    @property
    def gross(self) -> int:
        return self.amount if self.type in PAYS else -self.amount

    @property
    def net(self) -> int:
        return self.gross - self.kept


@dataclass
class Acquirer:
    """Its books: what it settles under each reference, in order."""

    settled: dict[str, list[Moved]] = field(default_factory=lambda: defaultdict(list))
    currency: dict[str, str] = field(default_factory=dict)
    total_off: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    transfer_off: dict[str, int] = field(default_factory=dict)

    def total(self, settlement: str) -> tuple[int, int, int]:
        currency = self.currency[settlement]
        own = [one for one in self.settled[settlement] if one.currency == currency]
        sums = (sum(m.gross for m in own), sum(m.kept for m in own), sum(m.net for m in own))
        off = self.total_off.get(settlement, (0, 0, 0))
        return sums[0] + off[0], sums[1] + off[1], sums[2] + off[2]

    def report(self, *settlements: str, day: str = "2026-11-03") -> bytes:
        """Its report of some settlements, in one file."""
        text = io.StringIO()
        write = csv.writer(text, lineterminator="\n")
        write.writerow(HEADER)
        for settlement in settlements:
            currency = self.currency[settlement]
            for number, one in enumerate(self.settled[settlement], 1):
                amounts = (one.amount, one.kept, one.net)
                names = (settlement, number, one.type, one.reference, one.order_id, one.currency)
                write.writerow([*names, *amounts, day])
            gross, fee, net = self.total(settlement)
            write.writerow([settlement, "", "TOTAL", "", "", currency, gross, fee, net, day])
        return text.getvalue().encode()

    def statement(self, *settlements: str, day: str = "2026-11-04") -> bytes:
        """What it transfers, as the bank shows it."""
        text = io.StringIO()
        write = csv.writer(text, lineterminator="\n")
        write.writerow(BANK_HEADER)
        for settlement in settlements:
            amount = self.total(settlement)[2] + self.transfer_off.get(settlement, 0)
            if amount:
                write.writerow([day, self.currency[settlement], amount, settlement, "SETTLEMENT"])
        return text.getvalue().encode()
