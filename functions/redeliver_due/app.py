"""Every minute: deliveries whose time has come, back into the queue."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.observe import logger
from farthing.webhooks import wiring
from farthing.webhooks.redeliver import redeliver_due


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """One tick of the schedule. How many deliveries were queued."""
    runtime.begin(context)
    queued = redeliver_due(wiring.redeliver_services())
    logger().info("redelivered", extra={"count": queued})
    return {"queued": queued}
