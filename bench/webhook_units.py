"""What a delivery asks of AWS, counted call by call, and what that costs at public prices.

The units are DynamoDB's own rules over the items' sizes: a write is of 1 KB, doubled in a
transaction, and once more for each index entry that it changes; a consistent read is of 4 KB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from tests.simulation.aws.dynamo import Tables, WriteRecord
from tests.simulation.aws.values import measure

WRITE_BYTES, READ_BYTES = 1024, 4096

PRICES_PER_MILLION = {
    "write units": 0.625,
    "read units": 0.125,
    "SQS requests": 0.50,
    "Lambda requests": 0.20,
    "Lambda GB-ms": 0.0166667,
}
"""US dollars in us-east-1, x86_64, beyond any free tier. Where they are from, not AWS's own list:

- Lambda GB-ms: the base price in artillery 2.0.28, lib/platform/aws-lambda/prices.js (2026-11-26)
- Lambda requests: AWS's page of Lambda prices, as api-evangelist/aws-lambda quotes it (2026-09-20)
- write and read units: airbyte.com, "DynamoDB Pricing: On-Demand & Provisioned Plans" (2026-11-26)
- SQS requests: 0.40 and 0.10 for fair queues, cloudburn.io, "Amazon SQS Pricing" (2026-11-26)
"""


@dataclass
class Counted:
    """A DynamoDB client and an SQS client that count. `calls` are by method, `units` by price."""

    tables: Tables
    queues: Any
    calls: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._in_transaction = False
        self.exceptions = self.tables.exceptions
        self.tables.on_write.append(self._written)

    def forget(self) -> None:
        """Begin at nothing."""
        self.calls.clear()
        self.units.clear()

    def put_item(self, **asked: Any) -> Any:
        return self._one("put_item", asked)

    def update_item(self, **asked: Any) -> Any:
        return self._one("update_item", asked)

    def transact_write_items(self, **asked: Any) -> Any:
        checks = sum("ConditionCheck" in one for one in asked["TransactItems"])
        self.units["write units"] += 2 * checks
        self._in_transaction = True
        try:
            return self._one("transact_write_items", asked)
        finally:
            self._in_transaction = False

    def get_item(self, **asked: Any) -> Any:
        answer = self._one("get_item", asked)
        self._read([answer["Item"]] if "Item" in answer else [], asked)
        return answer

    def batch_get_item(self, **asked: Any) -> Any:
        answer = self._one("batch_get_item", asked)
        for name, keys in asked["RequestItems"].items():
            found = answer["Responses"].get(name, [])
            for item in found:
                self._read([item], keys)
            for _ in range(len(keys["Keys"]) - len(found)):
                self._read([], keys)
        return answer

    def query(self, **asked: Any) -> Any:
        answer = self._one("query", asked)
        self._read(answer["Items"], asked)
        return answer

    def send_message_batch(self, **asked: Any) -> Any:
        self.calls["sqs.send_message_batch"] += 1
        self.units["SQS requests"] += 1
        return self.queues.send_message_batch(**asked)

    def _one(self, method: str, asked: Mapping[str, Any]) -> Any:
        self.calls[f"dynamodb.{method}"] += 1
        return getattr(self.tables, method)(**asked)

    def _read(self, items: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> None:
        blocks = max(1, ceil(sum(map(_size, items)) / READ_BYTES))
        self.units["read units"] += blocks * (1.0 if asked.get("ConsistentRead") else 0.5)

    def _written(self, records: Sequence[WriteRecord]) -> None:
        for record in records:
            blocks = max(_blocks(record.old), _blocks(record.new))
            self.units["write units"] += blocks * (2 if self._in_transaction else 1)
            for schema in self.tables.tables[record.table].schemas.values():
                self.units["write units"] += _index_blocks(record, schema)


def _size(item: Mapping[str, Any]) -> int:
    return measure(dict(item))


def _blocks(item: Mapping[str, Any] | None) -> int:
    return ceil(_size(item) / WRITE_BYTES) if item else 0


def _index_blocks(record: WriteRecord, schema: tuple[str, str]) -> int:
    """What an index that projects everything is written: an entry that moves is two writes."""
    old, new = _entry(record.old, schema), _entry(record.new, schema)
    if old == new:
        return max(_blocks(record.old), _blocks(record.new)) if old else 0
    return (_blocks(record.old) if old else 0) + (_blocks(record.new) if new else 0)


def _entry(item: Mapping[str, Any] | None, schema: tuple[str, str]) -> Any:
    found = [item.get(name) for name in schema] if item else [None]
    return None if None in found else found


def dollars_per_million(units: Mapping[str, float]) -> dict[str, float]:
    """What a million of something cost that takes these units each."""
    return {name: PRICES_PER_MILLION[name] * units.get(name, 0.0) for name in PRICES_PER_MILLION}
