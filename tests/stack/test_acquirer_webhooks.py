"""What the acquirer tells by itself, all the way: its queue, its webhook, ours, and the money."""

from __future__ import annotations

import time
from typing import Any

from tests.stack.live import Live

REFUND_PENDS = "4000009900000087"
PATIENCE_SECONDS = 60


def refund_in_the_list(live: Live, refund_id: str) -> dict[str, Any]:
    """As a list shows it: unlike a read, a list asks the acquirer nothing."""
    rows = live.get("refunds?limit=100").body["data"]
    return next(row for row in rows if row["refund_id"] == refund_id)


def test_a_refund_that_ends_later_is_told_by_webhook(live: Live) -> None:
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


def test_a_stranger_is_not_listened_to(live: Live) -> None:
    before = queued(live)
    for secret in (None, "sk_test_of_nobody"):
        answer = live.call("POST", "/v1/acquirer_webhooks/sandbox", {"data": {}}, secret=secret)
        assert (answer.status, answer.body["code"]) == (401, "signature_refused")
    assert queued(live) == before


def queued(live: Live) -> int:
    """How many messages wait to be followed up."""
    stack = live.aws("cloudformation").describe_stacks(StackName=live.dev["stack_name"])
    outputs = {row["OutputKey"]: row["OutputValue"] for row in stack["Stacks"][0]["Outputs"]}
    sqs = live.aws("sqs").get_queue_attributes(
        QueueUrl=outputs["AcquirerEventsQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(sqs["Attributes"]["ApproximateNumberOfMessages"])
