"""How well scores tell fraud: the measures that others publish, so that they can be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import groupby
from typing import NamedTuple

BLOCK_ABOVE = 0.7
CARDS_A_DAY = 100
FALSE_POSITIVE_RATE = 0.001


class Scored(NamedTuple):
    """A payment as it is measured. `day` and `customer` group what people would look at."""

    score: float
    fraud: bool
    day: int
    customer: Hashable


def measure(scored: Sequence[Scored]) -> dict[str, float | int]:
    """All measures, by name. Without fraud or without anything else there is nothing to tell."""
    frauds = sum(one.fraud for one in scored)
    found: dict[str, float | int] = {"payments": len(scored), "frauds": frauds}
    if 0 < frauds < len(scored):
        precision, recall = above(scored, BLOCK_ABOVE)
        found |= {
            "auc": area_under_roc(scored),
            "average_precision": average_precision(scored),
            "card_precision_100": card_precision(scored),
            "recall_at_0.1%_fpr": recall_at(scored, FALSE_POSITIVE_RATE),
            "precision_above_0.7": precision,
            "recall_above_0.7": recall,
        }
    return {name: round(value, 6) for name, value in found.items()}


def area_under_roc(scored: Sequence[Scored]) -> float:
    """How often a fraud scores above another payment; a tie counts half."""
    frauds = sum(one.fraud for one in scored)
    others_below, pairs = 0, 0.0
    for bad, good in reversed(steps(scored)):
        pairs += bad * (others_below + good / 2)
        others_below += good
    return pairs / (frauds * (len(scored) - frauds))


def average_precision(scored: Sequence[Scored]) -> float:
    """Precision at each score where recall grows, weighted by how much it grows."""
    frauds = sum(one.fraud for one in scored)
    found, seen, total = 0, 0, 0.0
    for bad, good in steps(scored):
        found, seen = found + bad, seen + bad + good
        total += bad / frauds * found / seen
    return total


def recall_at(scored: Sequence[Scored], false_positive_rate: float) -> float:
    """The share of frauds that is found before so many others are."""
    frauds = sum(one.fraud for one in scored)
    allowed = false_positive_rate * (len(scored) - frauds)
    found = wrong = 0
    for bad, good in steps(scored):
        if wrong + good > allowed:
            break
        found, wrong = found + bad, wrong + good
    return found / frauds


def above(scored: Sequence[Scored], threshold: float) -> tuple[float, float]:
    """Precision and recall of blocking all that scores above. Nothing blocked is no mistake."""
    frauds = sum(one.fraud for one in scored)
    blocked = [one.fraud for one in scored if one.score > threshold]
    return (sum(blocked) / len(blocked) if blocked else 1.0), sum(blocked) / frauds


def card_precision(scored: Sequence[Scored], cards: int = CARDS_A_DAY) -> float:
    """How many of each day's worst looking cards are bad; one that was found is out of the next.

    A customer's day is as bad as its worst payment.
    """
    days: defaultdict[int, dict[Hashable, tuple[float, bool]]] = defaultdict(dict)
    for one in scored:
        worst, fraud = days[one.day].get(one.customer, (one.score, False))
        days[one.day][one.customer] = max(worst, one.score), fraud or one.fraud
    found: set[Hashable] = set()
    shares = []
    for day in sorted(days):
        left = [(*seen, who) for who, seen in days[day].items() if who not in found]
        left.sort(key=lambda seen: seen[0], reverse=True)
        hits = [who for _, fraud, who in left[:cards] if fraud]
        found.update(hits)
        shares.append(len(hits) / cards)
    return sum(shares) / len(shares)


def steps(scored: Sequence[Scored]) -> list[tuple[int, int]]:
    """For each score, from the highest on: how many frauds and how many others have it."""
    ordered = sorted(scored, key=lambda one: one.score, reverse=True)
    steps = []
    for _, same in groupby(ordered, key=lambda one: one.score):
        labels = [one.fraud for one in same]
        steps.append((sum(labels), len(labels) - sum(labels)))
    return steps
