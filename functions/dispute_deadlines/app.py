"""Deadlines of disputes, each hour: who is to be reminded, and what was decided since."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from farthing import runtime
from farthing.disputes import deadlines
from farthing.disputes.wiring import run_services
from farthing.observe import logger


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    runtime.begin(context)
    seen = deadlines.run(run_services())
    logger().info("deadlines of disputes", extra={"count": seen.looked})
    return asdict(seen)
