"""What acquirers and token services said, from the queue: each message says where to look, and they
are asked themselves.

An operation that is not there, or that the acquirer now has otherwise than we concluded, fails the
message, which comes again and at last waits for a person.
"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.acquiring.webhooks import Message
from farthing.network_tokens.hint import TOKEN_SERVICES, method_named
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
    message = Message.of(record["body"])
    if message.acquirer in TOKEN_SERVICES:
        tend_to(method_named(message))
        return
    operation = follow(message, services_of)
    if operation is None:
        logger().info("acquirer event", extra={"status": "no operation of ours"})
        return
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
