"""Events whose fan-out never happened, by the due index of the payments table.

The stream loses events: after its last retry, after a day's standstill, after a failure that no
retry heals. Each event waits in the index until somebody has fanned it out, so nothing is lost
with the stream but time.
"""

from __future__ import annotations

from farthing.payments.event import DUE_SHARDS, due_pk
from farthing.webhooks.due import Run, due, rounds, take
from farthing.webhooks.outbox import Outbox

AGAIN_SECONDS = 15 * 60
"""When an event comes up again that could not be published."""

SHARD_PAGE_ITEMS = 25
STOP_SECONDS = 10
"""With less than this left, the rest waits for the next minute."""


class SweepIncomplete(Exception):
    """Some events could not be published. They come up again; somebody should look."""


def sweep(services: Run) -> int:
    """Publish the events that wait longer than the stream may take. Returns how many.

    Raises SweepIncomplete, after all others, if some could not be published.
    """
    outbox = Outbox(services.store, services.queue, services.now)
    failed = 0

    def publish(pk: str) -> int:
        nonlocal failed
        taken = 0
        for row in due(services.store, "payments", pk, services.now, SHARD_PAGE_ITEMS):
            if services.seconds_left() < STOP_SECONDS:
                break
            try:
                if take(services.store, "payments", row, services.now, AGAIN_SECONDS):
                    taken += 1
                    outbox.publish(row)
            except Exception as error:  # noqa: BLE001 - one event must not stop the others
                services.log_failure(error)
                failed += 1
        return taken

    taken = rounds(
        map(due_pk, range(DUE_SHARDS)), publish, lambda _: services.seconds_left() < STOP_SECONDS
    )
    if failed:
        raise SweepIncomplete(f"{failed} of {taken} events")
    return taken
