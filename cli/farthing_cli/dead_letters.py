"""A stack's queues of failures, and how their messages get back to where they came from.

    receive ─► send to the source ─► delete here

A message is sent before it is deleted, so to die in between is to send it twice. That does no harm:
each of our workers looks at the row that a message names before it does anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farthing_cli.failure import Failure
from farthing_cli.pace import Pace
from farthing_cli.place import Place

COPIES = {"ExhaustedQueue": "DeliveriesQueue"}
"""Queues of copies that our own functions put there, and where a copy is sent to be tried anew. All
other pairs are said by the queues' own redrive policies."""

ENDS = frozenset({"OutboxFailures", "ProjectionFailures", "ScheduleFailures"})
"""What lands here are no messages of a queue: the sweep, the trial balance and the next firing make
good for them."""

RECEIVE_MESSAGES_MAX = 10
WAIT_SECONDS = 2
"""How long a receive waits, so that it asks every server of the queue."""
VISIBILITY_SECONDS = 120
"""What is received and not deleted is seen here again after so long."""
QUEUE_TYPE = "AWS::SQS::Queue"


@dataclass(frozen=True)
class DeadLetters:
    """One queue of failures. `source` is None where there is nowhere to send messages back to."""

    name: str
    url: str
    source: str | None
    source_url: str | None
    depth: int
    """About how many messages wait, by SQS' own count."""


def of_stack(place: Place) -> list[DeadLetters]:
    """Every queue of failures of a stack, by name."""
    urls = _queues(place)
    described = {name: _attributes(place, url) for name, url in urls.items()}
    names = {attributes["QueueArn"]: name for name, attributes in described.items()}
    sources = dict(COPIES)
    for name, attributes in described.items():
        if (target := names.get(_target(attributes))) is not None:
            sources[target] = name
    return [
        DeadLetters(
            name,
            urls[name],
            sources.get(name),
            urls.get(sources.get(name, "")),
            int(described[name]["ApproximateNumberOfMessages"]),
        )
        for name in sorted(urls)
        if name in sources or name in ENDS
    ]


def named(place: Place, name: str) -> DeadLetters:
    """One that can be emptied into its source. Raises Failure for any other."""
    found = of_stack(place)
    for one in found:
        if one.name.lower() == name.lower():
            if one.source_url is None:
                raise Failure(
                    f"What is in {one.name} did not come from a queue: there is nowhere to send "
                    "it back to, and what it was about is made good for by itself."
                )
            return one
    known = ", ".join(one.name for one in found if one.source)
    raise Failure(f"{name} is no queue of failures of {place.stack_name}. There are: {known}.")


def move(place: Place, queue: DeadLetters, most: int, pace: Pace) -> Iterator[int]:
    """Send up to `most` messages back, no faster than `pace`; yields how many have gone by now.

    Ends when a receive finds nothing.
    """
    sqs, gone = place.client("sqs"), 0
    while gone < most:
        answer = sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=min(pace.rows(RECEIVE_MESSAGES_MAX), most - gone),
            WaitTimeSeconds=WAIT_SECONDS,
            VisibilityTimeout=VISIBILITY_SECONDS,
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        if not answer.get("Messages"):
            return
        for message in answer["Messages"]:
            pace.wait(gone)
            sqs.send_message(
                QueueUrl=queue.source_url, MessageBody=message["Body"], **_group(message)
            )
            sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
            gone += 1
            yield gone


def _group(message: Mapping[str, Any]) -> dict[str, str]:
    """By what SQS is fair, if the message says it."""
    group = message.get("Attributes", {}).get("MessageGroupId")
    return {"MessageGroupId": group} if group else {}


def _queues(place: Place) -> dict[str, str]:
    """The stack's queues: logical name → URL."""
    found: dict[str, str] = {}
    pages = place.client("cloudformation").get_paginator("list_stack_resources")
    for page in pages.paginate(StackName=place.stack_name):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == QUEUE_TYPE:
                found[resource["LogicalResourceId"]] = resource["PhysicalResourceId"]
    return found


def _attributes(place: Place, url: str) -> dict[str, str]:
    wanted = ["QueueArn", "RedrivePolicy", "ApproximateNumberOfMessages"]
    answer = place.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
    found: dict[str, str] = answer["Attributes"]
    return found


def _target(attributes: Mapping[str, str]) -> str:
    """The ARN of a queue's own queue of failures, "" if it has none."""
    return str(json.loads(attributes.get("RedrivePolicy", "{}")).get("deadLetterTargetArn", ""))
