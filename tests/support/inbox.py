"""Items of acquirers in the inbox: put there as receiving puts them, worked off as they come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3

from farthing import runtime
from farthing.acquiring.inbound import Item
from farthing.acquiring.inbox import InboxScope, ItemAddress, kept_put
from tests.support.lambdas import Context, load

HEARD_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def heard(
    acquirer: str,
    body: Any,
    *,
    account: str = "",
    event_id: str = "msg_1",
    at: datetime = HEARD_AT,
) -> str:
    """A new item, verified and kept: the body of its message."""
    text = body if isinstance(body, str) else json.dumps(body)
    address = ItemAddress.of(acquirer, account, event_id)
    write = kept_put(address, Item(event_id, "a.type", "", text), at)
    runtime.store(InboxScope()).write(write)
    return address.to_text()


def rows() -> list[dict[str, Any]]:
    """Every item of the inbox."""
    found = boto3.client("dynamodb").scan(TableName=runtime.table_names()["webhooks"])["Items"]
    return [row for row in found if row["entity"]["S"] == "acquirer_item"]


def states() -> list[str]:
    """Where each item is."""
    return [row["state"]["S"] for row in rows()]


def work_off(*messages: str) -> list[str]:
    """Messages through acquirer_events; the numbers of those that come again."""
    records = [{"messageId": str(n), "body": text} for n, text in enumerate(messages)]
    context = Context(remaining_milliseconds=60_000)
    answer = load("acquirer_events").handler({"Records": records}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def queued() -> list[str]:
    """The messages that wait in the queue now, received."""
    url = runtime.setting("ACQUIRER_EVENTS_QUEUE_URL")
    found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", [])]
