"""Events of the payments table: into the feed, and on their way to the endpoints."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.observe import logger
from farthing.store.item import item_from_wire
from farthing.webhooks import wiring
from farthing.webhooks.records import Record, one_by_one, stream_position
from farthing.webhooks.sweep import sweep


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of the stream; or, every minute, what the stream did not bring."""
    runtime.begin(context)
    if "Records" not in event:
        published = sweep(wiring.one_run())
        logger().info("swept", extra={"count": published})
        return {"published": published}
    outbox = wiring.outbox()

    def publish(record: Record) -> None:
        row = item_from_wire(record["dynamodb"]["NewImage"])
        if row["entity"] == "event":
            outbox.publish(row)

    return dict(one_by_one(event["Records"], stream_position, publish))
