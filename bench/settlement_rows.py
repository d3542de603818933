"""DynamoDB for the settlement of a day of any size, that keeps next to nothing of it.

An entry is a function of its number: it is made when it is read, and of its claim there are two
bytes. A line is made of the entry that it copies. All other rows, the batches above all, are in the
simulator's tables, whose conditions are DynamoDB's. What is asked and answered has the wire's form,
so the product's own adapter is at work; units are counted over the items' sizes by AWS's rules.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any

from bench.webhook_units import READ_BYTES, WRITE_BYTES, Counted
from farthing.ids import shard_of
from farthing.settlement.batch import TABLE
from farthing.settlement.entry import ENTRY_UNCLAIMED, SHARDS, Entry, Operation, settlement_entry
from farthing.settlement.line import SK_PREFIX, line_item, line_sk
from farthing.store import NOT_CREATED, TenantScope
from farthing.store.item import SCHEMA_VERSION, Item, item_to_wire
from tests.simulation.aws.dynamo import Tables
from tests.simulation.aws.errors import answer, client_error
from tests.simulation.aws.values import measure
from tests.support.template import resources

TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")
PAYMENTS, SETTLEMENT = "PaymentsTable", "SettlementTable"
NAMES = {"payments": PAYMENTS, TABLE: SETTLEMENT}
REFUND_EACH = 10
"""Every tenth entry is a refund."""

Wire = dict[str, Any]


def amount_cents(number: int) -> int:
    """Between 1 and 200 euros, all kinds of it."""
    return 100 + number * 7919 % 19_900


class Rows:
    """A client with `count` entries of one day, spread over its shards as their ids have it."""

    def __init__(self, count: int, acquirer: str, at: Any) -> None:
        self.count, self._acquirer, self._at = count, acquirer, at
        self.claims = array("H", bytes(2 * count))
        """By entry, the ordinal of the batch that has it; 0: none."""
        self.batches: dict[str, array[int]] = {}
        """By settlement id, the entries that it has."""
        self._ordinals: dict[str, int] = {}
        self._shards = [array("L") for _ in range(SHARDS)]
        for number in range(count):
            self._shards[shard_of(entry_id(number), SHARDS)].append(number)
        self._tables = Tables(at.timestamp)
        for name in (PAYMENTS, SETTLEMENT):
            declared = resources("AWS::DynamoDB::Table")[name]
            self._tables.create_declared(name, declared["Properties"])
        self._counted = Counted(self._tables, None)
        self._entry_bytes = measure(self._entry(0, None))
        self.units: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.seconds = 0.0
        """Processor time of this stand-in, which is none of the worker's."""

    @contextmanager
    def _stand_in(self, call: str) -> Iterator[None]:
        began = time.thread_time()
        self.calls[call] += 1
        try:
            yield
        finally:
            self.seconds += time.thread_time() - began

    def all_units(self) -> Counter[str]:
        """What all calls took."""
        return self.units + self._counted.units

    # --- the client's side -----------------------------------------------------------------------

    def query(self, **asked: Any) -> Wire:
        with self._stand_in("query"):
            pk = asked["ExpressionAttributeValues"][":pk"]["S"]
            after = asked.get("ExclusiveStartKey", {}).get("sk", {}).get("S", "")
            if "#SETTLE#" in pk:
                return self._page(self._entries_behind(pk, after), asked["Limit"])
            if asked["TableName"] == SETTLEMENT and SK_PREFIX in str(asked):
                return self._page(self._lines_behind(pk, after), asked["Limit"])
            return self._counted.query(**asked)

    def get_item(self, **asked: Any) -> Wire:
        with self._stand_in("get_item"):
            return self._counted.get_item(**asked)

    def batch_get_item(self, **asked: Any) -> Wire:
        with self._stand_in("batch_get_item"):
            return self._counted.batch_get_item(**asked)

    def put_item(self, **asked: Any) -> Wire:
        with self._stand_in("put_item"):
            return self._counted.put_item(**asked)

    def update_item(self, **asked: Any) -> Wire:
        with self._stand_in("update_item"):
            return self._counted.update_item(**asked)

    def transact_write_items(
        self, *, TransactItems: Sequence[Wire], ClientRequestToken: str
    ) -> Wire:
        with self._stand_in("transact_write_items"):
            here, claimed, lines = [], [], []
            for action in TransactItems:
                ((kind, write),) = action.items()
                if kind == "Update" and "#SETTLE#" in write["Key"]["pk"]["S"]:
                    claimed.append(write)
                elif kind == "Put" and write["Item"]["sk"]["S"].startswith(SK_PREFIX):
                    lines.append(write)
                else:
                    here.append(action)
            numbers = [self._unclaimed(write) for write in claimed]
            assert [number_in(line["Item"]["entry_id"]["S"]) for line in lines] == numbers
            assert {line["ConditionExpression"] for line in lines} <= {NOT_CREATED.expression}
            if here:
                self._gate(here, len(TransactItems) - len(here))
            for write, line, number in zip(claimed, lines, numbers, strict=True):
                self._claim(write, line, number)
            return answer()

    def _gate(self, actions: Sequence[Wire], others: int) -> None:
        """The rows that are really kept. If one of them is otherwise, nothing was written."""
        try:
            self._counted.transact_write_items(TransactItems=actions)
        except self._tables.exceptions.TransactionCanceledException as cancelled:
            reasons = cancelled.response["CancellationReasons"] + [{"Code": "None"}] * others
            text = "a condition did not hold"
            kind = "TransactionCanceledException"
            raise client_error(
                "TransactWriteItems", kind, text, CancellationReasons=reasons
            ) from None

    def _unclaimed(self, write: Wire) -> int:
        """The entry of a claim. ENTRY_UNCLAIMED, which one worker after the other never breaks."""
        number = number_in(write["Key"]["sk"]["S"])
        assert write["ConditionExpression"] == ENTRY_UNCLAIMED.expression
        assert self.claims[number] == 0, "claimed twice"
        return number

    def _claim(self, write: Wire, line: Wire, number: int) -> None:
        values = write["ExpressionAttributeValues"]
        settlement_id = values[":set_settlement_id"]["S"]
        self.claims[number] = self._ordinals.setdefault(settlement_id, len(self._ordinals) + 1)
        self.batches.setdefault(settlement_id, array("L")).append(number)
        after = self._entry_bytes + len("settlement_id") + len(settlement_id)
        self.units["write units"] += 2 * (blocks(after) + blocks(measure(line["Item"])))

    # --- what is made when it is read ------------------------------------------------------------

    def _entries_behind(self, pk: str, after: str) -> Iterator[Wire]:
        *_, day, shard = pk.split("#")
        if day != self._at.date().isoformat():
            return
        numbers = self._shards[int(shard)]
        first = bisect_right(numbers, number_in(after)) if after else 0
        ids = {ordinal: one for one, ordinal in self._ordinals.items()}
        for place in range(first, len(numbers)):
            number = numbers[place]
            yield self._entry(number, ids.get(self.claims[number]))

    def _lines_behind(self, pk: str, after: str) -> Iterator[Wire]:
        settlement_id = pk.rpartition("#")[2]
        numbers = sorted(self.batches[settlement_id])
        first = bisect_right(numbers, number_in(after)) if after else 0
        for number in numbers[first:]:
            _, item = self._made(number)
            entry = Entry.of(item)
            key = {"pk": pk, "sk": line_sk(entry.entry_id)}
            made = {"schema_version": SCHEMA_VERSION, **line_item(entry, settlement_id), **key}
            yield item_to_wire(made)

    def _entry(self, number: int, settlement_id: str | None) -> Wire:
        key, item = self._made(number)
        claim = {} if settlement_id is None else {"settlement_id": settlement_id}
        versioned = {"schema_version": SCHEMA_VERSION, **item, **claim, **key.attributes()}
        return item_to_wire(versioned)

    def _made(self, number: int) -> tuple[Any, Item]:
        refund = number % REFUND_EACH == REFUND_EACH - 1
        return settlement_entry(
            TENANT,
            f"pi_{number:026d}",
            f"op_{number:026d}",
            f"{number:026d}",
            Operation.REFUND if refund else Operation.CAPTURE,
            amount_cents(number),
            "eur",
            self._acquirer,
            self._at.date(),
            self._at,
            fee_cents=0 if refund else 15,
        )

    def _page(self, items: Iterator[Wire], limit: int) -> Wire:
        found, size = [], 0
        for item in items:
            if len(found) == limit:
                last = {name: found[-1][name] for name in ("pk", "sk")}
                break
            size += measure(item)
            found.append(item)
        else:
            last = None
        self.units["read units"] += max(1, ceil(size / READ_BYTES))
        more = {} if last is None else {"LastEvaluatedKey": last}
        return answer(Items=found, Count=len(found), ScannedCount=len(found), **more)


def entry_id(number: int) -> str:
    """The id of an entry, as its operation makes it."""
    refund = number % REFUND_EACH == REFUND_EACH - 1
    return f"op_{number:026d}-{'refund' if refund else 'capture'}"


def number_in(text: str) -> int:
    """The number in an entry's id, or in a sort key that ends with it."""
    return int(text.rpartition("op_")[2].partition("-")[0])


def blocks(size: int) -> int:
    """Write units of an item, before a transaction doubles them."""
    return ceil(size / WRITE_BYTES)
