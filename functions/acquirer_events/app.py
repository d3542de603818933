"""What acquirers and token services said, from the queue: each item says where to look, and they
are asked themselves.

What names nothing of ours yet waits. An operation that the acquirer now has otherwise than we
concluded fails the message, which comes again and at last waits for a person.
"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.acquiring.apply import apply
from farthing.acquiring.inbox import ItemAddress, Kept
from farthing.acquiring.webhooks_wiring import apply_services
from farthing.disputes.wiring import heard
from farthing.observe import logger
from farthing.payments.recovery_wiring import tend_to
from farthing.payments.told import follow
from farthing.payments.wiring import services_of
from farthing.webhooks.records import BatchAnswer, Record, all_at_once, message_id


def handler(event: dict[str, Any], context: Any) -> BatchAnswer:
    """A batch of messages. What fails comes again."""
    runtime.begin(context)
    return all_at_once(event["Records"], message_id, work)


def work(record: Record) -> None:
    """One message."""
    turn = apply(ItemAddress.parse(record["body"]), apply_services(), follow_up)
    logger().info("acquirer item", extra={"status": turn.value if turn else "NONE"})


def follow_up(kept: Kept) -> None:
    """One item, which is ours to apply."""
    operation = follow(kept, services_of, tend_to, heard)
    if operation is not None:
        logger().info(
            "acquirer event",
            extra={
                "merchant_id": operation.tenant.merchant_id,
                "intent_id": operation.intent_id,
                "operation_id": operation.operation_id,
                "kind": operation.kind.value,
                "status": operation.state.value,
            },
        )
