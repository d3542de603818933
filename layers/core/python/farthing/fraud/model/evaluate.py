"""How a model scores a row: the same double, bit for bit, as LightGBM gives.

LightGBM decides at each node what to do with a value that is missing. Here that is settled before
the walk: the row is widened by one column for each way in which a feature is asked, and there a
missing value stands as -inf, which is below every threshold (it goes left), as NaN, which is not
(right), or as 0. So the walk only compares.

Sums are made one by one and in order: `sum` compensates since Python 3.12, which is another double.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from farthing.fraud.model.artefact import (
    DEFAULT_LEFT,
    FILE_BYTES_MAX,
    MISSING_NONE,
    MISSING_ZERO,
    Artefact,
    BadModel,
    digest,
    unpack,
)

ZERO: Final = 1.0000000180025095e-35
"""What LightGBM takes for zero: its float 1e-35f, as a double."""


class Share(NamedTuple):
    """How much a feature moved the raw score of one row; above 0 is towards fraud."""

    feature: str
    amount: float


class Model:
    """A loaded model. Rows are in the order of `features`; a missing value is NaN."""

    def __init__(self, artefact: Artefact, sha256: str = "") -> None:
        trees = artefact.trees
        self.artefact, self.sha256 = artefact, sha256
        self.features = artefact.features
        self._columns, self._column = _columns(trees.feature.tolist(), trees.flags.tolist())
        self._feature = trees.feature.tolist()
        self._roots, self._threshold = trees.roots.tolist(), trees.threshold.tolist()
        self._left, self._right = trees.left.tolist(), trees.right.tolist()
        self._expected = trees.expected.tolist()
        # Leaf n is named ~n, which counts from the end.
        self._leaf = trees.leaf.tolist()[::-1]
        self._x = [x for x, _ in artefact.calibration]
        self._y = [y for _, y in artefact.calibration]

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Raises BadModel for what is no model."""
        return cls(unpack(data), digest(data))

    @classmethod
    def load(cls, path: Path) -> Model:
        """Raises BadModel for what is no model, OSError where there is no file."""
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        return cls.from_bytes(data)

    def raw(self, row: Sequence[float]) -> float:
        """The sum of the trees: log odds before calibration."""
        wide, column, threshold = self._widen(row), self._column, self._threshold
        left, right, leaf = self._left, self._right, self._leaf
        total = 0.0
        for root in self._roots:
            node = root
            while node >= 0:
                node = left[node] if wide[column[node]] <= threshold[node] else right[node]
            total += leaf[node]
        return total

    def probability(self, row: Sequence[float]) -> float:
        """What LightGBM's `predict` gives, from 0 to 1."""
        return self._sigmoid(self.raw(row))

    def score(self, row: Sequence[float]) -> float:
        """The calibrated probability of fraud, from 0 to 1."""
        return self._calibrated(self.probability(row))

    def explain(self, row: Sequence[float]) -> tuple[float, list[Share]]:
        """The score, and what each feature did to it, the strongest towards fraud first.

        Each step from a node to its child moves the expected value; the move is the share of the
        feature that was asked. With the model's mean the shares sum to the raw score.
        """
        wide, expected, leaf = self._widen(row), self._expected, self._leaf
        shares = [0.0] * len(self.features)
        total = 0.0
        for root in self._roots:
            node = root
            while node >= 0:
                at, value = node, expected[node]
                goes_left = wide[self._column[at]] <= self._threshold[at]
                node = self._left[at] if goes_left else self._right[at]
                reached = expected[node] if node >= 0 else leaf[node]
                shares[self._feature[at]] += reached - value
            total += leaf[node]
        moved = [Share(*pair) for pair in zip(self.features, shares, strict=True) if pair[1]]
        moved.sort(key=lambda share: share.amount, reverse=True)
        return self._calibrated(self._sigmoid(total)), moved

    def mean(self) -> float:
        """The raw score of nobody in particular: what the shares of `explain` are counted from."""
        total = 0.0
        for root in self._roots:
            total += self._expected[root] if root >= 0 else self._leaf[root]
        return total

    def _widen(self, row: Sequence[float]) -> list[float]:
        if len(row) != len(self.features):
            raise ValueError(f"a row has {len(self.features)} values, not {len(row)}")
        values = [0.0 if -ZERO <= value <= ZERO else float(value) for value in row]
        return [
            if_nan if (value := values[feature]) != value else value or if_zero
            for feature, if_nan, if_zero in self._columns
        ]

    def _sigmoid(self, raw: float) -> float:
        try:
            return 1.0 / (1.0 + math.exp(-self.artefact.sigmoid * raw))
        except OverflowError:
            return 0.0

    def _calibrated(self, probability: float) -> float:
        x, y = self._x, self._y
        if not x:
            return probability
        if probability <= x[0]:
            return y[0]
        if probability >= x[-1]:
            return y[-1]
        at = bisect_right(x, probability)
        x0, x1, y0, y1 = x[at - 1], x[at], y[at - 1], y[at]
        return min(y0 + (y1 - y0) * ((probability - x0) / (x1 - x0)), y1)


def _columns(
    features: list[int], flags: list[int]
) -> tuple[list[tuple[int, float, float]], list[int]]:
    """The columns of a widened row as (feature, value for NaN, value for zero); each node's one."""
    known: dict[tuple[int, float, float], int] = {}
    column = []
    for feature, flag in zip(features, flags, strict=True):
        side = -math.inf if flag & DEFAULT_LEFT else math.nan
        missing = flag & ~DEFAULT_LEFT
        if_nan = 0.0 if missing == MISSING_NONE else side
        if_zero = side if missing == MISSING_ZERO else 0.0
        column.append(known.setdefault((feature, if_nan, if_zero), len(known)))
    return list(known), column


__all__ = ["BadModel", "Model", "Share"]
