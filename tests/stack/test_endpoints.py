"""What merchants do with endpoints and deliveries, on the stack: by its roles, over its queues."""

from __future__ import annotations

import json
import time
from typing import Any

from farthing.webhooks.signature import verify
from tests.stack.live import Live
from tests.stack.receiver import Receiver

SUCCEEDED = "payment_intent.succeeded"


def endpoint_of(live: Live, receiver: Receiver) -> dict[str, Any]:
    body = {"url": receiver.url, "event_types": [SUCCEEDED, "webhook_endpoint.disabled"]}
    answer = live.post("webhook_endpoints", body)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.body
    return made


def test_a_new_endpoint_is_pinged(live: Live, receiver: Receiver) -> None:
    endpoint = endpoint_of(live, receiver)
    wait_until(lambda: receiver.pings)
    (ping,) = receiver.pings
    verify([endpoint["secret"]], ping.headers, ping.body, now_seconds=int(time.time()))
    assert json.loads(ping.body)["data"]["object"]["endpoint_id"] == endpoint["endpoint_id"]
    live.call("DELETE", f"/v1/webhook_endpoints/{endpoint['endpoint_id']}")


def test_what_was_missed_is_recovered_and_what_arrived_is_sent_again(
    live: Live, receiver: Receiver
) -> None:
    endpoint_id = endpoint_of(live, receiver)["endpoint_id"]
    path = f"webhook_endpoints/{endpoint_id}"
    live.farthing("webhooks", "disable", endpoint_id)
    for amount in (331, 332):
        live.pay(amount)
    # their fan-out finds the endpoint off
    wait_until(lambda: len(live.get(f"events?type={SUCCEEDED}&limit=2").body["data"]) == 2)
    time.sleep(3)
    shown = live.farthing("webhooks", "enable", endpoint_id)
    since = shown.split("--since ")[1].split()[0]
    options = ("webhooks", "recover", endpoint_id, "--since", since)
    assert "2 events would be sent" in live.farthing(*options, "--dry-run")
    assert "2 of 2 events are sent" in live.farthing(*options)
    receiver.wait_for(2)
    (first, second) = live.get(f"{path}/deliveries?event_type={SUCCEEDED}").body["data"]
    assert {first["event_id"], second["event_id"]} == {
        received.headers["webhook-id"] for received in receiver.received
    }
    live.farthing("webhooks", "resend", first["delivery_id"])
    receiver.wait_for(3)
    live.farthing("webhooks", "resend", second["event_id"])
    receiver.wait_for(4)
    ids = [received.headers["webhook-id"] for received in receiver.received[2:]]
    assert ids == [first["event_id"], second["event_id"]]
    assert "webhook-signature: v1,…" in live.farthing("webhooks", "inspect", first["delivery_id"])
    live.farthing("webhooks", "delete", endpoint_id)


def test_a_410_is_told_to_the_others_and_to_people(live: Live, receiver: Receiver) -> None:
    """Given two endpoints of which one answers 410; then the other hears it, and so does who
    subscribes to the topic."""
    sns, sqs = live.aws("sns"), live.aws("sqs")
    (topic,) = (
        found["TopicArn"]
        for found in sns.list_topics()["Topics"]
        if live.dev["stack_name"] in found["TopicArn"]
    )
    mail = mailbox(sqs, topic)
    arn = sqs.get_queue_attributes(QueueUrl=mail, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    with Receiver.start() as gone:
        gone.statuses = [410]
        hearing, leaving = endpoint_of(live, receiver), endpoint_of(live, gone)
        live.pay(333)
        gone.wait_for(1)
        receiver.wait_for(1)
        path = f"webhook_endpoints/{leaving['endpoint_id']}"
        wait_until(lambda: not live.get(path).body["enabled"])
        live.advance("1m")
        live.farthing("redeliver")
        told = [json.loads(one.body) for one in receiver.wait_for(2)]
        (off,) = (one for one in told if one["type"] == "webhook_endpoint.disabled")
        assert off["data"]["object"]["endpoint_id"] == leaving["endpoint_id"]
        assert off["data"]["object"]["disabled_reason"] == "GONE"
        (letter,) = sqs.receive_message(QueueUrl=mail, WaitTimeSeconds=5)["Messages"]
        notice = json.loads(json.loads(letter["Body"])["Message"])
        assert (notice["endpoint_id"], notice["reason"]) == (leaving["endpoint_id"], "GONE")
        for one in (hearing, leaving):
            live.call("DELETE", f"/v1/webhook_endpoints/{one['endpoint_id']}")


def mailbox(sqs: Any, topic_arn: str) -> str:
    """A queue into which the topic may put what it is told."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url: str = sqs.create_queue(QueueName="people", Attributes={"Policy": policy})["QueueUrl"]
    return url


def wait_until(holds: Any, seconds: int = 60) -> None:
    for _ in range(seconds * 5):
        if holds():
            return
        time.sleep(0.2)
    raise AssertionError("it did not come to that")
