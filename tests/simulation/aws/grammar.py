"""DynamoDB's expressions as trees. Every text is parsed once; see plans.py.

Only what the product writes is understood: attributes of the top level, no paths into them. What
AWS refuses is refused with ValidationException (`Invalid`), and what AWS takes and we do not know
raises NotImplementedError, so that no expression is ever guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Tree = tuple[Any, ...]

EXPRESSION_BYTES_MAX = 4096
OPERANDS_OF_IN_MAX = 100
COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})

_TOKEN = re.compile(r"\s*(?:([#:]?[A-Za-z0-9_]+)|(<>|<=|>=|[=<>(),+\-*/.\[\]]))")
_WORDS = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "SET", "ADD", "REMOVE", "DELETE"})
_PREDICATES = {"attribute_exists": 1, "attribute_not_exists": 1, "begins_with": 2}
_UNKNOWN_FUNCTIONS = frozenset({"attribute_type", "contains", "size"})


class Invalid(Exception):
    """The expression is refused with ValidationException. The message is about DynamoDB's."""


@dataclass
class Parser:
    """One expression with the names that came with it. `kind` is the argument that it came in."""

    kind: str
    text: str
    names: Mapping[str, str]
    tokens: list[str] = field(default_factory=list)
    at: int = 0
    names_used: set[str] = field(default_factory=set)
    values_used: set[str] = field(default_factory=set)
    ordered: set[str] = field(default_factory=set)
    """Values that are compared by order, which only text, numbers and bytes have."""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise self.invalid("The expression can not be empty;")
        if len(self.text.encode()) > EXPRESSION_BYTES_MAX:
            raise self.invalid("Expression size has exceeded the maximum allowed size;")
        end = len(self.text.rstrip())
        place = 0
        while place < end:
            match = _TOKEN.match(self.text, place)
            if match is None:
                raise self.invalid(f'Syntax error; token: "{self.text[place:].strip()[:1]}"')
            self.tokens.append(match[1] or match[2])
            place = match.end()

    def invalid(self, why: str) -> Invalid:
        """The refusal of this expression."""
        return Invalid(f"Invalid {self.kind}: {why}")

    def peek(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        """The next token, taken."""
        token = self.peek()
        self.at += 1
        return token

    def word(self) -> str:
        """The next token, if it is a keyword, which may be written in either case."""
        upper = self.peek().upper()
        return upper if upper in _WORDS else ""

    def expect(self, token: str) -> None:
        """Take `token`, which must come."""
        if self.peek() != token:
            raise self.syntax_error()
        self.at += 1

    def syntax_error(self) -> Invalid:
        """The refusal of what comes next."""
        near = " ".join(self.tokens[max(0, self.at - 1) : self.at + 2])
        return self.invalid(f'Syntax error; token: "{self.peek() or "<EOF>"}", near: "{near}"')

    def end(self) -> None:
        """Nothing may follow."""
        if self.at < len(self.tokens):
            raise self.syntax_error()

    # What conditions are made of

    def condition(self) -> Tree:
        """A whole condition."""
        tree = self.either()
        self.end()
        return tree

    def either(self) -> Tree:
        """Conditions joined by OR."""
        tree = self.both()
        while self.word() == "OR":
            self.at += 1
            tree = ("or", tree, self.both())
        return tree

    def both(self) -> Tree:
        """Conditions joined by AND, which binds closer than OR."""
        tree = self.negated()
        while self.word() == "AND":
            self.at += 1
            tree = ("and", tree, self.negated())
        return tree

    def negated(self) -> Tree:
        """A condition, perhaps after NOT, which binds closest."""
        if self.word() == "NOT":
            self.at += 1
            return ("not", self.negated())
        return self.single()

    def single(self) -> Tree:
        """A condition without AND, OR and NOT, or a whole one in parentheses."""
        if self.peek() == "(":
            return self.group()
        if self.tokens[self.at + 1 : self.at + 2] == ["("]:
            return self.predicate()
        return self.comparison(self.operand())

    def group(self) -> Tree:
        """A condition in parentheses. Two pairs around one condition are refused, as by AWS."""
        self.expect("(")
        opened_twice = self.peek() == "("
        tree = self.either()
        self.expect(")")
        if opened_twice and tree[0] == "group":
            raise self.invalid("The expression has redundant parentheses;")
        return ("group", tree)

    def predicate(self) -> Tree:
        """One of the functions that are true or false."""
        name = self.next()
        if name in _UNKNOWN_FUNCTIONS:
            raise NotImplementedError(f"the fake has no {name}")
        if name not in _PREDICATES:
            raise self.invalid(f"Invalid function name; function: {name}")
        self.expect("(")
        operands = [self.operand()]
        while self.peek() == ",":
            self.at += 1
            operands.append(self.operand())
        self.expect(")")
        if len(operands) != _PREDICATES[name]:
            raise self.invalid(
                "Incorrect number of operands for operator or function; operator or function: "
                f"{name}, number of operands: {len(operands)}"
            )
        if operands[0][0] != "name":
            raise self.invalid(
                f"Operator or function requires a document path; operator or function: {name}"
            )
        if name == "begins_with" and operands[1][0] == "value":
            self.ordered.add(operands[1][1])
        return (name, *operands)

    def comparison(self, left: Tree) -> Tree:
        """What follows an operand."""
        if self.word() == "BETWEEN":
            self.at += 1
            low = self.operand()
            if self.word() != "AND":
                raise self.syntax_error()
            self.at += 1
            return self.ordering(("between", left, low, self.operand()))
        if self.word() == "IN":
            self.at += 1
            return self.membership(left)
        comparator = self.peek()
        if comparator not in COMPARATORS:
            raise self.syntax_error()
        self.at += 1
        tree = ("compare", comparator, left, self.operand())
        if left == tree[3] and left[0] == "name":
            raise self.invalid(
                "The first operand must be distinct from the remaining operands for this operator "
                f"or function; operator: {comparator}, first operand: [{left[1]}]"
            )
        return tree if comparator in ("=", "<>") else self.ordering(tree)

    def membership(self, left: Tree) -> Tree:
        """What follows IN."""
        self.expect("(")
        operands = [self.operand()]
        while self.peek() == ",":
            self.at += 1
            operands.append(self.operand())
        self.expect(")")
        if len(operands) > OPERANDS_OF_IN_MAX:
            raise self.invalid("The number of operands for IN exceeds the limit;")
        return ("in", left, *operands)

    def ordering(self, tree: Tree) -> Tree:
        """Remember the values that are compared by order."""
        for operand in tree[1:]:
            if isinstance(operand, tuple) and operand[0] == "value":
                self.ordered.add(operand[1])
        return tree

    def operand(self) -> Tree:
        """A value or an attribute."""
        token = self.peek()
        if token in _UNKNOWN_FUNCTIONS:
            raise NotImplementedError(f"the fake has no {token}")
        return self.value() if token.startswith(":") else ("name", self.name())

    # What every expression is made of

    def value(self) -> Tree:
        """A value by its placeholder."""
        token = self.next()
        self.values_used.add(token)
        return ("value", token)

    def name(self) -> str:
        """An attribute of the top level."""
        token = self.peek()
        if not token or not (token[0] == "#" or token[0].isalpha()):
            raise self.syntax_error()
        self.at += 1
        if self.peek() in (".", "["):
            raise NotImplementedError(f"the fake knows no path into {token}")
        if token[0] == "#":
            return self.name_behind(token)
        if token.upper() in reserved_words():
            raise self.invalid(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return token

    def name_behind(self, token: str) -> str:
        """The attribute that a placeholder stands for."""
        if token not in self.names:
            raise self.invalid(
                "An expression attribute name used in the document path is not defined; "
                f"attribute name: {token}"
            )
        self.names_used.add(token)
        return self.names[token]


@cache
def reserved_words() -> frozenset[str]:
    """The words that no expression may use as an attribute's name (DynamoDB Developer Guide)."""
    return frozenset((Path(__file__).parent / "reserved_words.txt").read_text().split())
