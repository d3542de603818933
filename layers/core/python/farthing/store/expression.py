"""Writes and ranges as the arguments of DynamoDB's calls. Pure: builds dicts, calls nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farthing.store.item import SCHEMA_VERSION, Value, item_to_wire, to_wire
from farthing.store.write import Check, Delete, Put, Update, Write


def placeholders(values: Mapping[str, Value]) -> dict[str, Any]:
    """`{"left": 3}` → `{":left": {"N": "3"}}`."""
    return {f":{name}": to_wire(value) for name, value in values.items()}


def write_arguments(write: Write, table_name: str) -> dict[str, Any]:
    """One write as the arguments of its single call, which are those of its transact item too."""
    names = write.when.names()
    values = placeholders(write.when.values)
    arguments: dict[str, Any] = {
        "TableName": table_name,
        "ConditionExpression": write.when.expression,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    match write:
        case Put():
            item = {"schema_version": SCHEMA_VERSION, **write.item, **write.key.attributes()}
            arguments["Item"] = item_to_wire(item)
        case Update():
            arguments["Key"] = item_to_wire(write.key.attributes())
            arguments["UpdateExpression"] = _update_expression(write)
            changed = [*write.set, *write.add, *write.remove]
            names = names | {f"#{name}": name for name in changed}
            values = values | placeholders(
                {f"set_{name}": value for name, value in write.set.items()}
                | {f"add_{name}": value for name, value in write.add.items()}
            )
        case Delete() | Check():
            arguments["Key"] = item_to_wire(write.key.attributes())
    if names:
        arguments["ExpressionAttributeNames"] = names
    if values:
        arguments["ExpressionAttributeValues"] = values
    return arguments


def _update_expression(write: Update) -> str:
    clauses = []
    if write.set:
        clauses.append("SET " + ", ".join(f"#{name} = :set_{name}" for name in write.set))
    if write.remove:
        clauses.append("REMOVE " + ", ".join(f"#{name}" for name in write.remove))
    if write.add:
        clauses.append("ADD " + ", ".join(f"#{name} :add_{name}" for name in write.add))
    if not clauses:
        raise ValueError("an update that changes nothing is a Check")
    return " ".join(clauses)


def key_range(
    attribute: str, *, prefix: str, before: str | None, after: str | None
) -> tuple[str, dict[str, Value]]:
    """The sort-key part of a key condition, empty if there is no bound.

    Bounds are exclusive; DynamoDB takes one comparison or one BETWEEN, so a prefix stands alone.
    """
    if prefix:
        if before is not None or after is not None:
            raise ValueError("a prefix and a bound cannot be asked together")
        return f" AND begins_with(#{attribute}, :range_prefix)", {"range_prefix": prefix}
    if before is not None and after is not None:
        return (
            f" AND #{attribute} BETWEEN :range_after AND :range_before",
            {"range_after": after + "\x00", "range_before": _just_before(before)},
        )
    if before is not None:
        return f" AND #{attribute} < :range_before", {"range_before": before}
    if after is not None:
        return f" AND #{attribute} > :range_after", {"range_after": after}
    return "", {}


def _just_before(text: str) -> str:
    """A text that sorts before `text` and after every printable one that is smaller."""
    return text[:-1] + chr(ord(text[-1]) - 1) + "\U0010fffd"
