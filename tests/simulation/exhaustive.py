"""Every crash of each golden path, and every pair of crashes: a statement, not a sample.

    python -m tests.simulation.exhaustive                    every single crash
    python -m tests.simulation.exhaustive --pairs            and every pair of different ones
    python -m tests.simulation.exhaustive --pairs --all      and those that differ in nothing
    python -m tests.simulation.exhaustive --replay "charge" "12 crash after" "40 crash before"

A path is a fixed scenario on a fixed schedule: nothing is drawn, every call takes as long as any
other, and only the given crashes happen. A second crash is one at any call that comes after the
first, so also at each call of the recovery.

Two crashes of one process *differ in nothing* if it did nothing between them that anybody else can
see: it only read, or opened an envelope. It dies with the same left behind, milliseconds earlier or
later. Singles are run one by one all the same; of pairs, one of each such group is run as first and
as second crash, unless `--all`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tests.simulation.aiming import aimed
from tests.simulation.coverage import REACHED, Coverage
from tests.simulation.faults import CRASHES, Fault, Kind, Point, Script, crashes_of
from tests.simulation.receiver import Manners
from tests.simulation.run import Run, begin, declared
from tests.simulation.scenarios import GOLDEN, KEYS_SECONDS, Scenario
from tests.simulation.search import examine
from tests.simulation.tally import Span
from tests.simulation.violation import Violation

DAY_SECONDS = 86_400.0
LONG_ENOUGH_SECONDS = {
    "settlement": 12 * 3600.0,
    "expiry": 7.5 * DAY_SECONDS,
    "keys": KEYS_SECONDS,
}
"""How long a crash may strike: past the settlement of the day, past the end of a hold."""
OTHERWISE_SECONDS = 3600.0
COMMAND = "PYTHONPATH=layers/core/python:. .venv/bin/python -m tests.simulation.exhaustive"
AIMED_SEEDS = 150
"""How many seeds say which call points there are beside those of the golden paths."""
NOT_IDEMPOTENT = ", acquirer not idempotent"
READING = ("kms.", "secretsmanager.")
"""Services of which no call changes anything."""


class Crash(NamedTuple):
    """A way to crash at the nth call of a run, counted from 1."""

    at: int
    fault: Fault

    def __str__(self) -> str:
        return f"{self.at} {self.fault.value}"

    @classmethod
    def of(cls, text: str) -> Crash:
        """What `str` gave."""
        at, _, fault = text.partition(" ")
        return cls(int(at), Fault(fault))


class Reached(NamedTuple):
    """A call of a run, and whose it was."""

    point: Point
    process: str


@dataclass(frozen=True)
class Failure:
    """A run with crashes that violates an invariant."""

    path: str
    crashes: tuple[Crash, ...]
    violation: str

    def __str__(self) -> str:
        if not self.crashes:
            return f"{self.path}: {self.violation}"
        crashes = " ".join(f'"{crash}"' for crash in self.crashes)
        replay = f'{COMMAND} --replay "{self.path}" {crashes}'
        return f"{self.path}, {crashes}: {self.violation}\n  {replay}"


@dataclass
class Results:
    """What came of many runs."""

    singles: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    coverage: Coverage = field(default_factory=Coverage)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Results) -> None:
        """Count what another counted."""
        self.singles.update(other.singles)
        self.pairs.update(other.pairs)
        self.groups.update(other.groups)
        self.coverage.add(other.coverage)
        self.failures += other.failures

    def holes(self) -> list[str]:
        """The call points at which nobody crashed before, or after."""
        found = self.coverage.missing([fault.value for fault in CRASHES])
        return [f"{point}: {fault}" for point, fault in found]

    def table(self) -> str:
        """Runs by path."""
        rows = [f"{'path':<42}{'singles':>9}{'of them different':>19}{'pairs':>9}"]
        for path, singles in self.singles.items():
            rows.append(f"{path:<42}{singles:>9}{self.groups[path]:>19}{self.pairs[path]:>9}")
        total = self.singles.total(), self.groups.total(), self.pairs.total()
        rows.append(f"{'all':<42}{total[0]:>9}{total[1]:>19}{total[2]:>9}")
        return "\n".join(rows)


# --- one run -----------------------------------------------------------------------------------


class Marked(Script):
    """A script that also notes whose each call was."""

    def __init__(self, crashes: Iterable[Crash] = ()) -> None:
        super().__init__({crash.at: crash.fault for crash in crashes})
        self.owners: list[str] = []
        self.owner: Callable[[], str] = lambda: ""

    def at(self, point: Point) -> Fault | None:
        before = len(self.reached)
        fault = super().at(point)
        if len(self.reached) > before:
            self.owners.append(self.owner())
        return fault

    @property
    def calls(self) -> list[Reached]:
        """The calls of the first phase."""
        return [Reached(*pair) for pair in zip(self.reached, self.owners, strict=True)]


ASKS_AS_OTHERS_DO = frozenset({"webhook", "keys", "card tester", "review", "review before sending"})
"""They ask the acquirer nothing that others do not: once is enough."""


def paths() -> dict[str, tuple[Scenario, bool]]:
    """Each golden path, for an acquirer that knows a reference again and for one that does not."""
    found = {}
    for name, scenario in GOLDEN.items():
        seconds = LONG_ENOUGH_SECONDS.get(name, OTHERWISE_SECONDS)
        found[name] = replace(scenario, seconds=seconds), True
    for name, (scenario, _) in list(found.items()):
        if name not in ASKS_AS_OTHERS_DO:
            found[name + NOT_IDEMPOTENT] = scenario, False
    return found


def start(path: str, crashes: Iterable[Crash] = ()) -> tuple[Run, Marked]:
    """A run of a path, not played yet."""
    scenario, idempotent = paths()[path]
    script = Marked(crashes)
    run = begin(
        path,
        faults=script,
        scenario=scenario,
        behaviour=declared(idempotent=idempotent),
        manners=Manners(),
        searched=False,
    )
    scheduler = run.world.scheduler
    script.owner = lambda: scheduler.current().process.name
    return run, script


def crashed(path: str, crashes: Sequence[Crash], results: Results) -> list[Reached]:
    """Play a path with these crashes. The calls that it made while crashes could strike."""
    run, script = start(path, crashes)
    try:
        with run.world:
            run.play()
    except Violation as violation:
        results.failures.append(Failure(path, tuple(crashes), str(violation)))
    except Exception as error:  # noqa: BLE001 - a run that breaks is a failure too
        results.failures.append(Failure(path, tuple(crashes), repr(error)))
    struck = Counter({k: n for k, n in run.world.coverage.counts.items() if k[1] != REACHED})
    seen = Counter((point.name, REACHED) for point in script.reached)
    results.coverage.add(Coverage(struck + seen))
    return script.calls


# --- which crashes there are ---------------------------------------------------------------------


def every(calls: Sequence[Reached], after: int = 0) -> Iterator[Crash]:
    """Every crash at every call that comes after a given one."""
    for at, call in enumerate(calls, start=1):
        if at > after:
            for fault in crashes_of(call.point):
                yield Crash(at, fault)


def different(calls: Sequence[Reached], after: int = 0) -> Iterator[Crash]:
    """One crash of each group that differs in nothing."""
    began: dict[str, bool] = {}
    """Process → whether it was seen since its last effect."""
    for at, (point, process) in enumerate(calls, start=1):
        if at <= after:
            continue
        if process not in began:
            began[process] = True
            yield Crash(at, Fault.CRASH_BEFORE)
        if changes_something(point):
            for fault in crashes_of(point):
                if fault is not Fault.CRASH_BEFORE:
                    yield Crash(at, fault)


def changes_something(point: Point) -> bool:
    """Whether somebody else may see that this call was made."""
    if point.kind is Kind.READ:
        return False
    return not point.name.partition(" ")[2].startswith(READING)


# --- many runs -----------------------------------------------------------------------------------


class Work(NamedTuple):
    """A first crash, and whether all second ones follow it."""

    path: str
    crash: Crash
    pairs: bool = False
    all: bool = False


def do(work: Work) -> Results:
    """In a worker: one first crash, and the second ones if they are wanted."""
    results = Results()
    calls = crashed(work.path, [work.crash], results)
    results.singles[work.path] += 1
    if work.pairs:
        for second in (every if work.all else different)(calls, work.crash.at):
            crashed(work.path, [work.crash, second], results)
            results.pairs[work.path] += 1
    return results


def works(*, pairs: bool, all: bool = False) -> list[Work]:
    """All first crashes of all paths. Of those that differ in nothing, one has pairs."""
    found = []
    for path in paths():
        calls = crashed(path, [], Results())
        firsts = set(every(calls) if all else different(calls))
        found += [Work(path, one, pairs and one in firsts, all) for one in every(calls)]
    return found


def run_all(
    wanted: Sequence[Work],
    *,
    processes: int | None = None,
    progress: Callable[[int, Results], None] = lambda done, results: None,
) -> Results:
    """Run them on every core."""
    results = Results()
    for path in paths():
        golden = Results()
        calls = crashed(path, [], golden)
        results.add(golden)
        results.singles[path] += 0
        results.groups[path] = sum(1 for _ in different(calls))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes or os.cpu_count(), mp_context=spawn) as pool:
        futures = [pool.submit(do, work) for work in wanted]
        for done, future in enumerate(as_completed(futures), start=1):
            results.add(future.result())
            progress(done, results)
    return results


# --- call points that no golden path reaches -----------------------------------------------------


def beside(results: Results, seeds: Span) -> Results:
    """These seeds as they are, and a crash before and after each of their call points that
    `results` lack."""
    tally = examine(seeds)
    more = aimed(results.coverage, tally.first)
    found = Results(coverage=more.coverage)
    for finding in (*tally.findings, *more.findings):
        facts = f"{finding.what}, {finding.subject}: {finding.facts}"
        found.failures.append(Failure(finding.replay, (), facts))
    return found


# --- by hand -------------------------------------------------------------------------------------


def replay(path: str, crashes: Sequence[Crash]) -> int:
    """Show one run as a timeline."""
    from tests.simulation import timeline

    run, _ = start(path, crashes)
    code = 0
    print(timeline.head(run), end="\n\n")
    try:
        with run.world:
            run.play()
    except Violation as violation:
        code = 1
        print(timeline.timeline(run), timeline.end(run, None), violation, sep="\n")
    else:
        print(timeline.timeline(run), timeline.end(run, None), sep="\n")
    return code


def main(arguments: Sequence[str]) -> int:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="exhaustive", description="every crash of each path")
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--all", action="store_true", help="also pairs that differ in nothing")
    known = list(paths())
    parser.add_argument("--path", action="append", choices=known, help="these paths only")
    parser.add_argument("--replay", nargs="+", metavar=("PATH", "CRASH"))
    given = parser.parse_args(arguments)
    if given.replay:
        path, *said = given.replay
        if path not in known:
            parser.error(f"there is no path {path!r}: {', '.join(known)}")
        try:
            crashes = [Crash.of(text) for text in said]
        except ValueError as error:
            parser.error(f"a crash is such as '12 crash after': {error}")
        return replay(path, crashes)
    wanted = [
        work
        for work in works(pairs=given.pairs, all=given.all)
        if not given.path or work.path in given.path
    ]
    began = time.monotonic()

    def show(done: int, results: Results) -> None:
        if not sys.stderr.isatty():
            return
        runs = results.singles.total() + results.pairs.total()
        took = time.monotonic() - began
        print(
            f"\r{done} of {len(wanted)} first crashes, {runs} runs, {runs / took:.0f}/s, "
            f"{len(results.failures)} violations",
            end=" ",
            flush=True,
            file=sys.stderr,
        )

    results = run_all(wanted, progress=show)
    results.add(beside(results, (0, AIMED_SEEDS)))
    print(results.table())
    holes = results.holes()
    pairs = len(results.coverage.points()) * len(CRASHES)
    print(f"pairs of call point and crash hit: {pairs - len(holes)} of {pairs}", *holes, sep="\n")
    print(f"{time.monotonic() - began:.0f} s, {len(results.failures)} violations")
    for failure in results.failures[:20]:
        print(failure)
    return 1 if results.failures or holes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
