"""Pages of a partition or an index, as Query answers them; and of a whole table, as Scan does.

A page ends with its limit or with 1 MB, and says where it ended even if nothing comes after it:
who asks for the next page may get an empty one. Filters come after the limit.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.aws.conditions import Test, Values
from tests.simulation.aws.errors import answer
from tests.simulation.aws.grammar import Invalid
from tests.simulation.aws.index import GlobalIndex, Key, between
from tests.simulation.aws.keys import key_of
from tests.simulation.aws.plans import QueryPlan, Range, key_text
from tests.simulation.aws.table import Table
from tests.simulation.aws.values import Item, measure

PAGE_BYTES_MAX = 1024 * 1024
EVERYTHING: Range = (None, None)


@dataclass(slots=True)
class Source:
    """Something in order that can be read page by page."""

    places: Sequence[Any]
    item: Callable[[Any], Item]
    wrap: Callable[[str], Any]
    """A text as a place that comes before all those with this text."""
    start: Callable[[Item], Any]
    """The place that an ExclusiveStartKey names."""
    keys: tuple[str, ...]
    """What a LastEvaluatedKey consists of."""


def partition(table: Table, pk: str) -> Source:
    """A partition of a table, read consistently."""
    rows = table.rows
    return Source(table.sort_keys(pk), lambda sk: rows[pk, sk], str, _start_in(pk), ("pk", "sk"))


def stale_partition(table: Table, pk: str, now: float) -> Source:
    """A partition of a table, as it was a moment ago."""
    seen = table.stale_partition(pk, now)
    return Source(list(seen), seen.__getitem__, str, _start_in(pk), ("pk", "sk"))


def index_partition(index: GlobalIndex, value: str) -> Source:
    """A partition of an index."""

    def start(key: Item) -> Any:
        if key.keys() != {index.hash, index.range, "pk", "sk"}:
            raise Invalid("The provided starting key is invalid")
        if key[index.hash].get("S") != value:
            raise Invalid(
                "The provided starting key is outside query boundaries based on provided conditions"
            )
        return (key[index.range].get("S"), *key_of({"pk": key["pk"], "sk": key["sk"]}))

    places = index.entries.lists.get(value, [])
    keys = ("pk", "sk", index.hash, index.range)
    return Source(places, index.item, lambda text: (text,), start, keys)


def whole_table(table: Table) -> Source:
    """Every item, in the order of a hash: nobody may rely on it."""
    rows = table.rows

    def place(key: Key) -> tuple[int, str, str]:
        return (zlib.crc32(key[0].encode()), *key)

    return Source(
        sorted(map(place, rows)),
        lambda at: rows[at[1:]],
        lambda text: (text,),
        lambda key: place(key_of(key)),
        ("pk", "sk"),
    )


def query_page(
    source: Source,
    plan: QueryPlan,
    values: Values,
    *,
    forward: bool,
    limit: int | None,
    start: Item | None,
    largest: int,
) -> dict[str, Any]:
    """A page of a partition, along its sort keys."""
    stretch = EVERYTHING if plan.stretch is None else plan.stretch(values)
    low, high = between(source.places, stretch, source.wrap)
    if start is not None:
        after = source.start(start)
        _check_start(source.wrap, after, stretch)
        cut = _bisect_after(source.places, after, forward=forward)
        low, high = (max(low, cut), high) if forward else (low, min(high, cut))
    places = source.places[low:high] if forward else source.places[low:high][::-1]
    return page(source, places, plan.filter, values, limit, largest)


def page(
    source: Source,
    places: Sequence[Any],
    test: Test | None,
    values: Values,
    limit: int | None,
    largest: int,
) -> dict[str, Any]:
    """The first of `places` up to the limit and the size of a page."""
    read = places if limit is None else places[:limit]
    items = [source.item(place) for place in read]
    if largest * len(items) > PAGE_BYTES_MAX:
        items = _up_to_page_size(items)
    ended_early = len(items) < len(read) or (limit is not None and len(items) == limit)
    fields: dict[str, Any] = {}
    if ended_early:
        last = items[-1]
        fields["LastEvaluatedKey"] = {name: last[name] for name in source.keys}
    scanned = len(items)
    if test is not None:
        items = [item for item in items if test(item, values)]
    return answer(
        Items=[item.copy() for item in items], Count=len(items), ScannedCount=scanned, **fields
    )


def _up_to_page_size(items: list[Item]) -> list[Item]:
    """Up to the item that makes it more than a page: that one still comes."""
    size = 0
    for number, item in enumerate(items, 1):
        size += measure(item)
        if size > PAGE_BYTES_MAX:
            return items[:number]
    return items


def _start_in(pk: str) -> Callable[[Item], str]:
    def start(key: Item) -> str:
        if key.keys() != {"pk", "sk"}:
            raise Invalid("The provided starting key is invalid")
        partition_, sk = key_of(key)
        if partition_ != pk:
            raise Invalid(
                "The provided starting key is outside query boundaries based on provided conditions"
            )
        return sk

    return start


def _check_start(wrap: Callable[[str], Any], after: Any, stretch: Range) -> None:
    low, high = stretch
    if (low is not None and after < wrap(low)) or (high is not None and after >= wrap(high)):
        raise Invalid("The provided starting key does not match the range key predicate")


def _bisect_after(places: Sequence[Any], after: Any, *, forward: bool) -> int:
    return bisect_right(places, after) if forward else bisect_left(places, after)


def partition_asked(plan: QueryPlan, values: Mapping[str, Any]) -> str:
    """The partition key that a query asks for. Raises Invalid."""
    return key_text(values[plan.partition])
