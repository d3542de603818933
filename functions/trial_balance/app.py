"""The trial balance: every night of every merchant's books, and of one's when somebody asks."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.ledger import wiring
from farthing.ledger.trial_turn import Turn
from farthing.observe import logger
from farthing.webhooks.records import Record, all_at_once, message_id


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The schedule queues a run for each merchant; a message is one stretch of it."""
    runtime.begin(context)
    if "Records" in event:
        turns = wiring.turns()

        def take(record: Record) -> None:
            turns.take(Turn.of(record["body"]))

        return dict(all_at_once(event["Records"], message_id, take))
    if "merchant_id" in event:
        return wiring.turns_by_hand().by_hand(event)
    queued = wiring.turns().all()
    logger().info("queued", extra={"count": queued})
    return {"queued": queued}
