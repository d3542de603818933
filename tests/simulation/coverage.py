"""Which call points were reached, and which fault struck at each how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

REACHED = "reached"


class Coverage:
    """Counts of (call point, fault). Those of several runs add up."""

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[tuple[str, str], int] | None = None) -> None:
        self.counts: Counter[tuple[str, str]] = Counter(counts or {})

    def add(self, other: Coverage) -> None:
        """Count what another run counted."""
        self.counts.update(other.counts)

    def points(self) -> list[str]:
        """Every call point that was reached."""
        return sorted({point for point, what in self.counts if what == REACHED})

    def times(self, point: str, what: str) -> int:
        """How often."""
        return self.counts[point, what]

    def missing(self, faults: Iterable[str]) -> list[tuple[str, str]]:
        """The pairs that never happened, of the points that were reached."""
        wanted = [(point, fault) for point in self.points() for fault in faults]
        return [pair for pair in wanted if not self.counts[pair]]
