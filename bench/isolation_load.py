"""The world of webhook_isolation.py: fifty servers, of which one is dead, and their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import log

from farthing.clock import to_text
from farthing.ids import make_id
from farthing.store import NOT_CREATED, Put, TenantScope
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing.webhooks.delivery import new_delivery
from farthing.webhooks.delivery_row import delivery_put
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.event import Event
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.keys import endpoint_key, feed_key
from farthing.webhooks.signature import make_secret
from farthing.webhooks.sqs import SqsQueue
from tests.simulation.aws.sqs import REGION_URL
from tests.simulation.clients import NoAnswer
from tests.simulation.dice import Dice
from tests.simulation.world import World

ENDPOINTS = 50
HEALTHY_PER_SECOND, DEAD_PER_SECOND = 2.0, 5.0
ANSWER_SECONDS = 0.2
QUEUE = "DeliveriesQueue"
TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")


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
