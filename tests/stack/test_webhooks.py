"""Deliveries to a merchant's server that has a bad day."""

from __future__ import annotations

import time
from typing import Any

from tests.stack.live import Live
from tests.stack.receiver import Receiver


def test_500_twice_and_then_200_is_one_delivery_of_three_attempts(
    live: Live, receiver: Receiver
) -> None:
    receiver.statuses = [500, 500]
    types = ["payment_intent.succeeded"]
    endpoint = live.post("webhook_endpoints", {"url": receiver.url, "event_types": types}).body
    path = f"webhook_endpoints/{endpoint['endpoint_id']}"
    (succeeded,) = types
    live.pay(321)
    receiver.wait_for(1)
    for wanted, pause in ((2, "10s"), (3, "7m")):
        live.advance(pause)
        live.farthing("redeliver")
        receiver.wait_for(wanted)
    delivery = wait_for_success(live, f"{path}/deliveries?event_type={succeeded}")
    assert [a["status_code"] for a in delivery["attempts"]] == [500, 500, 200]
    assert len({r.headers["webhook-id"] for r in receiver.received}) == 1
    assert len(receiver.received) == 3
    live.call("DELETE", f"/v1/{path}")


def test_an_event_that_the_stream_lost_is_swept(live: Live, receiver: Receiver) -> None:
    """Given an event row that no record tells of, because a change is none to the stream's filter;
    when its time is up and the sweep fires; then the merchant gets it."""
    types = ["payment_intent.succeeded"]
    endpoint = live.post("webhook_endpoints", {"url": receiver.url, "event_types": types}).body
    intent = live.pay(322).body
    receiver.wait_for(1)
    dynamo = live.aws("dynamodb")
    table = next(name for name in dynamo.list_tables()["TableNames"] if "Payments" in name)
    pk = f"{live.dev['merchant_id']}#test#PI#{intent['intent_id']}"
    told = events_of(dynamo, table, pk)
    assert not any("due_pk" in event for event in told)
    lost = told[-1] | {
        "sk": {"S": f"EVT#{len(told) + 1:08d}"},
        "sequence": {"N": str(len(told) + 1)},
        "event_id": {"S": told[-1]["event_id"]["S"][:-3] + "000"},
    }
    # The filter takes an INSERT whose entity is event, and nothing that comes to be one later.
    dynamo.put_item(TableName=table, Item=lost | {"entity": {"S": "event_to_be"}})
    dynamo.put_item(
        TableName=table,
        Item=lost | {"due_pk": {"S": "EVENT#7"}, "due_at": {"S": told[-1]["created_at"]["S"]}},
    )
    live.aws("lambda").invoke(FunctionName=f"{live.dev['stack_name']}-outbox", Payload=b"{}")
    receiver.wait_for(2)
    assert receiver.received[1].headers["webhook-id"] == lost["event_id"]["S"]
    assert not any("due_pk" in event for event in events_of(dynamo, table, pk))
    live.call("DELETE", f"/v1/webhook_endpoints/{endpoint['endpoint_id']}")


def events_of(dynamo: Any, table: str, pk: str) -> list[dict[str, Any]]:
    found = dynamo.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :evt)",
        ExpressionAttributeValues={":pk": {"S": pk}, ":evt": {"S": "EVT#"}},
        ConsistentRead=True,
    )
    return list(found["Items"])


def wait_for_success(live: Live, path: str) -> dict[str, Any]:
    for _ in range(100):
        (delivery,) = live.get(path).body["data"]
        if delivery["status"] == "SUCCEEDED":
            return dict(delivery)
        time.sleep(0.2)
    raise AssertionError(delivery)
