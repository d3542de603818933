"""Settlement entries: one amount that the acquirer owes or is owed, waiting for its batch.

An entry is written by the transaction that records what moved the money, into the shard of its
business day in the payments table. There the settlement finds it without an index, and
claims it by naming the batch in it, once for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from farthing.clock import to_text
from farthing.ids import shard_of
from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope

ENTITY = "settlement_entry"
SHARDS = 8

ENTRY_UNCLAIMED = Condition(
    "ENTRY_UNCLAIMED", "attribute_exists(#pk) AND attribute_not_exists(#settlement_id)"
)
"""The entry is there and no batch has it: claiming it now is the first time and the only one."""


class Operation(StrEnum):
    """What moved the money."""

    CAPTURE = "CAPTURE"
    REFUND = "REFUND"
    RETURN = "RETURN"
    REFUND_RETURN = "REFUND_RETURN"
    DISPUTE = "DISPUTE"
    DISPUTE_REVERSAL = "DISPUTE_REVERSAL"
    DISPUTE_FEE = "DISPUTE_FEE"

    @property
    def sign(self) -> int:
        """1 if the acquirer owes the amount because of it, -1 if it is owed it."""
        return 1 if self in _BRINGS else -1


_BRINGS = frozenset({Operation.CAPTURE, Operation.REFUND_RETURN, Operation.DISPUTE_REVERSAL})
_OF_DISPUTES = frozenset({Operation.DISPUTE, Operation.DISPUTE_REVERSAL, Operation.DISPUTE_FEE})


def share_cents(operation: Operation, amount_cents: int, fee_cents: int) -> int:
    """What settling an amount makes available to the merchant of what was pending: signed, and less
    our fee. Of a dispute nothing: its money went to the reserve at once, and not to be settled."""
    return 0 if operation in _OF_DISPUTES else operation.sign * amount_cents - fee_cents


@dataclass(frozen=True)
class Entry:
    """One amount, above zero; its operation says who owes it. `fee_cents` is our own fee."""

    entry_id: str
    intent_id: str
    operation_id: str
    reference: str
    operation: Operation
    amount_cents: int
    currency: str
    acquirer: str
    business_day: date
    settlement_id: str | None = None
    fee_cents: int = 0

    def __post_init__(self) -> None:
        if self.amount_cents <= 0:
            raise ValueError(f"{self.entry_id}: an entry's amount is positive")

    @classmethod
    def of(cls, item: Item) -> Entry:
        """The entry of a stored row."""
        return cls(
            entry_id=item["entry_id"],
            intent_id=item["intent_id"],
            operation_id=item["operation_id"],
            reference=item["reference"],
            operation=Operation(item["operation"]),
            amount_cents=item["amount_cents"],
            currency=item["currency"],
            acquirer=item["acquirer"],
            business_day=date.fromisoformat(item["business_day"]),
            settlement_id=item.get("settlement_id"),
            fee_cents=item.get("fee_cents", 0),
        )

    @property
    def share_cents(self) -> int:
        """What settling it makes available to the merchant: see `share_cents`."""
        return share_cents(self.operation, self.amount_cents, self.fee_cents)


def entry_id_of(operation_id: str, operation: Operation) -> str:
    """`op_…-capture`: one operation settles at most once in each direction."""
    return f"{operation_id}-{operation.value.lower()}"


def settlement_entry(
    tenant: TenantScope,
    intent_id: str,
    operation_id: str,
    reference: str,
    operation: Operation,
    amount_cents: int,
    currency: str,
    acquirer: str,
    day: date,
    at: datetime,
    fee_cents: int = 0,
) -> tuple[Key, Item]:
    """The row of one amount that moved, to be put when NOT_CREATED.

    `operation_id` is the subject of its ledger transaction, `reference` the one under which the
    acquirer's books show the movement, `day` its business day there at the instant `at`. Raises
    ValueError unless the amount is positive.
    """
    entry = Entry(
        entry_id=entry_id_of(operation_id, operation),
        intent_id=intent_id,
        operation_id=operation_id,
        reference=reference,
        operation=operation,
        amount_cents=amount_cents,
        currency=currency,
        acquirer=acquirer,
        business_day=day,
        fee_cents=fee_cents,
    )
    item: Item = {
        "entity": ENTITY,
        "entry_id": entry.entry_id,
        "intent_id": intent_id,
        "operation_id": operation_id,
        "reference": reference,
        "operation": operation.value,
        "amount_cents": amount_cents,
        "fee_cents": fee_cents,
        "currency": currency,
        "acquirer": acquirer,
        "business_day": day.isoformat(),
        "created_at": to_text(at),
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
    }
    return entry_key(tenant, entry), item


def entry_key(tenant: TenantScope, entry: Entry) -> Key:
    """Where an entry lives."""
    shard = shard_of(entry.entry_id, SHARDS)
    pk = shard_pk(tenant, entry.acquirer, entry.business_day, shard)
    return Key("payments", pk, f"{entry.currency}#{entry.entry_id}")


def shard_pk(tenant: TenantScope, acquirer: str, day: date, shard: int) -> str:
    """One of the partitions that share a merchant's entries of one day at one acquirer."""
    return tenant.pk("SETTLE", acquirer, day.isoformat(), str(shard))
