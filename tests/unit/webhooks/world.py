"""What the tests of webhooks stand on: event rows, stream records, a sender that obeys, a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from farthing import runtime
from farthing.clock import later, to_text
from farthing.ids import make_id, shard_of
from farthing.payments.event import DUE_SHARDS, STREAM_SECONDS, due_pk
from farthing.store import NOT_CREATED, Item, Key, Put, TenantScope
from farthing.store.item import item_from_wire, item_to_wire
from farthing.store.table import DynamoStore
from farthing.webhooks import deliver as attempts
from farthing.webhooks import endpoints, news
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.notices import Notice
from farthing.webhooks.outbox import Outbox
from farthing.webhooks.ports import Answer, DeliveryMessage, SendError
from tests.support.lambdas import MERCHANT

TENANT = TenantScope(MERCHANT, "test")
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TYPES = ("payment_intent.created", "payment_intent.succeeded", "refund.succeeded", "refund.failed")
URL = "https://hooks.example.com/farthing"


def an_id(prefix: str, number: int) -> str:
    """The same id for the same number, later for a greater one."""
    return make_id(prefix, START + timedelta(seconds=number), number.to_bytes(10, "big"))


def event_row(
    intent: int, sequence: int, tenant: TenantScope = TENANT, type_: str | None = None
) -> Item:
    """An event as the payments table holds it."""
    intent_id = an_id("pi", intent)
    number = intent * 100 + sequence
    created = START + timedelta(seconds=number)
    return {
        "pk": tenant.pk("PI", intent_id),
        "sk": f"EVT#{sequence:08d}",
        "entity": "event",
        "schema_version": 1,
        "event_id": an_id("evt", number),
        "type": type_ or TYPES[(sequence - 1) % len(TYPES)],
        "intent_id": intent_id,
        "sequence": sequence,
        "version": sequence,
        "created_at": to_text(created),
        "due_pk": due_pk(shard_of(an_id("evt", number), DUE_SHARDS)),
        "due_at": later(created, seconds=STREAM_SECONDS),
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
        "object": {"intent_id": intent_id, "amount_cents": 100 * sequence, "nested": {"a": None}},
    }


def write_events(rows: Iterable[Item]) -> None:
    """Put event rows where Tx-1 and Tx-2 put them."""
    for row in rows:
        key = Key("payments", row["pk"], row["sk"])
        runtime.system_store().write(Put(key, row, NOT_CREATED))


def stream_record(row: Item, number: int = 1) -> dict[str, Any]:
    """The record that Lambda hands over for an inserted row."""
    wire = item_to_wire(row)
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "Keys": {"pk": wire["pk"], "sk": wire["sk"]},
            "NewImage": wire,
            "SequenceNumber": f"{number:021d}",
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/payments/stream/1",
    }


@dataclass
class MemoryQueue:
    """Holds what was sent, with its delay."""

    sent: list[tuple[DeliveryMessage, int]] = field(default_factory=list)

    def send(self, messages: Sequence[DeliveryMessage], *, delay_seconds: int = 0) -> None:
        self.sent += [(message, delay_seconds) for message in messages]

    def take(self) -> list[DeliveryMessage]:
        """What was sent since the last time."""
        taken, self.sent = [message for message, _ in self.sent], []
        return taken


@dataclass
class ScriptedSender:
    """Answers with the statuses of its script in turn, then with 200."""

    script: list[int | SendError] = field(default_factory=list)
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    instead: Callable[[str, Any, bytes], Answer] | None = None

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.posts.append((url, dict(headers), body))
        if self.instead is not None:
            return self.instead(url, headers, body)
        says = self.script.pop(0) if self.script else 200
        if isinstance(says, SendError):
            return Answer(None, says, 7)
        return Answer(says, None, 7)


@dataclass
class HandClock:
    """Stands still until it is moved."""

    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class MemoryNotices:
    """Holds what was told."""

    published: list[Notice] = field(default_factory=list)

    def publish(self, notice: Notice) -> None:
        self.published.append(notice)


@dataclass
class World:
    """One merchant's webhooks, with real code over moto, and nothing real outside."""

    tenant: TenantScope = TENANT
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    notices: MemoryNotices = field(default_factory=MemoryNotices)
    exhausted: MemoryQueue = field(default_factory=MemoryQueue)
    sender: ScriptedSender = field(default_factory=ScriptedSender)
    clock: HandClock = field(default_factory=HandClock)
    wall: HandClock = field(default_factory=HandClock)
    made: int = 0

    @property
    def store(self) -> DynamoStore:
        return runtime.store(self.tenant)

    def endpoint_services(self) -> endpoints.Services:
        return endpoints.Services(
            tenant=self.tenant,
            store=self.store,
            now=self.clock.now(),
            new_id=self._new_id,
            entropy=lambda size: self.made.to_bytes(size, "big"),
            allow_loopback=False,
            queue=self.queue,
            log_failure=raise_it,
        )

    def _new_id(self, prefix: str) -> str:
        self.made += 1
        return an_id(prefix, self.made)

    def endpoint(self, *event_types: str, url: str = URL) -> Endpoint:
        """A new endpoint, for all events unless said otherwise."""
        return endpoints.create(
            self.endpoint_services(), url=url, event_types=list(event_types or ("*",))
        )

    def news_services(self, client: Any = None) -> news.Services:
        """For one tick that tells what is new of endpoints."""
        store = runtime.system_store()
        if client is not None:
            store = replace(store, client=client, sleep=lambda _: None)
        return news.Services(
            store, self.queue, self.clock.now(), lambda: 30, raise_it, self.notices
        )

    def outbox(self, client: Any = None) -> Outbox:
        """The outbox of a new batch."""
        store = runtime.system_store()
        if client is not None:
            store = replace(store, client=client, sleep=lambda _: None)
        return Outbox(store, self.queue, self.clock.now())

    def deliver(self, message: DeliveryMessage) -> Any:
        return attempts.deliver(self.deliver_services(), message)

    def deliver_services(self, client: Any = None, seconds_left: float = 30) -> attempts.Services:
        store = self.store
        if client is not None:
            store = replace(store, client=client, sleep=lambda _: None)
        return attempts.Services(
            tenant=self.tenant,
            store=store,
            queue=self.queue,
            exhausted=self.exhausted,
            sender=self.sender,
            clock=self.clock,
            wall=self.wall,
            chance=lambda: 0.5,
            new_id=runtime.new_id,
            seconds_left=lambda: seconds_left,
        )

    def publish(self, *rows: Item) -> list[DeliveryMessage]:
        """Write the events, let the outbox see them, and take what it queued."""
        write_events(rows)
        outbox = self.outbox()
        for row in rows:
            outbox.publish(row)
        return self.queue.take()


def rows_of(entity: str) -> list[Item]:
    """Every row of one kind in the webhooks table."""
    answer = boto3.client("dynamodb").scan(TableName="WebhooksTable")
    items = [item_from_wire(wire) for wire in answer["Items"]]
    return [item for item in items if item["entity"] == entity]


def raise_it(error: Exception) -> None:
    """For `log_failure`: a test wants to see it."""
    raise error


def waiting_events() -> list[str]:
    """The events that are still in the due index of the payments table."""
    answer = boto3.client("dynamodb").scan(TableName="PaymentsTable")
    items = [item_from_wire(wire) for wire in answer["Items"]]
    return [item["event_id"] for item in items if item["entity"] == "event" and "due_pk" in item]


class LockedClient:
    """A client whose calls do not overlap: moto is not atomic between threads, DynamoDB is."""

    def __init__(self, client: Any, lock: Any) -> None:
        self._client, self._lock = client, lock

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)

        def locked(**arguments: Any) -> Any:
            with self._lock:
                return call(**arguments)

        return locked


class Crash(BaseException):
    """The process dies."""


@dataclass
class Doom:
    """Says at which outside calls the process dies: before the call, or after it."""

    calls: dict[int, str]
    made: int = 0

    def around(self, call: Any) -> Any:
        fate = self.calls.get(self.made)
        self.made += 1
        if fate == "before":
            raise Crash
        answer = call()
        if fate == "after":
            raise Crash
        return answer


class DoomedClient:
    """A client of a process that dies at some calls."""

    def __init__(self, client: Any, doom: Doom) -> None:
        self._client, self._doom = client, doom

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._client, name)
        return lambda **arguments: self._doom.around(lambda: call(**arguments))


@dataclass
class DoomedQueue:
    """A queue of a process that dies at some calls."""

    queue: MemoryQueue
    doom: Doom

    def send(self, messages: Sequence[DeliveryMessage], *, delay_seconds: int = 0) -> None:
        self.doom.around(lambda: self.queue.send(messages, delay_seconds=delay_seconds))
