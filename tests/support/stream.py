"""The payments table's stream, read as Lambda reads it for the outbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3

Records = list[dict[str, Any]]


def new_events() -> Callable[[], Records]:
    """Reads the records of new events that it did not read before."""
    table = boto3.client("dynamodb").describe_table(TableName="PaymentsTable")["Table"]
    arn, streams = table["LatestStreamArn"], boto3.client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]

    def read() -> Records:
        nonlocal at
        found = streams.get_records(ShardIterator=at)
        at = found["NextShardIterator"]
        return [
            one for one in json.loads(json.dumps(found["Records"], default=str)) if _is_new(one)
        ]

    return read


def _is_new(record: dict[str, Any]) -> bool:
    """What the template's filter lets through."""
    if record["eventName"] != "INSERT":
        return False
    return bool(record["dynamodb"]["NewImage"]["entity"] == {"S": "event"})
