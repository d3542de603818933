"""The decision. Pure: all that it depends on is in its arguments, so it can be replayed.

    allow lists and rules ──► block lists and rules ──► review rules ──► the model's score
          ALLOW                      BLOCK                 REVIEW         by its thresholds

The first that says something decides, as in Stripe's Radar; the others are kept as signals beside
it. So who is on an allow list is let through whatever else is true, and what a rule sends to
review is not blocked by its score.

A model in the shadow says what it would have done, and decides nothing.
"""

from __future__ import annotations

from farthing.fraud.action import Action
from farthing.fraud.facts import Known
from farthing.fraud.lists import Hit
from farthing.fraud.rules import SCORES_PPM, RuleSet
from farthing.fraud.signals import SCORE_MAX_PPM, Decision, FraudSignal, Scored, SignalType

ORDER = (Action.ALLOW, Action.BLOCK, Action.REVIEW)


def decide(known: Known, rule_set: RuleSet, scored: Scored | None = None) -> Decision:
    """What becomes of a payment. `scored` is what the model says, if there is one."""
    asked = (rule.signal(known, rule_set.version) for rule in rule_set.rules)
    said = [*map(_of_list, known.hits), *(signal for signal in asked if signal is not None)]
    by_model = None if scored is None else _of_model(scored, rule_set)
    asked_last = None if scored is None or scored.shadow else by_model
    deciding = next(
        (signal for action in ORDER for signal in said if signal.action is action), asked_last
    )
    score_ppm = deciding.score_ppm if deciding else 0
    if scored is not None and not scored.shadow:
        score_ppm = scored.score_ppm
    return Decision(
        action=deciding.action if deciding else Action.ALLOW,
        score_ppm=score_ppm,
        decided_by=deciding.source if deciding else None,
        signals=(*said, by_model) if by_model else tuple(said),
        rules_version=rule_set.version,
        known=known,
        scored=scored,
    )


def replay(decision: Decision, rule_set: RuleSet) -> Decision:
    """The decision again, from what it was made on. With its own rules it is the same; with others
    it is what they would have said."""
    return decide(decision.known, rule_set, decision.scored)


def _of_list(hit: Hit) -> FraudSignal:
    return FraudSignal(
        SignalType.LIST,
        SCORES_PPM[hit.action],
        hit.action,
        hit.reason,
        hit.entry_id,
        "list",
    )


def _of_model(scored: Scored, rule_set: RuleSet) -> FraudSignal:
    action = rule_set.thresholds.action(scored.score_ppm)
    reason = f"a score of {scored.score_ppm / SCORE_MAX_PPM:.2f}"
    if scored.reasons:
        reason += f": {', '.join(scored.reasons)}"
    if scored.shadow:
        reason += " (only watched)"
    version = scored.model_version
    return FraudSignal(SignalType.MODEL, scored.score_ppm, action, reason, "model", version)
