"""Operations of unknown outcome: every minute, from the queue, and by hand.

{}                                              the minute's tick: queue what is due
{"Records": [...]}                              the queue: look into one operation or expiry
{"operation": address}                          the same, now
{"show": address}                               the same, without a look
{"list": true}                                  what is unknown
{"decide": {operation, outcome, by, reason}}    a person's decision
{"since": time, "after": ..., "apply": bool}    after a restore: a page of the acquirer's books
"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.payments import recovery_wiring
from farthing.webhooks.records import all_at_once, message_id


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    runtime.begin(context)
    if "Records" in event:
        return dict(all_at_once(event["Records"], message_id, recovery_wiring.from_queue))
    for name, task in recovery_wiring.BY_HAND.items():
        if name in event:
            return task(event)
    return recovery_wiring.tick()
