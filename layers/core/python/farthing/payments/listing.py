"""What is asked of a list of payments or refunds, and the page that answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from farthing.errors import UNKNOWN_CURSOR, FarthingError, invalid
from farthing.ids import lowest_id
from farthing.payments.intent import LIST_SHARDS
from farthing.payments.services import Services
from farthing.store import Condition, Item, TenantScope
from farthing.store.newest import Stretch, TooMuchToLookThrough, newest
from farthing.store.page import BY_TIME, Index


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
    pks = [partition(services.tenant, shard) for shard in range(LIST_SHARDS)]
    return list_all(listing, services, BY_TIME, pks, prefix)


def list_in(
    listing: Listing, services: Services, index: Index, pk: str, prefix: str
) -> tuple[list[Item], bool]:
    """A page of one index partition, and whether there is more."""
    return list_all(listing, services, index, [pk], prefix)


def page_of(items: Iterator[Item], listing: Listing) -> tuple[list[Item], bool]:
    """The first `limit` items, and whether another follows."""
    page = list(islice(items, listing.limit + 1))
    return page[: listing.limit], len(page) > listing.limit


def list_all(
    listing: Listing, services: Services, index: Index, pks: Sequence[str], prefix: str
) -> tuple[list[Item], bool]:
    """A page of several index partitions together, and whether there is more. Raises
    FarthingError if too much of what there is is filtered out."""
    before, after = listing.bounds(prefix)
    stretch = Stretch(listing.limit, before, after, listing.filter())
    try:
        return newest(services.store, "payments", index, pks, stretch)
    except TooMuchToLookThrough as error:
        raise invalid("created_from", "too many to look through: ask for a shorter time") from error
