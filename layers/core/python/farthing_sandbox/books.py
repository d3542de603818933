"""The books in DynamoDB. An entry is written whole or not at all, and never on a stale view.

Every read is consistent. Every write that depends on one repeats what it
depends on as a condition, by name.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import items, token_books
from farthing_sandbox.asks import Operation
from farthing_sandbox.cards import Fault
from farthing_sandbox.items import Item, as_json, plain, wire
from farthing_sandbox.operations import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farthing_sandbox.operations import Booked, Change, Charge, Entry

NOT_CREATED: Final = "attribute_not_exists(pk)"
ENOUGH_LEFT_TO_CAPTURE: Final = "left_to_capture_cents >= :amount"
ENOUGH_LEFT_TO_REFUND: Final = "left_to_refund_cents >= :amount"
NOTHING_CAPTURED: Final = "left_to_capture_cents = :amount"
NOTHING_REFUNDED: Final = "left_to_refund_cents = :amount"
STILL_PENDING: Final = "#status = :pending"

CAPTURE_ONCE: Final = (
    "SET left_to_capture_cents = :none, left_to_refund_cents = :amount, captured_cents = :amount, "
    "captured_at = :at"
)
TAKE_REFUND: Final = "SET left_to_refund_cents = left_to_refund_cents - :amount"
REVERSE_CHARGE: Final = (
    "SET #status = :reversed, left_to_capture_cents = :none, left_to_refund_cents = :none"
)
REVERSE_ROW: Final = "SET #status = :reversed"
END_REFUND: Final = "SET #status = :approved, ended_at = :now"
PAY_ROW: Final = "SET settled_by = :settlement"
PAID_BY_NO_OTHER: Final = (
    "#status = :approved AND (attribute_not_exists(settled_by) OR settled_by = :settlement)"
)

LOST_A_RACE: Final = {"None", "ConditionalCheckFailed", "TransactionConflict"}
KEYS_PER_READ_MAX: Final = 100
READS_PER_BATCH_MAX: Final = 20
WRITES_PER_TRANSACTION_MAX: Final = 100


@dataclass(frozen=True)
class Recorded:
    """What a reference was used for. `content` and `answer` are JSON, byte for byte.

    Nobody can see it before `visible_at`, and `fault` happens to each answer that tells of it.
    """

    order_id: str
    entry: str
    content: str
    answer: str
    visible_at: str | None
    fault: Fault | None


def recorded(entry: Entry) -> Recorded:
    """What an entry's reference was used for."""
    return Recorded(
        order_id=entry.ask.order_id,
        entry=entry.entry,
        content=as_json(entry.ask.content()),
        answer=as_json(entry.answer),
        visible_at=entry.visible_at,
        fault=entry.fault,
    )


@dataclass(frozen=True)
class Books:
    """Reads and writes of one table."""

    client: Any
    table: str

    def operation(self, reference: str) -> Recorded | None:
        """What `reference` was used for (the latest, if the sandbox is not idempotent)."""
        item = self.get(items.operation_key(reference))
        if item is None:
            return None
        return Recorded(
            order_id=item["order_id"],
            entry=item["entry"],
            content=item["content"],
            answer=item["answer"],
            visible_at=item.get("visible_at"),
            fault=Fault(item["fault"]) if item.get("fault") else None,
        )

    def charge(self, reference: str) -> Charge | None:
        """The charge that `reference` authorized, as it stands."""
        recorded = self.operation(reference)
        if recorded is None:
            return None
        key = items.row_key(recorded.order_id, recorded.entry, Operation.AUTHORIZE)
        item = self.get(key)
        return None if item is None else items.charge_of(item, recorded.entry)

    def issued_to(self, network_reference: str) -> str | None:
        """The last four digits of the card that `network_reference` was issued to."""
        item = self.get(items.network_reference_key(network_reference))
        return None if item is None else str(item["last_four"])

    def row(self, order_id: str, entry: str, operation: Operation) -> Booked | None:
        """One line of an entry."""
        item = self.get(items.row_key(order_id, entry, operation))
        return None if item is None else items.booked_of(item)

    def rows_of_order(self, order_id: str) -> list[Booked]:
        """All that ever happened for an order, oldest first."""
        return [items.booked_of(item) for item in self.query(f"ORDER#{order_id}")]

    def query(self, pk: str) -> list[Item]:
        """All items of a partition, in their order."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=wire({":pk": pk}),
        )
        return [plain(item) for page in pages for item in page["Items"]]

    def rows(self, wanted: Iterable[tuple[str, Operation]]) -> dict[tuple[str, Operation], Booked]:
        """The rows of many (reference, operation) pairs; absent ones are left out."""
        pairs = list(dict.fromkeys(wanted))
        claims = self.get_all(items.operation_key(reference) for reference, _ in pairs)
        owners = {claim["pk"]: claim for claim in claims}
        keys = [
            items.row_key(owner["order_id"], owner["entry"], operation)
            for reference, operation in pairs
            if (owner := owners.get(items.operation_key(reference)["pk"]))
        ]
        found = [items.booked_of(item) for item in self.get_all(keys)]
        return {(booked.row.reference, booked.row.operation): booked for booked in found}

    def pay(self, rows: Iterable[Booked], settlement: str) -> bool:
        """Record that `settlement` pays the rows. False if one has changed: read again.

        Those of the same settlement are left as they are, so that it can be gone on with.
        """
        values = {":settlement": settlement, ":approved": "APPROVED"}
        writes: list[Item] = [
            {"Update": self.expression(row.key, PAY_ROW, values, when=PAID_BY_NO_OTHER)}
            for row in rows
            if row.settled_by is None
        ]
        return all(
            self.transact(writes[start : start + WRITES_PER_TRANSACTION_MAX])
            for start in range(0, len(writes), WRITES_PER_TRANSACTION_MAX)
        )

    def lose_first(self, reference: str) -> bool:
        """Whether this is the first request of `reference`; it remembers having been asked."""
        return self.create({**items.lost_key(reference), "reference": reference})

    def end_refund(self, order_id: str, entry: str, now: str) -> None:
        """Approve a refund if it is still pending; else it is left as it is, or not there."""
        key = items.row_key(order_id, entry, Operation.REFUND)
        values = {":approved": "APPROVED", ":pending": "PENDING", ":now": now}
        with suppress(self.client.exceptions.ConditionalCheckFailedException):
            self.client.update_item(**self.expression(key, END_REFUND, values, when=STILL_PENDING))

    def record(self, entry: Entry, *, once: bool) -> bool:
        """Write a decision. False if the facts it rests on have changed: read again, decide again.

        With `once`, a reference is used once.
        """
        writes = [self.claim(entry, once=once)]
        writes += [self.put(items.row_item(row, entry)) for row in entry.rows]
        writes.append(self.put(items.journal_item(entry)))
        if entry.change is not None:
            writes += self.apply(entry.change)
        if entry.opens is not None and entry.opens.network_reference is not None:
            key = items.network_reference_key(entry.opens.network_reference)
            writes.append(self.put({**key, "last_four": entry.opens.last_four}))
        if entry.spends is not None:
            writes.append(token_books.spend(self, entry.spends))
        return self.transact(writes)

    def claim(self, entry: Entry, *, once: bool) -> Item:
        """The write that ties a reference to its answer."""
        item = {**items.operation_key(entry.ask.reference), **vars(recorded(entry))}
        return self.put(item, when=NOT_CREATED if once else None)

    def apply(self, change: Change) -> list[Item]:
        """The writes that change a charge, each on the condition that it has not moved on."""
        charge, amount = change.charge, change.amount_cents
        if change.operation is Operation.CAPTURE:
            return [self.update(charge, CAPTURE_ONCE, ENOUGH_LEFT_TO_CAPTURE, amount, change.at)]
        if change.operation is Operation.REFUND:
            return [self.update(charge, TAKE_REFUND, ENOUGH_LEFT_TO_REFUND, amount)]
        if charge.status is Status.PENDING:
            return [self.update(charge, REVERSE_CHARGE, STILL_PENDING, amount)]
        if not charge.taken_at_once:
            return [self.update(charge, REVERSE_CHARGE, NOTHING_CAPTURED, amount)]
        captured = items.row_key(charge.order_id, charge.entry, Operation.CAPTURE)
        return [
            self.update(charge, REVERSE_CHARGE, NOTHING_REFUNDED, amount),
            {"Update": self.expression(captured, REVERSE_ROW, {":reversed": "REVERSED"})},
        ]

    def update(
        self, charge: Charge, change: str, when: str, amount_cents: int, at: str = ""
    ) -> Item:
        """A conditional change of a charge's counters."""
        key = items.row_key(charge.order_id, charge.entry, Operation.AUTHORIZE)
        known = {
            ":amount": amount_cents,
            ":none": 0,
            ":at": at,
            ":reversed": "REVERSED",
            ":pending": "PENDING",
        }
        used = {name: value for name, value in known.items() if name in change + when}
        return {"Update": self.expression(key, change, used, when)}

    def expression(self, key: Item, change: str, values: Item, when: str | None = None) -> Item:
        """An update's fixed parts."""
        used = change + (when or "")
        names = {"ExpressionAttributeNames": {"#status": "status"}} if "#status" in used else {}
        condition = {} if when is None else {"ConditionExpression": when}
        return (
            names
            | condition
            | {
                "TableName": self.table,
                "Key": wire(key),
                "UpdateExpression": change,
                "ExpressionAttributeValues": wire(values),
            }
        )

    def put(self, item: Item, when: str | None = None) -> Item:
        """A put inside a transaction."""
        versioned = wire(item | {"schema_version": items.SCHEMA_VERSION})
        condition = {} if when is None else {"ConditionExpression": when}
        return {"Put": {"TableName": self.table, "Item": versioned, **condition}}

    def transact(self, writes: list[Item]) -> bool:
        """All of them, or none and False when another request got there first."""
        try:
            self.client.transact_write_items(TransactItems=writes)
        except self.client.exceptions.TransactionCanceledException as cancelled:
            reasons = {reason["Code"] for reason in cancelled.response["CancellationReasons"]}
            if reasons <= LOST_A_RACE:
                return False
            raise
        return True

    def create(self, item: Item) -> bool:
        """Put one item if there is none under its key."""
        try:
            self.client.put_item(**self.put(item, when=NOT_CREATED)["Put"])
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def create_all(self, created: Iterable[Item]) -> bool:
        """Put items, all of them if there is none under any of their keys."""
        return self.transact([self.put(item, when=NOT_CREATED) for item in created])

    def replace(self, item: Item) -> None:
        """Put one item, whatever was there."""
        self.client.put_item(**self.put(item)["Put"])

    def get(self, key: Item) -> Item | None:
        """One item, read consistently."""
        found = self.client.get_item(TableName=self.table, Key=wire(key), ConsistentRead=True)
        return plain(found["Item"]) if "Item" in found else None

    def get_all(self, keys: Iterable[Item]) -> Iterator[Item]:
        """Many items, read consistently, in no order."""
        distinct = list({(key["pk"], key["sk"]): key for key in keys}.values())
        for start in range(0, len(distinct), KEYS_PER_READ_MAX):
            yield from self.get_batch(distinct[start : start + KEYS_PER_READ_MAX])

    def get_batch(self, keys: list[Item]) -> Iterator[Item]:
        """Up to 100 items; DynamoDB may give them in several parts."""
        asked = {self.table: {"Keys": [wire(key) for key in keys], "ConsistentRead": True}}
        for _ in range(READS_PER_BATCH_MAX):
            found = self.client.batch_get_item(RequestItems=asked)
            yield from map(plain, found["Responses"].get(self.table, []))
            asked = found["UnprocessedKeys"]
            if not asked:
                return
        raise TimeoutError("the books did not give all the items of one batch")
