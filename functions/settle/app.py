"""The daily settlement, and the same by hand: {"until_day": "2026-11-21"}."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.settlement import run
from farthing.settlement.wiring import services


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Settle every business day that is over, and say how many batches came to their end."""
    runtime.begin(context)
    has_test_clock = bool(runtime.setting("TEST_CLOCK_TABLE", ""))
    until = run.day_asked(event, runtime.clock(), has_test_clock=has_test_clock)
    return run.settle(until, services())
