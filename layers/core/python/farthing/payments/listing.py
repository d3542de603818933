"""Lists by time, newest first, out of shards.

Each shard is a partition of the index by time and is sorted by id, which sorts by time. The first
`limit + 1` of each, merged, are the page and the knowledge whether there is more.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from farthing.errors import UNKNOWN_CURSOR, FarthingError, invalid
from farthing.ids import lowest_id
from farthing.payments.intent import LIST_SHARDS
from farthing.payments.services import Services
from farthing.store import Condition, Item, TenantScope
from farthing.store.page import BY_TIME, Index

PAGES_PER_SHARD_MAX = 20


@dataclass(frozen=True)
class Listing:
    """What is asked of a list. Times are of creation: from inclusive, before exclusive."""

    limit: int
    starting_after: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    status: str | None = None
    customer_id: str | None = None

    def require_cursor(self, item: Item | None) -> None:
        """Raises FarthingError unless the cursor names an object of this merchant."""
        if item is None:
            raise FarthingError(UNKNOWN_CURSOR, f"starting_after: no {self.starting_after}")

    def bounds(self, prefix: str) -> tuple[str | None, str | None]:
        """Exclusive upper and lower bound for ids of `prefix`."""
        before = self.starting_after
        if self.created_before is not None:
            first_excluded = lowest_id(prefix, self.created_before)
            before = min(before, first_excluded) if before else first_excluded
        after = lowest_id(prefix, self.created_from) if self.created_from is not None else None
        return before, after

    def filter(self) -> Condition | None:
        """What else an item must fulfil."""
        if self.status is None:
            return None
        return Condition("STATUS_IS", "#status = :status", {"status": self.status})


def list_ids(
    listing: Listing,
    services: Services,
    partition: Callable[[TenantScope, int], str],
    prefix: str,
) -> tuple[list[Item], bool]:
    """A page of the merchant's objects of `prefix`, and whether there are more."""
    shards = [
        _shard(listing, services, BY_TIME, partition(services.tenant, shard), prefix)
        for shard in range(LIST_SHARDS)
    ]
    return page_of(heapq.merge(*shards, key=lambda item: item["list_sk"], reverse=True), listing)


def list_in(
    listing: Listing, services: Services, index: Index, pk: str, prefix: str
) -> tuple[list[Item], bool]:
    """A page of one index partition, and whether there is more."""
    return page_of(_shard(listing, services, index, pk, prefix), listing)


def page_of(items: Iterator[Item], listing: Listing) -> tuple[list[Item], bool]:
    """The first `limit` items, and whether another follows."""
    page: list[Item] = []
    for item in items:
        if len(page) == listing.limit:
            return page, True
        page.append(item)
    return page, False


def _shard(
    listing: Listing, services: Services, index: Index, pk: str, prefix: str
) -> Iterator[Item]:
    before, after = listing.bounds(prefix)
    if before is not None and after is not None and before <= after:
        return
    start: Item | None = None
    for _ in range(PAGES_PER_SHARD_MAX):
        page = services.store.query_index(
            "payments",
            index,
            pk,
            sk_before=before,
            sk_after=after,
            newest_first=True,
            limit=listing.limit + 1 if listing.status is None else 1000,
            start=start,
            only=listing.filter(),
        )
        yield from page.items
        start = page.next_start
        if start is None:
            return
    raise invalid("created_from", "too many payments to look through: ask for a shorter time")
