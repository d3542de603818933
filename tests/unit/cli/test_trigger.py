"""`farthing trigger`: the real functions behind it, in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from typer.testing import CliRunner, Result

from farthing.access.principal import KeyKind
from farthing.webhooks.event_types import EVENT_TYPES
from farthing_cli import state
from farthing_cli.api import Api
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.webhooks.scenarios import SCENARIOS
from tests.support.lambdas import Context, call, load
from tests.support.stack import Stack
from tests.support.stream import new_events
from tests.unit.cli.test_state import DEV

ELSEWHERE = {
    "payment_intent.processing",  # its bank decides in 20 s
    "payment_intent.returned",
    "refund.failed",  # moves the clock
    "refund.returned",
    "dispute.opened",  # a payer disputes 10 s after the capture
    "dispute.won",
    "dispute.lost",
    "acquirer.timeout",  # recovery's queue
    "payment_method.updated",  # the minute's tick
    "webhook.duplicate",
    "webhook.out_of_order",
}
"""What needs time, or other processes: tests/stack/test_developer_tools.py."""


@pytest.fixture(autouse=True)
def _api(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The API is the functions of this process; before the feed is read, the stream is."""
    asked: list[str] = []
    read = new_events()
    queue = boto3.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
    monkeypatch.setenv("DELIVERIES_QUEUE_URL", queue)

    def ask(
        self: Api, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        path, _, query = path.partition("?")
        asked.append(f"{method} {path}")
        function = path.split("/")[2]
        if function == "events" and (records := read()):
            load("outbox").handler({"Records": records}, Context())
        kind = KeyKind.PUBLISHABLE if self.key.startswith("pk_") else KeyKind.SECRET
        answer = call(
            function, method, path, body, key=key, query=dict(parse_qsl(query)) or None, kind=kind
        )
        return answer.status, answer.body

    monkeypatch.setattr(Api, "ask", ask)
    dev = dataclasses.replace(DEV, shop_url="https://shop.example")
    monkeypatch.setattr(state, "running", lambda: dev)
    monkeypatch.setattr("farthing_cli.webhooks.feed.POLL_SECONDS", 0.01)
    yield asked


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trigger", *arguments])


def made(*arguments: str) -> tuple[str, list[str]]:
    """The object of a scenario that went well, and the types of its events."""
    ran = run(*arguments)
    assert ran.exit_code == 0, ran.output + repr(ran.exception)
    first, *events = ran.stdout.splitlines()
    return first.split()[1], [line.split()[1] for line in events]


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in ELSEWHERE])
def test_a_scenario_makes_the_events_that_it_promises(name: str) -> None:
    _, told = made(name)
    assert [one for one in told if one in SCENARIOS[name].makes] == list(SCENARIOS[name].makes)


def test_every_event_of_a_scenario_is_a_type() -> None:
    for one in SCENARIOS.values():
        assert {*one.makes, *one.of_payment} <= EVENT_TYPES.keys()


def test_a_payment_is_gone_on_with() -> None:
    held, _ = made("payment_intent.authorized")
    assert made("payment_intent.succeeded", "--payment", held)[1] == ["payment_intent.succeeded"]
    assert made("refund.succeeded", "--payment", held)[1] == ["refund.succeeded"]
    other, _ = made("payment_intent.authorized")
    assert made("payment_intent.cancelled", "--payment", other)[1] == ["payment_intent.cancelled"]
    waiting, _ = made("review.opened")
    declined = made("review.closed", "--payment", waiting, "--override", "answer=decline")
    assert "review.closed" in declined[1]
    assert call("payment_intents", "GET", f"/v1/payment_intents/{waiting}").body["status"] == (
        "CANCELLED"
    )


def test_an_override_is_what_is_asked_of_the_api(stack: Stack) -> None:
    paid, _ = made(
        "refund.succeeded", "--override", "amount_cents=700", "--override", "refund_cents=300"
    )
    intent = call("payment_intents", "GET", f"/v1/payment_intents/{paid}").body
    assert (intent["amount_cents"], intent["amount_refunded_cents"]) == (700, 300)
    assert (stack.moved(paid, "CAPTURE"), stack.moved(paid, "REFUND")) == (700, 300)
    card = "card=4000000000009995"
    failed, _ = made("payment_intent.failed", "--override", card)
    intent = call("payment_intents", "GET", f"/v1/payment_intents/{failed}").body
    assert intent["decline"]["reason_code"] == "INSUFFICIENT_FUNDS"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "payment_intent.succeeded"),
        (
            ["refund.succeeded", "--override", "amount=5"],
            "amount_cents=…, currency=…, card=…, refund_cents=…",
        ),
        (["refund.succeeded", "--override", "amount_cents"], "There is no override"),
        (["refund.succeeded", "--override", "amount_cents=5.0"], "whole number"),
        (["refund.succeeded", "--override", "amount_cents=-5"], "whole number"),
        (["payment_intent.failed", "--payment", "pi_1"], "no --payment"),
        (
            ["payment_intent.succeeded", "--payment", "pi_1", "--override", "amount_cents=5"],
            "There is no override 'amount_cents=5' here: none",
        ),
        (
            ["refund.succeeded", "--payment", "pi_1", "--override", "card=4242424242424242"],
            "here: refund_cents=…",
        ),
    ],
)
def test_a_mistake_changes_nothing_and_is_told(
    _api: list[str], arguments: list[str], words: str
) -> None:
    ran = run(*arguments)
    assert isinstance(ran.exception, Failure), ran.output
    assert words in str(ran.exception)
    assert _api == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["payment_intent.succeeded", "--override", "amount_cents=0"], "amount_cents"),
        (["payment_intent.succeeded", "--override", "card=4242"], "number"),
        (["refund.succeeded", "--override", "refund_cents=0"], "amount_cents"),
        (["refund.succeeded", "--payment", "pi_" + "0" * 26], "404"),
        (["review.closed", "--override", "answer=maybe"], "approve or decline"),
    ],
)
def test_what_the_api_refuses_is_told(arguments: list[str], words: str) -> None:
    ran = run(*arguments)
    assert isinstance(ran.exception, Failure), ran.output
    assert words in str(ran.exception)


@pytest.mark.parametrize("name", ["webhook.duplicate", "webhook.out_of_order"])
def test_nothing_is_paid_to_be_sent_twice_to_nobody(_api: list[str], name: str) -> None:
    assert "farthing listen" in str(run(name).exception)
    assert _api == ["GET /v1/webhook_endpoints"]


def test_events_that_do_not_come_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load("outbox"), "handler", lambda event, context: None)
    ran = run("payment_intent.succeeded", "--timeout", "1")
    assert str(ran.exception).startswith(
        "Not told in time: payment_intent.created, payment_intent.succeeded."
    )


@pytest.mark.parametrize("arguments", [[], ["--list"]])
def test_the_list_shows_every_scenario(arguments: list[str]) -> None:
    ran = run(*arguments)
    assert ran.exit_code == 0
    for name in SCENARIOS:
        assert name in ran.stdout
