"""What the sender of webhooks does in a second, and what it costs: `make bench WHAT=webhooks`.

    sender    deliveries a second and core: `deliver()` on the simulator's tables and queues, real
              HTTP to a receiver on loopback, beside a bare http.client POST of the same bodies
    cost      a million deliveries, from counted calls at public prices
    latency   event to first attempt, on a running `make dev` (--latency N payments)

Processor time is this process's alone; the receiver is another one. The simulator's tables are
not boto3, whose own time for a call (some tenths of a millisecond) is not in it.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from bench.webhook_latency import latency, shown
from bench.webhook_units import Counted, dollars_per_million
from farthing.clock import to_text
from farthing.ids import make_id
from farthing.store import NOT_CREATED, Key, Put, TenantScope
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from farthing.webhooks import deliver
from farthing.webhooks.endpoint import Endpoint, Payload
from farthing.webhooks.event import Event
from farthing.webhooks.http import HttpSender
from farthing.webhooks.keys import endpoint_key
from farthing.webhooks.outbox import Outbox
from farthing.webhooks.ports import DeliveryMessage
from farthing.webhooks.signature import make_secret
from farthing.webhooks.sqs import SqsQueue
from tests.simulation.aws.dynamo import Tables
from tests.simulation.aws.sqs import REGION_URL, Queues
from tests.support.template import resources
from tests.unit.webhooks.world import event_row

DELIVERIES, WARM = 2000, 100
QUEUES = ("deliveries", "exhausted")
TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")
INTENT = {
    "amount_cents": 1999,
    "currency": "eur",
    "customer_id": None,
    "status": "SUCCEEDED",
    "status_detail": None,
    "capture_method": "AUTOMATIC",
    "authorization": {
        "code": "FFYNLH",
        "network_reference": "EZWJPA2WVAFMHFD",
        "expires_at": "2026-12-03T15:01:29.615Z",
        "amount_cents": 1999,
    },
    "amount_capturable_cents": 0,
    "amount_captured_cents": 1999,
    "amount_refunded_cents": 0,
    "decline": None,
    "outcome": "APPROVED",
    "fraud": {"score": 0, "action": "ALLOW"},
    "created_at": "2026-11-26T15:01:29.559Z",
    "metadata": {"order": "1001"},
    "livemode": False,
}
"""About what an event of a card payment holds."""

FUNCTION_GB, BATCH = 1.0, 5
"""MemorySize, and BatchSize of deliver_webhooks, in template.yaml."""
CALL_MS, ANSWER_MS = 5.0, 200.0
"""Assumed, not measured: a call of DynamoDB or SQS, and a receiver's answer."""


class Receiver(BaseHTTPRequestHandler):
    """Says 204 to everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def serve(told: Connection) -> None:
    """Be the receiver, until ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    told.send(server.server_address[1])
    server.serve_forever()


@contextmanager
def receiver() -> Iterator[int]:
    """The port of a receiver in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=[theirs], daemon=True)
    process.start()
    try:
        yield int(ours.recv())
    finally:
        process.terminate()
        process.join()


class Wall:
    """The present."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Sending:
    """Ten endpoints of one merchant, and everything between an event row and its receiver."""

    def __init__(self, port: int) -> None:
        self._ids = 0
        tables = Tables(time.time)
        for name, table in resources("AWS::DynamoDB::Table").items():
            tables.create_declared(name, table["Properties"])
        queues = Queues(time.time)
        for name in QUEUES:
            queues.create_queue(name)
        self.client = Counted(tables, queues)
        names = {"webhooks": "WebhooksTable", "payments": "PaymentsTable"}
        self.store = DynamoStore(
            self.client, names, SystemScope(), time.sleep, lambda: 0.5, lambda: self._new_id("t")
        )
        self.urls = [f"http://127.0.0.1:{port}/{number}" for number in range(10)]
        self.tenants = [TenantScope(f"{TENANT.merchant_id[:-1]}{n}", "test") for n in range(10)]
        for number, (url, tenant) in enumerate(zip(self.urls, self.tenants, strict=True)):
            endpoint = Endpoint(
                endpoint_id=self._id("we", number),
                url=url,
                event_types=("*",),
                description="",
                metadata={},
                created_at=to_text(Wall().now()),
                livemode=False,
                secret=make_secret(bytes(31) + bytes([number])),
            )
            item = endpoint.item()
            self.store.write(Put(endpoint_key(tenant, endpoint.endpoint_id), item, NOT_CREATED))
        self.sender = HttpSender(allow_loopback=True)

    def _id(self, prefix: str, number: int) -> str:
        return make_id(prefix, Wall().now(), number.to_bytes(10, "big"))

    def _new_id(self, prefix: str) -> str:
        self._ids += 1
        return self._id(prefix, self._ids)

    def event(self, number: int) -> dict[str, Any]:
        """A row as a payment's transaction writes it."""
        row = event_row(number, 1, self.tenants[number % 10], "payment_intent.succeeded")
        row["object"] = {"intent_id": row["intent_id"], **INTENT}
        self.store.write(Put(Key("payments", row["pk"], row["sk"]), row, NOT_CREATED))
        return row

    def fan_out(self, row: dict[str, Any]) -> None:
        """What the outbox does with it."""
        Outbox(self.store, self._queue("deliveries"), Wall().now()).publish(row)

    def take(self) -> list[DeliveryMessage]:
        """The messages in the queue."""
        found = []
        while batch := self.client.queues.receive("deliveries", 10, lambda visible: visible):
            for message in batch:
                self.client.queues.delete("deliveries", message.receipt)
                found.append(DeliveryMessage.of(message.body))
        return found

    def deliver(self, message: DeliveryMessage) -> None:
        """One delivery, over HTTP."""
        services = deliver.Services(
            tenant=message.tenant,
            store=self.store,
            queue=self._queue("deliveries"),
            exhausted=self._queue("exhausted"),
            sender=self.sender,
            clock=Wall(),
            wall=Wall(),
            chance=lambda: 0.5,
            new_id=self._new_id,
            seconds_left=lambda: 30.0,
        )
        after = deliver.deliver(services, message)
        if after is None or after.status != "SUCCEEDED":
            raise AssertionError(f"not delivered: {after}")

    def _queue(self, name: str) -> SqsQueue:
        return SqsQueue(self.client, REGION_URL + name)


@dataclass(frozen=True)
class Sent:
    """What was measured of each delivery: seconds of processor, units, calls."""

    sender_seconds: float
    bare_seconds: float
    outbox: dict[str, float]
    delivery: dict[str, float]
    outbox_calls: dict[str, float]
    calls: dict[str, float]


def measured(count: int) -> Sent:
    """So many events, each to one endpoint, after some to warm up."""
    with receiver() as port:
        sending = Sending(port)
        rows = [sending.event(number) for number in range(WARM + count)]
        for row in rows[:WARM]:
            sending.fan_out(row)
        for message in sending.take():
            sending.deliver(message)
        sending.client.forget()
        for row in rows[WARM:]:
            sending.fan_out(row)
        outbox = _each(sending.client.units, count)
        outbox_calls = _each(sending.client.calls, count)
        messages = sending.take()
        sending.client.forget()
        began = time.process_time()
        for message in messages:
            sending.deliver(message)
        took = (time.process_time() - began) / count
        calls, units = _each(sending.client.calls, count), _each(sending.client.units, count)
        body = deliver.body_of(Event.of(rows[-1]), Payload.FULL)
        return Sent(took, bare(port, body, count), outbox, units, outbox_calls, calls)


def _each(counts: Any, count: int) -> dict[str, float]:
    return {name: number / count for name, number in counts.items()}


def bare(port: int, body: bytes, count: int) -> float:
    """Seconds of processor of a POST with nothing around it, on a connection of its own."""
    began = time.process_time()
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        connection.request("POST", "/", body, {"content-type": "application/json"})
        connection.getresponse().read()
        connection.close()
    return (time.process_time() - began) / count


def costs(sent: Sent, batch: int) -> dict[str, float]:
    """Dollars for a million deliveries of events that have one endpoint, with `batch` messages at
    once: they are sent side by side, so a batch takes as long as one."""
    outbox_ms = sum(sent.outbox_calls.values()) * CALL_MS
    delivery_ms = sum(sent.calls.values()) * CALL_MS + ANSWER_MS + sent.sender_seconds * 1000
    total: dict[str, float] = {}
    for units in (sent.outbox, sent.delivery):
        for name, number in units.items():
            total[name] = total.get(name, 0.0) + number
    total["SQS requests"] = total.get("SQS requests", 0.0) + 2 / batch  # receive, delete
    total["Lambda requests"] = 2 / batch
    total["Lambda GB-ms"] = FUNCTION_GB * (outbox_ms + delivery_ms / batch)
    return dollars_per_million(total)


def main(arguments: Sequence[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="bench.webhooks")
    parser.add_argument("--deliveries", type=int, default=DELIVERIES)
    parser.add_argument("--latency", type=int, default=0, help="payments on a running `make dev`")
    given = parser.parse_args(arguments)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"{day}, Python {platform.python_version()}, {os.cpu_count()} cores, load ", end="")
    print(f"{os.getloadavg()[0]:.1f}")
    sent = measured(given.deliveries)
    print(f"sender: {1 / sent.sender_seconds:.0f} deliveries a second and core", end=" ")
    print(f"({sent.sender_seconds * 1e3:.2f} ms of processor), a bare POST ", end="")
    print(f"{sent.bare_seconds * 1e3:.2f} ms: {sent.sender_seconds / sent.bare_seconds:.1f} times")
    for name, units in (("outbox", sent.outbox), ("delivery", sent.delivery)):
        print(f"{name}: " + ", ".join(f"{number:.2f} {unit}" for unit, number in units.items()))
    for name, calls in (("outbox", sent.outbox_calls), ("delivery", sent.calls)):
        print(f"{name}: " + ", ".join(f"{number:.2f} {call}" for call, number in calls.items()))
    for batch in (1, BATCH):
        parts = costs(sent, batch)
        words = ", ".join(f"{name} {dollars:.2f}" for name, dollars in parts.items())
        print(f"a million deliveries, {batch} at once: ${sum(parts.values()):.2f} ({words})")
    if given.latency:
        print(shown(latency(given.latency), 2 * given.latency))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
