"""Named conditions: the business rule that a write depends on.

The expression uses `#attribute` for attribute names and `:value` for values. It compares
attributes and never computes: DynamoDB refuses arithmetic in a condition, and an emulator that
takes it calls it true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from farthing.store.item import Value

_NAME = re.compile(r"#([a-z_0-9]+)")
_ARITHMETIC = re.compile(r"[-+*/]")


@dataclass(frozen=True)
class Condition:
    """A rule with a name, its expression, and the values that it compares with."""

    name: str
    expression: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if _ARITHMETIC.search(self.expression):
            raise ValueError(f"{self.name}: a condition compares and never computes")

    def names(self) -> dict[str, str]:
        """The attribute names used, as DynamoDB's ExpressionAttributeNames."""
        return dict(_names_in(self.expression))

    def __and__(self, other: Condition) -> Condition:
        clash = set(self.values) & set(other.values)
        if any(self.values[name] != other.values[name] for name in clash):
            raise ValueError(f"{self.name} and {other.name} use {clash} for different values")
        return Condition(
            f"{self.name} AND {other.name}",
            f"({self.expression}) AND ({other.expression})",
            {**self.values, **other.values},
        )


@cache
def _names_in(expression: str) -> dict[str, str]:
    """There are as many expressions as rules."""
    return {f"#{name}": name for name in _NAME.findall(expression)}


NOT_CREATED = Condition("NOT_CREATED", "attribute_not_exists(#pk)")
EXISTS = Condition("EXISTS", "attribute_exists(#pk)")
