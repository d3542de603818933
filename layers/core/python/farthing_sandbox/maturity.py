"""What is due of debits, and of refunds that come back, happens when somebody looks: the clock may
have been moved by weeks.

Each step is written on the condition that nobody took it before, so it happens once whoever looks.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import items
from farthing_sandbox.asks import Operation
from farthing_sandbox.operations import Row, Status, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farthing_sandbox.books import Books
    from farthing_sandbox.items import Item
    from farthing_sandbox.operations import Booked

STEPS_MAX: Final = 6
"""Two lead to the end; the others are races lost."""

STILL_PENDING: Final = "#status = :pending"
NOT_TAKEN_BACK: Final = "#status = :approved AND attribute_not_exists(returned_at)"
PAY: Final = "SET #status = :approved, ended_at = :at, left_to_refund_cents = :amount"
REFUSE: Final = "SET #status = :declined, ended_at = :at"
SEND_BACK: Final = "SET returned_at = :at"
LEAVE_MORE: Final = "SET left_to_refund_cents = left_to_refund_cents + :amount"
TAKE_BACK: Final = "SET returned_at = :at, left_to_refund_cents = :none"


def mature(books: Books, order_id: str, entry: str, now: datetime) -> Item | None:
    """The row of an authorization, after all that is due of it has happened. None if it is none."""
    key = items.row_key(order_id, entry, Operation.AUTHORIZE)
    for _ in range(STEPS_MAX):
        item = books.get(key)
        at = items.due_at(item) if item is not None else None
        if item is None or at is None or at > rfc3339(now):
            return item
        books.transact(steps(books, key, item, at))
    raise TimeoutError("others kept looking at the same debit")


def mature_refund(books: Books, order_id: str, entry: str, now: datetime) -> Item | None:
    """The row of a refund, after it came back if it was due to. None if it is none."""
    key = items.row_key(order_id, entry, Operation.REFUND)
    for _ in range(STEPS_MAX):
        item = books.get(key)
        at = items.due_at(item) if item is not None else None
        if item is None or at is None or at > rfc3339(now):
            return item
        books.transact(comes_back(books, key, item, at))
    raise TimeoutError("others kept looking at the same refund")


def comes_back(books: Books, key: Item, item: Item, at: str) -> list[Item]:
    """The writes of a refund that its bank sends back: it can be refunded again."""
    values = {":at": at, ":approved": "APPROVED"}
    update = books.expression(key, SEND_BACK, values, when=NOT_TAKEN_BACK)
    charge = items.row_key(item["order_id"], item["charge_entry"], Operation.AUTHORIZE)
    grown = books.expression(charge, LEAVE_MORE, {":amount": item["amount_cents"]})
    return [{"Update": update}, {"Update": grown}, moved(books, item, Operation.REFUND_RETURN, at)]


def mature_all(books: Books, order_id: str, rows: Iterable[Booked], now: datetime) -> bool:
    """Whether something was due of these rows of an order. It has happened then."""
    due = [it for it in rows if it.due_at is not None and it.due_at <= rfc3339(now)]
    for booked in due:
        refund = booked.row.operation is Operation.REFUND
        (mature_refund if refund else mature)(books, order_id, entry_of(booked.key), now)
    return bool(due)


def steps(books: Books, key: Item, item: Item, at: str) -> list[Item]:
    """The writes of what happens at `at`."""
    amount = item["amount_cents"]
    if item["status"] != Status.PENDING:
        taken = {":at": at, ":none": 0, ":approved": "APPROVED"}
        update = books.expression(key, TAKE_BACK, taken, when=NOT_TAKEN_BACK)
        return [{"Update": update}, moved(books, item, Operation.RETURN, at)]
    values: dict[str, Any] = {":at": at, ":pending": "PENDING"}
    if item["decline_code"] is not None:
        refused = values | {":declined": "DECLINED"}
        return [{"Update": books.expression(key, REFUSE, refused, when=STILL_PENDING)}]
    paid = values | {":approved": "APPROVED", ":amount": amount}
    update = books.expression(key, PAY, paid, when=STILL_PENDING)
    return [{"Update": update}, moved(books, item, Operation.CAPTURE, at)]


def moved(books: Books, item: Item, operation: Operation, at: str) -> Item:
    """The line of the books for money that moved by itself: all of the debit, or of the refund."""
    row = Row(
        item["reference"],
        item["order_id"],
        operation,
        item["amount_cents"],
        item["currency"],
        Status.APPROVED,
        at,
    )
    key = items.row_key(item["order_id"], entry_of(item), operation)
    shown = {**vars(row), "operation": operation.value, "status": row.status.value}
    named = {"visible_at": None, "merchant_reference": item["merchant_reference"]}
    return books.put({**key, **shown, **named})


def present(item: Item) -> dict[str, Any]:
    """What a look-up says of a debit beside the answer that it got."""
    if "decides_at" not in item:
        return {"status": item["status"], "returned": None}
    status = item["status"]
    refused = status == Status.DECLINED
    return {
        "status": status,
        "captured_cents": item["amount_cents"] if status == Status.APPROVED else 0,
        "decline_code": item["decline_code"] if refused else None,
        "authorization_code": None if refused else item["authorization_code"],
        "returned": returned(item),
    }


def stands(item: Item) -> dict[str, Any]:
    """What a look-up says of a refund beside the answer that it got."""
    return {"status": item["status"], "returned": returned(item)}


def returned(item: Item) -> dict[str, Any] | None:
    """That a debit was taken back, or a refund sent back, under a name of its own."""
    if "returned_at" not in item:
        return None
    name = hashlib.sha256(f"{item['pk']} {item['sk']}".encode()).hexdigest()[:20].upper()
    return {
        "reference": f"RTN-{name}",
        "amount_cents": item["amount_cents"],
        "code": item["return_code"],
        "at": item["returned_at"],
    }


def entry_of(key: Item) -> str:
    """The entry that a line's key names."""
    return str(key["sk"]).removeprefix("ROW#").rpartition("#")[0]
