"""A line of a batch: the copy of an entry under the batch that claimed it.

Line and claim are written by one transaction, so the lines of a batch and the entries that name
it are always the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from farthing.settlement.entry import Entry, Operation, share_cents
from farthing.store.item import Item

ENTITY = "settlement_line"
SK_PREFIX = "LINE#"


@dataclass(frozen=True)
class Line:
    """One amount of a batch. `amount_cents` > 0; the operation says its direction."""

    entry_id: str
    intent_id: str
    reference: str
    operation: Operation
    amount_cents: int
    currency: str
    business_day: str
    operation_id: str = ""
    fee_cents: int = 0

    @property
    def share_cents(self) -> int:
        """What settling it makes available to the merchant: see `share_cents`."""
        return share_cents(self.operation, self.amount_cents, self.fee_cents)

    @classmethod
    def of(cls, item: Item) -> Line:
        """The line of a stored row."""
        return cls(
            entry_id=item["entry_id"],
            intent_id=item["intent_id"],
            reference=item["reference"],
            operation=Operation(item["operation"]),
            amount_cents=item["amount_cents"],
            currency=item["currency"],
            business_day=item["business_day"],
            operation_id=item["operation_id"],
            fee_cents=item.get("fee_cents", 0),
        )


def line_sk(entry_id: str) -> str:
    """The sort key of an entry's line: at most one in a batch, in the order of their operations.

    An id sorts by time only after its prefix, and a refund's has another one than a capture's.
    """
    return f"{SK_PREFIX}{entry_id.partition('_')[2]}#{entry_id}"


def line_item(entry: Entry, settlement_id: str) -> Item:
    """The row of an entry's line."""
    return {
        "entity": ENTITY,
        "settlement_id": settlement_id,
        "entry_id": entry.entry_id,
        "intent_id": entry.intent_id,
        "operation_id": entry.operation_id,
        "reference": entry.reference,
        "operation": entry.operation.value,
        "amount_cents": entry.amount_cents,
        "fee_cents": entry.fee_cents,
        "currency": entry.currency,
        "business_day": entry.business_day.isoformat(),
    }
