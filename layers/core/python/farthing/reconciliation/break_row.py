"""A break: one difference between our books and an acquirer's or a bank's, until somebody ends it.

    OPEN ──► ASSIGNED ──► RESOLVED        by a person, with a reason and mostly a correction
      └──────────┴──────► RESOLVED        by a late line, or by a later file that says otherwise

It keeps what it did to the books (`effect`), so whoever ends it knows what to undo. Its id follows
from its batch, its line, the file that showed it and how far the batch's books were then: a file
that is gone on with after another one ended its break makes a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.clock import to_text
from farthing.ids import ENTROPY_BYTES, instant_of, make_id
from farthing.reconciliation.effect import NOTHING, Effect
from farthing.reconciliation.kind import Kind
from farthing.settlement.batch import TABLE
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Put, Write

ENTITY = "reconciliation_break"
PREFIX = "brk"
SK_PREFIX = "BREAK#"
NOTES_MAX = 100


class Status(StrEnum):
    """Where a break is. RESOLVED is its end."""

    OPEN = "OPEN"
    ASSIGNED = "ASSIGNED"
    RESOLVED = "RESOLVED"


class Ended(StrEnum):
    """How reconciliation itself ends a break. How a person does is in `resolution`."""

    MATCHED_LATE = "MATCHED_LATE"
    SUPERSEDED = "SUPERSEDED"


BY_ITSELF = "reconciliation"
"""Who ended a break that no person did."""


@dataclass(frozen=True)
class Note:
    """One thing that happened to a break: who, when, and what they say."""

    at: str
    by: str
    action: str
    text: str = ""


@dataclass(frozen=True)
class Figures:
    """One side's amounts in minor units; the net is signed."""

    currency: str
    amount_cents: int
    fee_cents: int | None
    net_cents: int | None

    def to_item(self) -> dict[str, Any]:
        """As stored and shown."""
        return {
            "currency": self.currency,
            "amount_cents": self.amount_cents,
            "fee_cents": self.fee_cents,
            "net_cents": self.net_cents,
        }


@dataclass(frozen=True)
class Subject:
    """What a break is about. `line` names the report's line, `operation_id` is the subject of our
    ledger transaction of the movement, `state` what we know of one that moved nothing."""

    line: str = ""
    operation: str | None = None
    reference: str | None = None
    intent_id: str | None = None
    operation_id: str | None = None
    state: str | None = None
    may_be_refunded: bool = False


@dataclass(frozen=True)
class Break:
    """One row. `unpaid_cents` and `held_cents` are as in a Verdict. `posted_by` is the ledger
    transaction that put its difference into suspense, `corrections` are those that took it out."""

    tenant: TenantScope
    break_id: str
    settlement_id: str
    acquirer: str
    currency: str
    kind: Kind
    subject: Subject
    created_at: str
    expected: Figures | None = None
    reported: Figures | None = None
    effect: Effect = NOTHING
    unpaid_cents: int = 0
    held_cents: int = 0
    file: str = ""
    status: Status = Status.OPEN
    assigned_to: str | None = None
    resolution: str | None = None
    resolved_at: str | None = None
    history: tuple[Note, ...] = ()
    revision: int = 0
    posted_by: str | None = None
    corrections: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """Beside its batch."""
        return break_key(self.tenant, self.settlement_id, self.break_id)

    @property
    def is_open(self) -> bool:
        """Whether somebody has still to end it."""
        return self.status is not Status.RESOLVED

    @property
    def by_a_person(self) -> bool:
        """Whether a person ended it: then no file says otherwise."""
        return not self.is_open and self.resolution not in set(Ended)

    def noted(self, note: Note, **changes: Any) -> Break:
        """After something happened to it."""
        history = (*self.history, note)
        return replace(self, history=history, revision=self.revision + 1, **changes)

    def ended(self, how: Ended, at: datetime, text: str) -> Break:
        """After reconciliation ended it."""
        when = to_text(at)
        note = Note(when, BY_ITSELF, how.value, text)
        return self.noted(note, status=Status.RESOLVED, resolution=how.value, resolved_at=when)

    def created(self) -> Write:
        """The write of a new one."""
        return Put(self.key, self.to_item(), NOT_CREATED)

    def changed(self) -> Write:
        """The write of the next revision."""
        return Put(self.key, self.to_item(), unmoved(self.revision - 1))

    def to_item(self) -> Item:
        """The row, with its place in the merchant's list."""
        return {
            "entity": ENTITY,
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "break_id": self.break_id,
            "settlement_id": self.settlement_id,
            "acquirer": self.acquirer,
            "currency": self.currency,
            "kind": self.kind.value,
            "subject": {k: v for k, v in vars(self.subject).items() if v not in (None, "", False)},
            "created_at": self.created_at,
            "expected": None if self.expected is None else self.expected.to_item(),
            "reported": None if self.reported is None else self.reported.to_item(),
            "effect": self.effect.to_item(),
            "unpaid_cents": self.unpaid_cents,
            "held_cents": self.held_cents,
            "file": self.file,
            "status": self.status.value,
            "assigned_to": self.assigned_to,
            "resolution": self.resolution,
            "resolved_at": self.resolved_at,
            "history": [dict(vars(note)) for note in self.history],
            "revision": self.revision,
            "posted_by": self.posted_by,
            "corrections": list(self.corrections),
            "list_pk": list_pk(self.tenant),
            "list_sk": self.break_id,
        }

    @classmethod
    def of(cls, item: Item) -> Break:
        """The break of a stored row."""
        expected, reported = item["expected"], item["reported"]
        return cls(
            tenant=TenantScope(item["merchant_id"], item["mode"]),
            break_id=item["break_id"],
            settlement_id=item["settlement_id"],
            acquirer=item["acquirer"],
            currency=item["currency"],
            kind=Kind(item["kind"]),
            subject=Subject(**item["subject"]),
            created_at=item["created_at"],
            expected=None if expected is None else Figures(**expected),
            reported=None if reported is None else Figures(**reported),
            effect=Effect.of(item["effect"]),
            unpaid_cents=item["unpaid_cents"],
            held_cents=item["held_cents"],
            file=item["file"],
            status=Status(item["status"]),
            assigned_to=item["assigned_to"],
            resolution=item["resolution"],
            resolved_at=item["resolved_at"],
            history=tuple(Note(**note) for note in item["history"]),
            revision=item["revision"],
            posted_by=item["posted_by"],
            corrections=tuple(item["corrections"]),
        )


def unmoved(revision: int) -> Condition:
    """Nobody changed the break since it was read."""
    return Condition("BREAK_UNMOVED", "#revision = :revision_was", {"revision_was": revision})


def break_id_of(
    settlement_id: str, kind: Kind, line: str, file: str, books_version: int = 0
) -> str:
    """The id of a batch's break: the batch's time, and a digest in place of chance."""
    text = "\n".join((settlement_id, kind.value, line, file, str(books_version)))
    digest = hashlib.sha256(text.encode()).digest()
    return make_id(PREFIX, instant_of(settlement_id), digest[:ENTROPY_BYTES])


def break_key(tenant: TenantScope, settlement_id: str, break_id: str) -> Key:
    """Where a break is."""
    return Key(TABLE, tenant.pk("ST", settlement_id), f"{SK_PREFIX}{break_id}")


def list_pk(tenant: TenantScope) -> str:
    """The index partition of a merchant's breaks: they are few, so one is enough."""
    return tenant.pk("LIST", "BREAK", "0")


def proposal(one: Break) -> Mapping[str, Any] | None:
    """What a break proposes to do, and does not do: to give back what was taken by mistake."""
    if one.kind is not Kind.STATE_MISMATCH or not one.subject.may_be_refunded or not one.is_open:
        return None
    if one.reported is None or one.subject.intent_id is None:
        return None
    return {
        "action": "REFUND",
        "payment_intent_id": one.subject.intent_id,
        "amount_cents": one.reported.amount_cents,
        "currency": one.reported.currency,
    }
