"""Items whose wait is over, from the due index back into the queue.

A message is sent first and the row leaves the index then: to die in between costs a second message,
of which one finds the item in other hands or applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from farthing.acquiring.inbox import DUE_SHARDS, TABLE, ItemAddress, due_pk
from farthing.acquiring.receive import Queue
from farthing.store import ConditionFailed, Item, Key, Update
from farthing.webhooks.due import DueStore, due, rounds, still_due

SHARD_PAGE_ITEMS = 50
QUEUED_MAX = 500
STOP_SECONDS = 5
"""With less than this left, the rest waits for the next minute."""


@dataclass(frozen=True)
class Services:
    """Everybody's items, for one run."""

    store: DueStore
    queue: Queue
    now: datetime
    seconds_left: Callable[[], float]


def queue_due(services: Services) -> int:
    """Queue what is due, round by round over the shards. Returns how many were queued."""

    def queue(pk: str) -> int:
        rows = due(services.store, TABLE, pk, services.now, SHARD_PAGE_ITEMS)
        return sum(_queued(row, services) for row in rows)

    return rounds(
        map(due_pk, range(DUE_SHARDS)),
        queue,
        lambda queued: queued >= QUEUED_MAX or services.seconds_left() < STOP_SECONDS,
    )


def _queued(row: Item, services: Services) -> bool:
    services.queue.send(ItemAddress(row["acquirer"], row["account"], row["name"]))
    carried = Update(
        Key(TABLE, row["pk"], row["sk"]),
        still_due(row["due_at"]),
        remove=["due_pk", "due_at", "try_at"],
    )
    try:
        services.store.write(carried)
    except ConditionFailed:
        return False  # a worker has it, or another run
    return True
