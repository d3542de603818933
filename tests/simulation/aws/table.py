"""One table: its items, their order, its indexes, its stream. It decides nothing.

A snapshot is the table's state itself; whoever writes next copies it first (the dicts, never the
items), so taking and restoring one costs nothing, and the first write after it a little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.simulation.aws.index import GlobalIndex, Key, Ordered
from tests.simulation.aws.values import Item

STALE_SECONDS_MAX = 1.0
"""For how long an eventually consistent read may show an item as it was before its last write."""

FIRST_SEQUENCE_NUMBER = 10**20
_EXPIRY_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class WriteRecord(NamedTuple):
    """One item that was changed: `old` is None if it is new, `new` is None if it is gone."""

    table: str
    key: Key
    old: Item | None
    new: Item | None


@dataclass(slots=True)
class State:
    """All that a table holds."""

    rows: dict[Key, Item] = field(default_factory=dict)
    order: Ordered[str] = field(default_factory=Ordered)
    indexes: dict[str, GlobalIndex] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    """The stream, oldest first."""
    replaced: dict[Key, tuple[float, Item | None]] = field(default_factory=dict)
    """When each item was last written, and what it was before, for reads that are stale."""
    sizes: dict[Key, int] = field(default_factory=dict)
    """No item has more bytes than this says."""
    largest: int = 0
    """No item at all has."""

    def copy(self) -> State:
        """Another one that holds the same. This one must not be changed any more."""
        return State(
            self.rows.copy(),
            self.order.copy(),
            {name: index.copy() for name, index in self.indexes.items()},
            self.records.copy(),
            self.replaced.copy(),
            self.sizes.copy(),
            self.largest,
        )


class Table:
    """The table `name`, with text keys `pk` and `sk`."""

    __slots__ = ("_shared", "_state", "has_stream", "name", "schemas", "stream_arn", "ttl")

    def __init__(
        self,
        name: str,
        indexes: Mapping[str, tuple[str, str]],
        *,
        has_stream: bool,
        ttl: str = "ttl",
    ) -> None:
        self.name = name
        self.schemas = dict(indexes)
        self.has_stream = has_stream
        self.ttl = ttl
        self.stream_arn = f"arn:aws:dynamodb:eu-west-1:000000000000:table/{name}/stream/1"
        self._state = State(
            indexes={index: GlobalIndex(index, schema) for index, schema in indexes.items()}
        )
        self._shared = False

    @property
    def rows(self) -> Mapping[Key, Item]:
        """The items by key. Nobody changes them."""
        return self._state.rows

    @property
    def records(self) -> list[dict[str, Any]]:
        """The stream's records, oldest first."""
        return self._state.records

    @property
    def largest(self) -> int:
        """No item has more bytes than this."""
        return self._state.largest

    def size(self, key: Key) -> int:
        """No less than the bytes of the item there, which must be there."""
        return self._state.sizes[key]

    def snapshot(self) -> State:
        """What the table holds now."""
        self._shared = True
        return self._state

    def restore(self, state: State) -> None:
        """Hold what the snapshot holds."""
        self._state = state
        self._shared = True

    def restore_items(self, state: State) -> None:
        """Hold the snapshot's items. The stream goes on, and tells nothing of it."""
        kept = self._state.records
        self._state = state.copy()
        self._state.records = kept.copy()
        self._state.replaced.clear()
        self._shared = False

    def own(self) -> State:
        """The state, to be changed."""
        if self._shared:
            self._state = self._state.copy()
            self._shared = False
        return self._state

    def write(
        self, key: Key, old: Item | None, new: Item | None, size: int, now: float, lag: float
    ) -> None:
        """Replace `old`, which is there, by `new`. Both None changes nothing."""
        state = self._state if not self._shared else self.own()
        if new is not None:
            state.rows[key] = new
            state.sizes[key] = size
            if old is None:
                state.order.add(*key)
            if size > state.largest:
                state.largest = size
        elif old is not None:
            del state.rows[key], state.sizes[key]
            state.order.remove(*key)
        state.replaced[key] = (now, old)
        for index in state.indexes.values():
            name = index.hash
            if (new is not None and name in new) or (old is not None and name in old):
                index.follow(key, new, now, lag)

    def record(self, record: WriteRecord, number: int, now: float, *, expired: bool) -> None:
        """Put a change into the stream, in the shape in which Lambda gets it."""
        _, (pk, sk), old, new = record
        change: dict[str, Any] = {
            "ApproximateCreationDateTime": float(int(now)),
            "Keys": {"pk": {"S": pk}, "sk": {"S": sk}},
            "SequenceNumber": str(FIRST_SEQUENCE_NUMBER + number),
            "StreamViewType": "NEW_IMAGE",
        }
        if new is not None:
            change["NewImage"] = new
        event = {
            "eventID": f"{number:032x}",
            "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "eventSourceARN": self.stream_arn,
            "dynamodb": change,
        }
        if expired:
            event["userIdentity"] = _EXPIRY_IDENTITY
        self._state.records.append(event)

    def sort_keys(self, pk: str) -> list[str]:
        """The sort keys of a partition, in order."""
        return self._state.order.lists.get(pk, [])

    def index(self, name: str, now: float) -> GlobalIndex:
        """An index as a query sees it now."""
        index = self._state.indexes[name]
        if index.is_behind:
            index = self.own().indexes[name]
            index.catch_up(now)
        return index

    def before(self, key: Key, now: float) -> Item | None:
        """The item as a stale read may still see it."""
        at, old = self._state.replaced.get(key, (float("-inf"), None))
        return old if now - at < STALE_SECONDS_MAX else self._state.rows.get(key)

    def stale_partition(self, pk: str, now: float) -> dict[str, Item]:
        """A partition as a stale read may still see it, in order."""
        gone = (sk for (owner, sk) in self._state.replaced if owner == pk)
        seen = ((sk, self.before((pk, sk), now)) for sk in sorted({*self.sort_keys(pk), *gone}))
        return {sk: item for sk, item in seen if item is not None}

    def expired(self, now: float) -> Iterator[tuple[Key, Item]]:
        """The items whose time to live is over."""
        for key, item in self._state.rows.items():
            expiry = item.get(self.ttl, {}).get("N")
            if expiry is not None and float(expiry) < now:
                yield key, item
