"""The daily settlement: a message for every merchant.

{}                                    the schedule: every day that is over
{"until_day": "2026-11-21"}           by hand: up to this day
{"follow": true}                      and somebody waits for what comes of it
{"run": id}                           what came of such a run so far
"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.settlement import fan_out
from farthing.settlement.outcome import result_of
from farthing.settlement.wiring import firing


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    runtime.begin(context)
    if "run" in event:
        return result_of(str(event["run"]), runtime.system_store())
    has_test_clock = bool(runtime.setting("TEST_CLOCK_TABLE", ""))
    return fan_out.send_all(event, firing(), has_test_clock=has_test_clock)
