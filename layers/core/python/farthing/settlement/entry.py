"""Settlement entries: one captured, refunded or returned amount, waiting for its batch.

An entry is written by the transaction that records the capture, refund or return, into the shard
of its business day in the payments table. There the settlement finds it without an index, and
claims it by naming the batch in it, once for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from farthing.clock import business_day, to_text
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
    """What moved the money. A capture brings it, a refund or a return takes it back."""

    CAPTURE = "CAPTURE"
    REFUND = "REFUND"
    RETURN = "RETURN"


@dataclass(frozen=True)
class Entry:
    """One amount that the acquirer owes (CAPTURE) or is owed (REFUND, RETURN), above zero."""

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
        )


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
    at: datetime,
) -> tuple[Key, Item]:
    """The row of one amount that moved, to be put when NOT_CREATED.

    `reference` is the one under which the acquirer's books show the movement, `at` the instant
    that decides the business day. Raises ValueError unless the amount is positive.
    """
    day = business_day(at)
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
    )
    item: Item = {
        "entity": ENTITY,
        "entry_id": entry.entry_id,
        "intent_id": intent_id,
        "operation_id": operation_id,
        "reference": reference,
        "operation": operation.value,
        "amount_cents": amount_cents,
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
