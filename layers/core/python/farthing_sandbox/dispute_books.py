"""Disputes in the books: one item each, and the lines of its money among those of its order.

What is due happens when somebody looks, as with debits. Each step is written on the condition that
the dispute is as it was read.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import cards, disputes, items
from farthing_sandbox.asks import Operation
from farthing_sandbox.disputes import Dispute, Stage, Status, Step
from farthing_sandbox.items import as_json
from farthing_sandbox.maturity import entry_of
from farthing_sandbox.operations import DISPUTED_AFTER_SECONDS, Row, rfc3339
from farthing_sandbox.operations import Status as RowStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from farthing_sandbox.books import Books
    from farthing_sandbox.items import Item
    from farthing_sandbox.operations import Booked

STEPS_MAX: Final = 24
"""A dispute has ten at most; the others are races lost."""

AS_IT_WAS: Final = "version = :seen"
UNDISPUTED: Final = (
    "#status = :approved AND attribute_not_exists(disputed_at) AND left_to_refund_cents = :left"
)
AS_MUCH_LEFT: Final = "left_to_refund_cents = :left"
OPEN: Final = "SET disputed_at = :at, left_to_refund_cents = :then"
TAKE_OR_GIVE: Final = "SET left_to_refund_cents = :then"


class NotAnswerable(Exception):
    """Evidence is not waited for: it is too late, or never was."""


class AnsweredOtherwise(Exception):
    """The reference was used for another answer."""


class BusyDispute(Exception):
    """Others kept changing it; nothing was written."""


def dispute_key(reference: str) -> Item:
    """Where a dispute is."""
    return {"pk": f"DISPUTE#{reference}", "sk": "DISPUTE"}


def opens_at(charge: Item) -> str | None:
    """When a charge will be disputed; None if it was, or will not be."""
    captured_at = charge.get("captured_at")
    if captured_at is None or "disputed_at" in charge or charge["status"] != RowStatus.APPROVED:
        return None
    if not cards.behaviour_tagged(charge["behaviour"]).disputed:
        return None
    return disputes.plus(captured_at, DISPUTED_AFTER_SECONDS)


def open_if_due(books: Books, order_id: str, entry: str, now: datetime) -> Dispute | None:
    """The dispute of a charge, after all that is due of it has happened. None if it has none."""
    key = items.row_key(order_id, entry, Operation.AUTHORIZE)
    for _ in range(STEPS_MAX):
        charge = books.get(key)
        if charge is None:
            return None
        if "disputed_at" in charge:
            return mature(books, disputes.reference_of(charge["reference"]), now)
        at = opens_at(charge)
        if at is None or at > rfc3339(now):
            return None
        step = disputes.opened(charge, entry, charge["captured_cents"], at)
        books.transact(_opening(books, key, charge, step, at))
    raise BusyDispute(order_id)


def mature_all(books: Books, order_id: str, rows: Iterable[Booked], now: datetime) -> bool:
    """Whether any of an order's charges is disputed by now. All that is due has happened then."""
    found = [
        open_if_due(books, order_id, entry_of(it.key), now) for it in rows if it.may_be_disputed
    ]
    return any(found)


def mature(books: Books, reference: str, now: datetime) -> Dispute | None:
    """A dispute, after all that is due of it has happened. None if there is none."""
    for _ in range(STEPS_MAX):
        dispute = find(books, reference)
        if dispute is None or dispute.next_at is None or dispute.next_at > rfc3339(now):
            return dispute
        charge = books.get(_charge_key(dispute))
        refunded = charge is not None and charge["left_to_refund_cents"] == 0
        step = disputes.gone_on(dispute, dispute.next_at, refunded=refunded)
        record(books, dispute, step)
    raise BusyDispute(reference)


def answer(
    books: Books,
    reference: str,
    answered_as: tuple[str, str],
    texts: tuple[str, ...] | None,
    now: datetime,
) -> Dispute | None:
    """Evidence, or (`texts` is None) that it is accepted: once for each reference.

    None if there is no such dispute. Raises NotAnswerable, AnsweredOtherwise, BusyDispute.
    """
    for _ in range(STEPS_MAX):
        dispute = mature(books, reference, now)
        if dispute is None:
            return None
        earlier = dict(dispute.answers).get(answered_as[0])
        if earlier is not None:
            if earlier != answered_as[1]:
                raise AnsweredOtherwise(answered_as[0])
            return dispute
        if not dispute.answerable or (texts is None and dispute.stage is Stage.INQUIRY):
            raise NotAnswerable(reference)
        at = rfc3339(now)
        step = (
            disputes.accepted(dispute, answered_as, at)
            if texts is None
            else disputes.answered(dispute, answered_as, texts, at)
        )
        if record(books, dispute, step):
            return step.dispute
    raise BusyDispute(reference)


def find(books: Books, reference: str) -> Dispute | None:
    """A dispute as it was last written."""
    item = books.get(dispute_key(reference))
    return None if item is None else _of(item)


def note_told(books: Books, dispute: Dispute) -> None:
    """Remember that all of its history was told. Should that be lost, it is told again."""
    key, values = dispute_key(dispute.reference), {":told": len(dispute.history)}
    books.client.update_item(
        TableName=books.table,
        Key=items.wire(key),
        UpdateExpression="SET told = :told",
        ExpressionAttributeValues=items.wire(values),
    )


def record(books: Books, before: Dispute, step: Step) -> bool:
    """Write a step. False if the dispute, or what is left of its charge, was changed meanwhile."""
    after, writes = step.dispute, []
    if Operation.DISPUTE in step.moves:
        after, write = _take(books, after)
        writes.append(write)
    elif Operation.DISPUTE_REVERSAL in step.moves:
        after, write = _give_back(books, after)
        writes.append(write)
    put = books.put(_item(after))
    put["Put"] |= {
        "ConditionExpression": AS_IT_WAS,
        "ExpressionAttributeValues": items.wire({":seen": before.version}),
    }
    return books.transact([put, *writes, *_lines(books, replace(step, dispute=after))])


def _opening(books: Books, key: Item, charge: Item, step: Step, at: str) -> list[Item]:
    left = charge["left_to_refund_cents"]
    taken = left if step.moves else 0
    values = {":at": at, ":left": left, ":then": left - taken, ":approved": "APPROVED"}
    opened = replace(step, dispute=replace(step.dispute, taken_cents=taken))
    return [
        {"Update": books.expression(key, OPEN, values, when=UNDISPUTED)},
        books.put(_item(opened.dispute), when="attribute_not_exists(pk)"),
        *_lines(books, opened),
    ]


def _take(books: Books, dispute: Dispute) -> tuple[Dispute, Item]:
    """What is left of the charge cannot be refunded any more."""
    key = _charge_key(dispute)
    left = (books.get(key) or {}).get("left_to_refund_cents", 0)
    write = books.expression(key, TAKE_OR_GIVE, {":left": left, ":then": 0}, when=AS_MUCH_LEFT)
    return replace(dispute, taken_cents=left), {"Update": write}


def _give_back(books: Books, dispute: Dispute) -> tuple[Dispute, Item]:
    """What was taken can be refunded again."""
    key = _charge_key(dispute)
    left = (books.get(key) or {}).get("left_to_refund_cents", 0)
    values = {":left": left, ":then": left + dispute.taken_cents}
    write = books.expression(key, TAKE_OR_GIVE, values, when=AS_MUCH_LEFT)
    return replace(dispute, taken_cents=0), {"Update": write}


def _lines(books: Books, step: Step) -> list[Item]:
    """The public lines of the money that a step moves, under the name of its stage."""
    dispute, writes = step.dispute, []
    name, entry, at = dispute.money_reference, dispute.money_entry, dispute.history[-1].split()[-1]
    for operation in step.moves:
        cents = disputes.FEE_CENTS if operation is Operation.DISPUTE_FEE else dispute.amount_cents
        row = Row(
            name, dispute.order_id, operation, cents, dispute.currency, RowStatus.APPROVED, at
        )
        shown = {**vars(row), "operation": operation.value, "status": row.status.value}
        named = {"visible_at": None, "merchant_reference": dispute.merchant_reference}
        writes.append(
            books.put({**items.row_key(row.order_id, entry, operation), **shown, **named})
        )
    if Operation.DISPUTE in step.moves:
        writes.append(books.put(_claim(dispute), when="attribute_not_exists(pk)"))
    return writes


def _claim(dispute: Dispute) -> Item:
    """The name of the stage's money, so that its lines are found by it."""
    told = {
        "reference": dispute.money_reference,
        "order_id": dispute.order_id,
        "operation": Operation.DISPUTE.value,
        "status": RowStatus.APPROVED.value,
        "amount_cents": dispute.amount_cents,
        "currency": dispute.currency,
        "method": None,
    }
    return {
        **items.operation_key(dispute.money_reference),
        "order_id": dispute.order_id,
        "entry": dispute.money_entry,
        "content": as_json(told),
        "answer": as_json(told),
    }


def _charge_key(dispute: Dispute) -> Item:
    return items.row_key(dispute.order_id, dispute.charge_entry, Operation.AUTHORIZE)


def _item(dispute: Dispute) -> Item:
    plain = {**vars(dispute), "stage": dispute.stage.value, "status": dispute.status.value}
    lists = {"answers": [list(one) for one in dispute.answers], "history": list(dispute.history)}
    return {**dispute_key(dispute.reference), **plain, **lists}


def _of(item: Item) -> Dispute:
    known: dict[str, Any] = {one.name: item[one.name] for one in fields(Dispute)}
    known |= {
        "stage": Stage(item["stage"]),
        "status": Status(item["status"]),
        "answers": tuple((reference, said) for reference, said in item["answers"]),
        "history": tuple(item["history"]),
    }
    return Dispute(**known)
