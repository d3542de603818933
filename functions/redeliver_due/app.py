"""Every minute: deliveries and acquirers' items whose time has come, back into their queues."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.acquiring.inbox_due import queue_due
from farthing.acquiring.webhooks_wiring import due_services
from farthing.observe import logger
from farthing.webhooks import wiring
from farthing.webhooks.redeliver import redeliver_due


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """One tick of the schedule. How many deliveries and items were queued."""
    runtime.begin(context)
    try:
        items = queue_due(due_services())
    finally:  # whatever is wrong there, merchants' deliveries go on
        queued = redeliver_due(wiring.redeliver_services())
    logger().info("redelivered", extra={"count": queued + items})
    return {"queued": queued + items}
