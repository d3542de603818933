"""Rules as data: what a merchant asks about each payment, and what follows.

A rule has conditions, of which all must hold, and an action. What is not known holds in no
condition but `is_unknown`, so a rule abstains where it cannot tell. Rules are checked in
`rule_document`; here they are only asked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from farthing.fraud.action import Action
from farthing.fraud.facts import Known
from farthing.fraud.fields import FIELDS, Operator, Type, Value
from farthing.fraud.signals import SCORE_MAX_PPM, FraudSignal, SignalType

Wanted = int | str | bool | frozenset[int] | frozenset[str] | Mapping[str, int] | None
"""What a field is compared with: for MONEY an amount for each currency."""


class Status(StrEnum):
    """Only ACTIVE rules are asked. DRAFT was never active, INACTIVE is no longer."""

    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


@dataclass(frozen=True)
class Ask:
    """One condition: a field, an operator and, unless it asks what is known, a value."""

    field: str
    operator: Operator
    wanted: Wanted = None

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it is certain that it holds."""
        value = values.get(self.field)
        if self.operator is Operator.IS_UNKNOWN:
            return value is None
        if value is None:
            return False
        wanted = self.wanted
        if FIELDS[self.field].type is Type.MONEY and isinstance(wanted, Mapping):
            wanted = wanted.get(str(values["currency"]))
            if wanted is None:
                return False
        return _TESTS[self.operator](value, wanted)


_TESTS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.GT: operator.gt,
    Operator.GE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LE: operator.le,
    Operator.EQ: operator.eq,
    Operator.NE: operator.ne,
    Operator.IN: lambda value, wanted: value in wanted,
    Operator.NOT_IN: lambda value, wanted: value not in wanted,
    Operator.IS_KNOWN: lambda value, wanted: True,
}


@dataclass(frozen=True)
class Rule:
    """What is asked, and the action if all of it holds."""

    rule_id: str
    type: SignalType
    status: Status
    action: Action
    reason: str
    asks: tuple[Ask, ...]

    def signal(self, known: Known, version: int) -> FraudSignal | None:
        """What it says of a payment, if anything."""
        if self.status is not Status.ACTIVE or not all(a.holds(known.values) for a in self.asks):
            return None
        evidence = (id_ for ask in self.asks for id_ in known.evidence.get(ask.field, ()))
        return FraudSignal(
            self.type,
            SCORES_PPM[self.action],
            self.action,
            self.reason,
            self.rule_id,
            f"rules-{version}",
            tuple(dict.fromkeys(evidence)),
        )


SCORES_PPM = {Action.ALLOW: 0, Action.REVIEW: SCORE_MAX_PPM // 2, Action.BLOCK: SCORE_MAX_PPM}
"""A rule knows no degrees."""


@dataclass(frozen=True)
class Thresholds:
    """What the model's score means, in millionths: above `block_above` it blocks, from
    `review_from` on it reviews."""

    review_from_ppm: int = 300_000
    block_above_ppm: int = 700_000

    def action(self, score_ppm: int) -> Action:
        """What follows from a score."""
        if score_ppm > self.block_above_ppm:
            return Action.BLOCK
        return Action.REVIEW if score_ppm >= self.review_from_ppm else Action.ALLOW


class Hold(StrEnum):
    """What waits for a review: the taking of money that is authorized already, or the sending of
    anything."""

    AUTHORIZED = "AUTHORIZED"
    NOT_SENT = "NOT_SENT"


@dataclass(frozen=True)
class Reviews:
    """How payments wait for a person, and after how many days nobody's answer is no."""

    hold: Hold = Hold.AUTHORIZED
    days: int = 5


@dataclass(frozen=True)
class RuleSet:
    """A merchant's rules in one version, which never changes: what was decided can be replayed."""

    version: int
    rules: tuple[Rule, ...] = ()
    thresholds: Thresholds = Thresholds()
    reviews: Reviews = Reviews()
