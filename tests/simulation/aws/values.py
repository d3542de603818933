"""AttributeValues on the wire: which are allowed, how large they are, how they compare.

Items stay in this form, `{"S": "text"}`, and are never changed once stored. Sets are refused,
because nothing stores one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any

Value = dict[str, Any]
Item = dict[str, Value]

ITEM_BYTES_MAX = 400 * 1024
NUMBER_DIGITS_MAX = 38
NUMBER_EXPONENT_MAX = 125
ORDERED_KINDS = frozenset("SNB")


class Refused(Exception):
    """An item or value that DynamoDB does not take. The message is DynamoDB's."""


class _Unusual(Exception):
    """A number that DynamoDB gives back otherwise than it was written."""


def settle(item: Item) -> tuple[Item, int]:
    """The item as it is stored, and its size. Raises Refused for what may not be stored."""
    try:
        return item, measure(item)
    except _Unusual:
        item = _canonical({"M": item})["M"]
        return item, measure(item)


def measure(item: Item) -> int:
    """About how many bytes the item has. Raises Refused for what it may not hold.

    Text is counted by characters; only an item that could be too large is counted by bytes.
    """
    size = sum(map(len, item))
    for value in item.values():
        # The two kinds that nearly all attributes have come first, and cost no call.
        content = value.get("S")
        if content is not None and len(value) == 1:
            size += len(content)
        elif value.get("N") in _seen_plain and len(value) == 1:
            size += 20
        else:
            size += _measure_value(value)
    if size * 4 > ITEM_BYTES_MAX:
        size = sum(_utf8(name) + _bytes_of(value) for name, value in item.items())
        if size > ITEM_BYTES_MAX:
            raise Refused("Item size has exceeded the maximum allowed size")
    return size


_seen_plain: set[str] = set()
_SEEN_MAX = 50_000


def _is_settled_number(content: str) -> bool:
    """Whether a number is written as it is stored. Knows those that it has seen."""
    if is_plain_number(content):
        if len(_seen_plain) < _SEEN_MAX:
            _seen_plain.add(content)
        return True
    return number_text(number(content)) == content


def is_plain_number(content: str) -> bool:
    """Whether a number is written as DynamoDB gives it back: an integer without frills."""
    if content.isdigit() and content.isascii():
        return (content[0] != "0" or content == "0") and len(content) <= NUMBER_DIGITS_MAX
    return content[:1] == "-" and content != "-0" and is_plain_number(content[1:])


def number(content: str) -> int | Decimal:
    """A number to compare and to count with. Raises Refused if it is none."""
    if is_plain_number(content):
        return int(content)
    try:
        value = Decimal(content)
    except InvalidOperation:
        raise Refused(
            "The parameter cannot be converted to a numeric value: " + str(content)
        ) from None
    if not value.is_finite() or "_" in content or content != content.strip():
        raise Refused("The parameter cannot be converted to a numeric value: " + content)
    return value


def number_text(value: int | Decimal) -> str:
    """A number as DynamoDB writes it. Raises Refused if it has too many digits or is too large."""
    if isinstance(value, int):
        if abs(value) < 10**NUMBER_DIGITS_MAX:
            return str(value)
        value = Decimal(value)
    if value == 0:
        return "0"
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(digits) > NUMBER_DIGITS_MAX:
        raise Refused("Attempting to store more than 38 significant digits in a Number")
    if value.adjusted() > NUMBER_EXPONENT_MAX:
        raise Refused(
            "Number overflow. Attempting to store a number with magnitude larger than "
            "supported range"
        )
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def total(left: int | Decimal, right: int | Decimal) -> int | Decimal:
    """A sum without a rounding."""
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return _EXACT.add(Decimal(left), Decimal(right))


_EXACT = Context(prec=2 * (NUMBER_DIGITS_MAX + NUMBER_EXPONENT_MAX))


def equal(left: Value, right: Value) -> bool:
    """Equality as DynamoDB has it: numbers by value."""
    if left == right:
        return True
    if "N" in left and "N" in right:
        return number(left["N"]) == number(right["N"])
    return False


def order(left: Value, right: Value) -> int | None:
    """-1, 0 or 1; None if the two cannot be ordered.

    Python orders text by code points, which is the order of its UTF-8 bytes.
    """
    ((kind, mine),) = left.items()
    other = right.get(kind)
    if other is None or kind not in ORDERED_KINDS:
        return None
    if kind == "N":
        mine, other = number(mine), number(other)
    return (mine > other) - (mine < other)


def kind_of(value: Mapping[str, Any]) -> str:
    """The kind of a value. Raises Refused unless it is one of those that may be stored."""
    if len(value) != 1:
        raise Refused(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
            if not value
            else "Supplied AttributeValue has more than one datatypes set, must contain exactly "
            "one of the supported datatypes"
        )
    (kind,) = value
    if kind not in _PYTHON_TYPE:
        raise NotImplementedError(f"the fake stores no {kind}")
    if not isinstance(value[kind], _PYTHON_TYPE[kind]):
        raise TypeError(f"boto3 takes no {type(value[kind]).__name__} as {kind}")
    return kind


_PYTHON_TYPE: dict[str, type] = {
    "S": str,
    "N": str,
    "B": bytes,
    "BOOL": bool,
    "NULL": bool,
    "L": list,
    "M": dict,
}


def _measure_value(value: Value) -> int:
    """The size of a value of any kind, checked on the way."""
    kind = kind_of(value)
    content = value[kind]
    if kind == "N":
        if not _is_settled_number(content):
            raise _Unusual
        return len(content)
    if kind in "SB":
        return len(content)
    if kind == "L":
        return 3 + sum(1 + _measure_value(element) for element in content)
    if kind == "M":
        return 3 + sum(1 + len(name) + _measure_value(at) for name, at in content.items())
    if kind == "NULL" and content is not True:
        raise Refused(
            "One or more parameter values were invalid: Null attribute value types must "
            "have the value of true"
        )
    return 1


def _utf8(text: str) -> int:
    return len(text.encode())


def _bytes_of(value: Value) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return _utf8(content)
    if kind == "L":
        return 3 + sum(1 + _bytes_of(element) for element in content)
    if kind == "M":
        return 3 + sum(1 + _utf8(name) + _bytes_of(at) for name, at in content.items())
    if kind == "N":
        return len(content) // 2 + 2
    return len(content) if kind == "B" else 1


def _canonical(value: Value) -> Value:
    ((kind, content),) = value.items()
    if kind == "N":
        return {"N": number_text(number(content))}
    if kind == "M":
        return {"M": {name: _canonical(inner) for name, inner in content.items()}}
    if kind == "L":
        return {"L": [_canonical(element) for element in content]}
    return value
