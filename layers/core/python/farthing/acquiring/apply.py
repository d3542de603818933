"""Applying what acquirers told: one item, by one worker at a time, until it is marked.

    worker A   claim ──── apply ──── mark
    worker B        ╳ in other hands     ╳ applied

What names something that we do not have waits, and comes back by itself: after the last wait it
fails, so that its message ends as a dead letter. What fails otherwise comes again by the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farthing.acquiring.inbound import NotYet
from farthing.acquiring.inbox import ItemAddress, Kept, Turn, applied, step
from farthing.acquiring.receive import Queue
from farthing.store import ConditionFailed
from farthing.store.port import Gets, Writes
from farthing.store.write import Update

QUEUE_DELAY_SECONDS_MAX = 900
"""What SQS can wait. Longer waits are the due index's alone."""


class Inbox(Gets, Writes, Protocol):
    """What is needed of the inbox's table."""


@dataclass(frozen=True)
class Services:
    """What applying one item needs."""

    store: Inbox
    queue: Queue
    now: Callable[[], datetime]


class InOtherHands(Exception):
    """Another worker has the item, or had it and did not live to mark it. The queue brings it
    again."""


def apply(address: ItemAddress, services: Services, work: Callable[[Kept], None]) -> Turn | None:
    """Have `work` done for an item, if it is its time and nobody else does it.

    Returns what there was to do; None if there is no such item any more. Raises what `work` raises,
    InOtherHands, and NotYet once it has waited for what it names as long as it may.
    """
    row = services.store.get(address.key)
    if row is None:
        return None
    kept = Kept.from_item(row)
    turn = kept.turn(services.now())
    if turn is Turn.IN_OTHER_HANDS:
        raise InOtherHands(str(address))
    if turn is not Turn.READY:
        return turn
    claimed = kept.claimed(services.now())
    _write(services, step(kept, claimed), address)
    try:
        work(claimed)
    except NotYet:
        if not _waits(claimed, services):
            raise
        return Turn.WAITING
    _write(services, applied(claimed, services.now()), address)
    return Turn.READY


def _waits(claimed: Kept, services: Services) -> bool:
    """Put an item back, to be tried again at its time; False if it has waited often enough."""
    after = claimed.waiting(services.now())
    if after is None:
        return False
    _write(services, step(claimed, after), claimed.address)
    delay_seconds = after.seconds_to_wait(services.now())
    if delay_seconds <= QUEUE_DELAY_SECONDS_MAX:
        services.queue.send(claimed.address, delay_seconds)
    return True


def _write(services: Services, update: Update, address: ItemAddress) -> None:
    try:
        services.store.write(update)
    except ConditionFailed as lost:
        raise InOtherHands(str(address)) from lost
