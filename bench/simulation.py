"""How fast is the simulator? `make bench`: against the same payment on moto, in the same run.

Both create and confirm a payment with a token, charge it, take its event out of the stream, fan it
out to two endpoints and deliver it, through the same handlers. The simulated one then also lives
through eight days, with every invariant checked, and through the faults of its seed.

Everything is measured in seconds of processor time, on one core, tokens not counted.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.webhooks.ports import Answer
from tests.simulation import logs
from tests.simulation.faults import Faults
from tests.simulation.receiver import Manners
from tests.simulation.run import begin, declared, prepared
from tests.simulation.scenarios import GOLDEN
from tests.support.aws import fake_aws
from tests.support.lambdas import Context, call, load
from tests.support.stack import Stack, start
from tests.support.stream import new_events

SCHEDULES = 1500
PAYMENTS_ON_MOTO = 20
"""Few: moto takes the longer for each the more there are."""
WARM = 20
ENDPOINTS = ("https://a.example/all", "https://a.example/more")


@dataclass(frozen=True)
class Measured:
    """So many schedules took so long; `calls` are call points."""

    what: str
    schedules: int
    seconds: float
    calls: int

    @property
    def rate(self) -> float:
        return self.schedules / self.seconds

    def row(self) -> str:
        each = self.calls / self.schedules
        point = 1e6 * self.seconds / self.calls if self.calls else 0.0
        calls = f"{each:>12.0f}{point:>12.1f}" if self.calls else f"{'':>24}"
        return f"{self.what:<44}{self.rate:>14.1f}{calls}"


# --- simulated ---------------------------------------------------------------------------------


def simulated(what: str, schedules: int, **arguments: Callable[[], Any]) -> Measured:
    """The seeds from 0 on. `arguments` make anew what `begin` is told."""
    prepared()
    for seed in range(WARM):
        _one(seed, arguments)
    gc.collect()
    gc.freeze()
    began, calls = time.process_time(), 0
    for seed in range(schedules):
        calls += _one(seed, arguments)
    return Measured(what, schedules, time.process_time() - began, calls)


def _one(seed: int, arguments: dict[str, Callable[[], Any]]) -> int:
    run = begin(seed, **{name: make() for name, make in arguments.items()})
    with run.world:
        run.play()
    return len(run.world.calls)


def simulated_alone(schedules: int) -> Measured:
    """What is done on moto and nothing else: no faults, no days after it, nothing at rest."""
    began, calls = time.process_time(), 0
    for seed in range(schedules):
        run = begin(seed, faults=Faults(), scenario=GOLDEN["charge"], **_good())
        with run.world:
            run.world.spawn("merchant", partial(run.scenario.run, run.stage))
            run.world.run(seconds=60)
        assert run.receiver.told
        calls += len(run.world.calls)
    seconds = time.process_time() - began
    return Measured("a charge, its webhooks, and nothing else", schedules, seconds, calls)


def _good() -> dict[str, Any]:
    """An acquirer and receivers that behave."""
    return {"behaviour": declared(idempotent=True), "manners": Manners(), "searched": False}


# --- on moto -----------------------------------------------------------------------------------


class Line:
    """What a receiver says to a delivery, in no time."""

    def post(self, url: str, headers: Any, body: bytes) -> Answer:
        return Answer(200, None, 1)


def on_moto(payments: int) -> Measured:
    """The same payment, with the AWS that unit tests use."""
    logs.install()
    with pytest.MonkeyPatch.context() as patch, fake_aws(patch):
        stack = start(patch)
        queue = boto3.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
        patch.setenv("DELIVERIES_QUEUE_URL", queue)
        patch.setattr(runtime.platform(), "webhook_sender", lambda **_: Line())
        for url in ENDPOINTS:
            body = {"url": url, "event_types": ["*"]}
            answer = call("webhook_endpoints", "POST", "/v1/webhook_endpoints", body)
            assert answer.status == 201, answer.text
        stream, seen = new_events(), set[str]()
        tokens = [stack.token() for _ in range(payments + 2)]
        for token in tokens[:2]:
            _pay(stack, token, queue, stream, seen)
        began = time.process_time()
        for token in tokens[2:]:
            _pay(stack, token, queue, stream, seen)
        return Measured("the same on moto", payments, time.process_time() - began, 0)


def _pay(stack: Stack, token: str, queue: str, stream: Callable[[], Any], seen: set[str]) -> None:
    """One payment, from the request to the last delivery."""
    paid = stack.pay(1000, token=token)
    assert (paid.status, paid.body["status"]) == (201, "SUCCEEDED"), paid.text
    load("outbox").handler({"Records": stream()}, Context())
    delivered = 0
    sqs = boto3.client("sqs")
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        records = [{"messageId": one["MessageId"], "body": one["Body"]} for one in messages]
        failed = load("deliver_webhooks").handler({"Records": records}, Context())
        assert failed == {"batchItemFailures": []}
        for one in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        delivered += len(messages)
    assert delivered == len(ENDPOINTS) * 2, delivered  # created, succeeded


# --- both ----------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.simulation")
    parser.add_argument("--schedules", type=int, default=SCHEDULES)
    parser.add_argument("--payments", type=int, default=PAYMENTS_ON_MOTO)
    given = parser.parse_args(arguments)
    charge = {"scenario": lambda: GOLDEN["charge"]}
    moto = on_moto(given.payments)
    rows = [
        simulated("a charge, with faults", given.schedules, **charge),
        simulated("whatever a seed draws, with faults", given.schedules // 3),
        alone := simulated_alone(given.schedules),
        moto,
    ]
    day = datetime.now(UTC).date().isoformat()
    print(f"{day}, Python {platform.python_version()}, {os.cpu_count()} cores, load ", end="")
    print(f"{os.getloadavg()[0]:.1f}")
    print(f"{'':<44}{'per s and core':>14}{'call points':>12}{'µs a point':>12}")
    for row in rows:
        print(row.row())
    print(f"the same work: {alone.rate / moto.rate:.0f} times as fast as on moto; ", end="")
    print(f"with faults, eight days and invariants: {rows[0].rate / moto.rate:.0f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
