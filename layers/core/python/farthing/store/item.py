"""Items and keys, and their form on the wire.

An item is a plain dict of text, int, bool, None, bytes, lists and dicts. There is no float and
no Decimal: the wire form of a number is the int's digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    make = _WIRE.get(type(value)) or _wire_of_a_kind(value)
    return make(value)


def _wire_of_a_kind(value: Value) -> Callable[[Any], dict[str, Any]]:
    """For subclasses: enumerations of text, mappings that are no dict."""
    kinds = (Mapping, dict), (bool, bool), (int, int), (str, str), (bytes, bytes)
    for kind, exact in kinds:
        if isinstance(value, kind):
            return _WIRE[exact]
    raise TypeError(f"cannot be stored: {type(value).__name__}")


def _list_to_wire(value: Sequence[Value]) -> dict[str, Any]:
    return {"L": [to_wire(element) for element in value]}


_WIRE: dict[type, Callable[[Any], dict[str, Any]]] = {
    str: lambda value: {"S": value},
    int: lambda value: {"N": str(value)},
    bool: lambda value: {"BOOL": value},
    type(None): lambda value: {"NULL": True},
    dict: lambda value: {"M": {str(name): to_wire(element) for name, element in value.items()}},
    list: _list_to_wire,
    tuple: _list_to_wire,
    bytes: lambda value: {"B": value},
}


def from_wire(value: Mapping[str, Any]) -> Value:
    """The value of a DynamoDB AttributeValue. Raises ValueError for kinds that we never write."""
    ((kind, content),) = value.items()
    read = _PLAIN.get(kind)
    if read is None:
        raise ValueError(f"unexpected attribute kind {kind}")
    return read(content)


def _as_it_is(content: Any) -> Any:
    return content


_PLAIN: dict[str, Callable[[Any], Value]] = {
    "S": _as_it_is,
    "N": int,
    "BOOL": _as_it_is,
    "NULL": lambda content: None,
    "M": lambda content: {name: from_wire(element) for name, element in content.items()},
    "L": lambda content: [from_wire(element) for element in content],
    "B": bytes,
}


def item_to_wire(item: Mapping[str, Value]) -> dict[str, Any]:
    """A whole item in wire form."""
    return {name: to_wire(value) for name, value in item.items()}


def item_from_wire(item: Mapping[str, Any]) -> Item:
    """A whole item from wire form."""
    return {name: from_wire(value) for name, value in item.items()}
