"""One condition of a rule as JSON: `{"field": …, "operator": …, "value": …}`.

The field's type says which operators there are and what their values look like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from farthing.fraud.fields import (
    AMONG,
    COUNT_MAX,
    FIELDS,
    KNOWN,
    OPERATORS,
    Field,
    Operator,
    Type,
)
from farthing.fraud.rules import Ask, Wanted
from farthing.money import AMOUNT_MINOR_MAX, EXPONENTS

Path = tuple[str | int, ...]
Wrong = tuple[Path, str]

VALUES_MAX = 500
INTEGER_MAX = AMOUNT_MINOR_MAX * 100


def read_ask(path: Path, document: Any) -> tuple[Ask | None, list[Wrong]]:
    """The condition, or None and what is wrong with it."""
    wrong = list(_wrong(path, document))
    if wrong:
        return None, wrong
    operator, given = Operator(document["operator"]), document.get("value")
    wanted: Wanted = frozenset(given) if operator in AMONG else given
    return Ask(document["field"], operator, wanted), []


def write_ask(ask: Ask) -> dict[str, Any]:
    """The document of a condition."""
    written: dict[str, Any] = {"field": ask.field, "operator": ask.operator.value}
    if isinstance(ask.wanted, frozenset):
        written["value"] = sorted(ask.wanted)
    elif ask.operator not in KNOWN:
        written["value"] = dict(ask.wanted) if isinstance(ask.wanted, Mapping) else ask.wanted
    return written


def _wrong(path: Path, document: Any) -> Iterator[Wrong]:
    if not isinstance(document, Mapping):
        yield path, "is a mapping of field, operator, value"
        return
    for name in document:
        if name not in {"field", "operator", "value"}:
            yield (*path, name), "is not one of field, operator, value"
    name, operator = document.get("field"), document.get("operator")
    field = FIELDS.get(name) if isinstance(name, str) else None
    if field is None:
        yield (*path, "field"), f"is one of {', '.join(FIELDS)}"
        return
    allowed = sorted(one.value for one in OPERATORS[field.type])
    if not isinstance(operator, str) or operator not in allowed:
        yield (*path, "operator"), f"of {name} is one of {', '.join(allowed)}"
        return
    yield from _wrong_value(path, field, Operator(operator), document)


def _wrong_value(
    path: Path, field: Field, operator: Operator, document: Mapping[str, Any]
) -> Iterator[Wrong]:
    where, given = (*path, "value"), document.get("value")
    if operator in KNOWN:
        if "value" in document:
            yield where, f"does not go with {operator.value}"
    elif operator in AMONG:
        if not isinstance(given, list) or not 0 < len(given) <= VALUES_MAX:
            yield where, f"is a list of 1 to {VALUES_MAX} values"
            return
        for place, one in enumerate(given):
            yield from _wrong_one((*where, place), field, operator, one)
    elif field.type is Type.MONEY:
        yield from _wrong_amounts(where, given)
    else:
        yield from _wrong_one(where, field, operator, given)


def _wrong_one(path: Path, field: Field, operator: Operator, given: Any) -> Iterator[Wrong]:
    if field.type is Type.TEXT:
        if not isinstance(given, str) or not field.takes(given):
            yield path, f"is {field.form_says}"
    elif field.type is Type.BOOLEAN:
        if not isinstance(given, bool):
            yield path, "is true or false"
    else:
        least, most = 0, COUNT_MAX[operator] if field.type is Type.COUNT else INTEGER_MAX
        if not _is_integer(given, least, most):
            yield path, f"is an integer from {least} to {most}"


def _wrong_amounts(path: Path, given: Any) -> Iterator[Wrong]:
    if not isinstance(given, Mapping) or not given:
        yield path, "is an amount for each currency, such as {eur: 50000}"
        return
    for currency, amount in given.items():
        if currency not in EXPONENTS:
            yield (*path, currency), "is no currency: three small letters (ISO 4217)"
        elif not _is_integer(amount, 0, AMOUNT_MINOR_MAX):
            yield (*path, currency), f"is an integer from 0 to {AMOUNT_MINOR_MAX}"


def _is_integer(given: Any, least: int, most: int) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and least <= given <= most
