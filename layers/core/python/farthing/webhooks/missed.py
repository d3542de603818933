"""What an endpoint has missed: events of a range that it subscribes to and did not get.

The list of all events is read in the order of their ids, which is that of time; nothing is decided
by it but which events to look at. Whether one was missed is read from its delivery's own row.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from farthing.store import Item, TenantScope
from farthing.store.page import BY_TIME
from farthing.store.port import Store
from farthing.webhooks.delivery import Delivery, Status, delivery_id
from farthing.webhooks.delivery_row import delivery_of
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.keys import LIST_SHARDS, TABLE, delivery_key, event_list_pk
from farthing.webhooks.recovery import Count

PAGE_EVENTS = 40
"""So that a page's deliveries fit into one transaction of four megabytes, however much was answered
to each of their attempts."""

COUNT_PAGES_MAX = 125
"""What is counted before the answer says `at least`."""


@dataclass(frozen=True)
class Missed:
    """An event that the endpoint did not get; `delivery` has given up, or there is none."""

    placed: PlacedEvent
    delivery: Delivery | None


@dataclass(frozen=True)
class Range:
    """A stretch of the list of events: ids, both exclusive."""

    after: str
    before: str


@dataclass(frozen=True)
class MissedPage:
    """What was missed of the next events; `last` is the last one looked at, None if there are no
    more. `ends` says that it is the last page."""

    missed: Sequence[Missed]
    looked_at: int
    last: str | None
    ends: bool


def missed_page(
    store: Store, tenant: TenantScope, endpoint: Endpoint, stretch: Range
) -> MissedPage:
    """The next events of the stretch, oldest first, and which of them the endpoint missed."""
    events = list(islice(_oldest_first(store, tenant, stretch), PAGE_EVENTS))
    wanted = [placed for placed in events if endpoint.gets(placed.event)]
    deliveries = _deliveries(store, tenant, endpoint.endpoint_id, wanted)
    missed = [
        Missed(placed, delivery)
        for placed, delivery in zip(wanted, deliveries, strict=True)
        if delivery is None or delivery.status is Status.EXHAUSTED
    ]
    last = events[-1].event.event_id if events else None
    return MissedPage(missed, len(events), last, ends=len(events) < PAGE_EVENTS)


def count_missed(store: Store, tenant: TenantScope, endpoint: Endpoint, stretch: Range) -> Count:
    """How many events the endpoint missed: at least so many, if they are too many to look at."""
    found, after = 0, stretch.after
    for _ in range(COUNT_PAGES_MAX):
        page = missed_page(store, tenant, endpoint, Range(after, stretch.before))
        found += len(page.missed)
        if page.ends or page.last is None:
            return Count(found, complete=True)
        after = page.last
    return Count(found, complete=False)


def _oldest_first(store: Store, tenant: TenantScope, stretch: Range) -> Iterator[PlacedEvent]:
    if stretch.before <= stretch.after:
        return iter(())
    shards = [_shard(store, event_list_pk(tenant, shard), stretch) for shard in range(LIST_SHARDS)]
    merged = heapq.merge(*shards, key=lambda item: str(item["list_sk"]))
    return (PlacedEvent.of(item) for item in merged)


def _shard(store: Store, pk: str, stretch: Range) -> Iterator[Item]:
    """To the end of the stretch, read as far as somebody asks. A page of an index ends at a
    megabyte, however many items were asked for."""
    start: Item | None = None
    while True:
        page = store.query_index(
            TABLE,
            BY_TIME,
            pk,
            sk_after=stretch.after,
            sk_before=stretch.before,
            limit=PAGE_EVENTS,
            start=start,
        )
        yield from page.items
        start = page.next_start
        if start is None:
            return


def _deliveries(
    store: Store, tenant: TenantScope, endpoint_id: str, placed: Sequence[PlacedEvent]
) -> list[Delivery | None]:
    keys = [delivery_key(tenant, delivery_id(one.event, endpoint_id)) for one in placed]
    found = store.batch_get(keys) if keys else {}
    return [delivery_of(found[key]) if key in found else None for key in keys]
