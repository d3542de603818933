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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import log
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.isolation_picture import Curve, picture
from farthing.clock import to_text
from farthing.ids import make_id
from farthing.store import NOT_CREATED, Put, TenantScope
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing.webhooks import gate
from farthing.webhooks.delivery import new_delivery
from farthing.webhooks.delivery_row import delivery_put
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.event import Event
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.keys import endpoint_key, feed_key
from farthing.webhooks.signature import make_secret
from farthing.webhooks.sqs import SqsQueue
from tests.simulation.aws.sqs import REGION_URL, Message, lambda_record
from tests.simulation.clients import NoAnswer
from tests.simulation.dice import Dice
from tests.simulation.faults import Faults
from tests.simulation.functions import Result
from tests.simulation.world import World

ENDPOINTS = 50
HEALTHY_PER_SECOND, DEAD_PER_SECOND = 2.0, 5.0
ANSWER_SECONDS = 0.2
WORKERS, BATCH = 50, 5
"""ScalingConfig and BatchSize of the function in template.yaml."""
RECEIVE_SECONDS = 0.02
"""From a message to the start of the function: the pollers wait at the queue."""
NO_LIMIT = 10**9
FUNCTION, QUEUE = "deliver_webhooks", "DeliveriesQueue"
TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")
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


@dataclass
class Receivers:
    """Fifty servers: the first one never answers."""

    world: World
    began: dict[str, float] = field(default_factory=dict)
    """Event → its first attempt."""
    wasted: int = 0
    in_flight: dict[str, int] = field(default_factory=dict)
    most_in_flight: int = 0

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.began.setdefault(headers["webhook-id"], self.world.scheduler.now)
        self.in_flight[url] = self.in_flight.get(url, 0) + 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight[url])
        try:
            if url == url_of(0):
                self.wasted += 1
                self.world.scheduler.sleep(14.9)
                raise NoAnswer
            self.world.scheduler.sleep(ANSWER_SECONDS)
        finally:
            self.in_flight[url] -= 1
        return 200


def url_of(number: int) -> str:
    """Where an endpoint is."""
    return f"https://{number}.example/hooks"


class Producer:
    """Puts events and their deliveries as `outbox` does, at random moments, on the average as many
    a second as said."""

    def __init__(self, world: World, seconds: float) -> None:
        self._world, self._dice = world, Dice(0, "arrivals")
        self._until = world.scheduler.now + seconds
        client = world.service("dynamodb")
        names = {name: name for name in world.stack.tables}
        self._store = DynamoStore(
            client, names, SystemScope(), world.scheduler.sleep, lambda: 0.5, lambda: "token"
        )
        self._queue = SqsQueue(world.service("sqs"), REGION_URL + QUEUE)
        self.created: dict[str, tuple[int, float]] = {}
        """Event → its endpoint and moment."""
        for number in range(ENDPOINTS):
            self._endpoint(number)
            self._next(number)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._world.scheduler.now, UTC)

    def _endpoint(self, number: int) -> None:
        endpoint = Endpoint(
            endpoint_id=self._id("we", number),
            url=url_of(number),
            event_types=("*",),
            description="",
            metadata={},
            created_at=to_text(self._now()),
            livemode=False,
            secret=make_secret(number.to_bytes(32, "big")),
        )
        key = endpoint_key(TENANT, endpoint.endpoint_id)
        self._store.write(Put(key, endpoint.item(), NOT_CREATED))

    def _next(self, number: int) -> None:
        rate = HEALTHY_PER_SECOND if number else DEAD_PER_SECOND
        at = self._world.scheduler.now + -log(1 - self._dice.between(0, 0.999999)) / rate
        if at < self._until:
            self._world.scheduler.at(at, lambda: self._event(number))

    def _event(self, number: int) -> None:
        now, count = self._now(), len(self.created) + 1
        event = Event(
            event_id=self._id("evt", count),
            type="payment_intent.succeeded",
            intent_id=self._id("pi", count),
            sequence=1,
            created_at=to_text(now),
            version=1,
            object={"intent_id": self._id("pi", count), "amount_cents": 1000},
        )
        placed = PlacedEvent(event, 0, count, to_text(now))
        delivery = new_delivery(TENANT, placed, self._id("we", number), now)
        row = {"entity": "feed_event", **event.attributes(), "feed_shard": 0, "position": count}
        self._store.write(Put(feed_key(TENANT, 0, count), row, NOT_CREATED))
        self._store.write(delivery_put(delivery))
        self._queue.send([delivery.message])
        self.created[event.event_id] = (number, self._world.scheduler.now)
        self._next(number)

    def _id(self, prefix: str, number: int) -> str:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        return make_id(prefix, start, number.to_bytes(10, "big"))


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
