"""What goes wrong, and how often. Each class of faults is on or off per seed (swarm testing).

A run with everything on hides what happens when one thing is on alone: a queue that loses nothing
lets a lease bug live for days, one that loses much ends the run before it bites. So each seed draws
its classes, and for each one how often it strikes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from tests.simulation.dice import Dice

SKEW_SECONDS_MAX = 300
COLD_START_SECONDS_MAX = 10
START_SECONDS = (0.001, 0.3)
"""A busy function has warm environments to spare: else one of two racers always starts last."""
SPARED, SPARED_SHARE = "settle", 0.02
"""A settlement reads some three hundred pages before it writes. Faults that struck each as often as
any other call would let none get as far as its writes, where they matter."""
LATE_SECONDS_MAX = 60.0
"""How late the effect of a call may come, about which its caller was told nothing."""


class Fault(StrEnum):
    """A class of faults."""

    # at a call
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    CRASH_DURING = "crash during"  # whoever was called goes on, and nobody hears the answer
    REFUSED = "refused"  # no byte arrives
    THROTTLED = "throttled"
    CONFLICT = "conflict"  # another transaction has the item
    LOST = "lost"  # applied, and the answer is lost
    LATE = "late"  # the caller has given up when it is applied
    SLOW = "slow"  # takes up to minutes
    STALL = "stall"  # the process stands still, and is ended at its limit
    TWICE = "twice"  # Lambda runs an invocation twice, and one of the two is heard
    FREEZE = "freeze"  # the process stands still, past its limit, and then goes on for a moment

    # in the world
    SKEW = "skew"
    COLD_START = "cold start"
    WARM_LOST = "warm state lost"
    STALE_INDEX = "stale index"
    MESSAGE_TWICE = "message twice"
    MESSAGE_LATE = "message late"
    MESSAGE_KEPT = "message comes again"
    STREAM_TWICE = "stream twice"
    STREAM_STALL = "stream stalls"
    SCHEDULE_LATE = "schedule late"
    SCHEDULE_TWICE = "schedule twice"
    SCHEDULE_MISSING = "schedule missing"
    GATEWAY_LOST = "gateway answer lost"


class Kind(StrEnum):
    """What kind of call: which faults can strike it follows from that.

    For the acquirer these are the faults of the caller alone: what its network does wrong is drawn
    with what the acquirer does wrong (acquirer.py).
    """

    READ = "read"
    WRITE = "write"
    AWS = "aws"
    INVOKE = "invoke"
    HTTP = "http"
    ACQUIRER = "acquirer"


class Point(NamedTuple):
    """A place where a process calls out. Its name is the same in every run."""

    name: str
    kind: Kind


CRASHES = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
_ANYWHERE = (*CRASHES, Fault.REFUSED, Fault.LOST, Fault.SLOW, Fault.STALL, Fault.FREEZE)

FAULTS_OF: Mapping[Kind, tuple[Fault, ...]] = {
    Kind.READ: (*_ANYWHERE, Fault.THROTTLED),
    Kind.WRITE: (*_ANYWHERE, Fault.THROTTLED, Fault.CONFLICT, Fault.LATE),
    Kind.AWS: (*_ANYWHERE, Fault.THROTTLED, Fault.LATE),
    Kind.INVOKE: (
        *CRASHES,
        Fault.CRASH_DURING,
        Fault.REFUSED,
        Fault.THROTTLED,
        Fault.LOST,
        Fault.TWICE,
        Fault.STALL,
        Fault.FREEZE,
    ),
    Kind.HTTP: (*_ANYWHERE, Fault.LATE),
    Kind.ACQUIRER: (*CRASHES, Fault.CRASH_DURING, Fault.STALL, Fault.FREEZE),
}

_OFTEN: Mapping[Fault, tuple[float, float]] = {
    Fault.CRASH_BEFORE: (0.003, 0.06),
    Fault.CRASH_AFTER: (0.003, 0.06),
    Fault.CRASH_DURING: (0.01, 0.3),
    Fault.CONFLICT: (0.01, 0.3),
    Fault.TWICE: (0.01, 0.5),
    Fault.STALL: (0.002, 0.05),
    Fault.FREEZE: (0.002, 0.05),
    Fault.SKEW: (1.0, 1.0),
    Fault.COLD_START: (0.1, 1.0),
    Fault.WARM_LOST: (0.05, 1.0),
    Fault.STALE_INDEX: (1.0, 1.0),
}
_OFTEN_OTHERWISE = (0.005, 0.15)


class Faults:
    """Nothing goes wrong, and every call takes as long as any other."""

    fixed = True

    def __init__(self) -> None:
        self.dice = Dice(0, "no faults")

    def at(self, point: Point) -> Fault | None:
        """What goes wrong with this call."""
        return None

    def strikes(self, fault: Fault) -> bool:
        """Whether a fault of the world strikes now."""
        return False

    def latency(self) -> float:
        """How long a call takes on its way."""
        return 0.005

    def skew(self) -> float:
        """By how many seconds the clock of a new environment is wrong."""
        return 0.0

    def cold_start(self) -> float:
        """How long a new environment takes to start."""
        return 0.3

    def during(self) -> float:
        """How long after a call has left its caller crashes, while the other side works."""
        return 0.075

    def heal(self) -> None:
        """From now on nothing goes wrong."""

    def describe(self) -> str:
        """What is on, for whoever reads a seed's report."""
        return "no faults"


class Swarm(Faults):
    """The faults of one seed: drawn from all classes, or those in `only`, all of them."""

    fixed = False

    def __init__(self, seed: int | str, only: Iterable[Fault] | None = None) -> None:
        self.dice = Dice(seed, "faults")
        self.rates = _drawn(self.dice, None if only is None else frozenset(only))
        self._healed = False
        self._scale = self.dice.spread(0.001, 0.05)
        self._tables: dict[Kind, tuple[float, list[tuple[float, Fault]]]] = {}

    def at(self, point: Point) -> Fault | None:
        table = self._tables.get(point.kind)
        if table is None:
            table = self._tables[point.kind] = self._table(point.kind)
        drawn = self.dice.random()
        if point.kind is Kind.READ and point.name.startswith(SPARED):
            drawn /= SPARED_SHARE
        if drawn >= table[0]:
            return None
        return next(fault for upto, fault in table[1] if drawn < upto)

    def strikes(self, fault: Fault) -> bool:
        rate = self.rates.get(fault, 0.0)
        return rate > 0.0 and not self._healed and self.dice.random() < rate

    def latency(self) -> float:
        drawn = self.dice.random()
        return round(self._scale * (0.1 + 3 * drawn * drawn * drawn), 6)

    def skew(self) -> float:
        if not self.strikes(Fault.SKEW):
            return 0.0
        return round(self.dice.between(-SKEW_SECONDS_MAX, SKEW_SECONDS_MAX), 3)

    def cold_start(self) -> float:
        if not self.strikes(Fault.COLD_START):
            return self.dice.spread(*START_SECONDS)
        return round(self.dice.between(0.3, COLD_START_SECONDS_MAX), 3)

    def during(self) -> float:
        return self.dice.spread(0.001, 10.0)

    def heal(self) -> None:
        self._healed = True
        self._tables.clear()

    def describe(self) -> str:
        return ", ".join(f"{fault.value} {rate:.1%}" for fault, rate in self.rates.items())

    def _table(self, kind: Kind) -> tuple[float, list[tuple[float, Fault]]]:
        upto, rows = 0.0, []
        for fault in () if self._healed else FAULTS_OF[kind]:
            if fault in self.rates:
                upto += self.rates[fault]
                rows.append((upto, fault))
        return upto, rows


def _drawn(dice: Dice, only: frozenset[Fault] | None) -> dict[Fault, float]:
    """Half of the classes, or all that were asked for; how often each one strikes."""
    rates = {}
    for fault in Fault:
        on, rate = dice.chance(0.5), dice.spread(*_OFTEN.get(fault, _OFTEN_OTHERWISE))
        if fault in only if only is not None else on:
            rates[fault] = rate
    return rates


class Script(Faults):
    """Given faults at given calls, counted over the whole run from 1, and nothing else."""

    def __init__(self, faults: Mapping[int, Fault] | None = None) -> None:
        super().__init__()
        self.faults = dict(faults or {})
        self.reached: list[Point] = []
        self._healed = False

    def at(self, point: Point) -> Fault | None:
        if self._healed:
            return None
        self.reached.append(point)
        return self.faults.get(len(self.reached))

    def heal(self) -> None:
        self._healed = True

    def describe(self) -> str:
        return ", ".join(f"{fault.value} call {at}" for at, fault in self.faults.items())


Run = Callable[[Script], None]


def crashes_of(point: Point) -> tuple[Fault, ...]:
    """Every way to crash at a call."""
    during = Fault.CRASH_DURING in FAULTS_OF[point.kind]
    return (*CRASHES, Fault.CRASH_DURING) if during else CRASHES


def every_crash(run: Run, *, pairs: bool = False) -> int:
    """Run once without faults, and then once for every call point and way to crash there.

    With `pairs`, also once for each second crash at a call that comes after the first one, the
    calls of the recovery included. `run` takes the script, and raises if an invariant is broken.
    Returns how many runs it were.
    """
    runs = 1
    golden = Script()
    run(golden)
    for at, fault in _single(golden, after=0):
        once = Script({at: fault})
        run(once)
        runs += 1
        if pairs:
            for later, second in _single(once, after=at):
                run(Script({at: fault, later: second}))
                runs += 1
    return runs


def _single(script: Script, after: int) -> list[tuple[int, Fault]]:
    return [
        (at, fault)
        for at, point in enumerate(script.reached, start=1)
        if at > after
        for fault in crashes_of(point)
    ]
