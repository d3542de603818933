"""Events from the payments table's stream: into the feed, and on their way to the endpoints."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.store.item import item_from_wire
from farthing.webhooks.outbox import Outbox
from farthing.webhooks.records import BatchAnswer, Record, one_by_one, stream_position
from farthing.webhooks.sqs import SqsQueue


def handler(event: dict[str, Any], context: Any) -> BatchAnswer:
    """A batch of the stream. What failed comes again, with all that follows it."""
    runtime.begin(context)
    queue = SqsQueue(runtime.client("sqs"), runtime.setting("DELIVERIES_QUEUE_URL"))
    outbox = Outbox(runtime.system_store(), queue, runtime.clock().now())

    def publish(record: Record) -> None:
        row = item_from_wire(record["dynamodb"]["NewImage"])
        if row["entity"] == "event":
            outbox.publish(row)

    return one_by_one(event["Records"], stream_position, publish)
