"""What a call's expressions come to. Each text is parsed once per process and set of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulation.aws.conditions import (
    Test,
    Values,
    check_between,
    compiled,
    has_between,
)
from tests.simulation.aws.grammar import Invalid, Parser, Tree
from tests.simulation.aws.updates import Update
from tests.simulation.aws.values import ORDERED_KINDS

Names = Mapping[str, str]
Range = tuple[str | None, str | None]
"""From (inclusive) and up to (exclusive) which text; None where there is no bound."""

NOTHING: dict[str, Any] = {}


@dataclass(slots=True)
class Needs:
    """What the expressions of one call need of its names and values."""

    names: Names
    values: frozenset[str]
    ordered: tuple[tuple[str, str], ...]
    """Values that are compared by order, and in which argument."""
    betweens: tuple[tuple[str, Tree], ...]

    def check(self, values: Values) -> None:
        """Raises Invalid for values that are missing, too many, or cannot be ordered."""
        if values.keys() != self.values:
            raise Invalid(_wrong_values(values, self.values))
        for kind, name in self.ordered:
            ((type_, _),) = values[name].items()
            if type_ not in ORDERED_KINDS:
                raise Invalid(
                    f"Invalid {kind}: Incorrect operand type for operator or function; operand "
                    f"type: {type_}"
                )
        for kind, tree in self.betweens:
            if why := check_between(tree, values):
                raise Invalid(f"Invalid {kind}: {why}")


@dataclass(slots=True)
class WritePlan:
    """A write's condition and change."""

    needs: Needs
    test: Test | None
    update: Update | None


@dataclass(slots=True)
class QueryPlan:
    """A query's partition, its stretch of the sort keys, and its filter."""

    needs: Needs
    partition: str
    stretch: Callable[[Values], Range] | None
    filter: Test | None


_writes: dict[tuple[str | None, str | None], list[WritePlan]] = {}
_queries: dict[tuple[str, str | None, str, str, frozenset[str]], list[QueryPlan]] = {}


def write_plan(condition: str | None, update: str | None, names: Names | None) -> WritePlan:
    """The plan of a put, update, delete or check. Raises Invalid."""
    given = NOTHING if names is None else names
    for plan in _writes.get((condition, update), ()):
        if plan.needs.names == given:
            return plan
    if names is not None and not (names and (condition or update)):
        raise Invalid(
            "ExpressionAttributeNames can only be specified when using expressions"
            if not names or not (condition or update)
            else "ExpressionAttributeNames must not be empty"
        )
    parsers = []
    test = changes = None
    betweens: list[tuple[str, Tree]] = []
    if update is not None:
        parsers.append(Parser("UpdateExpression", update, given))
        changes = Update(parsers[-1])
    if condition is not None:
        parsers.append(Parser("ConditionExpression", condition, given))
        tree = parsers[-1].condition()
        test = compiled(tree)
        if has_between(tree):
            betweens.append(("ConditionExpression", tree))
    plan = WritePlan(_needs(given, parsers, betweens), test, changes)
    _writes.setdefault((condition, update), []).append(plan)
    return plan


def query_plan(
    key_condition: str,
    filter_: str | None,
    names: Names | None,
    schema: tuple[str, str],
    keys: frozenset[str],
) -> QueryPlan:
    """The plan of a query of the table or index with this `schema`. Raises Invalid.

    `keys` are the attributes that its filter may not look at.
    """
    given = NOTHING if names is None else names
    place = (key_condition, filter_, *schema, keys)
    for plan in _queries.get(place, ()):
        if plan.needs.names == given:
            return plan
    parsers = [Parser("KeyConditionExpression", key_condition, given)]
    tree = parsers[0].condition()
    by_name = _key_conditions(tree)
    for name in by_name.keys() - set(schema):
        raise Invalid(f"Query condition missed key schema element: {name}")
    partition = _partition(by_name, schema[0])
    betweens = [("KeyConditionExpression", tree)] if has_between(tree) else []
    stretch = _stretch(by_name[schema[1]]) if schema[1] in by_name else None
    test = None
    if filter_ is not None:
        parsers.append(Parser("FilterExpression", filter_, given))
        test = compiled(filter_tree(parsers[-1], keys, betweens))
    plan = QueryPlan(_needs(given, parsers, betweens), partition, stretch, test)
    _queries.setdefault(place, []).append(plan)
    return plan


def filter_plan(filter_: str, names: Names | None) -> WritePlan:
    """The plan of a scan with a filter: a condition that only looks."""
    return write_plan(filter_, None, names)


def filter_tree(parser: Parser, keys: frozenset[str], betweens: list[tuple[str, Tree]]) -> Tree:
    """A filter, which may not look at the key that was queried."""
    tree = parser.condition()
    if has_between(tree):
        betweens.append(("FilterExpression", tree))
    for name in sorted(_names_in(tree) & keys):
        raise Invalid(
            "Filter Expression can only contain non-primary key attributes: "
            f"Primary key attribute: {name}"
        )
    return tree


def _needs(names: Names, parsers: list[Parser], betweens: list[tuple[str, Tree]]) -> Needs:
    used = set().union(*(parser.names_used for parser in parsers))
    if unused := sorted(names.keys() - used):
        raise Invalid(
            "Value provided in ExpressionAttributeNames unused in expressions: keys: "
            f"{{{', '.join(unused)}}}"
        )
    return Needs(
        dict(names),
        frozenset().union(*(parser.values_used for parser in parsers)),
        tuple((parser.kind, name) for parser in parsers for name in sorted(parser.ordered)),
        tuple(betweens),
    )


def _wrong_values(values: Values, needed: frozenset[str]) -> str:
    if missing := sorted(needed - values.keys()):
        return (
            "An expression attribute value used in expression is not defined; attribute value: "
            f"{missing[0]}"
        )
    unused = ", ".join(sorted(values.keys() - needed))
    if not needed:
        return "ExpressionAttributeValues can only be specified when using expressions: " + unused
    return f"Value provided in ExpressionAttributeValues unused in expressions: keys: {{{unused}}}"


def _names_in(tree: Tree) -> set[str]:
    if tree[0] == "name":
        return {tree[1]}
    return set().union(*(_names_in(part) for part in tree[1:] if isinstance(part, tuple)))


# Key conditions


def _key_conditions(tree: Tree) -> dict[str, Tree]:
    """One condition for each key attribute."""
    if tree[0] == "group":
        return _key_conditions(tree[1])
    if tree[0] == "and":
        left, right = _key_conditions(tree[1]), _key_conditions(tree[2])
        if left.keys() & right.keys():
            raise Invalid("KeyConditionExpressions must only contain one condition per key")
        return left | right
    if tree[0] in ("or", "not", "in"):
        raise Invalid(f"Invalid operator used in KeyConditionExpression: {tree[0].upper()}")
    operands = tree[2:] if tree[0] == "compare" else tree[1:]
    kinds = [operand[0] for operand in operands]
    if kinds[0] != "name" or set(kinds[1:]) != {"value"} or tree[1:2] == ("<>",):
        raise Invalid("Query key condition not supported")
    return {operands[0][1]: tree}


def _partition(by_name: Mapping[str, Tree], name: str) -> str:
    """The placeholder of the partition's value."""
    tree = by_name.get(name)
    if tree is None:
        raise Invalid(f"Query condition missed key schema element: {name}")
    if tree[:2] != ("compare", "="):
        raise Invalid("Query key condition not supported")
    placeholder: str = tree[3][1]
    return placeholder


def _stretch(tree: Tree) -> Callable[[Values], Range]:
    """The stretch of sort keys that a condition means.

    The least text after `x` is `x` with a zero character, so every bound can be given as the first
    text that is inside or the first one that is not.
    """
    if tree[0] == "between":
        low, high = tree[2][1], tree[3][1]
        return lambda values: (key_text(values[low]), key_text(values[high]) + "\0")
    if tree[0] == "begins_with":
        prefix = tree[2][1]
        return lambda values: (key_text(values[prefix]), after_prefix(key_text(values[prefix])))
    if tree[0] != "compare":
        raise Invalid("Query key condition not supported")
    bound = tree[3][1]
    from_, up_to = _BOUNDS[tree[1]]

    def stretch(values: Values) -> Range:
        text = key_text(values[bound])
        return (
            None if from_ is None else text + from_,
            None if up_to is None else text + up_to,
        )

    return stretch


_BOUNDS: dict[str, tuple[str | None, str | None]] = {
    "=": ("", "\0"),
    "<": (None, ""),
    "<=": (None, "\0"),
    ">": ("\0", None),
    ">=": ("", None),
}


def key_text(value: Mapping[str, str]) -> str:
    """The text of a key that is asked for. Raises Invalid if it cannot be one."""
    text = value.get("S")
    if text is None:
        raise Invalid(
            "One or more parameter values were invalid: Condition parameter type does not match "
            "schema type"
        )
    if not text:
        raise Invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value."
        )
    return text


def after_prefix(prefix: str) -> str | None:
    """The first text after all those that begin with `prefix`."""
    stem = prefix.rstrip("\U0010ffff")
    return stem[:-1] + chr(ord(stem[-1]) + 1) if stem else None
