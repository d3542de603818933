"""The daily settlement, and the same by hand: {"until_day": "2026-11-21"}."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.observe import log_unhandled, logger
from farthing.settlement import run, sandbox
from farthing.settlement.turn import Turn
from farthing.settlement.view import log_fields


def services() -> run.Services:
    """The ports. Live mode has no acquirer yet."""
    store = runtime.system_store()
    turn = Turn(store)
    return run.Services(
        merchants=run.merchants(store, after=turn.last()),
        take_turn=turn.take,
        store_of=runtime.store,
        acquirers={"test": {"sandbox": sandbox.from_environment()}, "live": {}},
        clock=runtime.clock(),
        seconds_left=runtime.seconds_left,
        log_failure=log_unhandled,
        log_batch=lambda batch: logger().info("batch", extra=log_fields(batch)),
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Settle every business day that is over, and say how many batches came to their end."""
    runtime.begin(context)
    has_test_clock = bool(runtime.setting("TEST_CLOCK_TABLE", ""))
    until = run.day_asked(event, runtime.clock(), has_test_clock=has_test_clock)
    return run.settle(until, services())
