"""Can one dead endpoint slow the others? `make bench WHAT=webhook_isolation`: the real sender.

Fifty endpoints. 49 of them get two events a second and answer in 0.2 s; one gets five a second and
never answers, so that each attempt waits for its timeout of 15 s. For ten minutes, by three rules:

    shared       workers take whatever comes next: no limit for an endpoint
    five         at most five attempts on their way to an endpoint, no breaker
    five+breaker what Farthing does

The handlers are the product's (`functions/deliver_webhooks`, `functions/redeliver_due`), on the
simulator's tables, queues and clock: Lambda's pollers start at most 50 of them at once, with five
messages each, as template.yaml says. SQS hands out the longest waiting messages first and is not
fair here, which AWS's queues would be beside this (docs/unproved.md).

What a healthy endpoint's event waits is from its event to the beginning of its first attempt.
`--svg FILE` draws it for docs/webhooks.md.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.isolation_load import QUEUE, Producer, Receivers
from bench.isolation_picture import Curve, picture
from farthing.webhooks import gate
from tests.simulation.aws.sqs import Message, lambda_record
from tests.simulation.faults import Faults
from tests.simulation.functions import Result
from tests.simulation.world import World

WORKERS, BATCH = 50, 5
"""ScalingConfig and BatchSize of the function in template.yaml."""
RECEIVE_SECONDS = 0.02
"""From a message to the start of the function: the pollers wait at the queue."""
NO_LIMIT = 10**9
FUNCTION = "deliver_webhooks"
RULES: Mapping[str, Mapping[str, int]] = {
    "shared": {"IN_FLIGHT_MAX": NO_LIMIT, "FAILURES_MAX": NO_LIMIT},
    "five": {"FAILURES_MAX": NO_LIMIT},
    "five+breaker": {},
}
"""What is changed of the gate's constants."""


class Pollers:
    """Lambda at the deliveries queue: as many batches at once as it may."""

    def __init__(self, world: World) -> None:
        self._world, self._running = world, 0
        world.queues.on_send.append(self._sent)

    def _sent(self, queue: str, message: Message) -> None:
        if queue == QUEUE:
            self._arm(message.visible_at)

    def _arm(self, at: float) -> None:
        scheduler = self._world.scheduler
        scheduler.at(max(at, scheduler.now) + RECEIVE_SECONDS, self._take)

    def _take(self) -> None:
        world = self._world
        while self._running < WORKERS:
            batch = world.queues.receive(QUEUE, BATCH, lambda visible: visible)
            if not batch:
                return
            self._running += 1
            records = [lambda_record(QUEUE, message) for message in batch]
            promise = world.functions.start(FUNCTION, {"Records": records})
            promise.then(lambda result, batch=batch: self._ended(batch, result))

    def _ended(self, batch: Sequence[Message], result: Result) -> None:
        if result.error or (result.value or {}).get("batchItemFailures"):
            raise AssertionError(f"the sender failed: {result}")
        for message in batch:
            self._world.queues.delete(QUEUE, message.receipt)
        self._running -= 1
        self._take()


@dataclass(frozen=True)
class Measured:
    """What came of a rule. `waits` are moment and wait of each healthy event, in seconds."""

    rule: str
    waits: Sequence[tuple[float, float]]
    wasted: int
    most_in_flight: int
    took: float

    def percentile(self, share: float) -> float:
        waits = sorted(wait for _, wait in self.waits)
        return waits[min(int(share * len(waits)), len(waits) - 1)]

    def row(self) -> str:
        found = [self.percentile(share) for share in (0.5, 0.99, 1.0)]
        texts = "".join(f"{seconds:>10.2f} s" for seconds in found)
        counts = f"{self.wasted:>8}{self.most_in_flight:>11}{self.took:>8.0f} s"
        return f"{self.rule:<14}{texts}{counts}"


WAITS = (("p50", 12), ("p99", 12), ("longest", 12))
COLUMNS = (*WAITS, ("wasted", 8), ("in flight", 11), ("took", 10))
HEAD = f"{'rule':<14}" + "".join(f"{name:>{width}}" for name, width in COLUMNS)


def measure(rule: str, seconds: float) -> Measured:
    """Ten minutes of events, and what it takes until the last healthy one is sent."""
    began = time.process_time()
    with ExitStack() as changed:
        for name, value in RULES[rule].items():
            changed.enter_context(patch.object(gate, name, value))
        world = changed.enter_context(
            World("isolation", faults=Faults(), off=(FUNCTION, "outbox"), steps_max=NO_LIMIT)
        )
        receivers = Receivers(world)
        world.receiver = receivers
        Pollers(world)
        start = world.scheduler.now
        producer = Producer(world, seconds)
        for _ in every_ten_seconds(world, start, seconds, producer, receivers):
            world.trace.rows.clear()
            world.calls.clear()
    waits = [
        (at - start, receivers.began[event_id] - at)
        for event_id, (number, at) in producer.created.items()
        if number
    ]
    took = time.process_time() - began
    return Measured(rule, waits, receivers.wasted, receivers.most_in_flight, took)


def every_ten_seconds(
    world: World, start: float, seconds: float, producer: Producer, receivers: Receivers
) -> Iterator[float]:
    """Until each healthy event was tried. Attempts at the dead one count for as long."""
    while True:
        world.run(seconds=10)
        at = world.scheduler.now - start
        if sys.stderr.isatty():
            print(f"\r{at:.0f} s, {len(receivers.began)} tried", end=" ", file=sys.stderr)
        yield at
        healthy = [event for event, (number, _) in producer.created.items() if number]
        if at >= seconds and all(event in receivers.began for event in healthy):
            return


def curve(measured: Measured, window_seconds: float = 10.0) -> Curve:
    """The 99th percentile of each window of arrivals."""
    windows: dict[int, list[float]] = {}
    for at, wait in measured.waits:
        windows.setdefault(int(at // window_seconds), []).append(wait)
    points = [
        ((window + 0.5) * window_seconds / 60, sorted(waits)[int(0.99 * len(waits))])
        for window, waits in sorted(windows.items())
    ]
    return Curve(measured.rule, f"{measured.wasted} attempts at the dead one", points)


def main(arguments: Sequence[str]) -> int:
    """Print a row a rule; fail if Farthing's own misses what it promises."""
    parser = argparse.ArgumentParser(prog="webhook_isolation", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of events")
    parser.add_argument("--rule", action="append", choices=list(RULES), help="these alone")
    parser.add_argument("--svg", type=Path, help="draw it here")
    given: Any = parser.parse_args(arguments)
    gc.freeze()
    print(HEAD)
    found = []
    for rule in given.rule or RULES:
        measured = measure(rule, given.minutes * 60)
        print(measured.row(), flush=True)
        found.append(measured)
    if given.svg:
        given.svg.write_text(picture([curve(one) for one in found], given.minutes))
    own = [one for one in found if one.rule == "five+breaker"]
    missed = [one for one in own if one.percentile(0.99) >= 1 or one.wasted >= 100]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
