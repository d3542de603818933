"""The inbox: what acquirers told us, each item in a row, until it is applied.

    RECEIVED ─► claimed ─► applied ─► APPLIED
       ▲          │ names what we do not have
       └──────────┘ waits, longer each time; then it fails, and its message is a dead letter

An item that comes again is dropped if it is APPLIED, and for no other reason: that it was received
says nothing of what became of it. Who applies it claims it first, by the number of claims before.
A claim that its worker did not live to end is over after a minute and a half. Applying twice
changes nothing, so a crash between applying and marking costs a look at the acquirer.

Either a message in the queue stands for a row, or, while it waits, its place in the due index.
Rows do not begin with a merchant: before its signature is checked an item is nobody's, and an
acquirer's one secret speaks for many. They are reached through `InboxScope`, and by no other.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from farthing.acquiring.inbound import Item
from farthing.cards import MASK, holds_pan, mask
from farthing.clock import epoch_seconds, from_text, later, to_text
from farthing.ids import shard_of
from farthing.store import NOT_CREATED, Condition, Key, KeyOutsideScope, Put, Update
from farthing.store import Item as Row

TABLE = "webhooks"
ENTITY = "acquirer_item"
KEPT_DAYS = 30
"""Longer than any acquirer repeats."""

LEASE_SECONDS = 90
"""Half as long again as the function may run."""

WAITS_SECONDS = (30, 2 * 60, 10 * 60, 60 * 60, 6 * 60 * 60)
"""How long an item waits for what it names, each time that it is not there."""

DUE_SHARDS = 4
NAME_LENGTH_MAX = 128
TEXT_LENGTH_MAX = 100
_NAME = re.compile(rf"[A-Za-z0-9_/.-]{{1,{NAME_LENGTH_MAX}}}")


class State(StrEnum):
    """Where an item is."""

    RECEIVED = "RECEIVED"
    APPLIED = "APPLIED"


class Turn(StrEnum):
    """What a worker may do with an item."""

    READY = "READY"
    APPLIED = "APPLIED"
    WAITING = "WAITING"
    IN_OTHER_HANDS = "IN_OTHER_HANDS"


class InboxScope:
    """The rows of the inbox and no others."""

    def check(self, pk: str) -> None:
        """Raises KeyOutsideScope for a row of a merchant."""
        if not pk.startswith("INBOX#"):
            raise KeyOutsideScope("a key outside the inbox")


@dataclass(frozen=True)
class ItemAddress:
    """Where an item's row is: all that the queue carries. `account` is whose secret verified it,
    `mer_…:test`, "" at an acquirer whose one secret is for all merchants."""

    acquirer: str
    account: str
    name: str

    @classmethod
    def of(cls, acquirer: str, account: str, event_id: str) -> ItemAddress:
        """The address of an event. An id that no key can hold goes by its digest."""
        plain = _NAME.fullmatch(event_id) is not None and not holds_pan(event_id)
        digest = hashlib.sha256(event_id.encode(errors="replace")).hexdigest()
        return cls(acquirer, account, event_id if plain else f"sha256-{digest}")

    @property
    def key(self) -> Key:
        """The row."""
        return Key(TABLE, "#".join(("INBOX", self.acquirer, self.account, self.name)), "ITEM")

    def to_text(self) -> str:
        """The body of the queue's message."""
        return json.dumps(vars(self))

    @classmethod
    def parse(cls, text: str) -> ItemAddress:
        """Raises TypeError or ValueError for a body that we did not write."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Kept:
    """An item as its row says."""

    address: ItemAddress
    body: str
    received_at: str
    state: State = State.RECEIVED
    claims: int = 0
    waits: int = 0
    lease_until: str | None = None
    try_at: str | None = None

    @classmethod
    def from_item(cls, row: Row) -> Kept:
        """The item of its row."""
        return cls(
            ItemAddress(row["acquirer"], row["account"], row["name"]),
            row["body"],
            row["received_at"],
            State(row["state"]),
            row["claims"],
            row["waits"],
            row.get("lease_until"),
            row.get("try_at"),
        )

    def turn(self, now: datetime) -> Turn:
        """What may be done with it now."""
        if self.state is State.APPLIED:
            return Turn.APPLIED
        if self.lease_until is not None and self.lease_until > to_text(now):
            return Turn.IN_OTHER_HANDS
        if self.try_at is not None and self.try_at > to_text(now):
            return Turn.WAITING
        return Turn.READY

    def claimed(self, now: datetime) -> Kept:
        """In the hands of the worker that asks. What waited is again carried by a message."""
        lease_until = later(now, seconds=LEASE_SECONDS)
        return replace(self, claims=self.claims + 1, lease_until=lease_until, try_at=None)

    def waiting(self, now: datetime) -> Kept | None:
        """In nobody's hands until it is tried again; None if it has waited often enough."""
        if self.waits >= len(WAITS_SECONDS):
            return None
        try_at = later(now, seconds=WAITS_SECONDS[self.waits])
        return replace(self, waits=self.waits + 1, lease_until=None, try_at=try_at)

    def seconds_to_wait(self, now: datetime) -> int:
        """Until it may be tried, rounded up; 0 if it does not wait."""
        if self.try_at is None:
            return 0
        return max(0, -((now - from_text(self.try_at)) // timedelta(seconds=1)))


def nobody_else_claimed(kept: Kept) -> Condition:
    """It is as it was when it was read: not applied, not claimed since."""
    return Condition(
        "NOBODY_ELSE_CLAIMED_IT",
        "#state = :received AND #claims = :claims_seen",
        {"received": State.RECEIVED.value, "claims_seen": kept.claims},
    )


def kept_put(address: ItemAddress, item: Item, now: datetime) -> Put:
    """The row of an item that nobody has told before. No card number gets into it."""
    row: Row = {
        "entity": ENTITY,
        "acquirer": address.acquirer,
        "account": address.account,
        "name": address.name,
        "event_type": _short(item.type),
        "occurred_at": _short(item.occurred_at),
        "received_at": to_text(now),
        "body": _without_cards(item.body),
        "state": State.RECEIVED.value,
        "claims": 0,
        "waits": 0,
        "ttl": epoch_seconds(now + timedelta(days=KEPT_DAYS)),
    }
    return Put(address.key, row, NOT_CREATED)


def step(before: Kept, after: Kept) -> Update:
    """The write of a claim or of a wait."""
    due = due_pk(shard_of(after.address.name, DUE_SHARDS)) if after.try_at else None
    changing: Row = {
        "claims": after.claims,
        "waits": after.waits,
        "lease_until": after.lease_until,
        "try_at": after.try_at,
        "due_pk": due,
        "due_at": after.try_at,
    }
    return Update(
        after.address.key,
        nobody_else_claimed(before),
        set={name: value for name, value in changing.items() if value is not None},
        remove=[name for name, value in changing.items() if value is None],
    )


def applied(claimed: Kept, now: datetime) -> Update:
    """The write that ends an item."""
    done: Row = {"state": State.APPLIED.value, "applied_at": to_text(now)}
    return Update(
        claimed.address.key, nobody_else_claimed(claimed), set=done, remove=["lease_until"]
    )


def due_pk(shard: int) -> str:
    """One shard of the items that wait."""
    return f"INBOX#{shard}"


def _without_cards(body: str) -> str:
    """A body as it may be kept: as it came, if it holds no card number.

    A JSON document stays one: a bare number that may be a card's becomes a text. It is searched as
    it will be read, because `\\u0034` is a digit too.
    """
    try:
        document = json.loads(body, parse_int=_number, parse_float=_number)
        plain = json.dumps(document, ensure_ascii=False).encode(errors="replace").decode()
    except (RecursionError, ValueError):
        return mask(body)
    return mask(plain) if holds_pan(body) or holds_pan(plain) else body


def _number(text: str) -> str | int | float:
    if holds_pan(text):
        return MASK
    try:
        return int(text)
    except ValueError:
        return float(text)


def _short(text: str) -> str:
    """A text of the acquirer's as it can be stored and shown."""
    return mask(text.encode(errors="replace").decode())[:TEXT_LENGTH_MAX]
