"""Keys in order, and a sparse secondary index that follows its table, late if it is made to.

An index entry is a copy of the item (every index projects all). A write reaches the index when its
lag is over; the writes of one item reach it in their order, those of different items in any.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tests.simulation.aws.plans import Range
from tests.simulation.aws.values import Item

Place = TypeVar("Place")
Key = tuple[str, str]
"""Partition key and sort key of an item in its table."""
Entry = tuple[str, str, str]
"""The index's sort key, then the table's key, which orders equals as if by chance but always so."""


class Ordered(Generic[Place]):
    """Places by partition, each partition sorted. A copy shares its lists until they change."""

    __slots__ = ("_mine", "lists")

    def __init__(self, lists: dict[str, list[Place]] | None = None) -> None:
        self.lists = {} if lists is None else lists
        self._mine: set[str] = set()

    def copy(self) -> Ordered[Place]:
        """Another one that holds the same. This one must not be changed any more."""
        return Ordered(self.lists.copy())

    def add(self, partition: str, place: Place) -> None:
        """Add a place that is not there yet."""
        places = self.lists.get(partition)
        if places is None:
            self.lists[partition] = [place]
            self._mine.add(partition)
        else:
            insort(self._own(partition, places), place)  # type: ignore[call-overload]

    def remove(self, partition: str, place: Place) -> None:
        """Remove a place that is there."""
        places = self._own(partition, self.lists[partition])
        del places[bisect_left(places, place)]  # type: ignore[call-overload]
        if not places:
            del self.lists[partition]

    def _own(self, partition: str, places: list[Place]) -> list[Place]:
        if partition not in self._mine:
            places = self.lists[partition] = places.copy()
            self._mine.add(partition)
        return places


def between(places: list[Any], stretch: Range, wrap: Callable[[str], Any]) -> tuple[int, int]:
    """From and up to which position the places of a stretch lie. `wrap` makes a place of a text."""
    low, high = stretch
    first = 0 if low is None else bisect_left(places, wrap(low))
    last = len(places) if high is None else bisect_left(places, wrap(high))
    return first, max(first, last)


class GlobalIndex:
    """What a query of the index sees."""

    __slots__ = ("_last_visible", "_pending", "_shown", "_turn", "entries", "hash", "name", "range")

    def __init__(self, name: str, schema: tuple[str, str]) -> None:
        self.name = name
        self.hash, self.range = schema
        self.entries: Ordered[Entry] = Ordered()
        self._shown: dict[Key, Item] = {}
        self._pending: list[tuple[float, int, Key, Item | None]] = []
        self._last_visible: dict[Key, float] = {}
        self._turn = 0

    def copy(self) -> GlobalIndex:
        """Another one that holds the same. This one must not be changed any more."""
        new = GlobalIndex(self.name, (self.hash, self.range))
        new.entries = self.entries.copy()
        new._shown = self._shown.copy()
        new._pending = self._pending.copy()
        new._last_visible = self._last_visible.copy()
        new._turn = self._turn
        return new

    def follow(self, key: Key, new: Item | None, now: float, lag: float) -> None:
        """A write of the table: `new` is None if the item is gone."""
        if self._pending:
            self.catch_up(now)
        visible = max(now + lag, self._last_visible.get(key, 0.0))
        if visible <= now:
            self._show(key, new)
            return
        self._last_visible[key] = visible
        self._turn += 1
        heapq.heappush(self._pending, (visible, self._turn, key, new))

    def catch_up(self, now: float) -> None:
        """Show all whose lag is over."""
        while self._pending and self._pending[0][0] <= now:
            visible, _, key, new = heapq.heappop(self._pending)
            if self._last_visible.get(key) == visible:
                del self._last_visible[key]
            self._show(key, new)

    @property
    def is_behind(self) -> bool:
        """Whether writes wait to be shown."""
        return bool(self._pending)

    def item(self, entry: Entry) -> Item:
        """The item behind an entry."""
        return self._shown[entry[1:]]

    def _show(self, key: Key, new: Item | None) -> None:
        old = self._shown.get(key)
        before = None if old is None else self._place(key, old)
        after = None if new is None else self._place(key, new)
        if after is not None:
            self._shown[key] = new  # type: ignore[assignment]
        elif old is not None:
            del self._shown[key]
        if before != after:
            if before is not None:
                self.entries.remove(*before)
            if after is not None:
                self.entries.add(*after)

    def _place(self, key: Key, item: Item) -> tuple[str, Entry] | None:
        """Where an item is in the index; None if it lacks one of the index's keys."""
        hash_, range_ = item.get(self.hash), item.get(self.range)
        if hash_ is None or range_ is None:
            return None
        return hash_["S"], (range_["S"], *key)
