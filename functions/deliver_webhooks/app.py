"""Deliveries from the queue: sign, send, record."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.observe import logger
from farthing.webhooks import wiring
from farthing.webhooks.deliver import deliver
from farthing.webhooks.ports import DeliveryMessage
from farthing.webhooks.records import BatchAnswer, Record, all_at_once, message_id


def handler(event: dict[str, Any], context: Any) -> BatchAnswer:
    """A batch of messages. Only what failed on our side comes again."""
    runtime.begin(context)
    return all_at_once(event["Records"], message_id, work)


def work(record: Record) -> None:
    """One message."""
    message = DeliveryMessage.of(record["body"])
    delivery = deliver(wiring.deliver_services(message.tenant), message)
    if delivery is not None:
        logger().info("delivery", extra=delivery.log_fields())
