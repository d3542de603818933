"""What a merchant reads of its events: one, a list newest first, and the feed."""

from __future__ import annotations

from dataclasses import dataclass

from farthing.errors import UNKNOWN_CURSOR, FarthingError, invalid, not_found
from farthing.ids import is_id
from farthing.store import Condition, Item, TenantScope
from farthing.store import newest as lists
from farthing.store.page import BY_TIME
from farthing.store.port import Store
from farthing.webhooks.event import Event
from farthing.webhooks.feed import (
    Cursor,
    CursorRefused,
    PlacedEvent,
    Stretch,
    mix,
    without_hole,
)
from farthing.webhooks.keys import (
    EVENT_PREFIX,
    FEED_SHARDS,
    LIST_SHARDS,
    TABLE,
    event_key,
    event_list_pk,
    feed_end_key,
    feed_key,
    feed_pk,
    payment_events_pk,
    position_sk,
)

START = frozenset({"", "start"})
"""What `after` says to begin with the first event."""

END = "end"
"""What `after` says to begin with the first event that is yet to come."""


@dataclass(frozen=True)
class EventFilter:
    """Which events of the list; None is all."""

    type: str | None = None
    intent_id: str | None = None


@dataclass(frozen=True)
class FeedPage:
    """The next events of the feed. `next` goes on from here, also when there is nothing new."""

    events: list[Event]
    has_more: bool
    next: str


def get(store: Store, tenant: TenantScope, event_id: str) -> Event:
    """One event. Raises FarthingError if this merchant has none of that id."""
    return placed(store, tenant, event_id).event


def placed(store: Store, tenant: TenantScope, event_id: str) -> PlacedEvent:
    """One event with its place. Raises FarthingError if this merchant has none of that id."""
    found = find(store, tenant, event_id) if is_id(EVENT_PREFIX, event_id) else None
    if found is None:
        raise not_found("event", event_id)
    return found


def find(store: Store, tenant: TenantScope, event_id: str) -> PlacedEvent | None:
    """The event at its place in the feed, or None if it has none."""
    place = store.get(event_key(tenant, event_id))
    item = store.get(feed_key(tenant, place["feed_shard"], place["position"])) if place else None
    return PlacedEvent.of(item) if item else None


def exists(store: Store, tenant: TenantScope, event_id: str) -> bool:
    """Whether this merchant has such an event."""
    return store.get(event_key(tenant, event_id)) is not None


def newest_first(
    store: Store, tenant: TenantScope, only: EventFilter, *, before: str | None, limit: int
) -> tuple[list[Event], bool]:
    """A page of the list, and whether there are more. `before` is the last event seen.

    Raises FarthingError if there is too much to look through for a type.
    """
    of_type = Condition("OF_TYPE", "#type = :type", {"type": only.type}) if only.type else None
    if only.intent_id is None:
        pks = [event_list_pk(tenant, shard) for shard in range(LIST_SHARDS)]
    else:
        pks = [payment_events_pk(tenant, only.intent_id)]
    stretch = lists.Stretch(limit, before, only=of_type)
    try:
        items, has_more = lists.newest(store, TABLE, BY_TIME, pks, stretch)
    except lists.TooMuchToLookThrough as error:
        raise invalid(
            "type", "too many events to look through: name a payment, or follow the feed (after)"
        ) from error
    if only.intent_id is not None:
        items = _placed(store, tenant, items)
    return [Event.of(item) for item in items], has_more


def feed(store: Store, tenant: TenantScope, *, after: str, limit: int) -> FeedPage:
    """The events after a cursor, in the feed's order.

    Raises FarthingError for a cursor that this merchant was not given.
    """
    try:
        cursor = _end(store, tenant) if after == END else _start_or_cursor(after, tenant)
    except CursorRefused as error:
        raise FarthingError(
            UNKNOWN_CURSOR, "after: not a cursor of yours; begin with after=start or after=end"
        ) from error
    stretches = [
        _stretch(store, tenant, shard, cursor.positions[shard], limit + 1)
        for shard in range(FEED_SHARDS)
    ]
    taken, has_more = mix(stretches, limit)
    events = [one.event for one in taken]
    return FeedPage(events, has_more, cursor.passing(taken).to_text(tenant))


def _start_or_cursor(after: str, tenant: TenantScope) -> Cursor:
    return Cursor() if after in START else Cursor.of(after, tenant)


def _end(store: Store, tenant: TenantScope) -> Cursor:
    """Behind every event placed by now. One that is placed meanwhile may be skipped or not."""
    keys = [feed_end_key(tenant, shard) for shard in range(FEED_SHARDS)]
    found = store.batch_get(keys)
    return Cursor(tuple(found[key]["position"] if key in found else 0 for key in keys))


def _stretch(store: Store, tenant: TenantScope, shard: int, after: int, limit: int) -> Stretch:
    page = store.query(TABLE, feed_pk(tenant, shard), sk_after=position_sk(after), limit=limit)
    rows = [PlacedEvent.of(item) for item in page.items]
    return without_hole(rows, after, more=page.next_start is not None)


def _placed(store: Store, tenant: TenantScope, places: list[Item]) -> list[Item]:
    keys = [feed_key(tenant, place["feed_shard"], place["position"]) for place in places]
    found = store.batch_get(keys) if keys else {}
    return [found[key] for key in keys]
