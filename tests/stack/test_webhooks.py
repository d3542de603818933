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
    live.pay(321)
    receiver.wait_for(1)
    for wanted, pause in ((2, "10s"), (3, "7m")):
        live.advance(pause)
        live.farthing("redeliver")
        receiver.wait_for(wanted)
    delivery = wait_for_success(live, path)
    assert [a["status_code"] for a in delivery["attempts"]] == [500, 500, 200]
    assert len({r.headers["webhook-id"] for r in receiver.received}) == 1
    assert len(receiver.received) == 3
    live.call("DELETE", f"/v1/{path}")


def wait_for_success(live: Live, path: str) -> dict[str, Any]:
    for _ in range(100):
        (delivery,) = live.get(f"{path}/deliveries").body["data"]
        if delivery["status"] == "SUCCEEDED":
            return dict(delivery)
        time.sleep(0.2)
    raise AssertionError(delivery)
