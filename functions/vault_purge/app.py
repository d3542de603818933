"""Every ten minutes: cards that nobody needs any more go, and CVCs whose time is over."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.observe import logger
from farthing.vault import purge_wiring
from farthing.vault.purge import purge


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """One tick of the schedule. How many cards were looked at, and what became of them."""
    runtime.begin(context)
    seen = purge(purge_wiring.services())
    logger().info("purged", extra={"count": seen["purged"]})
    return seen
