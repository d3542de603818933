"""Rows of a due index: found by the index, taken by a condition on the row itself.

The index is read eventually consistent and decides nothing, so of two runs at once one takes the
row. Being taken moves it on; should the process die over it, it comes up again then, and behind
others: a row that nobody can work on holds up nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farthing.clock import later, to_text
from farthing.store import Condition, ConditionFailed, Item, Key, Update
from farthing.store.page import DUE
from farthing.store.port import Lists, Store, Writes
from farthing.webhooks.ports import Queue


@dataclass(frozen=True)
class Run:
    """What one run over every merchant's rows has at hand."""

    store: Store
    queue: Queue
    now: datetime
    seconds_left: Callable[[], float]
    log_failure: Callable[[Exception], None]


class DueStore(Lists, Writes, Protocol):
    """What is needed of a table with a due index."""


def still_due(due_at: str) -> Condition:
    """Nobody has taken, tried or ended it since the index showed it."""
    return Condition("STILL_DUE", "#due_at = :due_seen", {"due_seen": due_at})


def due(store: DueStore, table: str, pk: str, now: datetime, limit: int) -> list[Item]:
    """The rows of one shard whose time has come, the longest waiting first."""
    return store.query_index(table, DUE, pk, sk_before=to_text(now), limit=limit).items


def take(
    store: DueStore, table: str, row: Item, now: datetime, again_seconds: int, **also: int
) -> bool:
    """Take a row for `again_seconds`, unless somebody else did."""
    again: Item = {"due_at": later(now, seconds=again_seconds), **also}
    try:
        store.write(Update(Key(table, row["pk"], row["sk"]), still_due(row["due_at"]), set=again))
    except ConditionFailed:
        return False
    return True


def rounds(pks: Iterable[str], work: Callable[[str], int], enough: Callable[[int], bool]) -> int:
    """Go over the shards until a round takes nothing, or it is enough. Returns the sum taken."""
    shards, taken = list(pks), 0
    while True:
        before = taken
        for pk in shards:
            if enough(taken):
                return taken
            taken += work(pk)
        if taken == before:
            return taken
