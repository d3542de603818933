"""What a search has counted so far. Tallies of several searches add up, in a file too."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation.coverage import Coverage

Span = tuple[int, int]
"""Seeds from the first up to, and without, the second."""


@dataclass(frozen=True)
class Finding:
    """A seed whose run is not as it should be. `what` names the invariant, or the error."""

    seed: int
    what: str
    subject: str
    facts: str
    crash: str = ""
    """A crash that the seed does not draw: `crash before charge kms.decrypt`."""

    @property
    def replay(self) -> str:
        """The command that shows it again."""
        crash = f" --crash '{self.crash}'" if self.crash else ""
        return f".venv/bin/farthing simulate --seed {self.seed}{crash} --trace"


@dataclass(frozen=True)
class Part:
    """One sitting of a search that was done in several: where, when, how fast."""

    date: str
    commit: str
    python: str
    processes: int
    schedules: int
    wall_seconds: float


@dataclass
class Tally:
    """Counts of many runs."""

    seeds: list[Span] = field(default_factory=list)
    calls: int = 0
    cpu_seconds: float = 0.0
    coverage: Coverage = field(default_factory=Coverage)
    scenarios: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    """What acquirers and receivers did wrong: `acquirer AUTHORIZE LOST`."""
    findings: list[Finding] = field(default_factory=list)
    first: dict[str, int] = field(default_factory=dict)
    """Each call point → the first seed that reaches it while a crash can strike."""
    aimed: int = 0
    """How many runs were no seed as it is, but one with a crash more."""
    parts: list[Part] = field(default_factory=list)

    @property
    def schedules(self) -> int:
        """How many seeds were run."""
        return sum(end - first for first, end in self.seeds)

    @property
    def crash_points(self) -> list[str]:
        """The call points at which a crash can strike. The others are reached when all is well."""
        return sorted(self.first) or self.coverage.points()

    def add(self, other: Tally) -> None:
        """Count what another counted. Its seeds must be other seeds."""
        if overlap(self.seeds, other.seeds):
            raise ValueError(f"some seeds of {other.seeds} are counted already")
        self.seeds = joined([*self.seeds, *other.seeds])
        self.calls += other.calls
        self.cpu_seconds += other.cpu_seconds
        self.coverage.add(other.coverage)
        self.scenarios.update(other.scenarios)
        self.others.update(other.others)
        self.findings += other.findings
        for point, seed in other.first.items():
            self.first[point] = min(seed, self.first.get(point, seed))
        self.aimed += other.aimed
        self.parts += other.parts

    def save(self, path: Path) -> None:
        """Write it, all or nothing."""
        counts = sorted([*pair, times] for pair, times in self.coverage.counts.items())
        document = {
            "seeds": self.seeds,
            "calls": self.calls,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "scenarios": dict(sorted(self.scenarios.items())),
            "others": dict(sorted(self.others.items())),
            "findings": [asdict(finding) for finding in self.findings],
            "first": dict(sorted(self.first.items())),
            "aimed": self.aimed,
            "parts": [asdict(part) for part in self.parts],
            "coverage": counts,
        }
        new = path.with_name(f"{path.name}.new")
        new.write_text(json.dumps(document, indent=1) + "\n")
        os.replace(new, path)

    @classmethod
    def load(cls, path: Path) -> Tally:
        """What `save` wrote; an empty one, if there is no such file."""
        if not path.exists():
            return cls()
        document: dict[str, Any] = json.loads(path.read_text())
        return cls(
            seeds=[(first, end) for first, end in document["seeds"]],
            calls=document["calls"],
            cpu_seconds=document["cpu_seconds"],
            coverage=Coverage({(point, what): n for point, what, n in document["coverage"]}),
            scenarios=Counter(document["scenarios"]),
            others=Counter(document["others"]),
            findings=[Finding(**finding) for finding in document["findings"]],
            first=document.get("first", {}),
            aimed=document.get("aimed", 0),
            parts=[Part(**part) for part in document["parts"]],
        )


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same seeds in as few spans as possible, in order."""
    found: list[Span] = []
    for first, end in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((first, end))
    return found


def overlap(some: Iterable[Span], others: Iterable[Span]) -> bool:
    """Whether a seed is in both."""
    rest = list(others)
    return any(a < d and c < b for a, b in some for c, d in rest)


def without(wanted: Span, done: Iterable[Span]) -> list[Span]:
    """The seeds of `wanted` that are not in `done`."""
    left, (at, end) = [], wanted
    for first, after in joined(done):
        if at < min(first, end):
            left.append((at, min(first, end)))
        at = max(at, after)
    if at < end:
        left.append((at, end))
    return left
