"""The store on DynamoDB: the only module that speaks its API.

One write goes as a plain conditional write, several as one TransactWriteItems. Conflicts and
throttling are retried a bounded number of times; a failed condition never is, because it is an
answer. Reads that decide anything are consistent; only lists may use an index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from farthing.store.condition import Condition
from farthing.store.errors import ConditionFailed, StoreBusy
from farthing.store.expression import key_range, placeholders, write_arguments
from farthing.store.item import Item, Key, item_from_wire, item_to_wire
from farthing.store.page import Index, Page
from farthing.store.port import PAGE_ITEMS_MAX
from farthing.store.scope import Scope
from farthing.store.write import Check, Delete, Put, Update, Write

ATTEMPTS_MAX = 7
BACKOFF_BASE_SECONDS = 0.025
BATCH_GET_KEYS_MAX = 100
TRANSACTION_WRITES_MAX = 100


_BUSY = frozenset(
    {
        "TransactionConflictException",
        "TransactionInProgressException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
    }
)
_BUSY_REASONS = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
)


@dataclass(frozen=True)
class DynamoStore:
    """Tables by logical name, seen through one scope.

    `chance` gives a number from 0 up to 1, `new_token` a text that was never given before.
    """

    client: Any
    table_names: Mapping[str, str]
    scope: Scope
    sleep: Callable[[float], None]
    chance: Callable[[], float]
    new_token: Callable[[], str]

    def get(self, key: Key) -> Item | None:
        """One item by a consistent read, or None."""
        self.scope.check(key.pk)
        answer = _read(
            self.client.get_item,
            TableName=self.table_names[key.table],
            Key=item_to_wire(key.attributes()),
            ConsistentRead=True,
        )
        return item_from_wire(answer["Item"]) if "Item" in answer else None

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """The items of up to 100 keys by one consistent batched read; missing ones are left out."""
        if not 0 < len(keys) <= BATCH_GET_KEYS_MAX:
            raise ValueError(f"a batch reads 1 to {BATCH_GET_KEYS_MAX} keys, not {len(keys)}")
        for key in keys:
            self.scope.check(key.pk)
        logical = {physical: name for name, physical in self.table_names.items()}
        pending = batch_request(keys, self.table_names)
        found: dict[Key, Item] = {}
        for attempt in range(ATTEMPTS_MAX):
            answer = _read(self.client.batch_get_item, RequestItems=pending)
            for physical, items in answer["Responses"].items():
                for wire in items:
                    item = item_from_wire(wire)
                    found[Key(logical[physical], item["pk"], item["sk"])] = item
            pending = answer.get("UnprocessedKeys") or {}
            if not pending:
                return found
            self._back_off(attempt)
        raise StoreBusy("batched read was throttled")

    def query(
        self,
        table: str,
        pk: str,
        *,
        sk_prefix: str = "",
        sk_before: str | None = None,
        sk_after: str | None = None,
        newest_first: bool = False,
        limit: int = PAGE_ITEMS_MAX,
        start: Item | None = None,
    ) -> Page:
        """One page of a partition by a consistent read, in sort-key order.

        `sk_before` and `sk_after` are exclusive bounds; with `sk_prefix` give neither.
        """
        self.scope.check(pk)
        bound, values = key_range("sk", prefix=sk_prefix, before=sk_before, after=sk_after)
        return page_of(
            _read(
                self.client.query,
                TableName=self.table_names[table],
                KeyConditionExpression=f"#pk = :pk{bound}",
                ExpressionAttributeNames={"#pk": "pk"} | ({"#sk": "sk"} if bound else {}),
                ExpressionAttributeValues=placeholders({"pk": pk} | values),
                ConsistentRead=True,
                ScanIndexForward=not newest_first,
                Limit=limit,
                **exclusive_start(start),
            )
        )

    def query_index(
        self,
        table: str,
        index: Index,
        pk: str,
        *,
        sk_before: str | None = None,
        sk_after: str | None = None,
        newest_first: bool = False,
        limit: int = PAGE_ITEMS_MAX,
        start: Item | None = None,
        only: Condition | None = None,
    ) -> Page:
        """One page of an index partition, eventually consistent: for lists, never for money.

        `only` filters after the read, so a page may hold fewer than `limit` and still not be
        the last.
        """
        self.scope.check(pk)
        bound, values = key_range(index.sk, prefix="", before=sk_before, after=sk_after)
        names = {f"#{index.pk}": index.pk} | ({f"#{index.sk}": index.sk} if bound else {})
        return page_of(
            _read(
                self.client.query,
                TableName=self.table_names[table],
                IndexName=index.name,
                KeyConditionExpression=f"#{index.pk} = :pk{bound}",
                ExpressionAttributeNames=names | (only.names() if only else {}),
                ExpressionAttributeValues=placeholders(
                    {"pk": pk} | values | (dict(only.values) if only else {})
                ),
                ScanIndexForward=not newest_first,
                Limit=limit,
                **({"FilterExpression": only.expression} if only else {}),
                **exclusive_start(start),
            )
        )

    def scan(self, table: str, *, limit: int = PAGE_ITEMS_MAX, start: Item | None = None) -> Page:
        """One page of every merchant's rows, in no order, by a consistent read.

        Nobody but a function that no request reaches may ask: the scope must allow every key.
        `start` is the key of any row: what was seen before is not given again.
        """
        self.scope.check("")
        return page_of(
            _read(
                self.client.scan,
                TableName=self.table_names[table],
                ConsistentRead=True,
                Limit=limit,
                **exclusive_start(start),
            )
        )

    def write(self, *writes: Write) -> None:
        """All of the writes or none of them.

        Raises ConditionFailed (naming the first write whose condition did not hold) or StoreBusy.
        """
        if not 0 < len(writes) <= TRANSACTION_WRITES_MAX:
            raise ValueError(f"a transaction has 1 to {TRANSACTION_WRITES_MAX} writes")
        for write in writes:
            self.scope.check(write.key.pk)
        token = self.new_token()
        for attempt in range(ATTEMPTS_MAX):
            try:
                self._write_once(writes, token)
                return
            except ClientError as error:
                if is_our_own(error, writes):
                    return
                raise_if_answered(error, writes)
            self._back_off(attempt)
        raise StoreBusy(f"{len(writes)} writes met conflicts {ATTEMPTS_MAX} times")

    def _write_once(self, writes: Sequence[Write], token: str) -> None:
        """`token` makes a repeated transaction one: DynamoDB knows it for ten minutes."""
        arguments = [write_arguments(write, self.table_names[write.key.table]) for write in writes]
        if len(writes) > 1 or isinstance(writes[0], Check):
            self.client.transact_write_items(
                ClientRequestToken=token,
                TransactItems=[
                    {_ACTION[type(w)]: a} for w, a in zip(writes, arguments, strict=True)
                ],
            )
        elif isinstance(writes[0], Put):
            self.client.put_item(**arguments[0])
        elif isinstance(writes[0], Update):
            self.client.update_item(**arguments[0])
        else:
            self.client.delete_item(**arguments[0])

    def _back_off(self, attempt: int) -> None:
        self.sleep(self.chance() * BACKOFF_BASE_SECONDS * 2**attempt)


_ACTION = {Put: "Put", Update: "Update", Delete: "Delete", Check: "ConditionCheck"}


def batch_request(keys: Sequence[Key], table_names: Mapping[str, str]) -> dict[str, Any]:
    """The keys by physical table, read consistently."""
    request: dict[str, Any] = {}
    for key in dict.fromkeys(keys):
        table = request.setdefault(table_names[key.table], {"Keys": [], "ConsistentRead": True})
        table["Keys"].append(item_to_wire(key.attributes()))
    return request


def page_of(answer: Mapping[str, Any]) -> Page:
    """A page from a query's or scan's answer."""
    start = answer.get("LastEvaluatedKey")
    return Page(
        items=[item_from_wire(item) for item in answer["Items"]],
        next_start=item_from_wire(start) if start else None,
    )


def exclusive_start(start: Item | None) -> dict[str, Any]:
    """The argument that continues a query."""
    return {"ExclusiveStartKey": item_to_wire(start)} if start else {}


def is_our_own(error: ClientError, writes: Sequence[Write]) -> bool:
    """Whether a put "failed" on the very item that it wrote itself.

    The SDK repeats a call whose answer was lost. If the first one was applied, the second finds
    it there; a transaction has its token for that, a single put is recognised by its content.
    """
    (write, *others) = writes
    repeated = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
    if not repeated or others or not isinstance(write, Put) or "Item" not in error.response:
        return False
    return bool(error.response["Item"] == write_arguments(write, "")["Item"])


def raise_if_answered(error: ClientError, writes: Sequence[Write]) -> None:
    """Turn a definite answer into its exception; return if the write may be tried again."""
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        raise _failed(0, writes, error.response.get("Item")) from error
    if code == "TransactionCanceledException":
        reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])
        for index, reason in enumerate(reasons):
            if reason.get("Code") == "ConditionalCheckFailed":
                raise _failed(index, writes, reason.get("Item")) from error
        if any(reason.get("Code") in _BUSY_REASONS for reason in reasons):
            return
    if code not in _BUSY:
        raise error


def _failed(index: int, writes: Sequence[Write], wire: Mapping[str, Any] | None) -> ConditionFailed:
    write = writes[index]
    item = item_from_wire(wire) if wire else None
    return ConditionFailed(index, write.when.name, write.key, item)


def _read(call: Callable[..., Any], **arguments: Any) -> Any:
    """What a read answers. Raises StoreBusy if it is still throttled after the SDK's retries."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in _BUSY:
            raise StoreBusy("a read was throttled") from error
        raise
