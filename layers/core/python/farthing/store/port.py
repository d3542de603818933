"""The store as use cases see it, in parts: whoever needs a part asks for that part alone.

`DynamoStore` is all of them. Reads here are consistent, but for `Lists`: what lists show may be a
moment old, so nothing about money is decided by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.page import Index, Page
from farthing.store.write import Write

PAGE_ITEMS_MAX = 1000


class Gets(Protocol):
    """Reads by key."""

    def get(self, key: Key) -> Item | None:
        """One item, or None."""
        ...


class BatchGets(Protocol):
    """Reads of several keys at once."""

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """The items that are there, by key; at most 100 are asked for."""
        ...


class Queries(Protocol):
    """Reads of a partition."""

    def query(
        self,
        table: str,
        pk: str,
        *,
        sk_prefix: str = "",
        sk_before: str | None = None,
        sk_after: str | None = None,
        newest_first: bool = False,
        limit: int = PAGE_ITEMS_MAX,
        start: Item | None = None,
    ) -> Page:
        """One page in sort-key order; the bounds are exclusive."""
        ...


class Lists(Protocol):
    """Reads of an index."""

    def query_index(
        self,
        table: str,
        index: Index,
        pk: str,
        *,
        sk_before: str | None = None,
        sk_after: str | None = None,
        newest_first: bool = False,
        limit: int = PAGE_ITEMS_MAX,
        start: Item | None = None,
        only: Condition | None = None,
    ) -> Page:
        """One page, eventually consistent. `only` filters after the read."""
        ...


class Scans(Protocol):
    """Reads of a whole table: for jobs that look at every merchant's rows, never for a request."""

    def scan(self, table: str, *, limit: int = PAGE_ITEMS_MAX, start: Item | None = None) -> Page:
        """One page, in no order, by a consistent read."""
        ...


class Writes(Protocol):
    """Writes, all or nothing."""

    def write(self, *writes: Write) -> None:
        """Raises ConditionFailed, naming the first write whose condition did not hold."""
        ...


class Store(Gets, BatchGets, Queries, Lists, Writes, Protocol):
    """All of it."""
