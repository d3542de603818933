"""Random calls of DynamoDB, drawn from a seed: few keys, so that they meet; few values, so that
conditions hold about as often as not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Arguments = dict[str, Any]
Call = tuple[str, Arguments]

PARTITIONS = ("mer_1#test#A", "mer_1#test#B", "mer_2#live#A")
SORT_KEYS = ("A", "A#1", "A#10", "A#2", "a", "z", "é", "😀", "\uffff")
TEXTS = ("", "a", "ab", "b", "B", "é", "z\u0300", "\uffff", "😀")
NUMBERS = ("-10", "-1", "0", "1", "2", "9", "10", "2.5", "100", "12345678901234567890")
COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
VALUES = ("s", "t", "n", "m")
"""Attributes that writes put in and conditions look at: two texts and two numbers."""


@dataclass
class Expression:
    """An expression that is being written, with its names and values."""

    dice: Random
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def name(self, attribute: str) -> str:
        self.names[f"#{attribute}"] = attribute
        return f"#{attribute}"

    def value(self, value: dict[str, Any]) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def arguments(self) -> Arguments:
        given: Arguments = {}
        if self.names:
            given["ExpressionAttributeNames"] = self.names
        if self.values:
            given["ExpressionAttributeValues"] = self.values
        return given


class Operations:
    """An endless row of calls on one table."""

    def __init__(self, seed: int, table: str) -> None:
        self.dice = Random(seed)
        self.table = table
        self.tokens: list[Arguments] = []
        self._makers: list[tuple[Callable[[], Call], int]] = [
            (self.put, 6),
            (self.update, 8),
            (self.delete, 2),
            (self.transact, 6),
            (self.transact_again, 2),
            (self.get, 2),
            (self.batch_get, 2),
            (self.query, 5),
            (self.query_index, 5),
        ]

    def next(self) -> Call:
        """Any call."""
        makers, weights = zip(*self._makers, strict=True)
        (maker,) = self.dice.choices(makers, weights)
        call: Call = maker()
        return call

    # Writes

    def put(self) -> Call:
        return "put_item", self._returning(self._put(), "ALL_OLD")

    def update(self) -> Call:
        return "update_item", self._returning(self._update(), "ALL_OLD", "ALL_NEW")

    def delete(self) -> Call:
        return "delete_item", self._returning(self._delete(), "ALL_OLD")

    def transact(self) -> Call:
        keys = self.dice.sample(_KEYS, self.dice.randint(1, 5))
        twice = self.dice.random() < 0.05
        if twice:
            keys.append(keys[0])
        call: Arguments = {"TransactItems": [self._action(key) for key in keys]}
        # Which is seen first, a wrong request or a token that was used, nobody says.
        if not twice and self.dice.random() < 0.7:
            call["ClientRequestToken"] = f"{self.table[-15:]}-{self.dice.getrandbits(64):016x}"
            self.tokens.append(call)
        return "transact_write_items", call

    def transact_again(self) -> Call:
        """A token once more, mostly with what it came with."""
        if not self.tokens:
            return self.transact()
        call = self.dice.choice(self.tokens)
        if self.dice.random() < 0.3:
            return "transact_write_items", {**call, "TransactItems": [self._action(_KEYS[0])]}
        return "transact_write_items", call

    def _action(self, key: Arguments) -> Arguments:
        kind = self.dice.choice(("Put", "Put", "Update", "Update", "Delete", "ConditionCheck"))
        if kind == "Put":
            return {kind: self._put(key)}
        if kind == "Update":
            return {kind: self._update(key)}
        if kind == "Delete":
            return {kind: self._delete(key)}
        expression = Expression(self.dice)
        return {kind: self._conditional(expression, {"Key": key}, always=True)}

    def _put(self, key: Arguments | None = None) -> Arguments:
        item = {**(key or self._key()), **self._attributes()}
        return self._conditional(Expression(self.dice), {"Item": item})

    def _delete(self, key: Arguments | None = None) -> Arguments:
        return self._conditional(Expression(self.dice), {"Key": key or self._key()})

    def _update(self, key: Arguments | None = None) -> Arguments:
        expression = Expression(self.dice)
        attributes = list(VALUES)
        self.dice.shuffle(attributes)
        sets = [self._set(expression, one) for one in attributes[:2] if self.dice.random() < 0.7]
        removes = [expression.name(one) for one in attributes[2:3] if self.dice.random() < 0.4]
        added = attributes[3]
        adds = []
        if added in ("n", "m") and self.dice.random() < 0.6:
            adds = [f"{expression.name(added)} {expression.value(self._number())}"]
        if self.dice.random() < 0.4:
            sets += self._listing_sets(expression)
        elif self.dice.random() < 0.2:
            removes.append(expression.name(self.dice.choice(("list_pk", "list_sk"))))
        clauses = [
            f"{clause} " + ", ".join(parts)
            for clause, parts in (("SET", sets), ("REMOVE", removes), ("ADD", adds))
            if parts
        ]
        self.dice.shuffle(clauses)
        if not clauses:
            clauses = [f"SET {expression.name('s')} = {expression.value({'S': 'only'})}"]
        change = {"Key": key or self._key(), "UpdateExpression": " ".join(clauses)}
        return self._conditional(expression, change)

    def _set(self, expression: Expression, attribute: str) -> str:
        name = expression.name(attribute)
        if self.dice.random() < 0.2:
            # The other one may be changed by the same update: what counts is what it was.
            return f"{name} = {expression.name(_OTHER_OF[attribute])}"
        if attribute in ("s", "t"):
            return f"{name} = {expression.value(self._text())}"
        amount = expression.value(self._number())
        right = self.dice.choice(("{v}", "{n} + {v}", "{n} - {v}", "if_not_exists({n}, {v}) - {v}"))
        return f"{name} = " + right.format(n=name, v=amount)

    def _listing_sets(self, expression: Expression) -> list[str]:
        return [
            f"{expression.name(attribute)} = {expression.value(value)}"
            for attribute, value in self._listing().items()
        ]

    def _conditional(
        self, expression: Expression, call: Arguments, *, always: bool = False
    ) -> Arguments:
        call = {"TableName": self.table, **call}
        if always or self.dice.random() < 0.7:
            call["ConditionExpression"] = self._condition(expression, 2)
            if self.dice.random() < 0.7:
                call["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return call | expression.arguments()

    def _returning(self, call: Arguments, *kinds: str) -> Arguments:
        if self.dice.random() < 0.3:
            call["ReturnValues"] = self.dice.choice(kinds)
        return call

    # Conditions

    def _condition(self, expression: Expression, depth: int) -> str:
        shape = self.dice.random()
        if depth == 0 or shape < 0.4:
            return self._atom(expression)
        if shape < 0.55:
            return f"NOT ({self._condition(expression, depth - 1)})"
        joined = [self._part(expression, depth - 1) for _ in range(self.dice.randint(2, 3))]
        return self.dice.choice((" AND ", " OR ")).join(joined)

    def _part(self, expression: Expression, depth: int) -> str:
        part = self._condition(expression, depth)
        return part if self.dice.random() < 0.3 else f"({part})"

    def _atom(self, expression: Expression) -> str:
        atoms = (
            self._existence,
            self._existence,
            self._comparison,
            self._comparison,
            self._comparison,
            self._membership,
            self._range,
            self._prefix,
        )
        return self.dice.choice(atoms)(expression)

    def _existence(self, expression: Expression) -> str:
        function = self.dice.choice(("attribute_exists", "attribute_not_exists"))
        return f"{function}({expression.name(self.dice.choice(('pk', *VALUES)))})"

    def _comparison(self, expression: Expression) -> str:
        attribute = self.dice.choice(VALUES)
        comparator = self.dice.choice(COMPARATORS)
        left = expression.name(attribute)
        if self.dice.random() < 0.15:
            right = expression.name(_OTHER_OF[attribute])
            # Whether two attributes that are both missing are equal is a rule of its own.
            both = f"attribute_exists({left}) AND attribute_exists({right})"
            return f"{both} AND {left} {comparator} {right}"
        return f"{left} {comparator} {expression.value(self._like(attribute))}"

    def _membership(self, expression: Expression) -> str:
        attribute = self.dice.choice(VALUES)
        options = [expression.value(self._like(attribute)) for _ in range(self.dice.randint(1, 3))]
        return f"{expression.name(attribute)} IN ({', '.join(options)})"

    def _range(self, expression: Expression) -> str:
        attribute = self.dice.choice(VALUES)
        low, high = sorted((self._like(attribute), self._like(attribute)), key=_order)
        bounds = f"{expression.value(low)} AND {expression.value(high)}"
        return f"{expression.name(attribute)} BETWEEN {bounds}"

    def _prefix(self, expression: Expression) -> str:
        attribute = self.dice.choice(("s", "t"))
        return f"begins_with({expression.name(attribute)}, {expression.value(self._text())})"

    # Reads

    def get(self) -> Call:
        return "get_item", {
            "TableName": self.table,
            "Key": self._key(),
            "ConsistentRead": self.dice.random() < 0.5,
        }

    def batch_get(self) -> Call:
        keys = self.dice.sample(_KEYS, self.dice.randint(1, len(_KEYS)))
        return "batch_get_item", {"RequestItems": {self.table: {"Keys": keys}}}

    def query(self) -> Call:
        expression = Expression(self.dice)
        condition = (
            f"{expression.name('pk')} = {expression.value({'S': self.dice.choice(PARTITIONS)})}"
        )
        condition += self._bound(expression, "sk", SORT_KEYS)
        return "query", self._page(expression, condition) | {"ConsistentRead": True}

    def query_index(self) -> Call:
        expression = Expression(self.dice)
        list_pk = {"S": self.dice.choice(("L#1", "L#2"))}
        condition = f"{expression.name('list_pk')} = {expression.value(list_pk)}"
        condition += self._bound(expression, "list_sk", ("2026-01", "2026-05", "2026-09"))
        call = self._page(expression, condition) | {"IndexName": "by_time"}
        if self.dice.random() < 0.3:
            call["FilterExpression"] = self._condition_on_values(expression)
            call |= expression.arguments()
        return "query", call

    def _condition_on_values(self, expression: Expression) -> str:
        return self.dice.choice((self._comparison, self._membership, self._range))(expression)

    def _bound(self, expression: Expression, name: str, bounds: tuple[str, ...]) -> str:
        shape = self.dice.random()
        if shape < 0.3:
            return ""
        attribute = expression.name(name)
        low, high = sorted(self.dice.choices(bounds, k=2))
        if shape < 0.5:
            return f" AND begins_with({attribute}, {expression.value({'S': low})})"
        if shape < 0.7:
            between = f"{expression.value({'S': low})} AND {expression.value({'S': high})}"
            return f" AND {attribute} BETWEEN {between}"
        comparator = self.dice.choice(("=", "<", "<=", ">", ">="))
        return f" AND {attribute} {comparator} {expression.value({'S': low})}"

    def _page(self, expression: Expression, condition: str) -> Arguments:
        call = {"TableName": self.table, "KeyConditionExpression": condition}
        if self.dice.random() < 0.6:
            call["Limit"] = self.dice.randint(1, 4)
        if self.dice.random() < 0.5:
            call["ScanIndexForward"] = self.dice.random() < 0.3
        return call | expression.arguments()

    # Items

    def _key(self) -> Arguments:
        return self.dice.choice(_KEYS)

    def _attributes(self) -> Arguments:
        chosen = {one: self._like(one) for one in VALUES if self.dice.random() < 0.6}
        if self.dice.random() < 0.6:
            chosen |= self._listing()
        if self.dice.random() < 0.3:
            chosen["other"] = self.dice.choice(_OTHERS)
        return chosen

    def _listing(self) -> Arguments:
        # Each entry has a time of its own: AWS promises no order among equals.
        time = f"2026-{self.dice.randint(1, 12):02}-{self.dice.getrandbits(40):010x}"
        listing = {"list_pk": {"S": self.dice.choice(("L#1", "L#2"))}, "list_sk": {"S": time}}
        if self.dice.random() < 0.1:
            # With one of the two alone it is not in the index.
            del listing[self.dice.choice(list(listing))]
        return listing

    def _like(self, attribute: str) -> dict[str, str]:
        return self._text() if attribute in ("s", "t") else self._number()

    def _text(self) -> dict[str, str]:
        return {"S": self.dice.choice(TEXTS)}

    def _number(self) -> dict[str, str]:
        return {"N": self.dice.choice(NUMBERS)}


_OTHER_OF = {"s": "t", "t": "s", "n": "m", "m": "n"}
_KEYS: list[Arguments] = [
    {"pk": {"S": partition}, "sk": {"S": sort}} for partition in PARTITIONS for sort in SORT_KEYS
]
_OTHERS: list[Arguments] = [
    {"NULL": True},
    {"BOOL": False},
    {"B": b"\x00\xff"},
    {"L": [{"S": "x"}, {"N": "1.50"}]},
    {"M": {"a": {"N": "007"}, "b": {"M": {}}}},
]


def _order(value: dict[str, str]) -> Any:
    ((kind, content),) = value.items()
    return float(content) if kind == "N" else content
