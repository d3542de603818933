"""Where a batch stands: what its report pays, how many of its lines are matched, what is open.

    SUBMITTED ── a report, nothing open and nothing awaited ──► SETTLED ◄─┐
        │                                                        │        │ the last break is
        └── a report, and a break is open ──► EXCEPTION ◄────────┘        │ resolved
                                                  └───────────────────────┘

A batch whose report lacks a line stays SUBMITTED until the line comes or is missed. Everything that
reconciliation writes about a batch is written with the next `books_version` of its row, on the
condition that it was the one before: two files, a person and the daily pass take turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from farthing.settlement.batch import TABLE, Batch, Paid, Reason, Status
from farthing.store.condition import EXISTS, NOT_CREATED, Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Delete, Put, Update, Write

AWAITING_ENTITY = "reconciliation_awaiting"
NOTHING_PAID = Paid(0, 0, 0)

RECONCILED = frozenset({Status.SUBMITTED, Status.SETTLED, Status.EXCEPTION})
"""Which batches a report can be of."""


@dataclass(frozen=True)
class Counts:
    """How a batch's counts change: lines of ours that are matched, or in no report yet, and open
    breaks by their kind."""

    matched: int = 0
    awaited: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        kinds = Counter(self.kinds)
        kinds.update(other.kinds)
        return Counts(
            self.matched + other.matched,
            self.awaited + other.awaited,
            dict(kinds),
        )


NO_COUNTS = Counts()


def opening(kind: str) -> Counts:
    """One break more."""
    return Counts(kinds={kind: 1})


def closing(kind: str) -> Counts:
    """One break less."""
    return Counts(kinds={kind: -1})


@dataclass(frozen=True)
class Standing:
    """A batch's row, as reconciliation reads it."""

    tenant: TenantScope
    item: Item

    @property
    def settlement_id(self) -> str:
        """The batch's id."""
        return str(self.item["settlement_id"])

    @property
    def status(self) -> Status:
        """Where the batch is."""
        return Status(self.item["status"])

    @property
    def is_reported(self) -> bool:
        """Whether a report of it was read to its end."""
        return "reported_at" in self.item

    @property
    def was_submitted(self) -> bool:
        """Whether the acquirer has it."""
        return self.status in RECONCILED and "submitted_at" in self.item

    def number(self, name: str) -> int:
        """One of its counts or sums."""
        return int(self.item.get(name, 0))

    @property
    def key(self) -> Key:
        """Where its row is."""
        return Key(TABLE, str(self.item["pk"]), str(self.item["sk"]))

    def writes(
        self,
        counts: Counts,
        at: str,
        paid: Paid = NOTHING_PAID,
        also: Mapping[str, Any] | None = None,
        add: Mapping[str, int] | None = None,
    ) -> list[Write]:
        """The batch after a change at the instant `at`, and its places in the lists of unfinished
        work. `also` and `add` are what else changes in its row."""
        changed = dict(also or {})
        reported = self.is_reported or "reported_at" in changed
        awaited = self.number("awaited_count") + counts.awaited
        kinds: Counter[str] = Counter(self.item.get("open_kinds", {}))
        kinds.update(counts.kinds)
        opened = {kind: count for kind, count in sorted(kinds.items()) if count > 0}
        status = self._status_after(reported, awaited, opened)
        changed |= {"status": status.value, "open_kinds": opened}
        gone: list[str] = []
        if status is Status.EXCEPTION:
            changed |= {
                "exception_reason": Reason.OPEN_BREAKS.value,
                "exception_detail": told(opened, awaited),
            }
        else:
            gone = ["exception_reason", "exception_detail"]
        if status is Status.SETTLED and self.status is not Status.SETTLED:
            changed["settled_at"] = at
        update = Update(
            self.key,
            books_unmoved(self.number("books_version")),
            set=changed,
            add={
                "books_version": 1,
                "matched_count": counts.matched,
                "awaited_count": counts.awaited,
                "gross_cents": paid.gross_cents,
                "fee_cents": paid.fee_cents,
                "net_cents": paid.net_cents,
                **(add or {}),
            },
            remove=gone,
        )
        return [update, *self._lists(status, awaited)]

    def _status_after(self, reported: bool, awaited: int, opened: Mapping[str, int]) -> Status:
        if not reported:
            return self.status
        if opened:
            return Status.EXCEPTION
        if not awaited:
            return Status.SETTLED
        return Status.EXCEPTION if self.status is Status.EXCEPTION else Status.SUBMITTED

    def _lists(self, status: Status, awaited: int) -> list[Write]:
        writes: list[Write] = []
        if self.status is Status.SUBMITTED and status is not Status.SUBMITTED:
            name = Batch.of(self.tenant, self.item).name
            writes.append(Delete(name.marker_key, EXISTS))
        was_awaited = self.number("awaited_count") > 0
        if awaited and not was_awaited:
            row = {
                "entity": AWAITING_ENTITY,
                "settlement_id": self.settlement_id,
                "business_day": self.item["business_day"],
            }
            writes.append(Put(self._awaiting_key(), row, NOT_CREATED))
        elif was_awaited and not awaited:
            writes.append(Delete(self._awaiting_key(), EXISTS))
        return writes

    def _awaiting_key(self) -> Key:
        pk = awaiting_pk(self.tenant, str(self.item["acquirer"]))
        return Key(TABLE, pk, self.settlement_id)


def told(opened: Mapping[str, int], awaited: int) -> str:
    """What a batch that is an exception waits for, in words."""
    parts = [f"{count} {kind}" for kind, count in sorted(opened.items())]
    if awaited:
        parts.append(f"{awaited} lines that no report has yet")
    return ", ".join(parts)


def awaiting_pk(tenant: TenantScope, acquirer: str) -> str:
    """The partition that lists a merchant's batches whose reports lack a line."""
    return tenant.pk("AWAITING", acquirer)


def books_unmoved(version: int) -> Condition:
    """Nothing was reconciled of the batch since it was read."""
    if not version:
        return Condition(
            "BOOKS_UNMOVED", "attribute_exists(#pk) AND attribute_not_exists(#books_version)"
        )
    return Condition("BOOKS_UNMOVED", "#books_version = :version_was", {"version_was": version})
