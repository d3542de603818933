"""What one write would change, decided on the table as it is. Nothing here changes a table.

A refusal is Invalid (the request is wrong, and with it the whole transaction), Refused (the item
cannot become that: a reason of one action) or ConditionFalse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.simulation.aws.errors import answer
from tests.simulation.aws.grammar import Invalid
from tests.simulation.aws.index import Key as Place
from tests.simulation.aws.keys import check_indexed, key_of, key_of_item
from tests.simulation.aws.plans import NOTHING, WritePlan, write_plan
from tests.simulation.aws.table import Table
from tests.simulation.aws.values import ITEM_BYTES_MAX, Item, Refused, measure, settle

KEY_SCHEMA = ("pk", "sk")
KEY_ATTRIBUTES = frozenset(KEY_SCHEMA)
TOKEN_SECONDS = 600
NO_ITEM: Item = {}
MEASURE_AGAIN_BYTES = ITEM_BYTES_MAX // 4
"""An update adds the size of what it sets to the item's; from here on the item is measured."""

Change = tuple[Table, Place, Item | None, Item | None, int]
"""Where, what was there, what comes there, and about how many bytes that has."""


class ConditionFalse(Exception):
    """The condition does not hold. `shown` is the item, if there is one and it was asked for."""

    def __init__(self, shown: Item | None) -> None:
        super().__init__()
        self.shown = shown


def put(
    table: Table,
    *,
    TableName: str,
    Item: Item,
    ConditionExpression: str | None = None,
    ExpressionAttributeNames: Mapping[str, str] | None = None,
    ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ReturnValuesOnConditionCheckFailure: str = "NONE",
) -> Change:
    """The item, whole."""
    plan = write_plan(ConditionExpression, None, ExpressionAttributeNames)
    place = key_of_item(Item)
    if table.schemas:
        check_indexed(Item, table.schemas)
    old = table.rows.get(place)
    _check(plan, old, ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure)
    try:
        new, size = settle(Item)
    except Refused as refused:
        # What came with the request makes the request wrong, not only its action.
        raise Invalid(str(refused)) from None
    # A copy, so that the caller may go on with its own.
    return table, place, old, new.copy(), size


def update(
    table: Table,
    *,
    TableName: str,
    Key: Item,
    UpdateExpression: str,
    ConditionExpression: str | None = None,
    ExpressionAttributeNames: Mapping[str, str] | None = None,
    ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ReturnValuesOnConditionCheckFailure: str = "NONE",
) -> Change:
    """The item with some attributes changed; the key alone with them, if there is none."""
    plan = write_plan(ConditionExpression, UpdateExpression, ExpressionAttributeNames)
    place = key_of(Key)
    change = plan.update
    assert change is not None
    if not KEY_ATTRIBUTES.isdisjoint(change.names):
        raise Invalid(
            "One or more parameter values were invalid: Cannot update attribute "
            f"{min(KEY_ATTRIBUTES.intersection(change.names))}. This attribute is part of the key"
        )
    old = table.rows.get(place)
    _check(plan, old, ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure)
    new = change.apply(Key if old is None else old, ExpressionAttributeValues or NOTHING)
    changed, size = settle({name: new[name] for name in change.names if name in new})
    if table.schemas:
        check_indexed(changed, table.schemas)
    new.update(changed)
    size += table.size(place) if old is not None else sum(map(len, place))
    if size > MEASURE_AGAIN_BYTES:
        size = measure(new)
    return table, place, old, new, size


def delete(
    table: Table,
    *,
    TableName: str,
    Key: Item,
    ConditionExpression: str | None = None,
    ExpressionAttributeNames: Mapping[str, str] | None = None,
    ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ReturnValuesOnConditionCheckFailure: str = "NONE",
) -> Change:
    """No item."""
    plan = write_plan(ConditionExpression, None, ExpressionAttributeNames)
    place = key_of(Key)
    old = table.rows.get(place)
    _check(plan, old, ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure)
    return table, place, old, None, 0


def check(table: Table, *, ConditionExpression: str, **arguments: Any) -> Change:
    """The item as it is."""
    _, place, old, _, _ = delete(table, ConditionExpression=ConditionExpression, **arguments)
    return table, place, old, old, 0


ACTIONS: dict[str, Callable[..., Change]] = {
    "Put": put,
    "Update": update,
    "Delete": delete,
    "ConditionCheck": check,
}


def action_of(element: Mapping[str, Any]) -> tuple[Callable[..., Change], Mapping[str, Any]]:
    """One element of a transaction: what it does, and its arguments. Raises Invalid."""
    if len(element) != 1:
        raise Invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    ((name, arguments),) = element.items()
    return ACTIONS[name], arguments


def returned(wanted: str, change: Change, supported: Sequence[str]) -> dict[str, Any]:
    """The answer to a single write, with the attributes that were asked for."""
    if wanted == "NONE":
        return answer()
    if wanted not in supported:
        raise NotImplementedError(f"the fake returns no {wanted}")
    item = change[2] if wanted == "ALL_OLD" else change[3]
    return answer() if item is None else answer(Attributes=item.copy())


class Tokens:
    """The transactions of the last ten minutes that had a token and were done."""

    def __init__(self, done: dict[str, tuple[float, Any]] | None = None) -> None:
        self._done = {} if done is None else done

    def copy(self) -> Tokens:
        """Another one that knows the same."""
        return Tokens(self._done.copy())

    def seen(self, token: str, content: Sequence[Any], now: float) -> bool | None:
        """True if this was done with the token, False if something else was, None if nothing."""
        self._forget(now)
        if token not in self._done:
            return None
        return bool(self._done[token][1] == content)

    def remember(self, token: str, content: Sequence[Any], now: float) -> None:
        """This was done with the token."""
        self._done[token] = (now, content)

    def _forget(self, now: float) -> None:
        while self._done:
            oldest = next(iter(self._done))
            if now - self._done[oldest][0] < TOKEN_SECONDS:
                return
            del self._done[oldest]


def _check(
    plan: WritePlan, old: Item | None, values: Mapping[str, Any] | None, on_failure: str
) -> None:
    plan.needs.check(NOTHING if values is None else values)
    if values is not None and not values:
        raise Invalid("ExpressionAttributeValues must not be empty")
    if plan.test is None:
        return
    if not plan.test(NO_ITEM if old is None else old, values or NOTHING):
        wants = on_failure == "ALL_OLD"
        raise ConditionFalse(old.copy() if wants and old is not None else None)


def why(refused: Invalid | Refused | ConditionFalse) -> dict[str, Any]:
    """One entry of a cancelled transaction's reasons."""
    if isinstance(refused, ConditionFalse):
        reason = {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
        }
        return reason if refused.shown is None else {**reason, "Item": refused.shown}
    return {"Code": "ValidationError", "Message": str(refused)}
