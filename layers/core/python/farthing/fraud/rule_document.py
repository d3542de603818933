"""A rule set as a document of JSON: read with every mistake named by its place, and written back.

    {"thresholds": {"review_from": 0.3, "block_above": 0.7},
     "reviews": {"hold": "AUTHORIZED", "days": 5},
     "rules": [{"id": "…", "type": "…", "status": "ACTIVE", "action": "BLOCK", "reason": "…",
                "when": [{"field": "card_failures_1h", "operator": "gt", "value": 3}]}]}

Nothing of a document with a mistake is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from farthing.fraud.action import Action
from farthing.fraud.ask_document import Path, read_ask, write_ask
from farthing.fraud.rules import Hold, Reviews, Rule, RuleSet, Status, Thresholds
from farthing.fraud.signals import SCORE_MAX_PPM, SignalType

RULES_MAX = 100
ASKS_MAX = 5
REASON_LENGTH_MAX = 200
REVIEW_DAYS_MAX = 30
DOCUMENT_LENGTH_MAX = 200_000
"""An item holds twice as much."""

RULE_ID = r"[a-z][a-z0-9_]{0,49}"

_RULE_KEYS = ("id", "type", "status", "action", "reason", "when")
RULE_TYPES = frozenset(SignalType) - {SignalType.LIST, SignalType.MODEL}

Kind = TypeVar("Kind", bound=StrEnum)


@dataclass(frozen=True)
class Mistake:
    """What is wrong, and where: keys and places from the document's top."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{show_path(self.path)}: {self.message}"


def show_path(path: Path) -> str:
    """`rules[2].when[0].value`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the document"


class MalformedRules(Exception):
    """The document is refused, for each of these reasons."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


@dataclass
class _Reader:
    """Reads what it can and remembers what is wrong."""

    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, path: Path, message: str) -> None:
        self.mistakes.append(Mistake(path, message))

    def mapping(self, path: Path, document: Any, keys: tuple[str, ...]) -> Mapping[str, Any] | None:
        """The document, which has these keys alone; None if it is no mapping."""
        if not isinstance(document, Mapping):
            self.wrong(path, f"is a mapping of {', '.join(keys)}")
            return None
        for name in document:
            if name not in keys:
                self.wrong((*path, name), f"is not one of {', '.join(keys)}")
        return document

    def one_of(self, path: Path, given: Any, kind: type[Kind], allowed: Any = None) -> Kind | None:
        allowed = kind if allowed is None else allowed
        if isinstance(given, str) and given in [one.value for one in allowed]:
            return kind(given)
        self.wrong(path, f"is one of {', '.join(sorted(one.value for one in allowed))}")
        return None

    def items(self, path: Path, given: Any, least: int, most: int) -> list[Any]:
        if isinstance(given, list) and least <= len(given) <= most:
            return given
        self.wrong(path, f"is a list of {least} to {most}")
        return []


def read_rules(document: Any, version: int) -> RuleSet:
    """The rule set of a document. Raises MalformedRules with all of its mistakes."""
    reader = _Reader()
    top = reader.mapping((), document, ("thresholds", "reviews", "rules"))
    if top is None:
        raise MalformedRules(reader.mistakes)
    thresholds = _thresholds(reader, top.get("thresholds"))
    reviews = _reviews(reader, top.get("reviews"))
    rules: dict[str, Rule] = {}
    for place, given in enumerate(reader.items(("rules",), top.get("rules"), 0, RULES_MAX)):
        rule = _rule(reader, ("rules", place), given)
        if rule is not None and rule.rule_id in rules:
            reader.wrong(("rules", place, "id"), f"{rule.rule_id} is the id of another rule")
        elif rule is not None:
            rules[rule.rule_id] = rule
    if reader.mistakes:
        raise MalformedRules(reader.mistakes)
    rule_set = RuleSet(version, tuple(rules.values()), thresholds, reviews)
    if len(json.dumps(write_rules(rule_set))) > DOCUMENT_LENGTH_MAX:
        raise MalformedRules([Mistake((), f"has at most {DOCUMENT_LENGTH_MAX} characters")])
    return rule_set


def _rule(reader: _Reader, path: Path, document: Any) -> Rule | None:
    before = len(reader.mistakes)
    given = reader.mapping(path, document, _RULE_KEYS)
    if given is None:
        return None
    rule_id, reason = given.get("id"), given.get("reason")
    if not isinstance(rule_id, str) or re.fullmatch(RULE_ID, rule_id) is None:
        reader.wrong((*path, "id"), "is a name in small letters, digits and _")
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= REASON_LENGTH_MAX:
        reader.wrong((*path, "reason"), f"is a text of 1 to {REASON_LENGTH_MAX} characters")
    type_ = reader.one_of((*path, "type"), given.get("type"), SignalType, RULE_TYPES)
    status = reader.one_of((*path, "status"), given.get("status"), Status)
    action = reader.one_of((*path, "action"), given.get("action"), Action)
    asks = []
    for place, one in enumerate(reader.items((*path, "when"), given.get("when"), 1, ASKS_MAX)):
        ask, wrong = read_ask((*path, "when", place), one)
        reader.mistakes += [Mistake(*mistake) for mistake in wrong]
        asks += [ask] if ask is not None else []
    if len(reader.mistakes) > before or type_ is None or status is None or action is None:
        return None
    return Rule(str(rule_id), type_, status, action, str(reason), tuple(asks))


def _thresholds(reader: _Reader, document: Any) -> Thresholds:
    if document is None:
        return Thresholds()
    path: Path = ("thresholds",)
    given = reader.mapping(path, document, ("review_from", "block_above"))
    if given is None:
        return Thresholds()
    scores = {}
    for name in ("review_from", "block_above"):
        score = given.get(name)
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            reader.wrong((*path, name), "is a number from 0 to 1")
        else:
            scores[f"{name}_ppm"] = round(score * SCORE_MAX_PPM)
    thresholds = Thresholds(**scores)
    if len(scores) == 2 and thresholds.review_from_ppm > thresholds.block_above_ppm:
        reader.wrong((*path, "review_from"), "is not above block_above")
    return thresholds


def _reviews(reader: _Reader, document: Any) -> Reviews:
    if document is None:
        return Reviews()
    path: Path = ("reviews",)
    given = reader.mapping(path, document, ("hold", "days"))
    if given is None:
        return Reviews()
    hold = reader.one_of((*path, "hold"), given.get("hold"), Hold)
    days = given.get("days")
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= REVIEW_DAYS_MAX:
        reader.wrong((*path, "days"), f"is a whole number from 1 to {REVIEW_DAYS_MAX}")
        return Reviews()
    return Reviews() if hold is None else Reviews(hold, days)


def write_rules(rule_set: RuleSet) -> dict[str, Any]:
    """The document of a rule set, from which the same is read."""
    thresholds = rule_set.thresholds
    return {
        "thresholds": {
            "review_from": thresholds.review_from_ppm / SCORE_MAX_PPM,
            "block_above": thresholds.block_above_ppm / SCORE_MAX_PPM,
        },
        "reviews": {"hold": rule_set.reviews.hold.value, "days": rule_set.reviews.days},
        "rules": [dict(_written(rule)) for rule in rule_set.rules],
    }


def _written(rule: Rule) -> Iterator[tuple[str, Any]]:
    yield "id", rule.rule_id
    yield "type", rule.type.value
    yield "status", rule.status.value
    yield "action", rule.action.value
    yield "reason", rule.reason
    yield "when", [write_ask(ask) for ask in rule.asks]
