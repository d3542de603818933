"""What the lines of a batch say, by what moved the money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from farthing.settlement.entry import Operation, share_cents
from farthing.settlement.line import Line
from farthing.store.item import Item

TOTAL_FIELDS: Mapping[Operation, str] = {
    Operation.CAPTURE: "captured_cents",
    Operation.REFUND: "refunded_cents",
    Operation.RETURN: "returned_cents",
    Operation.REFUND_RETURN: "refund_returned_cents",
    Operation.DISPUTE: "disputed_cents",
    Operation.DISPUTE_REVERSAL: "dispute_reversed_cents",
    Operation.DISPUTE_FEE: "dispute_fee_cents",
}
"""Where the sum of each kind of line is."""


@dataclass(frozen=True)
class Totals:
    """What our lines say: sums of positive amounts. `processing_fee_cents` is of our own fees."""

    entry_count: int
    captured_cents: int
    refunded_cents: int
    returned_cents: int = 0
    refund_returned_cents: int = 0
    disputed_cents: int = 0
    dispute_reversed_cents: int = 0
    dispute_fee_cents: int = 0
    processing_fee_cents: int = 0

    @property
    def gross_cents(self) -> int:
        """What the acquirer owes for them before its fees; negative if more went back."""
        return sum(operation.sign * cents for operation, cents in self._sums())

    @property
    def share_cents(self) -> int:
        """What settling them makes available to the merchant of what was pending."""
        shares = (share_cents(operation, cents, 0) for operation, cents in self._sums())
        return sum(shares) - self.processing_fee_cents

    def _sums(self) -> list[tuple[Operation, int]]:
        return [(operation, getattr(self, field)) for operation, field in TOTAL_FIELDS.items()]

    @classmethod
    def of(cls, item: Item) -> Totals:
        """The totals in a stored batch. What an older one does not know of did not happen then."""
        fields = (*TOTAL_FIELDS.values(), "processing_fee_cents")
        sums = {field: int(item.get(field, 0)) for field in fields}
        return cls(entry_count=int(item["entry_count"]), **sums)

    def to_item(self) -> Item:
        """As they are in a stored batch."""
        return asdict(self)


def totals_of(lines: Iterable[Line]) -> Totals:
    """Count and sums, from the stored lines and nothing else."""
    count, fees = 0, 0
    cents = dict.fromkeys(TOTAL_FIELDS.values(), 0)
    for line in lines:
        count += 1
        fees += line.fee_cents
        cents[TOTAL_FIELDS[line.operation]] += line.amount_cents
    return Totals(entry_count=count, processing_fee_cents=fees, **cents)
