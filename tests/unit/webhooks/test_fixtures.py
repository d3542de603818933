"""The files in events/ that `sam local invoke` takes, through the same handlers."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from farthing.webhooks import wiring
from tests.support.lambdas import Context, event_of, load
from tests.unit.webhooks.world import World, rows_of


@pytest.fixture(autouse=True)
def _stack(world: World, queue_url: str) -> None:
    """Empty tables and a queue."""


def invoke(function: str, case: str) -> Any:
    return load(function).handler(event_of(f"{function}.{case}"), Context())


def messages(queue_url: str) -> list[str]:
    found = boto3.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", [])]


def test_outbox_event() -> None:
    assert invoke("outbox", "event") == {"batchItemFailures": []}
    assert invoke("outbox", "event") == {"batchItemFailures": []}
    assert len(rows_of("feed_event")) == 1


def test_deliver_webhooks_batch_of_a_delivery_that_is_not_there() -> None:
    assert invoke("deliver_webhooks", "batch") == {"batchItemFailures": []}


def test_deliver_webhooks_batch(
    world: World, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is the one that outbox.event.json leads to for the first endpoint."""
    monkeypatch.setattr(wiring, "sender", lambda: world.sender)
    world.endpoint()
    invoke("outbox", "event")
    (queued,) = messages(queue_url)
    (record,) = event_of("deliver_webhooks.batch")["Records"]
    assert json.loads(record["body"]) == json.loads(queued)
    assert invoke("deliver_webhooks", "batch") == {"batchItemFailures": []}
    assert [row["status"] for row in rows_of("delivery")] == ["SUCCEEDED"]
    assert len(world.sender.posts) == 1


def test_outbox_sweep() -> None:
    assert invoke("outbox", "sweep") == {"published": 0}


def test_redeliver_due_schedule() -> None:
    assert set(invoke("redeliver_due", "schedule").values()) == {0}


def test_webhook_endpoints_create_and_list() -> None:
    answer = invoke("webhook_endpoints", "create")
    created = json.loads(answer["body"])
    assert answer["statusCode"] == 201
    assert created.pop("secret").startswith("whsec_")
    listed = invoke("webhook_endpoints", "list")
    assert listed["statusCode"] == 200
    assert json.loads(listed["body"])["data"][0] == created


def test_webhook_endpoints_private_address() -> None:
    answer = invoke("webhook_endpoints", "private_address")
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["code"]) == (400, "invalid_request")
    assert problem["fields"][0]["field"] == "url"
    assert rows_of("webhook_endpoint") == []


@pytest.mark.parametrize("case", ["list", "feed"])
def test_events(case: str) -> None:
    invoke("outbox", "event")
    answer = invoke("events", case)
    body = json.loads(answer["body"])
    assert answer["statusCode"] == 200
    assert [event["type"] for event in body["data"]] == ["payment_intent.succeeded"]
    assert ("next" in body) == (case == "feed")
