"""Going over all rows of a table, a stretch at a time, so that whoever dies goes on where it was.

A scan has no order that means anything, but it always has the same one. What is put in while it
goes on may be missed, so a walk proves something of the rows that were there when it began.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from farthing.store.item import Item
from farthing.store.port import PAGE_ITEMS_MAX, Scans


@dataclass(frozen=True)
class Stretch:
    """How many rows were seen to, the last one's key, and whether that was all there is."""

    rows: int
    behind: Item | None
    done: bool


def walk(
    store: Scans,
    table: str,
    see_to: Callable[[Item], bool],
    *,
    after: Item | None = None,
    rows_max: int = PAGE_ITEMS_MAX,
) -> Stretch:
    """See to at most `rows_max` rows behind `after`. `see_to` says whether it did: if not, whoever
    goes on begins with that row."""
    seen, behind = 0, after
    while seen < rows_max:
        page = store.scan(table, limit=min(rows_max - seen, PAGE_ITEMS_MAX), start=behind)
        for item in page.items:
            if not see_to(item):
                return Stretch(seen, behind, done=False)
            seen, behind = seen + 1, key_of_item(item)
        if page.next_start is None:
            return Stretch(seen, behind, done=True)
        behind = page.next_start
    return Stretch(seen, behind, done=False)


def key_of_item(item: Item) -> Item:
    """Where an item is, as a scan takes it to go on behind it."""
    return {"pk": item["pk"], "sk": item["sk"]}
