"""The same clients three times, our fake's, moto's and MiniStack's, and what is compared of them.

Compared are answers and errors without what differs by right: metadata, the words of a message,
ids, receipts, and the order where AWS promises none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import boto3
from botocore.exceptions import ClientError, ParamValidationError

from tests.simulation.aws.dynamo import Tables
from tests.simulation.aws.kms import Keys
from tests.simulation.aws.sqs import Queues
from tests.stack.live import Live

INDEXES = {"by_time": ("list_pk", "list_sk"), "due": ("due_pk", "due_at")}
START = 1_800_000_000.0

BROKEN = "broken"
"""Stands for an error that is none of AWS's."""

Outcome = tuple[Any, ...]
"""("ok", answer) or ("error", code, details)."""


@dataclass
class Backend:
    """Clients of one AWS, and how time passes there."""

    name: str
    dynamodb: Any
    sqs: Any
    kms: Any
    sleep: Callable[[float], None] = lambda seconds: None
    _tables: list[str] = field(default_factory=list)
    _queues: list[str] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)

    def create_table(self, name: str) -> None:
        """A table with both indexes."""
        if isinstance(self.dynamodb, Tables):
            self.dynamodb.create_table(name, INDEXES, stream=True)
            return
        attributes = {"pk", "sk", *(attribute for keys in INDEXES.values() for attribute in keys)}
        self.dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": "S"}
                for attribute in sorted(attributes)
            ],
            KeySchema=_key_schema("pk", "sk"),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index,
                    "KeySchema": _key_schema(*keys),
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, keys in INDEXES.items()
            ],
        )
        self._tables.append(name)

    def create_queue(self, name: str, dead_letters: str | None = None) -> str:
        """A queue with one second of visibility and, if it has dead letters, two receives."""
        if isinstance(self.sqs, Queues):
            receives = 2 if dead_letters else None
            return self.sqs.create_queue(
                name, visibility_seconds=1, dead_letters=dead_letters, receives_max=receives
            )
        attributes = {"VisibilityTimeout": "1"}
        if dead_letters:
            url = self.sqs.get_queue_url(QueueName=dead_letters)["QueueUrl"]
            told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            arn = told["Attributes"]["QueueArn"]
            attributes["RedrivePolicy"] = (
                f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "2"}}'
            )
        made: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self._queues.append(made)
        return made

    def create_key(self, spec: str) -> str:
        """A key."""
        if isinstance(self.kms, Keys):
            return self.kms.create_key(spec)
        usage = "GENERATE_VERIFY_MAC" if spec.startswith("HMAC") else "ENCRYPT_DECRYPT"
        made: str = self.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
        self._keys.append(made)
        return made

    def delete_key(self, key: str) -> None:
        """Ask for a key's deletion, in a week."""
        if isinstance(self.kms, Keys):
            self.kms.delete(key, 7)
            return
        self.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        self._keys.remove(key)

    def remove(self) -> None:
        """Leave nothing behind."""
        for name in self._tables:
            self.dynamodb.delete_table(TableName=name)
        for url in self._queues:
            self.sqs.delete_queue(QueueUrl=url)
        for key in self._keys:
            self.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def our_fake() -> Backend:
    """The fake, with a clock that only `sleep` moves."""
    clock = [START]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def now() -> float:
        return clock[0]

    return Backend("fake", Tables(now), Queues(now), Keys(b"conformance", now), sleep)


def moto() -> Backend:
    """moto's, to be called inside `mock_aws`."""
    made = {name: boto3.client(name, "eu-west-1") for name in ("dynamodb", "sqs", "kms")}
    return Backend("moto", **made, sleep=time.sleep)


def ministack(live: Live) -> Backend:
    """MiniStack's, on the stack that runs."""
    made = {name: live.aws(name) for name in ("dynamodb", "sqs", "kms")}
    return Backend("MiniStack", **made, sleep=time.sleep)


def outcome(client: Any, method: str, arguments: Mapping[str, Any]) -> Outcome:
    """What a call comes to."""
    try:
        answer = getattr(client, method)(**arguments)
    except ParamValidationError:
        return ("error", "ValidationException", {})
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError):
        if isinstance(client, Tables | Queues | Keys):
            raise
        # moto runs in this process: what breaks in it comes out as it is.
        return ("error", BROKEN, {})
    except ClientError as error:
        return ("error", error.response["Error"]["Code"], _details(error.response))
    return ("ok", _answer(method, answer))


def _details(response: Mapping[str, Any]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if "Item" in response:
        details["Item"] = plain(response["Item"])
    if "CancellationReasons" in response:
        details["CancellationReasons"] = [
            (reason["Code"], plain(reason.get("Item", {})))
            for reason in response["CancellationReasons"]
        ]
    return details


def _answer(method: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in answer.items() if name not in _UNTOLD}
    for name in ("Item", "Attributes", "LastEvaluatedKey"):
        if told.get(name):
            told[name] = plain(told[name])
    if "Items" in told:
        told["Items"] = [plain(item) for item in told["Items"]]
    if "Responses" in told:
        told["Responses"] = {
            table: sorted((plain(item) for item in items), key=repr)
            for table, items in told["Responses"].items()
        }
    if method in ("update_item", "put_item", "delete_item") and not told.get("Attributes"):
        told.pop("Attributes", None)
    return told


_UNTOLD = frozenset({"ResponseMetadata", "ConsumedCapacity", "ItemCollectionMetrics"})


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item whose attributes are in one order and whose numbers are numbers."""
    return {name: _plain(item[name]) for name in sorted(item)}


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return ("N", Decimal(content).normalize())
    if kind == "L":
        return ("L", [_plain(element) for element in content])
    if kind == "M":
        return ("M", plain(content))
    return (kind, bytes(content) if kind == "B" else content)


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
