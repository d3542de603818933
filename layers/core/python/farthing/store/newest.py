"""Lists by time, newest first, out of the partitions of an index.

Each partition is sorted by id, which sorts by time. The first `limit + 1` of each, merged, are the
page and the knowledge whether there is more. A list that is filtered after the read may have to
look through much for little: it is refused rather than cut short, because a page that ends early
looks like the end of the list.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from farthing.store.condition import Condition
from farthing.store.item import Item
from farthing.store.page import Index
from farthing.store.port import PAGE_ITEMS_MAX, Lists

PAGES_PER_PARTITION_MAX = 20
"""How many index pages are read of one partition for one page of a list."""


class TooMuchToLookThrough(Exception):
    """The filter lets through too little of what there is. Nothing is known of the rest."""


@dataclass(frozen=True)
class Stretch:
    """Which part of a list is asked for; bounds are `list_sk`s, exclusive. `only` filters."""

    limit: int
    before: str | None = None
    after: str | None = None
    only: Condition | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing can lie between the bounds."""
        return self.before is not None and self.after is not None and self.before <= self.after


def newest(
    store: Lists, table: str, index: Index, pks: Sequence[str], stretch: Stretch
) -> tuple[list[Item], bool]:
    """At most `stretch.limit` items of the partitions, and whether there are more.

    Raises TooMuchToLookThrough.
    """
    if stretch.empty:
        return [], False
    partitions = [_items(store, table, index, pk, stretch) for pk in pks]
    merged = heapq.merge(*partitions, key=lambda item: str(item[index.sk]), reverse=True)
    found = list(islice(merged, stretch.limit + 1))
    return found[: stretch.limit], len(found) > stretch.limit


def _items(store: Lists, table: str, index: Index, pk: str, stretch: Stretch) -> Iterator[Item]:
    start: Item | None = None
    for _ in range(PAGES_PER_PARTITION_MAX):
        page = store.query_index(
            table,
            index,
            pk,
            sk_before=stretch.before,
            sk_after=stretch.after,
            newest_first=True,
            limit=PAGE_ITEMS_MAX if stretch.only else stretch.limit + 1,
            start=start,
            only=stretch.only,
        )
        yield from page.items
        start = page.next_start
        if start is None:
            return
    raise TooMuchToLookThrough(pk)
