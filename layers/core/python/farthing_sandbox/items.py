"""How the books lie in the table.

| pk | sk | what |
|---|---|---|
| `REF#{reference}` | `OPERATION` | who used the reference, for what, and the answer |
| `REF#{reference}` | `LOST` | the first request of this reference never arrived |
| `ORDER#{order_id}` | `ROW#{time}#{random}#{rank}` | a line of the books and its counters |
| `JOURNAL#{day}` | `{time}#{random}` | the same operation in the list of all, by time |
| `NETWORK_REFERENCE#{it}` | `ISSUED` | to which card it was issued |
| `DISPUTE#{reference}` | `DISPUTE` | a dispute, with what it comes to next |
| `SETTLEMENT#{reference}` | `REPORT`, `LINES#{attempt}#{n}` | a report and its lines |
| `TRANSFERS#{day}` | `{reference}` | what was transferred to a bank for a settlement |
| `WEBHOOK_ENDPOINT` | `WEBHOOK_ENDPOINT` | where to post |

An order has a partition of its own, so its books are read consistently: a
double charge is not hidden by an index that lags.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from farthing_sandbox import cards
from farthing_sandbox.asks import Operation
from farthing_sandbox.cards import Settles
from farthing_sandbox.operations import (
    REFUND_COMES_BACK_SECONDS,
    Booked,
    Charge,
    Row,
    Status,
    rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farthing_sandbox.operations import Change, Entry

SCHEMA_VERSION: Final = 1

RANKS: Final = {
    Operation.AUTHORIZE: 1,
    Operation.CAPTURE: 2,
    Operation.VOID: 3,
    Operation.REFUND: 4,
    Operation.RETURN: 5,
    Operation.REFUND_RETURN: 6,
    Operation.DISPUTE: 7,
    Operation.DISPUTE_REVERSAL: 8,
    Operation.DISPUTE_FEE: 9,
}
"""A combined charge writes two rows at one moment, in this order."""

WEBHOOK_ENDPOINT_KEY: Final = {"pk": "WEBHOOK_ENDPOINT", "sk": "WEBHOOK_ENDPOINT"}

LISTED: Final = (
    "reference",
    "order_id",
    "operation",
    "amount_cents",
    "captured_cents",
    "currency",
    "method",
    "authorization_code",
    "network_reference",
    "expires_at",
    "decline_code",
    "created_at",
)
"""What the list of all operations shows of an answer."""

Item = dict[str, Any]


def operation_key(reference: str) -> Item:
    """The claim on a reference."""
    return {"pk": f"REF#{reference}", "sk": "OPERATION"}


def lost_key(reference: str) -> Item:
    """The memory that a first request was lost. Not part of the books."""
    return {"pk": f"REF#{reference}", "sk": "LOST"}


def network_reference_key(network_reference: str) -> Item:
    """The record of an issued network reference."""
    return {"pk": f"NETWORK_REFERENCE#{network_reference}", "sk": "ISSUED"}


def row_key(order_id: str, entry: str, operation: Operation) -> Item:
    """A line of the public books."""
    return {"pk": f"ORDER#{order_id}", "sk": f"ROW#{entry}#{RANKS[operation]}"}


def journal_partition(day: str) -> str:
    """Where the operations of a day are listed."""
    return f"JOURNAL#{day}"


def report_key(reference: str) -> Item:
    """The head of a settlement report."""
    return {"pk": f"SETTLEMENT#{reference}", "sk": "REPORT"}


def lines_key(reference: str, attempt: str, part: int) -> Item:
    """One part of a report's lines, as one attempt to write the report wrote it."""
    return {"pk": f"SETTLEMENT#{reference}", "sk": f"LINES#{attempt}#{part:04d}"}


def transfer_key(booked_on: str, reference: str) -> Item:
    """A transfer among those of its day."""
    return {"pk": transfers_partition(booked_on), "sk": reference}


def transfers_partition(booked_on: str) -> str:
    """Where the transfers of a day are listed."""
    return f"TRANSFERS#{booked_on}"


def row_item(row: Row, entry: Entry) -> Item:
    """A line of the books, with the charge's counters if it opens one."""
    item = {**row_key(row.order_id, entry.entry, row.operation), **vars(row)}
    item |= {"operation": row.operation.value, "status": row.status.value}
    item |= {
        "visible_at": entry.visible_at,
        "merchant_reference": entry.ask.merchant_reference,
    }
    if row.operation is Operation.CAPTURE and (quirk := entry.settles) is not None:
        item["settles"] = quirk.value
    charge = entry.opens
    if charge is not None and row.operation is Operation.AUTHORIZE:
        item |= {
            "left_to_capture_cents": charge.left_to_capture_cents,
            "left_to_refund_cents": charge.left_to_refund_cents,
            "taken_at_once": charge.taken_at_once,
            "last_four": charge.last_four,
            "behaviour": charge.behaviour,
            "authorization_code": charge.authorization_code,
            "network_reference": charge.network_reference,
        }
        if charge.left_to_refund_cents:
            item |= {"captured_at": row.created_at, "captured_cents": charge.left_to_refund_cents}
    if row.operation is Operation.REFUND and entry.change is not None:
        item |= refund_coming_back(entry.change)
    if entry.debit is not None:
        item |= vars(entry.debit)
    return item


def refund_coming_back(change: Change) -> Item:
    """Whether a refund will come back, and of which charge it is."""
    if not cards.behaviour_tagged(change.charge.behaviour).refunds_come_back:
        return {}
    at = datetime.fromisoformat(change.at) + timedelta(seconds=REFUND_COMES_BACK_SECONDS)
    of = {"charge_entry": change.charge.entry, "return_code": cards.ACCOUNT_CLOSED.code}
    return {"returns_at": rfc3339(at), **of}


def journal_item(entry: Entry) -> Item:
    """An entry in the list of all operations. A combined charge is one request, and is there once.

    The status is not in it: it changes.
    """
    listed = {name: entry.answer[name] for name in LISTED} | {
        "merchant_reference": entry.ask.merchant_reference,
        "capture": entry.ask.capture,
        "original_reference": entry.ask.original_reference,
    }
    return {
        "pk": journal_partition(entry.entry[:10]),
        "sk": entry.entry,
        "entry": entry.entry,
        "order_id": entry.ask.order_id,
        "operation": entry.rows[0].operation.value,
        "visible_at": entry.visible_at,
        "listed": as_json(listed),
    }


def row_of(item: Mapping[str, Any]) -> Row:
    """The line of the books that `item` is."""
    return Row(
        reference=item["reference"],
        order_id=item["order_id"],
        operation=Operation(item["operation"]),
        amount_cents=item["amount_cents"],
        currency=item["currency"],
        status=Status(item["status"]),
        created_at=item["created_at"],
        via=item.get("via"),
    )


def booked_of(item: Mapping[str, Any]) -> Booked:
    """The line of the books that `item` is, with where it lies and what the public does not see."""
    return Booked(
        row=row_of(item),
        key={"pk": item["pk"], "sk": item["sk"]},
        settled_by=item.get("settled_by"),
        visible_at=item.get("visible_at"),
        merchant_reference=item.get("merchant_reference"),
        ended_at=item.get("ended_at"),
        due_at=due_at(item),
        settles=Settles(item["settles"]) if "settles" in item else None,
        may_be_disputed=may_be_disputed(item),
    )


def may_be_disputed(item: Mapping[str, Any]) -> bool:
    """Whether an authorization's row is of a charge that was captured, and that payers dispute."""
    return "captured_at" in item and cards.behaviour_tagged(item["behaviour"]).disputed


def due_at(item: Mapping[str, Any]) -> str | None:
    """When a debit will be decided, or taken back, or a refund come back; None if nothing more
    happens to it."""
    if item["status"] == Status.PENDING:
        return item.get("decides_at")
    ended = item["status"] != Status.APPROVED or "returned_at" in item
    return None if ended else item.get("returns_at")


def charge_of(item: Mapping[str, Any], entry: str) -> Charge:
    """The charge that the AUTHORIZE row `item` counts."""
    return Charge(
        entry=entry,
        order_id=item["order_id"],
        currency=item["currency"],
        status=Status(item["status"]),
        authorized_cents=item["amount_cents"],
        left_to_capture_cents=item["left_to_capture_cents"],
        left_to_refund_cents=item["left_to_refund_cents"],
        taken_at_once=item["taken_at_once"],
        last_four=item["last_four"],
        behaviour=item["behaviour"],
        authorization_code=item["authorization_code"],
        network_reference=item["network_reference"],
        created_at=datetime.fromisoformat(item["created_at"]),
        visible_at=item.get("visible_at"),
    )


def as_json(value: Any) -> str:
    """One way only to write a value, so that equal values are equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def wire(item: Mapping[str, Any]) -> Item:
    """As the low-level client takes it."""
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in item.items()}


def plain(item: Mapping[str, Any]) -> Item:
    """As Python has it. Every number here is an integer."""
    deserializer = TypeDeserializer()
    values = {name: deserializer.deserialize(value) for name, value in item.items()}
    return {
        name: int(value) if isinstance(value, Decimal) else value for name, value in values.items()
    }
