"""From the payments table to the merchant: a place in the feed, and a delivery per endpoint.

The stream may show an event twice, late, or after a later event of the same payment; and this
code may die between any two lines. Every step can be done again: the place is given once, in the
order of the payment's sequence; a delivery has an id that its event and endpoint give it; a
message that is queued twice meets one claim. An event leaves the due index of the payments table
when its fan-out is done and not before: who finds it there, the next record of its payment or the
sweep, does it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from farthing.clock import to_text
from farthing.payments import event as payments
from farthing.store import Condition, ConditionFailed, Item, TenantScope, Update
from farthing.store.port import Store
from farthing.webhooks.delivery import Delivery, Status, new_delivery
from farthing.webhooks.delivery_row import delivery_of, delivery_put
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.endpoints import endpoints_of
from farthing.webhooks.event import Event, tenant_of
from farthing.webhooks.feed import (
    PLACED_AT_ONCE_MAX,
    FeedState,
    PlacedEvent,
    place,
    placement_writes,
)
from farthing.webhooks.keys import (
    event_key,
    feed_end_key,
    feed_key,
    feed_shard,
    placed_key,
)
from farthing.webhooks.ports import Queue

PLACE_TRIES_MAX = 50
"""How often a worker may lose the race for a shard's next position. One of the racers wins."""


class FeedContended(Exception):
    """The place was lost to others too often. The stream brings the event again."""


class FeedAhead(ValueError):
    """The feed has told another event in this one's place: `payments` is older than `webhooks`.

    That comes of restoring one of them alone. No retry heals it.
    """


@dataclass
class Outbox:
    """One batch. The endpoints are read once for each merchant, when its first event is sent on."""

    store: Store
    queue: Queue
    now: datetime
    _endpoints: dict[TenantScope, list[Endpoint]] = field(default_factory=dict)

    def publish(self, row: Item) -> int:
        """Place an event row of the payments table and send it on. How many were queued."""
        tenant, event = tenant_of(row), Event.of(row)
        placed = place_event(self.store, tenant, event, self.now)
        if event.event_id not in {one.event.event_id for one in placed}:
            placed = _left_behind(self.store, tenant, event)
        queued = 0
        for one in placed:
            queued += self.fan_out(tenant, one)
            self._fanned_out(tenant, one.event)
        return queued

    def fan_out(self, tenant: TenantScope, placed: PlacedEvent) -> int:
        """Send an event that has its place to all endpoints that get it. How many were queued."""
        if tenant not in self._endpoints:
            self._endpoints[tenant] = endpoints_of(self.store, tenant)
        messages = [
            delivery.message
            for endpoint_id in receivers(self._endpoints[tenant], placed.event)
            if not_yet_tried(delivery := self._deliver_once(tenant, placed, endpoint_id))
        ]
        if messages:
            self.queue.send(messages)
        return len(messages)

    def _fanned_out(self, tenant: TenantScope, event: Event) -> None:
        """Take the event out of the due index: nobody needs to look for it any more."""
        key = payments.event_key(tenant, event.subject_id, event.sequence)
        try:
            self.store.write(Update(key, STILL_WAITS, remove=("due_pk", "due_at")))
        except ConditionFailed:
            return  # somebody else was at it too

    def _deliver_once(self, tenant: TenantScope, placed: PlacedEvent, endpoint_id: str) -> Delivery:
        delivery = new_delivery(tenant, placed, endpoint_id, self.now)
        try:
            self.store.write(delivery_put(delivery))
        except ConditionFailed as error:
            if error.item is None:
                raise
            return delivery_of(error.item)
        return delivery


STILL_WAITS = Condition("STILL_WAITS", "attribute_exists(#due_pk)")
"""The event is in the due index: its fan-out is not known to be done."""


def receivers(endpoints: Sequence[Endpoint], event: Event) -> list[str]:
    """The endpoints that are to get the event."""
    return [one.endpoint_id for one in endpoints if one.enabled and one.gets(event)]


def not_yet_tried(delivery: Delivery) -> bool:
    """Whether its first message may have been lost. A second one does no harm."""
    return delivery.status is Status.PENDING and not delivery.attempts


def place_event(
    store: Store, tenant: TenantScope, event: Event, now: datetime
) -> list[PlacedEvent]:
    """Put the event into the feed, and before it what of its payment is not there yet.

    Returns what was placed now. Raises FeedContended, or ValueError if an earlier event of the
    payment is nowhere.
    """
    shard = feed_shard(event.subject_id)
    end_key, progress_key = feed_end_key(tenant, shard), placed_key(tenant, event.subject_id)
    done: list[PlacedEvent] = []
    for _ in range(PLACE_TRIES_MAX):
        found = store.batch_get([end_key, progress_key])
        state = FeedState.of(found.get(end_key), found.get(progress_key))
        if state.placed_sequence >= event.sequence:
            return done
        missing = _missing(store, tenant, event, state.placed_sequence)
        placed = place(missing, shard, state, to_text(now))
        try:
            store.write(*placement_writes(tenant, placed, state))
        except ConditionFailed:
            continue
        done += placed
    raise FeedContended(event.event_id)


def _missing(store: Store, tenant: TenantScope, event: Event, after: int) -> list[Event]:
    if event.sequence == after + 1:
        return [event]
    page = store.query(
        "payments",
        payments.partition(tenant, event.subject_id),
        sk_after=payments.event_key(tenant, event.subject_id, after).sk,
        sk_before=payments.event_key(tenant, event.subject_id, event.sequence).sk,
        limit=PLACED_AT_ONCE_MAX,
    )
    earlier = [Event.of(item) for item in page.items]
    return [*earlier, event] if len(earlier) < PLACED_AT_ONCE_MAX else earlier


def _left_behind(store: Store, tenant: TenantScope, event: Event) -> list[PlacedEvent]:
    """The payment's placed events up to `event` that wait for their fan-out, the first one first.

    They were placed by a worker that died before it was done with them. If there are more than
    PLACED_AT_ONCE_MAX, the sweep finds the others.
    """
    page = store.query(
        "payments",
        payments.partition(tenant, event.subject_id),
        sk_after=payments.event_key(tenant, event.subject_id, 0).sk,
        sk_before=payments.event_key(tenant, event.subject_id, event.sequence + 1).sk,
        newest_first=True,
        limit=PLACED_AT_ONCE_MAX,
    )
    waiting = [row["event_id"] for row in reversed(page.items) if "due_pk" in row]
    if not waiting:
        return []
    places = store.batch_get([event_key(tenant, event_id) for event_id in waiting])
    keys = [
        feed_key(tenant, place["feed_shard"], place["position"])
        for event_id in waiting
        if (place := places.get(event_key(tenant, event_id)))
    ]
    if not keys:
        raise FeedAhead(event.event_id)
    found = store.batch_get(keys)
    return [PlacedEvent.of(found[key]) for key in keys]
