"""Items and keys, and their form on the wire.

An item is a plain dict of text, int, bool, None, bytes, lists and dicts. There is no float and
no Decimal: the wire form of a number is the int's digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = Any
"""str | int | bool | None | bytes | list[Value] | dict[str, Value]"""

Item = dict[str, Value]
SCHEMA_VERSION = 1


@dataclass(frozen=True, order=True)
class Key:
    """Where an item lives: a table by its logical name, partition key, sort key."""

    table: str
    pk: str
    sk: str

    def attributes(self) -> Item:
        """The key as item attributes."""
        return {"pk": self.pk, "sk": self.sk}


def to_wire(value: Value) -> dict[str, Any]:
    """One value as a DynamoDB AttributeValue. Raises TypeError for floats and strangers."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case list() | tuple():
            return {"L": [to_wire(element) for element in value]}
        case Mapping():
            return {"M": {str(name): to_wire(element) for name, element in value.items()}}
    raise TypeError(f"cannot be stored: {type(value).__name__}")


def from_wire(value: Mapping[str, Any]) -> Value:
    """The value of a DynamoDB AttributeValue. Raises ValueError for kinds that we never write."""
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return int(content)
        case "B":
            return bytes(content)
        case "NULL":
            return None
        case "L":
            return [from_wire(element) for element in content]
        case "M":
            return {name: from_wire(element) for name, element in content.items()}
    raise ValueError(f"unexpected attribute kind {kind}")


def item_to_wire(item: Mapping[str, Value]) -> dict[str, Any]:
    """A whole item in wire form."""
    return {name: to_wire(value) for name, value in item.items()}


def item_from_wire(item: Mapping[str, Any]) -> Item:
    """A whole item from wire form."""
    return {name: from_wire(value) for name, value in item.items()}
