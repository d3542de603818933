"""DynamoDB in memory: the calls that the product makes, with boto3's names, arguments and errors.

`Tables` is a client for the product and a world for the simulator. It holds state and decides by
DynamoDB's rules; it waits for nothing, fails for nobody and draws no lots: who calls it does that.
The time comes from `now`, an index is late by `index_lag()` seconds after each write, and a read of
a table that is not consistent may see what was before if `stale()` says so.

Arguments that the product does not use are not there, so using one is a TypeError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.aws import reading, writing
from tests.simulation.aws.errors import Exceptions, answer, client_error
from tests.simulation.aws.grammar import Invalid
from tests.simulation.aws.index import Key
from tests.simulation.aws.keys import key_of, place_of
from tests.simulation.aws.plans import NOTHING, query_plan, write_plan
from tests.simulation.aws.storage import Storage
from tests.simulation.aws.table import Table, WriteRecord
from tests.simulation.aws.values import Item, Refused
from tests.simulation.aws.writing import (
    KEY_SCHEMA,
    Change,
    ConditionFalse,
    action_of,
    returned,
    why,
)

__all__ = ["Paginator", "Tables", "WriteRecord", "cancelled"]

BATCH_GET_KEYS_MAX = 100
TRANSACTION_ACTIONS_MAX = 100
TRANSACTION_BYTES_MAX = 4 * 1024 * 1024


class Paginator:
    """All pages of a call, one after the other, each by one call of `operation`."""

    def __init__(self, operation: Callable[..., dict[str, Any]]) -> None:
        self._operation = operation

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        """The pages."""
        while True:
            page = self._operation(**arguments)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


class Tables(Storage):
    """Tables with text keys `pk` and `sk`."""

    exceptions = Exceptions(
        "ConditionalCheckFailedException",
        "IdempotentParameterMismatchException",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",
        "ThrottlingException",
        "TransactionCanceledException",
        "TransactionConflictException",
        "TransactionInProgressException",
    )

    # The client's side: writes

    def put_item(self, *, ReturnValues: str = "NONE", **arguments: Any) -> dict[str, Any]:
        """Put one item."""
        change = self._alone("PutItem", writing.put, arguments)
        return returned(ReturnValues, change, ("NONE", "ALL_OLD"))

    def update_item(self, *, ReturnValues: str = "NONE", **arguments: Any) -> dict[str, Any]:
        """Change one item, or make it."""
        change = self._alone("UpdateItem", writing.update, arguments)
        return returned(ReturnValues, change, ("NONE", "ALL_OLD", "ALL_NEW"))

    def delete_item(self, *, ReturnValues: str = "NONE", **arguments: Any) -> dict[str, Any]:
        """Delete one item."""
        change = self._alone("DeleteItem", writing.delete, arguments)
        return returned(ReturnValues, change, ("NONE", "ALL_OLD"))

    def transact_write_items(
        self, *, TransactItems: Sequence[Mapping[str, Any]], ClientRequestToken: str | None = None
    ) -> dict[str, Any]:
        """All of them or none."""
        operation = "TransactWriteItems"
        if not 0 < len(TransactItems) <= TRANSACTION_ACTIONS_MAX:
            raise _invalid(operation, "Member must have length between 1 and 100, inclusive")
        now = self.now()
        if ClientRequestToken is not None:
            match self.tokens.seen(ClientRequestToken, TransactItems, now):
                case True:
                    return answer()
                case False:
                    raise client_error(
                        operation,
                        "IdempotentParameterMismatchException",
                        "The request uses the same client token as a previous, but non-identical "
                        "request. Do not reuse a client token with different requests, unless the "
                        "requests are identical",
                    )
        self.commit(self._evaluated(TransactItems))
        if ClientRequestToken is not None:
            self.tokens.remember(ClientRequestToken, TransactItems, now)
        return answer()

    # The client's side: reads

    def get_item(
        self, *, TableName: str, Key: Item, ConsistentRead: bool = False
    ) -> dict[str, Any]:
        """One item; no `Item` in the answer if it is not there."""
        table = self._table("GetItem", TableName)
        try:
            item = self._read(table, key_of(Key), consistent=ConsistentRead)
        except Invalid as refused:
            raise _invalid("GetItem", str(refused)) from None
        return answer() if item is None else answer(Item=item.copy())

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        """Up to 100 items, in no order: here backwards, so that nobody relies on the asked one."""
        operation = "BatchGetItem"
        if not 0 < sum(len(asked["Keys"]) for asked in RequestItems.values()) <= BATCH_GET_KEYS_MAX:
            raise _invalid(operation, "Too many items requested for the BatchGetItem call")
        responses = {}
        for name, asked in RequestItems.items():
            if unknown := asked.keys() - {"Keys", "ConsistentRead"}:
                raise TypeError(f"the fake has no {sorted(unknown)}")
            table = self._table(operation, name)
            try:
                keys = [key_of(key) for key in asked["Keys"]]
            except Invalid as refused:
                raise _invalid(operation, str(refused)) from None
            if len(set(keys)) < len(keys):
                raise _invalid(operation, "Provided list of item keys contains duplicates")
            consistent = asked.get("ConsistentRead", False)
            found = [self._read(table, key, consistent=consistent) for key in reversed(keys)]
            responses[name] = [item.copy() for item in found if item is not None]
        return answer(Responses=responses, UnprocessedKeys={})

    def query(
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        IndexName: str | None = None,
        FilterExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
        ConsistentRead: bool = False,
        ScanIndexForward: bool = True,
        Limit: int | None = None,
        ExclusiveStartKey: Item | None = None,
    ) -> dict[str, Any]:
        """One page of a partition of the table or of an index."""
        table = self._table("Query", TableName)
        values = ExpressionAttributeValues or NOTHING
        schema = KEY_SCHEMA if IndexName is None else table.schemas.get(IndexName)
        try:
            if schema is None:
                raise Invalid(f"The table does not have the specified index: {IndexName}")
            plan = query_plan(
                KeyConditionExpression,
                FilterExpression,
                ExpressionAttributeNames,
                schema,
                frozenset(schema),
            )
            plan.needs.check(values)
            _check_limit(Limit)
            partition = reading.partition_asked(plan, values)
            return reading.query_page(
                self._source(table, IndexName, partition, consistent=ConsistentRead),
                plan,
                values,
                forward=ScanIndexForward,
                limit=Limit,
                start=ExclusiveStartKey,
                largest=table.largest,
            )
        except (Invalid, Refused) as refused:
            raise _invalid("Query", str(refused)) from None

    def scan(
        self,
        *,
        TableName: str,
        FilterExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
        ConsistentRead: bool = False,
        Limit: int | None = None,
        ExclusiveStartKey: Item | None = None,
    ) -> dict[str, Any]:
        """One page of the whole table. Always as it is now, whether asked consistently or not."""
        table = self._table("Scan", TableName)
        values = ExpressionAttributeValues or NOTHING
        source = reading.whole_table(table)
        places = source.places
        try:
            plan = write_plan(FilterExpression, None, ExpressionAttributeNames)
            plan.needs.check(values)
            _check_limit(Limit)
            if ExclusiveStartKey is not None:
                start = source.start(ExclusiveStartKey)
                places = [place for place in places if place > start]
            return reading.page(source, places, plan.test, values, Limit, table.largest)
        except (Invalid, Refused) as refused:
            raise _invalid("Scan", str(refused)) from None

    def get_paginator(self, operation: str) -> Paginator:
        """Pages of `query` or `scan`."""
        return Paginator({"query": self.query, "scan": self.scan}[operation])

    # How a write is done

    def _alone(
        self, operation: str, decide: Callable[..., Change], arguments: Mapping[str, Any]
    ) -> Change:
        table = self._table(operation, arguments["TableName"])
        try:
            change = decide(table, **arguments)
        except ConditionFalse as failed:
            raise client_error(
                operation,
                "ConditionalCheckFailedException",
                "The conditional request failed",
                **({} if failed.shown is None else {"Item": failed.shown}),
            ) from None
        except (Invalid, Refused) as refused:
            raise _invalid(operation, str(refused)) from None
        self.commit((change,))
        return change

    def _evaluated(self, elements: Sequence[Mapping[str, Any]]) -> list[Change]:
        """What a transaction changes. Raises its cancellation, or ValidationException."""
        operation = "TransactWriteItems"
        changes: list[Change] = []
        reasons: dict[int, dict[str, Any]] = {}
        places: set[tuple[str, Key]] = set()
        try:
            for number, element in enumerate(elements):
                decide, arguments = action_of(element)
                table = self._table(operation, arguments["TableName"])
                try:
                    change = decide(table, **arguments)
                except (ConditionFalse, Refused) as refused:
                    reasons[number] = why(refused)
                    places.add((table.name, place_of(arguments)))
                else:
                    changes.append(change)
                    places.add((table.name, change[1]))
        except Invalid as refused:
            raise _invalid(operation, str(refused)) from None
        if len(places) < len(elements):
            raise _invalid(
                operation, "Transaction request cannot include multiple operations on one item"
            )
        if sum(change[4] for change in changes) > TRANSACTION_BYTES_MAX:
            raise _invalid(operation, "Transaction request size exceeds 4 MB")
        if reasons:
            raise cancelled([reasons.get(number) for number in range(len(elements))])
        return changes

    def _table(self, operation: str, name: str) -> Table:
        table = self.tables.get(name)
        if table is None:
            raise client_error(
                operation, "ResourceNotFoundException", "Requested resource not found"
            )
        return table

    def _read(self, table: Table, place: Key, *, consistent: bool) -> Item | None:
        if not consistent and self.stale():
            return table.before(place, self.now())
        return table.rows.get(place)

    def _source(
        self, table: Table, index: str | None, partition: str, *, consistent: bool
    ) -> reading.Source:
        if index is not None:
            if consistent:
                raise Invalid("Consistent reads are not supported on global secondary indexes")
            return reading.index_partition(table.index(index, self.now()), partition)
        if not consistent and self.stale():
            return reading.stale_partition(table, partition, self.now())
        return reading.partition(table, partition)


def cancelled(reasons: Sequence[dict[str, Any] | None]) -> ClientError:
    """A cancelled transaction; None for an action that had nothing against it."""
    filled = [{"Code": "None"} if reason is None else reason for reason in reasons]
    codes = ", ".join(reason["Code"] for reason in filled)
    return client_error(
        "TransactWriteItems",
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        CancellationReasons=filled,
    )


def _invalid(operation: str, message: str) -> ClientError:
    return client_error(operation, "ValidationException", message)


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise Invalid("Limit must be greater than or equal to 1")
