"""What other rules or another model would have done to past payments. Pure.

Each payment is decided anew on what it was decided on. What it was is known of those alone that
went through and are old enough, and of those that a person held and called fraud: of what was
blocked, declined by the issuer or never sent nobody will ever know, and it is never counted as
good.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from farthing.fraud.action import Action
from farthing.fraud.decide import ORDER, decide, replay
from farthing.fraud.model.evaluate import Model
from farthing.fraud.rules import RuleSet
from farthing.fraud.signals import SCORE_MAX_PPM, Decision, FraudSignal, Scored, SignalType
from farthing_cli.fraud.past import Past

LISTS, MODEL = "(lists)", "(model)"
"""Beside the ids of rules."""


class Truth(StrEnum):
    """What a payment was, or why nobody knows it."""

    FRAUD = "FRAUD"
    GOOD = "GOOD"
    BLOCKED = "BLOCKED"
    DECLINED = "DECLINED"
    UNSENT = "UNSENT"
    YOUNG = "YOUNG"


KNOWN = frozenset({Truth.FRAUD, Truth.GOOD})


class Said(NamedTuple):
    """What a rule, the lists or the model had to say: whether it decided, and whether without it
    another action would have followed."""

    source: str
    decided: bool
    alone: bool


class Anew(NamedTuple):
    """A payment that was decided anew. `said` is of the new decision."""

    at: int
    currency: str
    amount_cents: int
    before: Action
    after: Action
    truth: Truth
    said: tuple[Said, ...]


@dataclass
class Tally:
    """So many payments, and how much money by currency."""

    count: int = 0
    cents: Counter[str] = field(default_factory=Counter)

    def add(self, one: Anew) -> None:
        """One more."""
        self.count += 1
        self.cents[one.currency] += one.amount_cents


class Changed(NamedTuple):
    """From one action to another."""

    before: Action
    after: Action


@dataclass
class Stopped:
    """What was stopped of what is known, before or after."""

    fraud: Tally = field(default_factory=Tally)
    good: Tally = field(default_factory=Tally)
    unknown: Tally = field(default_factory=Tally)

    def add(self, one: Anew) -> None:
        """One more."""
        tallies = {Truth.FRAUD: self.fraud, Truth.GOOD: self.good}
        tallies.get(one.truth, self.unknown).add(one)

    @property
    def precision(self) -> float | None:
        """The share of fraud in what is known of it; None if nothing is."""
        known = self.fraud.count + self.good.count
        return self.fraud.count / known if known else None

    def recall(self, frauds: int) -> float | None:
        """The share of all known frauds; None if there are none."""
        return self.fraud.count / frauds if frauds else None


@dataclass
class RuleTally:
    """How often it had something to say, how often that decided, and what it alone did."""

    fired: int = 0
    decided: int = 0
    alone: Stopped = field(default_factory=Stopped)
    alone_count: int = 0


BLOCKED = "blocked"
STOPPING = {
    BLOCKED: frozenset({Action.BLOCK}),
    "blocked or reviewed": frozenset({Action.BLOCK, Action.REVIEW}),
}


@dataclass
class Backtest:
    """All of it together. `stopped` is by whether after or before, and by how much is stopped:
    what is blocked, or what is blocked or reviewed."""

    changes: defaultdict[Changed, Tally] = field(default_factory=lambda: defaultdict(Tally))
    truths: defaultdict[Truth, Tally] = field(default_factory=lambda: defaultdict(Tally))
    stopped: dict[tuple[str, bool], Stopped] = field(
        default_factory=lambda: {
            (what, after): Stopped() for what in STOPPING for after in (False, True)
        }
    )
    rules: dict[str, RuleTally] = field(default_factory=dict)
    unscored: int = 0
    versions: Counter[int] = field(default_factory=Counter)
    first: int = 0
    last: int = 0

    def add(self, one: Anew) -> None:
        """One more."""
        self.first = min(self.first or one.at, one.at)
        self.last = max(self.last, one.at)
        self.changes[Changed(one.before, one.after)].add(one)
        self.truths[one.truth].add(one)
        for what, actions in STOPPING.items():
            for after, action in ((False, one.before), (True, one.after)):
                if action in actions:
                    self.stopped[what, after].add(one)
        for said in one.said:
            rule = self.rules.setdefault(said.source, RuleTally())
            rule.fired += 1
            rule.decided += said.decided
            if said.alone:
                rule.alone_count += 1
                rule.alone.add(one)

    def acted(self, action: Action, *, after: bool) -> Tally:
        """What was, or would have been, decided so."""
        total = Tally()
        for changed, tally in self.changes.items():
            if (changed.after if after else changed.before) is action:
                total.count += tally.count
                total.cents.update(tally.cents)
        return total


def backtest(
    decided: Iterable[Past], rule_set: RuleSet, model: Model | None, known_until: int
) -> Backtest:
    """Decide all of them anew. Of payments after `known_until` nobody knows yet what they were."""
    found = Backtest(rules={rule.rule_id: RuleTally() for rule in rule_set.rules})
    for one in decided:
        found.versions[one.decision.rules_version] += 1
        again = decided_anew(one, rule_set, model)
        if again is None:
            found.unscored += 1
            continue
        found.add(
            Anew(
                one.at,
                one.currency,
                one.amount_cents,
                one.decision.action,
                again.action,
                truth(one, known_until),
                tuple(_said(again)),
            )
        )
    return found


def decided_anew(one: Past, rule_set: RuleSet, model: Model | None) -> Decision | None:
    """The decision by other rules, or by another model; None if that one cannot score it."""
    if model is None:
        return replay(one.decision, rule_set)
    if one.labelled.features is None:
        return None
    score = round(model.score(one.labelled.features) * SCORE_MAX_PPM)
    return decide(one.decision.known, rule_set, Scored(score, model.artefact.name))


def truth(one: Past, known_until: int) -> Truth:
    """What a payment was, as far as it is known."""
    paid = one.labelled
    if paid.blocked or one.decision.action is Action.BLOCK:
        return Truth.BLOCKED
    if paid.failed:
        return Truth.DECLINED
    if not paid.teaches:
        return Truth.UNSENT
    if one.at > known_until:
        return Truth.YOUNG
    return Truth.FRAUD if paid.fraud else Truth.GOOD


def differing(decided: Iterable[Past], rule_set: RuleSet) -> Iterator[tuple[str, bool]]:
    """Of each decision under these rules its id, and whether it does not come out as it was."""
    for one in decided:
        if one.decision.rules_version == rule_set.version:
            yield one.operation, replay(one.decision, rule_set) != one.decision


def _said(decision: Decision) -> Iterator[Said]:
    """The model has something to say if it would stop the payment, and is not only watched. All
    lists are one."""
    lists = [one for one in decision.signals if one.signal_type is SignalType.LIST]
    if lists:
        decided = any(one.source == decision.decided_by for one in lists)
        yield Said(LISTS, decided, _without(decision, lists) is not decision.action)
    for signal in decision.signals:
        by_model = signal.signal_type is SignalType.MODEL
        is_silent = by_model and (signal.action is Action.ALLOW or _is_watched(decision))
        if signal in lists or is_silent:
            continue
        yield Said(
            MODEL if by_model else signal.source,
            decision.decided_by == signal.source,
            _without(decision, [signal]) is not decision.action,
        )


def _without(decision: Decision, left_out: list[FraudSignal]) -> Action:
    """What would have followed from the other signals, in the order of `decide`."""
    left = [one for one in decision.signals if one not in left_out]
    by_model = [one for one in left if one.signal_type is SignalType.MODEL]
    for action in ORDER:
        if any(one.action is action for one in left if one not in by_model):
            return action
    if _is_watched(decision) or not by_model:
        return Action.ALLOW
    return by_model[0].action


def _is_watched(decision: Decision) -> bool:
    return decision.scored is not None and decision.scored.shadow
