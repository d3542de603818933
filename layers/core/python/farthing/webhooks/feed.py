"""The feed: every event of a merchant, without gaps, each payment's in an order that never changes.

The feed has a few shards, and all events of a payment are in one of them, in the order of their
sequence. A shard gives out positions 1, 2, 3, … in the transaction that writes the event at that
position, so a position that can be read has all its predecessors. A cursor is one position for
each shard. No row is written by every event of a merchant.

`stamp` is when an event was placed, and never falls within a shard; pages mix the shards by it. How
the events of different payments are mixed is no promise: who reads while they are being placed may
see them in another order than who reads later. See docs/decisions/0010-order-of-the-feed.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from farthing.ids import shard_of
from farthing.store import NOT_CREATED, Condition, Item, Put, TenantScope, Write
from farthing.webhooks.event import Event
from farthing.webhooks.keys import (
    FEED_SHARDS,
    LIST_SHARDS,
    event_key,
    event_list_pk,
    feed_end_key,
    feed_key,
    payment_events_pk,
    placed_key,
)

PLACED_AT_ONCE_MAX = 20
_CURSOR_VERSION = 1
_CURSOR = struct.Struct(f">BB8s{FEED_SHARDS}Q")


@dataclass(frozen=True)
class PlacedEvent:
    """An event with its place in the feed."""

    event: Event
    shard: int
    position: int
    stamp: str

    @classmethod
    def of(cls, item: Item) -> PlacedEvent:
        """The row of the feed."""
        return cls(Event.of(item), item["feed_shard"], item["position"], item["stamp"])


@dataclass(frozen=True)
class FeedState:
    """What decides where a payment's next event goes: the shard's end, the payment's progress."""

    end: int
    end_stamp: str
    placed_sequence: int

    @classmethod
    def of(cls, end: Item | None, placed: Item | None) -> FeedState:
        """The state of two rows, which do not exist before the first event."""
        return cls(
            end=end["position"] if end else 0,
            end_stamp=end["stamp"] if end else "",
            placed_sequence=placed["sequence"] if placed else 0,
        )


def place(
    events: Sequence[Event], shard: int, state: FeedState, now_text: str
) -> list[PlacedEvent]:
    """The next places in the feed for a payment's next events.

    Raises ValueError if they are not the next: the feed would have a hole for good.
    """
    wanted = range(state.placed_sequence + 1, state.placed_sequence + 1 + len(events))
    if [event.sequence for event in events] != list(wanted):
        raise ValueError(f"the events after {state.placed_sequence} are not all there")
    stamp = max(state.end_stamp, now_text)
    return [
        PlacedEvent(event, shard, state.end + number, stamp)
        for number, event in enumerate(events, start=1)
    ]


def still_ends_at(position: int) -> Condition:
    """Nobody has given out the next position of the shard."""
    if position == 0:
        return Condition("FEED_STILL_EMPTY", "attribute_not_exists(#pk)")
    return Condition("FEED_STILL_ENDS_THERE", "#position = :end", {"end": position})


def placed_up_to(sequence: int) -> Condition:
    """The payment's events up to `sequence` are in the feed, and no later one is."""
    if sequence == 0:
        return Condition("NONE_PLACED", "attribute_not_exists(#pk)")
    return Condition("PLACED_UP_TO", "#sequence = :placed", {"placed": sequence})


def placement_writes(
    tenant: TenantScope, placed: Sequence[PlacedEvent], state: FeedState
) -> list[Write]:
    """One transaction that places the events: each once, in order, at positions without a gap."""
    last = placed[-1]
    writes: list[Write] = [
        Put(
            feed_end_key(tenant, last.shard),
            {"entity": "feed_end", "position": last.position, "stamp": last.stamp},
            still_ends_at(state.end),
        ),
        Put(
            placed_key(tenant, last.event.subject_id),
            {
                "entity": "payment_placed",
                "subject_id": last.event.subject_id,
                "sequence": last.event.sequence,
            },
            placed_up_to(state.placed_sequence),
        ),
    ]
    for one in placed:
        writes += [_feed_put(tenant, one), _place_put(tenant, one)]
    return writes


def _feed_put(tenant: TenantScope, one: PlacedEvent) -> Put:
    event_id = one.event.event_id
    return Put(
        feed_key(tenant, one.shard, one.position),
        {
            "entity": "feed_event",
            **one.event.attributes(),
            "feed_shard": one.shard,
            "position": one.position,
            "stamp": one.stamp,
            "list_pk": event_list_pk(tenant, shard_of(event_id, LIST_SHARDS)),
            "list_sk": event_id,
        },
        NOT_CREATED,
    )


def _place_put(tenant: TenantScope, one: PlacedEvent) -> Put:
    return Put(
        event_key(tenant, one.event.event_id),
        {
            "entity": "event_place",
            "event_id": one.event.event_id,
            "type": one.event.type,
            "feed_shard": one.shard,
            "position": one.position,
            "list_pk": payment_events_pk(tenant, one.event.intent_id or one.event.subject_id),
            "list_sk": one.event.event_id,
        },
        NOT_CREATED,
    )


@dataclass(frozen=True)
class Stretch:
    """What was read of one shard; `more` if others follow that are not known yet."""

    rows: Sequence[PlacedEvent]
    more: bool


def without_hole(rows: Sequence[PlacedEvent], after: int, *, more: bool) -> Stretch:
    """The rows up to the first missing position.

    A query is no snapshot: it may pass a place just before it is filled and still see the next
    one. What stands behind the hole is read the next time.
    """
    whole = 0
    while whole < len(rows) and rows[whole].position == after + whole + 1:
        whole += 1
    return Stretch(rows[:whole], more or whole < len(rows))


def mix(stretches: Sequence[Stretch], limit: int) -> tuple[list[PlacedEvent], bool]:
    """The next events of all shards by their stamp, and whether there are more.

    The choice depends only on the next event of each shard, so the order does not depend on the
    size of the pages. Where the next event of a shard is not known, the page ends.
    """
    taken: list[PlacedEvent] = []
    heads = [0] * len(stretches)
    while len(taken) < limit:
        ready: list[tuple[str, int]] = []
        for shard, stretch in enumerate(stretches):
            if heads[shard] < len(stretch.rows):
                ready.append((stretch.rows[heads[shard]].stamp, shard))
            elif stretch.more:
                return taken, True
        if not ready:
            return taken, False
        _, shard = min(ready)
        taken.append(stretches[shard].rows[heads[shard]])
        heads[shard] += 1
    rest = any(stretch.more or heads[n] < len(stretch.rows) for n, stretch in enumerate(stretches))
    return taken, rest


class CursorRefused(Exception):
    """A cursor that we did not give to this merchant in this mode."""


@dataclass(frozen=True)
class Cursor:
    """The last position seen in each shard."""

    positions: tuple[int, ...] = (0,) * FEED_SHARDS

    def passing(self, events: Sequence[PlacedEvent]) -> Cursor:
        """The cursor after these events were seen."""
        positions = list(self.positions)
        for one in events:
            positions[one.shard] = one.position
        return Cursor(tuple(positions))

    def to_text(self, tenant: TenantScope) -> str:
        """The opaque form. It holds no secret; the merchant's name in it only finds mistakes."""
        packed = _CURSOR.pack(
            _CURSOR_VERSION, FEED_SHARDS, _tag(tenant, self.positions), *self.positions
        )
        return base64.urlsafe_b64encode(packed).decode()

    @classmethod
    def of(cls, text: str, tenant: TenantScope) -> Cursor:
        """Raises CursorRefused for anything that `to_text` did not make for this tenant."""
        try:
            packed = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
            version, shards, tag, *positions = _CURSOR.unpack(packed)
        except (binascii.Error, struct.error, UnicodeEncodeError) as error:
            raise CursorRefused from error
        cursor = cls(tuple(positions))
        known = (version, shards) == (_CURSOR_VERSION, FEED_SHARDS)
        if not known or tag != _tag(tenant, cursor.positions):
            raise CursorRefused
        return cursor


def _tag(tenant: TenantScope, positions: Sequence[int]) -> bytes:
    text = f"{tenant.prefix}{','.join(map(str, positions))}"
    return hashlib.sha256(text.encode()).digest()[:8]
