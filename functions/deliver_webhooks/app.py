"""Deliveries from the queue: sign, send, record."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from farthing import runtime
from farthing.observe import logger
from farthing.webhooks import deliver
from farthing.webhooks.http import HttpSender
from farthing.webhooks.ports import DeliveryMessage, Sender
from farthing.webhooks.records import BatchAnswer, Record, all_at_once, message_id
from farthing.webhooks.sqs import SqsQueue


@cache
def sender() -> Sender:
    """What sends, with its TLS settings read once."""
    return HttpSender(runtime.setting("WEBHOOKS_ALLOW_LOOPBACK", "false") == "true")


def handler(event: dict[str, Any], context: Any) -> BatchAnswer:
    """A batch of messages. Only what failed on our side comes again."""
    runtime.begin(context)
    return all_at_once(event["Records"], message_id, work)


def work(record: Record) -> None:
    """One message."""
    message = DeliveryMessage.of(record["body"])
    delivery = deliver.deliver(services(message), message)
    if delivery is not None:
        logger().info("delivery", extra=delivery.log_fields())


def services(message: DeliveryMessage) -> deliver.Services:
    """The world as the message's merchant sees it."""
    return deliver.Services(
        store=runtime.store(message.tenant),
        queue=SqsQueue(runtime.client("sqs"), runtime.setting("DELIVERIES_QUEUE_URL")),
        sender=sender(),
        clock=runtime.clock(),
        wall=runtime.ShiftedClock(),
        chance=random.random,
        seconds_left=runtime.seconds_left,
    )
