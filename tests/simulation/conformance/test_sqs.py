"""The fake SQS against moto's and MiniStack's: random sends, receives, deletes and waits.

What a receive brings is compared as a set: a standard queue has no order. Waits are real on the
others, so they are few, and as long as the queue's visibility time and delays, which are a second.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.simulation.conformance.backends import Backend, outcome

STEPS = 60
WAIT_SECONDS = 1.2
MESSAGES_MAX = 6
ATTRIBUTES = ["ApproximateReceiveCount"]
BODIES = ("a", "b", '{"operation": "mer_1/test/pi_1/op_1"}', "é 😀", "x" * 2000)


class Both:
    """Two backends with the same queues, and which receipts each gave for a message's body."""

    def __init__(self, backends: tuple[Backend, ...], name: str) -> None:
        self.backends = backends
        self.urls: dict[str, dict[str, str]] = {}
        for backend in backends:
            dead = backend.create_queue(f"{name}-dead")
            work = backend.create_queue(f"{name}-work", dead_letters=f"{name}-dead")
            self.urls[backend.name] = {"dead": dead, "work": work}
        self.receipts: dict[str, dict[str, str]] = {backend.name: {} for backend in backends}
        """By body: bodies are unique, message ids are not the same on both sides."""

    def call(self, queue: str, method: str, **arguments: Any) -> list[Any]:
        """What a call comes to on each side, without ids."""
        return [self._call(backend, queue, method, arguments) for backend in self.backends]

    def _call(self, backend: Backend, queue: str, method: str, arguments: dict[str, Any]) -> Any:
        url = self.urls[backend.name][queue]
        if "body" in arguments:
            receipt = self.receipts[backend.name][arguments["body"]]
            given = {name: value for name, value in arguments.items() if name != "body"}
            arguments = {**given, "ReceiptHandle": receipt}
        status, told, *_ = outcome(backend.sqs, method, {"QueueUrl": url, **arguments})
        if status != "ok":
            return status, told
        for message in told.get("Messages", []):
            self.receipts[backend.name][message["Body"]] = message["ReceiptHandle"]
        return status, _without_ids(told)

    def sleep(self, seconds: float) -> None:
        """Let time pass on both sides."""
        for backend in self.backends:
            backend.sleep(seconds)


def _without_ids(told: dict[str, Any]) -> dict[str, Any]:
    messages = [
        (one["Body"], one["MD5OfBody"], one["Attributes"]["ApproximateReceiveCount"])
        for one in told.get("Messages", [])
    ]
    sent = [(one["Id"], one["MD5OfMessageBody"]) for one in told.get("Successful", [])]
    failed = [(one["Id"], one["Code"], one["SenderFault"]) for one in told.get("Failed", [])]
    md5 = told.get("MD5OfMessageBody")
    return {"messages": sorted(messages), "sent": sent, "failed": failed, "md5": md5}


class Steps:
    """Random calls on both sides. Each gives the two answers, or nothing if there is none to do."""

    def __init__(self, seed: int, both: Both) -> None:
        self.dice, self.both = Random(seed), both
        self.number = 0
        self.received: list[str] = []
        """The bodies that the last receive brought, which may be deleted or given back."""

    def next(self) -> list[Any]:
        """Any step."""
        self.number += 1
        steps = (self.send, self.batch, self.receive, self.bury, self.delete, self.again, self.wait)
        answers: list[Any] = self.dice.choices(steps, (3, 2, 5, 1, 4, 1, 1))[0]()
        return answers

    def send(self) -> list[Any]:
        return self.both.call(
            "work", "send_message", MessageBody=self._body(), DelaySeconds=self._delay()
        )

    def batch(self) -> list[Any]:
        entries = [
            {"Id": f"{n}", "MessageBody": self._body(n), "DelaySeconds": self._delay()}
            for n in range(self.dice.randint(1, 4))
        ]
        return self.both.call("work", "send_message_batch", Entries=entries)

    def receive(self) -> list[Any]:
        answers = self._receive("work")
        self.received = [body for body, *_ in answers[0][1]["messages"]]
        return answers

    def bury(self) -> list[Any]:
        """A receive from the dead letters, whose receipts are good for nothing else."""
        self.received.clear()
        return self._receive("dead")

    def delete(self) -> list[Any]:
        if not self.received:
            return []
        return self.both.call("work", "delete_message", body=self.received.pop())

    def again(self) -> list[Any]:
        if not self.received:
            return []
        return self.both.call(
            "work", "change_message_visibility", body=self.received.pop(), VisibilityTimeout=0
        )

    def wait(self) -> list[Any]:
        self.received.clear()
        self.both.sleep(WAIT_SECONDS)
        return []

    def drain(self) -> None:
        """Keep fewer messages than one receive may bring, of which any may come."""
        ours = self.both.backends[0]
        name = self.both.urls[ours.name]["work"].rsplit("/", 1)[-1]
        if len(ours.sqs.messages(name)) <= MESSAGES_MAX:
            return
        self.wait()
        for _ in range(3):
            answers = self._receive("work")
            assert answers[0] == answers[1]
            for body, *_ in answers[0][1]["messages"]:
                self.both.call("work", "delete_message", body=body)

    def _receive(self, queue: str) -> list[Any]:
        """All that is visible, so that both sides bring the same."""
        return self.both.call(
            queue,
            "receive_message",
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=ATTRIBUTES,
        )

    def _body(self, n: int = 0) -> str:
        return f"{self.number}.{n} {self.dice.choice(BODIES)}"

    def _delay(self) -> int:
        return self.dice.choice((0, 0, 0, 1))


def compare(ours: Backend, theirs: Backend, seed: int, name: str) -> None:
    """Run a seed's calls on both."""
    steps = Steps(seed, Both((ours, theirs), name))
    for _ in range(STEPS):
        answers = steps.next()
        assert not answers or answers[0] == answers[1], f"seed {seed}, step {steps.number}"
        steps.drain()


@pytest.mark.parametrize("seed", range(1))
def test_moto_answers_the_same(seed: int, ours: Backend, on_moto: Backend, name: str) -> None:
    compare(ours, on_moto, seed, name)


@pytest.mark.stack
@pytest.mark.parametrize("seed", range(1, 3))
def test_ministack_answers_the_same(
    seed: int, ours: Backend, on_ministack: Backend, name: str
) -> None:
    compare(ours, on_ministack, seed, name)


REFUSED: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    (
        "a delay above 15 minutes",
        "send_message",
        {"MessageBody": "a", "DelaySeconds": 901},
        "InvalidParameterValue",
    ),
    ("an empty message", "send_message", {"MessageBody": ""}, "MissingParameter"),
    (
        "a message above 1 MiB",
        "send_message",
        {"MessageBody": "x" * (1024 * 1024 + 1)},
        "InvalidParameterValue",
    ),
    (
        "an empty batch",
        "send_message_batch",
        {"Entries": []},
        "AWS.SimpleQueueService.EmptyBatchRequest",
    ),
    (
        "a batch of eleven",
        "send_message_batch",
        {"Entries": [{"Id": f"{n}", "MessageBody": "a"} for n in range(11)]},
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    ),
    (
        "an id twice",
        "send_message_batch",
        {"Entries": [{"Id": "0", "MessageBody": "a"}, {"Id": "0", "MessageBody": "b"}]},
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    ),
    (
        "a batch above 1 MiB",
        "send_message_batch",
        {"Entries": [{"Id": f"{n}", "MessageBody": "x" * 600_000} for n in range(2)]},
        "AWS.SimpleQueueService.BatchRequestTooLong",
    ),
    (
        "a receive of eleven",
        "receive_message",
        {"MaxNumberOfMessages": 11},
        "InvalidParameterValue",
    ),
)

OTHERWISE: dict[str, dict[str, str]] = {
    "moto": {"an empty message": "ok"},  # it takes it
    "MiniStack": {"a delay above 15 minutes": "ok"},  # it waits that long
}


def refusals(backend: Backend, name: str) -> dict[str, str]:
    """How each call is refused that AWS refuses, where it is not as AWS says."""
    url = backend.create_queue(f"{name}-work")
    calls = [
        *((says, method, {"QueueUrl": url, **more}, code) for says, method, more, code in REFUSED),
        (
            "a queue that is not there",
            "send_message",
            {"QueueUrl": url + "-nowhere", "MessageBody": "a"},
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
    ]
    otherwise = {}
    for says, method, arguments, code in calls:
        told = outcome(backend.sqs, method, arguments)
        if told[:2] != ("error", code):
            otherwise[says] = told[1] if told[0] == "error" else "ok"
    return otherwise


def test_the_fake_refuses_as_documented(ours: Backend, name: str) -> None:
    assert refusals(ours, name) == {}


def test_moto_refuses_otherwise_where_we_say(on_moto: Backend, name: str) -> None:
    assert refusals(on_moto, name) == OTHERWISE["moto"]


@pytest.mark.stack
def test_ministack_refuses_otherwise_where_we_say(on_ministack: Backend, name: str) -> None:
    assert refusals(on_ministack, name) == OTHERWISE["MiniStack"]
