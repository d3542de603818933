"""UpdateExpressions as closures that make the new item out of the old one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.simulation.aws.conditions import Values
from tests.simulation.aws.grammar import Invalid, Parser, Tree
from tests.simulation.aws.values import Item, Refused, Value, number, number_text, total

Change = Callable[[Item, Item, Values], None]
"""Changes the new item (the second argument) by what the old one (the first) holds."""
Operand = Callable[[Item, Values], Value]

_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")
_UNKNOWN_FUNCTIONS = frozenset({"list_append"})


class Update:
    """A whole update: what it changes, and how."""

    def __init__(self, parser: Parser) -> None:
        self.names: list[str] = []
        self._changes: list[Change] = []
        self._parser = parser
        clauses: set[str] = set()
        while clause := parser.word():
            if clause not in _CLAUSES:
                raise parser.syntax_error()
            if clause in clauses:
                raise parser.invalid(
                    f'The "{clause}" section can only be used once in an update expression;'
                )
            clauses.add(clause)
            parser.at += 1
            self._clause(clause)
        parser.end()
        self._refuse_overlap()
        del self._parser

    def apply(self, old: Item, values: Values) -> Item:
        """The new item. Every operand is of the old one. Raises Refused as DynamoDB would."""
        new = old.copy()
        for change in self._changes:
            change(old, new, values)
        return new

    def _clause(self, clause: str) -> None:
        read = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}.get(clause)
        if read is None:
            raise NotImplementedError("the fake stores no sets, so it deletes nothing from them")
        while True:
            name = self._parser.name()
            self.names.append(name)
            self._changes.append(read(name))
            if self._parser.peek() != ",":
                return
            self._parser.at += 1

    def _refuse_overlap(self) -> None:
        for name in self.names:
            if self.names.count(name) > 1:
                raise self._parser.invalid(
                    "Two document paths overlap with each other; must remove or rewrite one of "
                    f"these paths; path one: [{name}], path two: [{name}]"
                )

    def _set(self, name: str) -> Change:
        self._parser.expect("=")
        operand = self._operand()
        sign = self._parser.peek()
        if sign in ("+", "-"):
            self._parser.at += 1
            operand = _computed(operand, sign, self._operand())

        def change(old: Item, new: Item, values: Values) -> None:
            new[name] = operand(old, values)

        return change

    def _operand(self) -> Operand:
        parser = self._parser
        token = parser.peek()
        if parser.tokens[parser.at + 1 : parser.at + 2] == ["("]:
            if token in _UNKNOWN_FUNCTIONS:
                raise NotImplementedError(f"the fake has no {token}")
            if token != "if_not_exists":
                raise parser.invalid(f"Invalid function name; function: {token}")
            parser.at += 2
            name = parser.name()
            parser.expect(",")
            otherwise = self._operand()
            parser.expect(")")
            return lambda old, values: old.get(name) or otherwise(old, values)
        return _plain(parser.operand())

    def _remove(self, name: str) -> Change:
        def change(old: Item, new: Item, values: Values) -> None:
            new.pop(name, None)

        return change

    def _add(self, name: str) -> Change:
        kind, placeholder = self._parser.operand()
        if kind != "value":
            raise self._parser.syntax_error()

        def change(old: Item, new: Item, values: Values) -> None:
            summand = values[placeholder]
            if "N" not in summand:
                raise Invalid(
                    "Invalid UpdateExpression: Incorrect operand type for operator or function; "
                    f"operator: ADD, operand type: {next(iter(summand))}"
                )
            new[name] = _sum(old.get(name, _ZERO), "+", summand)

        return change


_ZERO: Value = {"N": "0"}


def _plain(tree: Tree) -> Operand:
    kind, name = tree
    if kind == "value":
        return lambda old, values: values[name]

    def read(old: Item, values: Values) -> Value:
        value = old.get(name)
        if value is None:
            raise Refused(
                "The provided expression refers to an attribute that does not exist in the item"
            )
        return value

    return read


def _computed(left: Operand, sign: str, right: Operand) -> Operand:
    return lambda old, values: _sum(left(old, values), sign, right(old, values))


def _sum(left: Mapping[str, str], sign: str, right: Mapping[str, str]) -> Value:
    if "N" not in left or "N" not in right:
        raise Refused("An operand in the update expression has an incorrect data type")
    amount = number(right["N"])
    result = total(number(left["N"]), amount if sign == "+" else -amount)
    return {"N": number_text(result)}
