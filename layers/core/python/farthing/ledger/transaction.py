"""A ledger transaction: the balanced, immutable postings of one fact.

One that does not balance cannot be made: its postings sum to zero in each currency, or its
construction fails. Its id is a function of what it is about, so a fact is posted once.

Amounts are positive integers of minor units; the side says the sign.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from farthing.clock import from_text, to_text
from farthing.ids import ENTROPY_BYTES, instant_of, make_id, shard_of
from farthing.ledger.accounts import Side
from farthing.money import Money
from farthing.store.condition import NOT_CREATED
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Put

ENTITY = "ledger_transaction"
DAY_ENTITY = "ledger_day"
PREFIX = "ltx"
POSTINGS_MIN = 2
DAY_SHARDS = 4


class Kind(StrEnum):
    """Which fact a transaction records. A void posts nothing: no money was owed."""

    CAPTURE = "CAPTURE"
    REFUND = "REFUND"
    RETURN = "RETURN"
    REFUND_RETURN = "REFUND_RETURN"
    DISPUTE_OPENED = "DISPUTE_OPENED"
    DISPUTE_WON = "DISPUTE_WON"
    DISPUTE_LOST = "DISPUTE_LOST"
    SETTLEMENT = "SETTLEMENT"
    DEPOSIT = "DEPOSIT"
    RESERVE = "RESERVE"
    RESERVE_RELEASED = "RESERVE_RELEASED"
    PAYOUT = "PAYOUT"
    PAYOUT_ARRIVED = "PAYOUT_ARRIVED"
    CORRECTION = "CORRECTION"


class Unbalanced(ValueError):
    """The postings do not form a transaction. A bug of ours: refused before anything is written."""


@dataclass(frozen=True)
class Posting:
    """`amount` on one side of one account. Raises Unbalanced unless it is positive."""

    account: str
    side: Side
    amount: Money

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise Unbalanced(f"{self.account}: a posting is positive, not {self.amount}")

    @property
    def signed_minor(self) -> int:
        """Minor units, debits positive, credits negative."""
        return self.amount.minor if self.side is Side.DEBIT else -self.amount.minor

    @classmethod
    def of(cls, item: Item) -> Posting:
        """The posting of a stored transaction's list."""
        amount = Money(item["amount_cents"], item["currency"])
        return cls(item["account"], Side(item["side"]), amount)

    def to_item(self) -> Item:
        """As stored, and as the API shows it."""
        return {
            "account": self.account,
            "side": self.side.value,
            "amount_cents": self.amount.minor,
            "currency": self.amount.currency,
        }


@dataclass(frozen=True)
class LedgerTransaction:
    """Balanced postings for one fact. Raises Unbalanced if they do not sum to zero.

    `subject_id` names the fact: an operation, a return, a dispute and its step, a settlement.
    `corrects` is the transaction that this one makes good; what is written is never changed.
    """

    transaction_id: str
    subject_id: str
    kind: Kind
    postings: tuple[Posting, ...]
    created_at: datetime
    intent_id: str | None = None
    corrects: str | None = None

    def __post_init__(self) -> None:
        if len(self.postings) < POSTINGS_MIN:
            raise Unbalanced(f"{self.transaction_id}: fewer than {POSTINGS_MIN} postings")
        sums: Counter[str] = Counter()
        for posting in self.postings:
            sums[posting.amount.currency] += posting.signed_minor
        if uneven := {currency: total for currency, total in sums.items() if total}:
            raise Unbalanced(f"{self.transaction_id}: off by {uneven}")

    @classmethod
    def of(cls, item: Item) -> LedgerTransaction:
        """The transaction of a stored row."""
        return cls(
            transaction_id=item["transaction_id"],
            subject_id=item["subject_id"],
            kind=Kind(item["kind"]),
            postings=tuple(map(Posting.of, item["postings"])),
            created_at=from_text(item["created_at"]),
            intent_id=item.get("intent_id"),
            corrects=item.get("corrects"),
        )

    def key(self, tenant: TenantScope) -> Key:
        """Beside its payment, so that the transaction of the state change holds it too; what is
        about no payment has a partition of its own."""
        return transaction_key(tenant, self.transaction_id, self.subject_id, self.intent_id)

    def to_item(self) -> Item:
        """The row, without its key."""
        named = {"intent_id": self.intent_id, "corrects": self.corrects}
        return {
            "entity": ENTITY,
            "transaction_id": self.transaction_id,
            "subject_id": self.subject_id,
            **{name: value for name, value in named.items() if value is not None},
            "kind": self.kind.value,
            "postings": [posting.to_item() for posting in self.postings],
            "created_at": to_text(self.created_at),
        }


def transaction_key(
    tenant: TenantScope, transaction_id: str, subject_id: str, intent_id: str | None
) -> Key:
    """Where a transaction is."""
    if intent_id is not None:
        return Key("payments", tenant.pk("PI", intent_id), f"LTX#{subject_id}")
    return Key("payments", tenant.pk("LEDGER", transaction_id), "LTX")


def transaction_id_of(subject_id: str, step: str = "") -> str:
    """`op_…`, `re_…` or `rtn_…` → `ltx_…`: the same 26 characters, so it sorts by their time.

    Of a subject with several facts each has its `step`: the time, and a digest in place of chance.
    """
    if not step:
        return f"{PREFIX}_{subject_id.rpartition('_')[2]}"
    digest = hashlib.sha256(f"{subject_id} {step}".encode()).digest()
    return make_id(PREFIX, instant_of(subject_id), digest[:ENTROPY_BYTES])


def booked(transaction: LedgerTransaction, tenant: TenantScope) -> Put:
    """The write of a transaction that a settlement entry is written with: the entry's day shard
    leads to it."""
    return Put(transaction.key(tenant), transaction.to_item(), NOT_CREATED)


def booked_alone(transaction: LedgerTransaction, tenant: TenantScope) -> tuple[Put, Put]:
    """The writes of a transaction without a settlement entry: itself, and its place in its day.

    So the books can be read day by day from the base table, without an index.
    """
    day = transaction.created_at.date()
    shard = shard_of(transaction.transaction_id, DAY_SHARDS)
    place = Key("payments", day_pk(tenant, day, shard), transaction.transaction_id)
    named: Item = {
        "entity": DAY_ENTITY,
        "transaction_id": transaction.transaction_id,
        "subject_id": transaction.subject_id,
    }
    if transaction.intent_id is not None:
        named["intent_id"] = transaction.intent_id
    return booked(transaction, tenant), Put(place, named, NOT_CREATED)


def day_pk(tenant: TenantScope, day: date, shard: int) -> str:
    """One of the partitions that name a UTC day's transactions that have no settlement entry."""
    return tenant.pk("LEDGER_DAY", day.isoformat(), str(shard))
