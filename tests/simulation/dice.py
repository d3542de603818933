"""Chance from a seed: the same numbers on every Python, whatever its hash seed."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from random import Random
from typing import TypeVar

Thing = TypeVar("Thing")


class Dice:
    """A stream of numbers, made of what `Random` promises never to change."""

    __slots__ = ("entropy", "random")

    def __init__(self, seed: int | str, use: str = "") -> None:
        source = Random(f"{seed}/{use}")
        self.random = source.random
        self.entropy = source.randbytes

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.random() < probability

    def below(self, limit: int) -> int:
        """0 up to `limit` - 1."""
        return int(self.random() * limit)

    def between(self, low: float, high: float) -> float:
        """Each number alike."""
        return low + (high - low) * self.random()

    def spread(self, low: float, high: float) -> float:
        """Each order of magnitude alike: milliseconds as often as minutes."""
        return round(exp(log(low) + (log(high) - log(low)) * self.random()), 6)

    def choice(self, things: Sequence[Thing]) -> Thing:
        """One of them."""
        return things[int(self.random() * len(things))]

    def shuffled(self, things: Sequence[Thing]) -> list[Thing]:
        """All of them, in any order."""
        left, taken = list(things), []
        while left:
            taken.append(left.pop(int(self.random() * len(left))))
        return taken
