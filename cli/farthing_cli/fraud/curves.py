"""The curves by which models are compared, as points. Scores and labels in, nothing drawn."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from farthing_cli.fraud.metrics import Scored, steps

BINS = 10
Z_95 = 1.96
Point = tuple[float, float]


class Bin(NamedTuple):
    """Payments of about the same score: the mean score, the share of fraud, and between which
    shares the true one lies, nineteen times of twenty (Wilson's interval)."""

    score: float
    share: float
    low: float
    high: float
    payments: int


def roc(scored: Sequence[Scored]) -> list[Point]:
    """(false positive rate, recall), from where nothing is stopped to where everything is."""
    frauds = sum(one.fraud for one in scored)
    others, found, wrong = len(scored) - frauds, 0, 0
    points = [(0.0, 0.0)]
    for bad, good in steps(scored):
        found, wrong = found + bad, wrong + good
        points.append((wrong / others, found / frauds))
    return points


def precision_recall(scored: Sequence[Scored]) -> list[Point]:
    """(recall, precision), the highest scores first."""
    frauds = sum(one.fraud for one in scored)
    found = seen = 0
    points: list[Point] = []
    for bad, good in steps(scored):
        found, seen = found + bad, seen + bad + good
        points.append((found / frauds, found / seen))
    return [(0.0, points[0][1]), *points]


def reliability(scored: Sequence[Scored]) -> list[Bin]:
    """What became of payments of about the same score. A bin that is empty is not there."""
    grouped: dict[int, list[Scored]] = {}
    for one in scored:
        grouped.setdefault(min(int(one.score * BINS), BINS - 1), []).append(one)
    bins = []
    for _, some in sorted(grouped.items()):
        frauds, count = sum(one.fraud for one in some), len(some)
        low, high = wilson(frauds, count)
        mean = sum(one.score for one in some) / count
        bins.append(Bin(mean, frauds / count, low, high, count))
    return bins


def histogram(scored: Sequence[Scored], bins: int = 2 * BINS) -> list[tuple[int, int]]:
    """How many good payments and how many frauds have a score of each width."""
    counts = [[0, 0] for _ in range(bins)]
    for one in scored:
        counts[min(int(one.score * bins), bins - 1)][one.fraud] += 1
    return [(good, fraud) for good, fraud in counts]


def wilson(hits: int, count: int) -> Point:
    """Between which shares the true one lies."""
    share, z2 = hits / count, Z_95**2
    middle = share + z2 / (2 * count)
    spread = Z_95 * sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    below = 1 + z2 / count
    return max(0.0, (middle - spread) / below), min(1.0, (middle + spread) / below)
