"""Working at recoveries: the first page in the request, the others by the minute's tick."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from math import ceil

from farthing.store import ConditionFailed
from farthing.store.port import Store
from farthing.store.write import Write
from farthing.webhooks.delivery import Delivery, new_delivery
from farthing.webhooks.delivery_row import delivery_put, delivery_update, nobody_else_claimed
from farthing.webhooks.due import Run, due, take
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.keys import RECOVERIES_DUE_PK, TABLE, endpoint_key
from farthing.webhooks.missed import Missed, Range, missed_page
from farthing.webhooks.ports import Queue
from farthing.webhooks.recovery import Recovery, State

AGAIN_SECONDS = 30
"""When a recovery comes up again: with the next tick."""

RECOVERIES_MAX = 100
"""In one tick."""

STOP_SECONDS = 25
"""With less than this left, the rest waits for the next minute: deliveries that are due come
first."""


class RecoveriesIncomplete(Exception):
    """Some recoveries could not be worked at. They come up again; somebody should look."""


def recover_due(services: Run) -> int:
    """Work at the recoveries that are running. Returns how many events were given out.

    Raises RecoveriesIncomplete, after all others, if one could not be worked at.
    """
    recovered = failed = 0
    for row in due(services.store, TABLE, RECOVERIES_DUE_PK, services.now, RECOVERIES_MAX):
        if services.seconds_left() < STOP_SECONDS:
            break
        try:
            if take(services.store, TABLE, row, services.now, AGAIN_SECONDS):
                recovered += _minute(services, Recovery.of(row))
        except Exception as error:  # noqa: BLE001 - one merchant's must not stop the others
            services.log_failure(error)
            failed += 1
    if failed:
        raise RecoveriesIncomplete(f"{failed} failed")
    return recovered


def page(store: Store, queue: Queue, now: datetime, recovery: Recovery) -> Recovery | None:
    """Give out the next page's deliveries, or end the recovery where there is no more to do.

    Returns the recovery after it; None if somebody else took a step meanwhile, or a delivery did.
    """
    item = store.get(endpoint_key(recovery.tenant, recovery.endpoint_id))
    endpoint = Endpoint.of(item) if item else None
    if endpoint is None or not endpoint.enabled:
        return _stepped(store, recovery, recovery.ended(State.STOPPED, now))
    stretch = Range(recovery.after, recovery.before)
    found = missed_page(store, recovery.tenant, endpoint, stretch)
    slots = recovery.slots(len(found.missed), now)
    after = recovery.passed(found.last or recovery.after, found.looked_at, slots)
    if found.ends:
        after = after.ended(State.DONE, now)
    given_out = [
        _given_out(recovery, missed, slot, now)
        for missed, slot in zip(found.missed, slots, strict=True)
    ]
    if _stepped(store, recovery, after, [write for _, write in given_out]) is None:
        return None
    _queue(queue, [delivery for delivery, _ in given_out], slots, now)
    return after


def _minute(services: Run, recovery: Recovery) -> int:
    """Pages until the next tick has its turn. How many events were given out."""
    before, current = recovery.recovered, recovery
    while current.running and current.has_time(services.now):
        if services.seconds_left() < STOP_SECONDS:
            break
        after = page(services.store, services.queue, services.now, current)
        if after is None:
            break
        current = after
    return current.recovered - before


def _given_out(
    recovery: Recovery, missed: Missed, slot: datetime, now: datetime
) -> tuple[Delivery, Write]:
    """The delivery to be sent at `slot`, and its write."""
    if missed.delivery is not None:
        again = missed.delivery.resent(slot)
        return again, delivery_update(again, nobody_else_claimed(missed.delivery))
    made = new_delivery(recovery.tenant, missed.placed, recovery.endpoint_id, now).resent(slot)
    return made, delivery_put(made)


def _stepped(
    store: Store, before: Recovery, after: Recovery, deliveries: Sequence[Write] = ()
) -> Recovery | None:
    try:
        store.write(*deliveries, *before.step_to(after))
    except ConditionFailed:
        return None
    return after


def _queue(
    queue: Queue, deliveries: Sequence[Delivery], slots: Sequence[datetime], now: datetime
) -> None:
    """Each message waits in the queue for its slot. What the queue loses, the due index has."""
    waits = [max(0, ceil((slot - now).total_seconds())) for slot in slots]
    paired = zip(waits, deliveries, strict=True)
    for wait_seconds, group in groupby(paired, key=lambda pair: pair[0]):
        messages = [delivery.message for _, delivery in group]
        queue.send(messages, delay_seconds=wait_seconds)
