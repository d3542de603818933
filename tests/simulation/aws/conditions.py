"""Conditions as closures over an item and the values that came with the call.

`NOT` of a comparison with an attribute that is missing is true, and so is `<>`; every other
comparison with it is false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.aws.grammar import Tree
from tests.simulation.aws.values import Item, Value, equal, order

Values = Mapping[str, Value]
Test = Callable[[Item, Values], bool]
Operand = Callable[[Item, Values], Value | None]

_HOLDS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}


def compiled(tree: Tree) -> Test:
    """The test that a tree describes."""
    return _MAKERS[tree[0]](*tree[1:])


def _and(left: Tree, right: Tree) -> Test:
    first, second = compiled(left), compiled(right)
    return lambda item, values: first(item, values) and second(item, values)


def _or(left: Tree, right: Tree) -> Test:
    first, second = compiled(left), compiled(right)
    return lambda item, values: first(item, values) or second(item, values)


def _not(tree: Tree) -> Test:
    test = compiled(tree)
    return lambda item, values: not test(item, values)


def _exists(operand: Tree) -> Test:
    name = operand[1]
    return lambda item, values: name in item


def _not_exists(operand: Tree) -> Test:
    name = operand[1]
    return lambda item, values: name not in item


def _compare(comparator: str, left: Tree, right: Tree) -> Test:
    if comparator == "=":
        return _equality(left, right)
    if comparator == "<>":
        same = _equality(left, right)
        return lambda item, values: not same(item, values)
    mine, other, holds = operand_of(left), operand_of(right), _HOLDS[comparator]

    def test(item: Item, values: Values) -> bool:
        first, second = mine(item, values), other(item, values)
        if first is None or second is None:
            return False
        sign = order(first, second)
        return sign is not None and holds(sign)

    return test


def _equality(left: Tree, right: Tree) -> Test:
    mine, other = operand_of(left), operand_of(right)

    def test(item: Item, values: Values) -> bool:
        first, second = mine(item, values), other(item, values)
        return first is not None and second is not None and equal(first, second)

    return test


def _between(operand: Tree, low: Tree, high: Tree) -> Test:
    mine, lowest, highest = operand_of(operand), operand_of(low), operand_of(high)

    def test(item: Item, values: Values) -> bool:
        at, first, last = mine(item, values), lowest(item, values), highest(item, values)
        if at is None or first is None or last is None:
            return False
        after, before = order(at, first), order(at, last)
        return after is not None and before is not None and after >= 0 >= before

    return test


def _in(operand: Tree, *others: Tree) -> Test:
    tests = [_equality(operand, other) for other in others]
    return lambda item, values: any(test(item, values) for test in tests)


def _begins_with(operand: Tree, prefix: Tree) -> Test:
    mine, start = operand_of(operand), operand_of(prefix)

    def test(item: Item, values: Values) -> bool:
        whole, beginning = mine(item, values), start(item, values)
        if whole is None or beginning is None or whole.keys() != beginning.keys():
            return False
        ((kind, content),) = beginning.items()
        if kind not in "SB":
            return False
        begins: bool = whole[kind].startswith(content)
        return begins

    return test


def operand_of(tree: Tree) -> Operand:
    """What gives an operand's value; None if the attribute is missing."""
    kind, name = tree
    if kind == "name":
        return lambda item, values: item.get(name)
    return lambda item, values: values[name]


_MAKERS: dict[str, Callable[..., Test]] = {
    "group": compiled,
    "and": _and,
    "or": _or,
    "not": _not,
    "attribute_exists": _exists,
    "attribute_not_exists": _not_exists,
    "compare": _compare,
    "between": _between,
    "in": _in,
    "begins_with": _begins_with,
}


def check_between(tree: Tree, values: Values) -> str | None:
    """Why the bounds of a BETWEEN are refused: the lower one must not be above the upper one."""
    if tree[0] == "between" and tree[2][0] == tree[3][0] == "value":
        low, high = values[tree[2][1]], values[tree[3][1]]
        sign = order(low, high)
        if sign is None:
            return "The BETWEEN operator requires same data type for lower and upper bounds; "
        if sign > 0:
            return (
                "The BETWEEN operator requires upper bound to be greater than or equal to lower "
                f"bound; lower bound operand: AttributeValue: {_shown(low)}, upper bound operand: "
                f"AttributeValue: {_shown(high)}"
            )
    if tree[0] in ("and", "or", "not", "group"):
        for part in tree[1:]:
            if why := check_between(part, values):
                return why
    return None


def has_between(tree: Tree) -> bool:
    """Whether `check_between` has anything to look at."""
    if tree[0] == "between":
        return True
    return tree[0] in ("and", "or", "not", "group") and any(map(has_between, tree[1:]))


def _shown(value: Value) -> Any:
    ((kind, content),) = value.items()
    return "{" + f"{kind}:{content}" + "}"
