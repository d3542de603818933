"""The planted-bug gate: the real product with one mistake in it, and the seeds that find it.

    python -m tests.simulation.planted                 a table: bug, invariant, found at seed, limit
    python -m tests.simulation.planted --ranges 8      the same over eight ranges of seeds
    python -m tests.simulation.planted NAME …          these bugs only

A simulator that finds nothing proves nothing until it has been seen to find something. Each bug is
put into the modules of the product while it is looked for, and taken out again; no file is copied.
If a bug is not found within its limit, it is the simulator that has rotted: a fault is not drawn
any more, a scenario does not reach the place, or an invariant has stopped looking.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from tests.simulation.profiles import DRAWN, Profile
from tests.simulation.run import begin, prepared
from tests.simulation.scheduler import TooManySteps
from tests.simulation.violation import Violation
from tests.support.lambdas import load
from tests.support.template import ROOT

STEPS_MAX = 20_000
"""Five times what the longest run of the product takes: what goes on longer goes on for ever."""
RANGE_SEEDS = 100_000
"""How far apart the ranges of seeds are that a bug is measured on."""


class Patches:
    """What was changed in the product, to be undone."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute of a module or a class, which must be there."""
        self._undo.append((owner, name, vars(owner)[name]))
        setattr(owner, name, value)

    def everywhere(self, old: Any, new: Any) -> None:
        """Replace a function or a condition in every module of the product that knows it."""
        places = [
            (module, name)
            for module in _product()
            for name, value in vars(module).items()
            if value is old
        ]
        if len(places) < 2:
            raise LookupError(f"nobody but its own module uses {old}")
        for module, name in places:
            self.attribute(module, name, new)

    def undo(self) -> None:
        """The product as it is."""
        while self._undo:
            setattr(*self._undo.pop())


Plant = Callable[[Patches], None]


@dataclass(frozen=True)
class Bug:
    """A mistake, the invariant that it breaks, and within how many seeds that is seen."""

    name: str
    what: str
    invariant: int
    limit: int
    plant: Plant
    profile: Profile = DRAWN


@dataclass
class Search:
    """What came of looking for a bug: the seed that found it, or None, and what else broke."""

    bug: Bug
    seed: int | None = None
    violation: Violation | None = None
    tried: int = 0
    seconds: float = 0.0
    others: list[tuple[int, str]] = field(default_factory=list)


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """The product with the bug in it."""
    _load_all()
    patches = Patches()
    try:
        bug.plant(patches)
        yield
    finally:
        patches.undo()


def play(profile: Profile, seed: int) -> Violation | None:
    """One run of a profile: what it violates, if anything."""
    run = begin(seed, **profile.arguments(seed), steps_max=STEPS_MAX)
    try:
        with run.world:
            run.play()
    except Violation as violation:
        return violation
    except TooManySteps as endless:
        return Violation(9, "the run", str(endless))
    return None


def search(bug: Bug, first: int = 0, limit: int | None = None) -> Search:
    """Look for a bug, seed by seed, until its invariant is violated."""
    found, began = Search(bug), time.perf_counter()
    with planted(bug):
        for seed in range(first, first + (limit or bug.limit)):
            found.tried += 1
            violation = play(bug.profile, seed)
            if violation is not None and violation.invariant == bug.invariant:
                found.seed, found.violation = seed, violation
                break
            if violation is not None:
                found.others.append((seed, str(violation)))
    found.seconds = time.perf_counter() - began
    return found


def _load_all() -> None:
    """Everything that a bug may have to be put into, and the world that every run begins with."""
    for folder in sorted((ROOT / "functions").iterdir()):
        if (folder / "app.py").exists():
            load(folder.name)
    prepared()


def _product() -> list[ModuleType]:
    return [
        module
        for name, module in sorted(sys.modules.items())
        if name.startswith(("farthing.", "functions_"))
    ]


def _table(searches: Sequence[Search]) -> str:
    lines = ["| bug | what it is | invariant | profile | found at seed | limit |"]
    lines.append("|---|---|---|---|---|---|")
    for one in searches:
        bug, found = one.bug, "not found" if one.seed is None else str(one.seed)
        cells = (bug.name, bug.what, bug.invariant, bug.profile.name, found, bug.limit)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _measured(bug: Bug, ranges: int, limit: int) -> None:
    """How many seeds it takes on several ranges. 7 × the mean misses one time in a thousand."""
    took, others = [], 0
    for number in range(ranges):
        one = search(bug, number * RANGE_SEEDS, limit)
        others += len(one.others)
        took.append(one.tried if one.seed is not None else None)
        if one.seed is None:
            break
    mean = sum(times or limit for times in took) / len(took)
    shown = " ".join(str(times or f">{limit}") for times in took)
    print(
        f"{bug.name:34} mean {mean:6.1f}  7x {7 * mean:6.0f}  of {bug.limit:5}  [{shown}]  "
        f"other violations {others}",
        flush=True,
    )


def main() -> int:
    """The table, or how long each bug takes on several ranges of seeds."""
    from tests.simulation.planted_bugs import BUGS

    parser = argparse.ArgumentParser(prog="python -m tests.simulation.planted")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--ranges", type=int, default=0)
    parser.add_argument("--limit", type=int, default=2000)
    asked = parser.parse_args()
    bugs = [bug for bug in BUGS if not asked.names or bug.name in asked.names]
    if asked.ranges:
        for bug in bugs:
            _measured(bug, asked.ranges, asked.limit)
        return 0
    searches = [search(bug) for bug in bugs]
    print(_table(searches))
    return 0 if all(one.seed is not None for one in searches) else 1


if __name__ == "__main__":
    sys.exit(main())
