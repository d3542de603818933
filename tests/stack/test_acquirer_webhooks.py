"""What the acquirer tells by itself, all the way: its queue, its webhook, ours, and the money."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.stack.live import Live

REFUND_PENDS = "4000009900000087"
PATIENCE_SECONDS = 60


def refund_in_the_list(live: Live, refund_id: str) -> dict[str, Any]:
    """As a list shows it: unlike a read, a list asks the acquirer nothing."""
    rows = live.get("refunds?limit=100").body["data"]
    return next(row for row in rows if row["refund_id"] == refund_id)


@pytest.fixture(params=[False, True], ids=["one by one", "in batches"])
def posting(request: pytest.FixtureRequest, live: Live) -> Iterator[None]:
    """An acquirer that posts what it tells so, and afterwards as it did before."""
    register(live, batches=request.param)
    yield
    register(live, batches=False)


def register(live: Live, *, batches: bool) -> None:
    secret = live.aws("secretsmanager").get_secret_value(SecretId=outputs(live)["AcquirerSecretId"])
    name = "sandbox_batch" if batches else "sandbox"
    url = f"{live.dev['api_url']}/v1/acquirer_webhooks/{name}"
    answer = urllib3.request(
        "PUT",
        f"{live.dev['acquirer_url']}/v1/webhook_endpoint",
        headers={"Authorization": f"Bearer {secret['SecretString']}"},
        body=json.dumps({"url": url, "batches": batches}).encode(),
        retries=False,
        timeout=30,
    )
    assert answer.status == 200, answer.data


def test_a_refund_that_ends_later_is_told_by_webhook(live: Live, posting: None) -> None:
    # Given
    intent_id = live.pay(1234, REFUND_PENDS).body["intent_id"]
    answer = live.post("refunds", {"payment_intent_id": intent_id, "amount_cents": 1000})
    assert (answer.status, answer.body["status"]) == (202, "PENDING")
    refund_id = answer.body["refund_id"]
    assert refund_id in live.farthing("unknown")
    # When
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while refund_in_the_list(live, refund_id)["status"] == "PENDING":
        assert time.monotonic() < give_up_at, "nobody told us"
        time.sleep(0.5)
    # Then
    assert refund_in_the_list(live, refund_id)["status"] == "SUCCEEDED"
    assert live.moved(intent_id, "REFUND") == 1000
    assert refund_id not in live.farthing("unknown")
    # And what was told is kept as applied
    (item,) = [
        row for row in told(live) if refund_id.removeprefix("re_").upper() in row["body"]["S"]
    ]
    assert item["state"]["S"] == "APPLIED"


def told(live: Live) -> list[dict[str, Any]]:
    """Every item of the inbox."""
    pages = (
        live.aws("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=outputs(live)["WebhooksTable"], ConsistentRead=True)
    )
    rows = [row for page in pages for row in page["Items"]]
    return [row for row in rows if row["entity"]["S"] == "acquirer_item"]


def test_what_failed_is_put_back_by_hand(live: Live) -> None:
    # Given a message that nobody can read, among the dead letters
    sqs, urls = live.aws("sqs"), queues(live)
    sqs.send_message(QueueUrl=urls["AcquirerEventsDeadLetters"], MessageBody="no message of ours")
    assert "AcquirerEventsQueue" in live.farthing("redrive", "--list")
    # When
    told = live.farthing("redrive", "AcquirerEventsDeadLetters", "--dry-run")
    assert "Nothing was changed" in told
    told = live.farthing("redrive", "AcquirerEventsDeadLetters", "--yes")
    # Then it is in the queue again, where it may fail again
    assert "1 of 1 messages went to AcquirerEventsQueue" in told
    sqs.purge_queue(QueueUrl=urls["AcquirerEventsQueue"])


def queues(live: Live) -> dict[str, str]:
    """The stack's queues: logical name → URL."""
    pages = live.aws("cloudformation").get_paginator("list_stack_resources")
    rows = [
        row
        for page in pages.paginate(StackName=live.dev["stack_name"])
        for row in page["StackResourceSummaries"]
    ]
    return {
        row["LogicalResourceId"]: row["PhysicalResourceId"]
        for row in rows
        if row["ResourceType"] == "AWS::SQS::Queue"
    }


def test_a_stranger_is_not_listened_to(live: Live) -> None:
    before = queued(live)
    for secret in (None, "sk_test_of_nobody"):
        answer = live.call("POST", "/v1/acquirer_webhooks/sandbox", {"data": {}}, secret=secret)
        assert (answer.status, answer.body["code"]) == (401, "signature_refused")
    assert queued(live) == before


def queued(live: Live) -> int:
    """How many messages wait to be followed up."""
    sqs = live.aws("sqs").get_queue_attributes(
        QueueUrl=outputs(live)["AcquirerEventsQueueUrl"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    return int(sqs["Attributes"]["ApproximateNumberOfMessages"])


def outputs(live: Live) -> dict[str, str]:
    """What the stack gives out."""
    stack = live.aws("cloudformation").describe_stacks(StackName=live.dev["stack_name"])
    return {row["OutputKey"]: row["OutputValue"] for row in stack["Stacks"][0]["Outputs"]}
