"""Deliveries whose time has come, from the due index back into the queue.

Being taken moves a delivery on by some minutes; should its message be lost, it comes up again
then. One that is taken again and again, and never claimed, kills whoever looks at it: it waits
longer each time, and after a day it ends where the merchant sees it.
"""

from __future__ import annotations

from dataclasses import dataclass

from farthing.store import Item
from farthing.webhooks.delivery import EndReason
from farthing.webhooks.delivery_row import delivery_of, delivery_update
from farthing.webhooks.due import Run, due, rounds, still_due, take
from farthing.webhooks.keys import DUE_SHARDS, TABLE, due_pk
from farthing.webhooks.ports import DeliveryMessage, Queue

AGAIN_SECONDS = 5 * 60
TAKES_MAX = 24
"""With waits of 5, 10, 15, … minutes that is 25 hours: longer than a backlog of ours may be."""

SHARD_PAGE_ITEMS = 50
QUEUED_MAX = 2000
STOP_SECONDS = 10
"""With less than this left, the rest waits for the next minute."""


@dataclass(frozen=True)
class Services(Run):
    """Every merchant's deliveries, for one run."""

    exhausted: Queue


class RedeliveryIncomplete(Exception):
    """Some deliveries could not be queued, or were given up by a fault of ours."""


class GivenUp(Exception):
    """A delivery was taken up TAKES_MAX times and never claimed."""


def redeliver_due(services: Services) -> int:
    """Queue what is due, round by round over the shards. Returns how many were queued.

    Raises RedeliveryIncomplete, after all others, if some could not be.
    """
    queued = failed = 0

    def queue(pk: str) -> int:
        nonlocal queued, failed
        messages, taken = [], 0
        for row in due(services.store, TABLE, pk, services.now, SHARD_PAGE_ITEMS):
            try:
                if _taken(services, row):
                    taken += 1
                    messages.append(_message(row))
            except Exception as error:  # noqa: BLE001 - one row must not stop the others
                services.log_failure(error)
                failed += 1
        if messages:
            services.queue.send(messages)
        queued += len(messages)
        return taken

    rounds(
        map(due_pk, range(DUE_SHARDS)),
        queue,
        lambda _: queued >= QUEUED_MAX or services.seconds_left() < STOP_SECONDS,
    )
    if failed:
        raise RedeliveryIncomplete(f"{failed} beside {queued}")
    return queued


def _taken(services: Services, row: Item) -> bool:
    """Take the row. Raises GivenUp when it was taken too often before."""
    takes = row.get("takes", 0)
    if takes < TAKES_MAX:
        again_seconds = AGAIN_SECONDS * (takes + 1)
        return take(services.store, TABLE, row, services.now, again_seconds, takes=takes + 1)
    ended = delivery_of(row).ended(EndReason.NEVER_STARTED)
    services.exhausted.send([ended.copy_of_the_end])
    services.store.write(delivery_update(ended, still_due(row["due_at"])))
    raise GivenUp(row["sk"])


def _message(row: Item) -> DeliveryMessage:
    """Raises KeyError or ValueError for a row that no worker could read either."""
    return delivery_of(row).message
