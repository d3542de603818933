"""Files that came into the bucket, from the queue; and once a day the lines that never came."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.reconciliation.daily import daily_pass
from farthing.reconciliation.wiring import daily, take_message, today
from farthing.webhooks.records import Record, all_at_once, message_id


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A batch of messages, of which those that fail come again; or the schedule's firing."""
    runtime.begin(context)
    if "Records" in event:
        return dict(all_at_once(event["Records"], message_id, work))
    return dict(daily_pass(today(), daily()))


def work(record: Record) -> None:
    """One message."""
    take_message(record["body"])
