"""A failing seed, made as small as is known: fewer classes of faults, then fewer faults.

    classes off, one by one ──► only the first k faults ──► each of these left out, from the last

What is left out is drawn all the same and then does not happen, so that everything up to the first
such place is as it was. Each step is kept if the run still fails in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.faults import Fault, Faults, Point
from tests.simulation.run import Run, begin
from tests.simulation.search import Play, found_in
from tests.simulation.tally import Finding

CONDITIONS = frozenset({Fault.SKEW, Fault.COLD_START, Fault.WARM_LOST, Fault.STALE_INDEX})
"""What is so during a whole run, rather than happens now and then: switched off, never counted."""
ALL = 1_000_000_000

Arguments = Callable[[], Mapping[str, Any]]
"""What `begin` is told besides the seed: anew for each run."""


@dataclass(frozen=True)
class Kept:
    """What of a seed's faults still happens. A class is named `world crash before`."""

    off: frozenset[str] = frozenset()
    first: int = ALL
    skipped: frozenset[int] = frozenset()
    """Of the first ones, those of the world that do not happen, counted from 1."""


@dataclass
class Struck:
    """The faults of one run, counted over the world, its acquirer and its receivers."""

    kept: Kept
    names: list[str] = field(default_factory=list)
    over: Callable[[], None] = lambda: None
    """Called when the last of them has happened."""

    def happens(self, name: str) -> bool:
        """A fault was drawn: does it happen?"""
        if name in self.kept.off or len(self.names) >= self.kept.first:
            return False
        self.names.append(name)
        if len(self.names) >= self.kept.first:
            self.over()
        return len(self.names) not in self.kept.skipped


class Sieve(Faults):
    """Some of the faults of others."""

    def __init__(self, inner: Faults, struck: Struck) -> None:
        self.dice, self.fixed = inner.dice, inner.fixed
        self._inner, self._struck = inner, struck
        self.latency, self.during, self.heal = inner.latency, inner.during, inner.heal

    def at(self, point: Point) -> Fault | None:
        fault = self._inner.at(point)
        return fault if fault and self._struck.happens(f"world {fault.value}") else None

    def strikes(self, fault: Fault) -> bool:
        if not self._inner.strikes(fault):
            return False
        name = f"world {fault.value}"
        if fault in CONDITIONS:
            return name not in self._struck.kept.off
        return self._struck.happens(name)

    def skew(self) -> float:
        skew = self._inner.skew()
        return 0.0 if f"world {Fault.SKEW.value}" in self._struck.kept.off else skew

    def cold_start(self) -> float:
        seconds = self._inner.cold_start()
        return 0.3 if f"world {Fault.COLD_START.value}" in self._struck.kept.off else seconds

    def describe(self) -> str:
        return f"{self._inner.describe()}; less what was found to be needless"


@dataclass(frozen=True)
class Shrunk:
    """A failing seed in its smallest known form. `names` are the faults that happen, in order."""

    finding: Finding
    kept: Kept
    names: tuple[str, ...]
    conditions: tuple[str, ...]
    run: Run
    runs: int
    """How many it took."""

    def describe(self) -> str:
        """What is needed for it to fail."""
        faults = [n for i, n in enumerate(self.names, 1) if i not in self.kept.skipped]
        happen = "; ".join(faults) or "none"
        lines = [f"faults that are enough, in their order ({len(faults)}): {happen}"]
        if self.conditions:
            lines.append(f"conditions: {', '.join(self.conditions)}")
        lines.append(f"found in {self.runs} runs")
        return "\n".join(lines)


class Fails(Exception):
    """Not raised by a run that fails, but where one should, and does not."""


def attempt(
    seed: int, arguments: Arguments, kept: Kept, play: Play = Run.play
) -> tuple[Run, Finding | None, Struck]:
    """One run of a seed, with less going wrong."""
    given = dict(arguments())
    struck = Struck(kept)
    drawn = begin(seed, **given)
    drawn.world.scheduler.close()
    behaviour, manners = drawn.acquirer.behaviour, drawn.receiver.manners
    wrap = given.get("wrap", lambda faults: faults)
    given["wrap"] = lambda faults: Sieve(wrap(faults), struck)
    given["behaviour"] = replace(
        behaviour,
        faults=frozenset(f for f in behaviour.faults if f"acquirer {f.value}" not in kept.off),
    )
    given["manners"] = replace(
        manners,
        faults=tuple(f for f in manners.faults if f"receiver {f.value}" not in kept.off),
    )
    run = begin(seed, **given)
    acquirer, receiver = run.acquirer, run.receiver

    def over() -> None:
        acquirer.behaviour = replace(acquirer.behaviour, chance=0.0)
        receiver.calm()

    struck.over = over
    acquirer.on_fault = lambda what, fault: _count(struck, f"acquirer {fault.value}")
    if kept.first == 0:
        over()
    return run, found_in(run, play), struck


def _count(struck: Struck, name: str) -> None:
    struck.happens(name)


def shrink(seed: int, arguments: Arguments = dict, play: Play = Run.play) -> Shrunk:
    """The smallest form of a seed that fails. Raises Fails if it does not."""
    return _Shrinking(seed, arguments, play).shrunk()


class _Shrinking:
    def __init__(self, seed: int, arguments: Arguments, play: Play) -> None:
        self._seed, self._arguments, self._play, self._runs = seed, arguments, play, 0
        self._what: str | None = None
        self._kept = Kept()
        self._last: tuple[Run, Finding, Struck] | None = None

    def shrunk(self) -> Shrunk:
        if not self._fails(Kept()):
            raise Fails(f"seed {self._seed} does not fail")
        self._fewer_classes()
        self._fewer_faults()
        self._leave_out()
        assert self._last is not None
        run, finding, struck = self._last
        on = _conditions(run, self._kept.off)
        return Shrunk(finding, self._kept, tuple(struck.names), on, run, self._runs)

    def _fails(self, kept: Kept) -> bool:
        """Whether it still fails in the same way; if so, go on from there."""
        self._runs += 1
        run, finding, struck = attempt(self._seed, self._arguments, kept, self._play)
        if finding is None or finding.what != (self._what or finding.what):
            return False
        self._what, self._kept, self._last = finding.what, kept, (run, finding, struck)
        return True

    def _fewer_classes(self) -> None:
        assert self._last is not None
        run, _, struck = self._last
        classes = [*dict.fromkeys(struck.names)]
        classes += [f"receiver {fault.value}" for fault in run.receiver.manners.faults]
        classes += [f"world {fault.value}" for fault in CONDITIONS_IN_ORDER]
        for name in classes:
            self._fails(replace(self._kept, off=self._kept.off | {name}))

    def _fewer_faults(self) -> None:
        """The shortest prefix that a search by halves finds: one fault less, and it passes."""
        assert self._last is not None
        enough, passes = len(self._last[2].names), -1
        if enough and not self._fails(replace(self._kept, first=enough)):
            return
        while enough - passes > 1:
            middle = (enough + passes) // 2
            if self._fails(replace(self._kept, first=middle)):
                enough = middle
            else:
                passes = middle

    def _leave_out(self) -> None:
        assert self._last is not None
        names = self._last[2].names
        for number in range(len(names), 0, -1):
            if names[number - 1].startswith("world "):
                self._fails(replace(self._kept, skipped=self._kept.skipped | {number}))


CONDITIONS_IN_ORDER = tuple(fault for fault in Fault if fault in CONDITIONS)


def _conditions(run: Run, off: frozenset[str]) -> tuple[str, ...]:
    """Those that are on in a run and could not be switched off."""
    described = run.world.faults.describe()
    names = [fault.value for fault in CONDITIONS_IN_ORDER if f"world {fault.value}" not in off]
    return tuple(name for name in names if f"{name} " in described)
