"""Lists that are spread over several partitions of the index by time, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from farthing.store import Condition, Item
from farthing.store.page import BY_TIME
from farthing.store.port import Store
from farthing.webhooks.keys import TABLE

PAGES_MAX = 20
"""How many index pages of a shard are read for one page of a filtered list."""


def newest(
    store: Store,
    pks: Sequence[str],
    *,
    before: str | None,
    limit: int,
    only: Condition | None = None,
) -> tuple[list[Item], bool]:
    """At most `limit` items, newest first, and whether there are more.

    `before` is the `list_sk` of the last one seen.
    """
    found: list[Item] = []
    for pk in pks:
        found += _newest_of(store, pk, before, limit + 1, only)
    found.sort(key=lambda item: str(item["list_sk"]), reverse=True)
    return found[:limit], len(found) > limit


def _newest_of(
    store: Store, pk: str, before: str | None, wanted: int, only: Condition | None
) -> list[Item]:
    found: list[Item] = []
    start: Item | None = None
    for _ in range(PAGES_MAX):
        page = store.query_index(
            TABLE,
            BY_TIME,
            pk,
            sk_before=before,
            newest_first=True,
            limit=1000 if only else wanted,
            start=start,
            only=only,
        )
        found += page.items
        start = page.next_start
        if start is None or len(found) >= wanted:
            break
    return found
