"""Every minute: deliveries whose time has come, back into the queue."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.observe import logger
from farthing.webhooks.redeliver import Services, redeliver_due
from farthing.webhooks.sqs import SqsQueue


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """One tick of the schedule. How many deliveries were queued."""
    runtime.begin(context)
    queue = SqsQueue(runtime.client("sqs"), runtime.setting("DELIVERIES_QUEUE_URL"))
    queued = redeliver_due(
        Services(runtime.system_store(), queue, runtime.clock().now(), runtime.seconds_left)
    )
    logger().info("redelivered", extra={"count": queued})
    return {"queued": queued}
