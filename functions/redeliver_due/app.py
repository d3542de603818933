"""Every minute: news of endpoints is told; acquirers' items and deliveries whose time has come are
queued."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.observe import logger
from farthing.webhooks import wiring


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """One tick of the schedule. How much was done of each."""
    runtime.begin(context)
    done = wiring.tick()
    for what, count in done.items():
        logger().info(what, extra={"count": count})
    return done
