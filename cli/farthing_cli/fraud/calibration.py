"""From a model's probabilities to scores that mean what they say, on later payments.

Isotonic regression: the rising curve that lies nearest to what happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FRAUDS_MIN = 50
"""With fewer frauds the curve would be noise, and the probability stays the score."""
ROWS_MIN = 200
"""A point of the curve stands for at least so many payments, but for those at the upper end."""


@dataclass
class _Block:
    probability_sum: float
    frauds: int
    rows: int

    @property
    def share(self) -> float:
        """The share of fraud, drawn a little to the middle: a few rows prove no certainty."""
        return (self.frauds + 0.5) / (self.rows + 1)

    def join(self, other: _Block) -> None:
        self.probability_sum += other.probability_sum
        self.frauds += other.frauds
        self.rows += other.rows


def curve(scored: Iterable[tuple[float, bool]]) -> tuple[tuple[float, float], ...]:
    """Points (probability, score), rising in both; none if there is too little fraud."""
    ordered = sorted(scored)
    if sum(fraud for _, fraud in ordered) < FRAUDS_MIN:
        return ()
    points: list[tuple[float, float]] = []
    for block in _rising(_grouped(ordered)):
        point = block.probability_sum / block.rows, block.share
        if not points or (point[0] > points[-1][0] and point[1] >= points[-1][1]):
            points.append(point)
    return tuple(points) if len(points) > 1 else ()


def _grouped(ordered: list[tuple[float, bool]]) -> list[_Block]:
    """Equal probabilities together, and so many rows together that a share of them says something.

    At the upper end, where most is fraud, few rows say much.
    """
    blocks: list[_Block] = []
    before = -1.0
    for probability, fraud in ordered:
        one = _Block(probability, int(fraud), 1)
        enough = blocks and (blocks[-1].rows >= ROWS_MIN or blocks[-1].frauds >= FRAUDS_MIN / 5)
        if not blocks or (enough and probability > before):
            blocks.append(one)
        else:
            blocks[-1].join(one)
        before = probability
    return blocks


def _rising(blocks: list[_Block]) -> list[_Block]:
    """Neighbours that fall are pooled until none does."""
    risen: list[_Block] = []
    for block in blocks:
        risen.append(block)
        while len(risen) > 1 and risen[-2].share >= risen[-1].share:
            last = risen.pop()
            risen[-1].join(last)
    return risen
