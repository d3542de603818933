"""One merchant's settlement, or one lane's, from the queue: claim, close, submit, fetch the report.

What fails comes again, and at last waits for a person.
"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.settlement import work as settlement
from farthing.settlement.job import Job
from farthing.settlement.wiring import working
from farthing.webhooks.records import BatchAnswer, Record, all_at_once, message_id


def handler(event: dict[str, Any], context: Any) -> BatchAnswer:
    runtime.begin(context)
    return all_at_once(event["Records"], message_id, work)


def work(record: Record) -> None:
    """One message."""
    settlement.work(Job.parse(record["body"]), working())
