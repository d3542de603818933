"""A stranger's first minute: charge, refund half, get a signed webhook, see the day settle."""

from __future__ import annotations

import json
from typing import Any

from standardwebhooks import Webhook

from tests.stack.live import Live
from tests.stack.receiver import Receiver


def test_charge_refund_webhook_settlement(live: Live, receiver: Receiver) -> None:
    # Given a merchant that listens
    endpoint = live.post("webhook_endpoints", {"url": receiver.url, "event_types": ["*"]})
    assert endpoint.status == 201, endpoint.text
    secret = endpoint.body["secret"]
    # When a card is charged and half of it refunded
    paid = live.pay(1000)
    assert (paid.status, paid.body["status"]) == (201, "SUCCEEDED"), paid.text
    intent_id = paid.body["intent_id"]
    refund = live.post("refunds", {"payment_intent_id": intent_id, "amount_cents": 500})
    assert (refund.status, refund.body["status"]) == (201, "SUCCEEDED"), refund.text
    # Then the acquirer's books show exactly that
    assert live.moved(intent_id, "CAPTURE") == 1000
    assert live.moved(intent_id, "REFUND") == 500
    # And the merchant is told of each fact once, signed, in the payment's order
    received = receiver.wait_for(3)
    told = [json.loads(request.body) for request in received]
    for request in received:
        Webhook(secret).verify(request.body, request.headers)
    assert {t["type"] for t in told} == {
        "payment_intent.created",
        "payment_intent.succeeded",
        "refund.succeeded",
    }
    assert sorted(t["data"]["sequence"] for t in told) == [1, 2, 3]
    live.call("DELETE", f"/v1/webhook_endpoints/{endpoint.body['endpoint_id']}")
    # And the next day it is settled, once, with gross, fee and net
    live.advance("1d")
    live.farthing("settle")
    batches = settlements_with(live, intent_id)
    assert [batch["status"] for batch in batches] == ["SETTLED"]
    assert batches[0]["net_cents"] == batches[0]["gross_cents"] - batches[0]["fee_cents"]
    before = live.get("settlements?limit=100").body
    live.farthing("settle")
    assert live.get("settlements?limit=100").body == before


def settlements_with(live: Live, intent_id: str) -> list[dict[str, Any]]:
    """The batches that hold a line of the payment."""
    batches: list[dict[str, Any]] = live.get("settlements?limit=100").body["data"]
    return [
        batch
        for batch in batches
        if any(
            line["payment_intent_id"] == intent_id
            for line in live.get(f"settlements/{batch['settlement_id']}/lines?limit=100").body[
                "data"
            ]
        )
    ]


def test_the_feed_has_every_event_of_a_payment_in_order(live: Live) -> None:
    cursor = end_of_feed(live)
    intent_id = live.pay(capture_method="MANUAL").body["intent_id"]
    assert live.post(f"payment_intents/{intent_id}/capture", {}).status == 200
    events = feed_until(live, cursor, 3)
    of_payment = [e for e in events if e["payment_intent_id"] == intent_id]
    assert [e["type"] for e in of_payment] == [
        "payment_intent.created",
        "payment_intent.authorized",
        "payment_intent.succeeded",
    ]
    one = live.get(f"events/{of_payment[-1]['event_id']}").body
    assert one == of_payment[-1]


def end_of_feed(live: Live) -> str:
    cursor = ""
    while True:
        page = live.get(f"events?limit=100&after={cursor}").body
        cursor = page["next"]
        if not page["has_more"]:
            return cursor


def feed_until(live: Live, cursor: str, count: int) -> list[dict[str, Any]]:
    import time

    for _ in range(100):
        events: list[dict[str, Any]] = live.get(f"events?limit=100&after={cursor}").body["data"]
        if len(events) >= count:
            return events
        time.sleep(0.2)
    raise AssertionError("the events did not arrive")
