"""SQS as Lambda reads it for a function: batches, each message deleted when it is done.

What a function reports as failed, or all, if it failed, stays in the queue and comes again when its
visibility is over, until it is a dead letter. Messages come in any order, late, or twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tests.simulation.aws.sqs import Message, lambda_record
from tests.simulation.faults import Fault
from tests.simulation.functions import Result
from tests.simulation.stack import QueueSource

if TYPE_CHECKING:
    from tests.simulation.world import World

POLL_SECONDS = (0.01, 0.5)
LATE_SECONDS = (1.0, 3600.0)


class QueueSources:
    """Every queue that a function reads."""

    def __init__(self, world: World, off: Collection[str] = ()) -> None:
        self._world = world
        self._pumps = {
            one.queue: Pump(world, one)
            for one in world.stack.queue_sources
            if one.function not in off
        }
        for pump in self._pumps.values():
            pump.arm()

    def sent(self, queue: str, message: Message) -> None:
        """A message was put into a queue."""
        pump = self._pumps.get(queue)
        if pump is None:
            return
        world, name = self._world, f"queue {queue}"
        if world.faults.strikes(Fault.MESSAGE_LATE):
            world.struck(name, Fault.MESSAGE_LATE)
            message.visible_at += world.faults.dice.spread(*LATE_SECONDS)
        if world.faults.strikes(Fault.MESSAGE_TWICE):
            world.struck(name, Fault.MESSAGE_TWICE)
            world.queues.duplicate(queue, message)
        pump.arm()


class Pump:
    """One event source: from a queue to a function."""

    def __init__(self, world: World, source: QueueSource) -> None:
        self._world, self._source = world, source
        self._armed_at: float | None = None

    def arm(self) -> None:
        """Read when the next message can be seen."""
        at = self._world.queues.next_visible_at(self._source.queue)
        if at is None or (self._armed_at is not None and self._armed_at <= at):
            return
        faults = self._world.faults
        wait = 0.05 if faults.fixed else faults.dice.between(*POLL_SECONDS)
        at = max(at, self._world.scheduler.now) + wait
        self._armed_at = at
        self._world.scheduler.at(at, lambda: self._read(at))

    def _read(self, at: float) -> None:
        if self._armed_at != at:
            return
        self._armed_at = None
        world, source, faults = self._world, self._source, self._world.faults
        size = source.batch_size if faults.fixed else 1 + faults.dice.below(source.batch_size)
        chosen = (lambda visible: visible) if faults.fixed else faults.dice.shuffled
        batch = world.queues.receive(source.queue, size, chosen)
        if batch:
            records = [lambda_record(source.queue, message) for message in batch]
            promise = world.functions.start(source.function, {"Records": records})
            promise.then(lambda result: self._ended(batch, result))
        self.arm()

    def _ended(self, batch: Sequence[Message], result: Result) -> None:
        world, queue = self._world, self._source.queue
        if not result.error:
            failures = (result.value or {}).get("batchItemFailures", [])
            failed = {one["itemIdentifier"] for one in failures}
            for message in batch:
                if message.message_id in failed:
                    continue
                if world.faults.strikes(Fault.MESSAGE_KEPT):
                    world.struck(f"queue {queue}", Fault.MESSAGE_KEPT)
                    continue
                world.queues.delete(queue, message.receipt)
        self.arm()
