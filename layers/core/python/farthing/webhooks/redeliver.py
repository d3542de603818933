"""Deliveries whose time has come, from the due index back into the queue.

The index is read eventually consistent and decides nothing: a row is taken by a condition on the
row itself, so two runs at once queue it once. Being taken moves it on by some minutes; should its
message be lost, it comes up again then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from farthing.clock import later, to_text
from farthing.store import Condition, ConditionFailed, Item, Update
from farthing.store.page import DUE
from farthing.store.port import Store
from farthing.webhooks.delivery import Delivery
from farthing.webhooks.delivery_row import delivery_of
from farthing.webhooks.keys import DUE_SHARDS, TABLE, delivery_key, due_pk
from farthing.webhooks.ports import DeliveryMessage, Queue

AGAIN_SECONDS = 5 * 60
SHARD_PAGE_ITEMS = 50
QUEUED_MAX = 2000
STOP_SECONDS = 10
"""With less than this left, the rest waits for the next minute."""


@dataclass(frozen=True)
class Services:
    """Every merchant's deliveries, for one run."""

    store: Store
    queue: Queue
    now: datetime
    seconds_left: Callable[[], float]


def redeliver_due(services: Services) -> int:
    """Queue what is due, round by round over the shards. Returns how many were queued."""
    queued = 0
    while True:
        before = queued
        for shard in range(DUE_SHARDS):
            if queued >= QUEUED_MAX or services.seconds_left() < STOP_SECONDS:
                return queued
            taken = _take(services, shard)
            if taken:
                services.queue.send(taken)
            queued += len(taken)
        if queued == before:
            return queued


def _take(services: Services, shard: int) -> list[DeliveryMessage]:
    page = services.store.query_index(
        TABLE, DUE, due_pk(shard), sk_before=to_text(services.now), limit=SHARD_PAGE_ITEMS
    )
    deliveries = [delivery_of(item) for item in page.items]
    return [one.message for one in deliveries if _taken(services, one)]


def _taken(services: Services, delivery: Delivery) -> bool:
    again: Item = {"due_at": later(services.now, seconds=AGAIN_SECONDS)}
    key = delivery_key(delivery.tenant, delivery.delivery_id)
    try:
        services.store.write(Update(key, still_due(delivery), set=again))
    except ConditionFailed:
        return False
    return True


def still_due(delivery: Delivery) -> Condition:
    """Nobody has taken, tried or ended it since the index showed it."""
    return Condition("STILL_DUE", "#due_at = :due_seen", {"due_seen": delivery.due_at})
