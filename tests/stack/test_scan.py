"""After a full run: the card number is in no table, queue, log or event."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from tests.stack.live import APPROVED, Live

NUMBERS = (APPROVED, "4000009900000012", "4000009900000038", "4000000000000002")
DIGITS_TOGETHER_MAX = 6
"""What may be shown of a number: the first six, or the last four."""


def texts(value: Any) -> Iterator[str]:
    """Every text and every blob, read as text, of a nested value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, bytes | bytearray):
        yield bytes(value).decode("latin-1")
        yield base64.b64encode(bytes(value)).decode()
    else:
        yield str(value)


def tables(live: Live) -> Iterator[tuple[str, Any]]:
    dynamo = live.aws("dynamodb")
    for name in dynamo.list_tables()["TableNames"]:
        for page in dynamo.get_paginator("scan").paginate(TableName=name, ConsistentRead=True):
            for item in page["Items"]:
                yield f"table {name}", item


def queues(live: Live) -> Iterator[tuple[str, Any]]:
    sqs = live.aws("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        while True:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
            if not answer.get("Messages"):
                break
            for message in answer["Messages"]:
                yield f"queue {url}", message


def logs(live: Live) -> Iterator[tuple[str, Any]]:
    client = live.aws("logs")
    for page in client.get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            events = client.get_paginator("filter_log_events")
            for found in events.paginate(logGroupName=group["logGroupName"]):
                for event in found["events"]:
                    yield f"log {group['logGroupName']}", event["message"]


def feed(live: Live) -> Iterator[tuple[str, Any]]:
    cursor = ""
    while True:
        page = live.get(f"events?limit=100&after={cursor}").body
        for event in page["data"]:
            yield "event", event
        cursor = page["next"]
        if not page["has_more"]:
            return


def test_the_number_is_nowhere(live: Live) -> None:
    # Given a run that charged, declined, lost, refused and saved cards
    live.pay(number="4000000000000002")
    live.pay(1, metadata={"card": APPROVED})
    live.post("payment_intents", {"token": APPROVED, "amount_cents": 1, "currency": "eur"})
    live.get(f"payment_intents/{APPROVED}")
    live.get(f"payment_intents?starting_after={APPROVED}")
    live.call("POST", "/v1/tokens", {"number": APPROVED + "1"}, base="tokens_url")
    # When everything that is kept is read
    counts: dict[str, int] = {}
    for source in (tables, queues, logs, feed):
        for where, thing in source(live):
            counts[source.__name__] = counts.get(source.__name__, 0) + 1
            whole = json.dumps(thing, default=lambda blob: base64.b64encode(bytes(blob)).decode())
            for number in NUMBERS:
                assert number not in whole, where
                for text in texts(thing):
                    assert number not in text.replace(" ", "").replace("-", ""), where
    # Then nothing held it; and the scan did read something of each kind
    assert counts["tables"] > 50 and counts["logs"] > 50 and counts["feed"] > 5, counts
    print(f"\nread {counts}, found no card number")


def test_a_vault_row_shows_no_run_of_digits_of_its_number(live: Live) -> None:
    live.token()
    dynamo = live.aws("dynamodb")
    name = next(n for n in dynamo.list_tables()["TableNames"] if "vault" in n.lower())
    rows = dynamo.scan(TableName=name, ConsistentRead=True)["Items"]
    assert rows
    longest = range(len(APPROVED) - DIGITS_TOGETHER_MAX)
    runs = [APPROVED[i : i + DIGITS_TOGETHER_MAX + 1] for i in longest]
    for row in rows:
        for text in texts(row):
            assert not any(run in text for run in runs), row["sk"]


def test_nothing_was_given_up(live: Live) -> None:
    """After all the other tests' 500s, timeouts and bad requests: a merchant's or the acquirer's
    bad day is no failure of ours. Last of all, and hidden messages count too."""
    sqs = live.aws("sqs")
    counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    given_up: dict[str, int] = {}
    for url in sqs.list_queues()["QueueUrls"]:
        name = url.rsplit("/", 1)[-1]
        if "DeadLetters" in name or "Failures" in name:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
            given_up[name] = sum(int(found[count]) for count in counts)
    assert len(given_up) >= 3, given_up
    assert not any(given_up.values()), given_up
