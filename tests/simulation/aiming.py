"""Crashes that are aimed at call points at which chance never struck.

Each known call point must have been crashed at before and after. Those that a search leaves over
are crashed at in the first seed that reaches them: the same run, up to that call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.simulation import restoring
from tests.simulation.coverage import REACHED, Coverage
from tests.simulation.faults import CRASHES, Fault, Faults, Point
from tests.simulation.profiles import arguments_of
from tests.simulation.run import Run, begin
from tests.simulation.search import found_in, play_of
from tests.simulation.tally import Finding, Tally


class Crash(NamedTuple):
    """A way to crash at the first call of a call point."""

    fault: Fault
    point: str

    def __str__(self) -> str:
        return f"{self.fault.value} {self.point}"

    @classmethod
    def of(cls, text: str) -> Crash:
        """What `str` gave. Raises ValueError."""
        for fault in CRASHES:
            if text.startswith(f"{fault.value} "):
                return cls(fault, text.removeprefix(f"{fault.value} "))
        raise ValueError(f"{text!r} is no crash: say {CRASHES[0].value} and a call point")


class Aimed(Faults):
    """The faults of a seed, and one crash before they are over. Or after that, if it is `late`."""

    def __init__(self, inner: Faults, crash: Crash, *, late: bool) -> None:
        self.dice, self.fixed, self._inner = inner.dice, inner.fixed, inner
        self._crash, self._late, self._done = crash, late, False
        self.strikes, self.latency, self.skew = inner.strikes, inner.latency, inner.skew
        self.cold_start, self.during = inner.cold_start, inner.during

    def at(self, point: Point) -> Fault | None:
        drawn = self._inner.at(point)
        if self._done or point.name != self._crash.point:
            return drawn
        self._done = True
        return self._crash.fault

    def heal(self) -> None:
        self._inner.heal()
        self._done = self._done or not self._late

    def describe(self) -> str:
        return f"at the first such call: {self._crash}; {self._inner.describe()}"


def arguments(seed: int, crash: Crash) -> dict[str, Any]:
    """What `begin` is told of a seed with a crash."""
    late = play_of(seed) is restoring.play  # whoever mends the books does so when all is well
    wrap: Callable[[Faults], Faults] = lambda faults: Aimed(faults, crash, late=late)  # noqa: E731
    return {**arguments_of(seed), "wrap": wrap}


def aim(seed: int, crash: Crash) -> tuple[Run, Finding | None]:
    """A seed as it is, but with this crash."""
    run = begin(seed, **arguments(seed, crash))
    return run, found_in(run, play_of(seed), crash=str(crash))


def aimed(coverage: Coverage, first: Mapping[str, int]) -> Tally:
    """Each crash that `coverage` lacks, in the `first` seed that reaches its call point.

    A crash that misses is counted as a call point that was reached and not crashed at.
    """
    tally = Tally()
    for point, seed in sorted(first.items()):
        tally.coverage.add(Coverage({(point, REACHED): 1}))
        for fault in CRASHES:
            if coverage.times(point, fault.value):
                continue
            run, finding = aim(seed, Crash(fault, point))
            tally.aimed += 1
            tally.calls += len(run.world.calls)
            if run.world.coverage.times(point, fault.value):
                tally.coverage.add(Coverage({(point, fault.value): 1}))
            if finding is not None:
                tally.findings.append(finding)
    return tally
