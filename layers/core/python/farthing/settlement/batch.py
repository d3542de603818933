"""A settlement batch: what one acquirer owes one merchant in one currency for one business day.

    OPEN ──► CLOSING ──► SUBMITTED ──► SETTLED
     │          │            └───────► EXCEPTION
     │          └── refused ─────────►
     └ lines are added only here

A batch comes to be with its first line and takes lines while it is OPEN. From CLOSING on its
lines are frozen, so its totals are a function of them. Its name is a function of whose it is, of
the day, and of its number, so two runs that want the same batch meet in one row. A day's lanes
share the numbers out: lane 0 has 1, 9, 17, … and goes on in the next one when a batch is full.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum

from farthing.ids import ENTROPY_BYTES, make_id
from farthing.settlement.entry import SHARDS
from farthing.settlement.totals import Totals
from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope

ENTITY = "settlement_batch"
MARKER_ENTITY = "settlement_unfinished"
TABLE = "settlement"
PREFIX = "st"

LINES_MAX = 2_500
"""So many fit into one submission, one report, and the time that an acquirer has for either."""
LINES_PER_CLAIM_MAX = 49
"""Two writes each, and two for a new batch: a transaction has at most 100."""
FULL_FROM = LINES_MAX - LINES_PER_CLAIM_MAX + 1
"""With so many lines, the largest claim does not fit: the batch takes none, however small."""


class Status(StrEnum):
    """Where a batch is. SETTLED and EXCEPTION are left by nothing in this package."""

    OPEN = "OPEN"
    CLOSING = "CLOSING"
    SUBMITTED = "SUBMITTED"
    SETTLED = "SETTLED"
    EXCEPTION = "EXCEPTION"


NEXT: Mapping[Status, frozenset[Status]] = {
    Status.OPEN: frozenset({Status.CLOSING}),
    Status.CLOSING: frozenset({Status.SUBMITTED, Status.EXCEPTION}),
    Status.SUBMITTED: frozenset({Status.SETTLED, Status.EXCEPTION}),
    Status.SETTLED: frozenset(),
    Status.EXCEPTION: frozenset(),
}
"""The state machine. Each transition is written on the condition that the state is still the one
before it."""


def _still(status: Status) -> Condition:
    return Condition(f"STILL_{status}", "#status = :status_was", {"status_was": status.value})


STILL_OPEN = _still(Status.OPEN)
TAKES_LINES = replace(
    STILL_OPEN & Condition("NOT_FULL", "#line_count < :full_from", {"full_from": FULL_FROM}),
    name="TAKES_LINES",
)
"""The batch is open and has room for one claim more."""
STILL_CLOSING = _still(Status.CLOSING)
STILL_SUBMITTED = _still(Status.SUBMITTED)

STILL: Mapping[Status, Condition] = {
    Status.OPEN: STILL_OPEN,
    Status.CLOSING: STILL_CLOSING,
    Status.SUBMITTED: STILL_SUBMITTED,
}


class Reason(StrEnum):
    """Why a batch is an EXCEPTION. Reconciliation names the lines."""

    REFUSED_BY_ACQUIRER = "REFUSED_BY_ACQUIRER"
    OPEN_BREAKS = "OPEN_BREAKS"


@dataclass(frozen=True)
class Trouble:
    """A reason with what a person should know first. Holds counts and sums, never card data."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class BatchName:
    """Whose batch, of which business day, and the how-manieth. All else about it follows."""

    tenant: TenantScope
    acquirer: str
    currency: str
    business_day: date
    number: int = 1

    @property
    def reference(self) -> str:
        """What the acquirer knows the batch by; it settles a reference once."""
        return ".".join(
            (
                self.tenant.merchant_id,
                self.tenant.mode,
                self.acquirer,
                self.currency,
                self.business_day.isoformat(),
                str(self.number),
            )
        )

    @property
    def settlement_id(self) -> str:
        """The id that the merchant sees: the day, so that ids sort by it, and a digest."""
        midnight = datetime.combine(self.business_day, time(), UTC)
        digest = hashlib.sha256(self.reference.encode()).digest()
        return make_id(PREFIX, midnight, digest[:ENTROPY_BYTES])

    @property
    def key(self) -> Key:
        """Where the batch lives."""
        return batch_key(self.tenant, self.settlement_id)

    @property
    def marker_key(self) -> Key:
        """Where it is listed for as long as work on it is left."""
        return Key(TABLE, unfinished_pk(self.tenant, self.acquirer), self.settlement_id)

    def opened(self, at: str, line_count: int) -> Item:
        """The row of a new batch with its first lines."""
        return {
            "entity": ENTITY,
            "settlement_id": self.settlement_id,
            "reference": self.reference,
            "acquirer": self.acquirer,
            "currency": self.currency,
            "business_day": self.business_day.isoformat(),
            "number": self.number,
            "line_count": line_count,
            "status": Status.OPEN.value,
            "created_at": at,
            "list_pk": list_pk(self.tenant),
            "list_sk": self.settlement_id,
        }

    def marker(self) -> Item:
        """The row that lists it as unfinished."""
        return {
            "entity": MARKER_ENTITY,
            "settlement_id": self.settlement_id,
            "business_day": self.business_day.isoformat(),
            "number": self.number,
        }


def lane_of(number: int) -> int:
    """Which lane fills the batches of this number: they take turns, so no two meet in one."""
    return (number - 1) % SHARDS


def is_full(batch: Item) -> bool:
    """Whether a stored batch has all the lines that it takes, in whatever state it is."""
    return int(batch["line_count"]) >= FULL_FROM


def batch_key(tenant: TenantScope, settlement_id: str) -> Key:
    """Where a batch lives; its lines live beside it."""
    return Key(TABLE, tenant.pk("ST", settlement_id), "BATCH")


def unfinished_pk(tenant: TenantScope, acquirer: str) -> str:
    """The partition that lists a merchant's unfinished batches at one acquirer."""
    return tenant.pk("UNFINISHED", acquirer)


def list_pk(tenant: TenantScope) -> str:
    """The index partition of a merchant's list: a few batches a day, so one is enough."""
    return tenant.pk("LIST", "SETTLEMENT", "0")


@dataclass(frozen=True)
class Paid:
    """What the acquirer's report says: net is what it pays out, and may be negative."""

    gross_cents: int
    fee_cents: int
    net_cents: int


@dataclass(frozen=True)
class Batch:
    """A stored batch. `totals` are known from CLOSING on, `paid` when the report was read.

    `content_sha256` is of the file that went to the acquirer, `report_sha256` of its answer.
    `matched_count` of its lines are in a report as we have them; the bank showed a transfer of it
    at `deposited_at`.
    """

    name: BatchName
    status: Status
    created_at: str
    totals: Totals | None = None
    paid: Paid | None = None
    submitted_at: str | None = None
    settled_at: str | None = None
    trouble: Trouble | None = None
    content_sha256: str | None = None
    report_sha256: str | None = None
    matched_count: int = 0
    deposited_at: str | None = None

    @classmethod
    def of(cls, tenant: TenantScope, item: Item) -> Batch:
        """The batch of a stored row."""
        day = date.fromisoformat(item["business_day"])
        paid = trouble = None
        if "net_cents" in item:
            paid = Paid(item["gross_cents"], item["fee_cents"], item["net_cents"])
        if "exception_reason" in item:
            trouble = Trouble(Reason(item["exception_reason"]), item["exception_detail"])
        return cls(
            name=BatchName(tenant, item["acquirer"], item["currency"], day, item["number"]),
            status=Status(item["status"]),
            created_at=item["created_at"],
            totals=Totals.of(item) if "entry_count" in item else None,
            paid=paid,
            submitted_at=item.get("submitted_at"),
            settled_at=item.get("settled_at"),
            trouble=trouble,
            content_sha256=item.get("content_sha256"),
            report_sha256=item.get("report_sha256"),
            matched_count=item.get("matched_count", 0),
            deposited_at=item.get("deposited_at"),
        )
