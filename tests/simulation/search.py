"""Many seeds, on every core: `make simulate SEEDS=10000 FROM=0`, or `SECONDS=60`.

Seeds are dealt in small chunks to processes that start from nothing (spawn), so nothing of one
machine or one process comes into a run. What a seed does never depends on who ran it or when.

Most seeds are a run as it is drawn, or one of a profile. Of forty, one is a deployment with old and
new code on one table, and one brings a backup back.

A search of many seeds, or one with `--complete`, ends with crashes that are aimed at the call
points where chance never struck (aiming.py).

With `--into FILE` the counts are kept in a file, and a search that was interrupted goes on with the
seeds that are missing. That is how a long soak is done in parts.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from math import inf
from pathlib import Path

from tests.simulation import releases, restoring
from tests.simulation.coverage import Coverage
from tests.simulation.profiles import arguments_of
from tests.simulation.run import Run, begin
from tests.simulation.scenarios import Scenario
from tests.simulation.tally import Finding, Part, Span, Tally, without
from tests.simulation.violation import Violation
from tests.support.template import ROOT

CHUNK_SEEDS = 25
"""So few that a progress bar moves, so many that handing them out costs nothing."""
SAVED_EVERY_SECONDS = 20.0
FINDINGS_MAX = 50
"""A search ends early when it has found so many: they have one cause."""
COMPLETE_FROM_SEEDS = 5000
"""After so many, every crash that never happened is made to happen."""
OVER_TIME_EVERY = 40
OLD_CODE_AT, BACKUP_AT = 7, 27
"""Which seeds of so many. None is one of a profile: those are multiples of five."""

Play = Callable[[Run], None]
"""Plays a run that has begun, to its end, with its checks. Raises Violation."""
OVER_TIME: dict[int, tuple[str, Play]] = {
    OLD_CODE_AT: ("old and new code", releases.play),
    BACKUP_AT: ("backup brought back", restoring.play),
}

Progress = Callable[[Tally], None]
"""Called with all that is counted so far, after each chunk."""


class WorkerDied(Exception):
    """A process of a search ended before it said what it found: killed, or without memory."""


def play_of(seed: int, scenario: Scenario | None = None) -> Play:
    """How a seed is played in a search."""
    return _over_time(seed, scenario)[1]


def _over_time(seed: int, scenario: Scenario | None) -> tuple[str, Play]:
    plain = "", Run.play
    return plain if scenario is not None else OVER_TIME.get(seed % OVER_TIME_EVERY, plain)


# --- in a worker -------------------------------------------------------------------------------


def examine(span: Span, scenario: Scenario | None = None) -> Tally:
    """Run these seeds, here, one after the other."""
    began = time.process_time()
    tally = Tally(seeds=[span])
    for seed in range(*span):
        _examine(seed, scenario, tally)
    tally.cpu_seconds = time.process_time() - began
    return tally


def _examine(seed: int, scenario: Scenario | None, tally: Tally) -> None:
    run = begin(seed, **arguments_of(seed, scenario))
    what, play = _over_time(seed, scenario)
    reached: list[str] = []
    run.hooks.append(lambda ended: reached.extend(ended.world.calls))
    finding = found_in(run, play)
    if finding is not None:
        tally.findings.append(finding)
    tally.calls += len(run.world.calls)
    coverage = run.world.coverage
    tally.coverage.add(coverage)
    for point in set(reached if play is not restoring.play else run.world.calls):
        tally.first.setdefault(point, seed)
    if what:
        tally.coverage.add(Coverage({("over time", what): 1}))
    tally.scenarios[run.scenario.name] += 1
    tally.others.update(others_in(run))


def found_in(run: Run, play: Play = Run.play, *, crash: str = "") -> Finding | None:
    """Play a run; what is wrong with it, if anything is. `crash` is what it has beside its seed."""
    assert isinstance(run.seed, int)
    try:
        with run.world:
            play(run)
    except Violation as violation:
        what = f"invariant {violation.invariant}"
        return Finding(run.seed, what, violation.subject, violation.facts, crash)
    except Exception as error:  # noqa: BLE001 - a run that breaks is a finding too
        return Finding(run.seed, type(error).__name__, "the run itself", str(error), crash)
    return None


def others_in(run: Run) -> Counter[str]:
    """What acquirer and receiver did wrong, by name."""
    hits = {f"acquirer {what} {fault}": n for (what, fault), n in run.acquirer.hits.items()}
    hits |= {f"receiver {fault}": n for fault, n in run.receiver.hits.items()}
    return Counter(hits)


def _ready() -> None:
    """What a worker does once: make the beginning, and leave it out of every collection."""
    examine((0, 1))
    gc.collect()
    gc.freeze()


# --- over all of them --------------------------------------------------------------------------


def search(
    wanted: Span,
    *,
    seconds: float = inf,
    into: Path | None = None,
    processes: int | None = None,
    complete: bool = False,
    progress: Progress = lambda tally: None,
) -> Tally:
    """Run the seeds of `wanted` that `into` does not know yet, for so long at most.

    Raises WorkerDied; what was counted until then is in `into`.
    """
    tally = Tally.load(into) if into else Tally()
    before, began = tally.schedules, time.monotonic()
    processes = processes or os.cpu_count() or 1
    part = Part(_today(), _commit(), platform.python_version(), processes, 0, 0.0)
    parts, saved_at = tally.parts, began

    def counted() -> None:
        took = round(time.monotonic() - began, 1)
        done = replace(part, schedules=tally.schedules - before, wall_seconds=took)
        tally.parts = [*parts, done] if done.schedules else parts

    chunks = _chunks(without(wanted, tally.seeds))
    try:
        for more in _examined(chunks, processes, began + seconds):
            tally.add(more)
            counted()
            progress(tally)
            if into and time.monotonic() > saved_at + SAVED_EVERY_SECONDS:
                saved_at = time.monotonic()
                tally.save(into)
            if len(tally.findings) >= FINDINGS_MAX:
                break
        if must_be_complete(tally, complete=complete) and not tally.findings:
            _complete(tally)
            counted()
    except BrokenProcessPool as broken:
        ran = f"{tally.schedules - before:,} schedules, {len(tally.findings)} violations until then"
        raise WorkerDied(
            f"A process of the search died, killed or without memory: {ran}."
        ) from broken
    finally:
        tally.findings.sort(key=lambda finding: finding.seed)
        if into:
            tally.save(into)
    return tally


def must_be_complete(tally: Tally, *, complete: bool) -> bool:
    """Whether each call point must have been crashed at, before and after."""
    return complete or tally.schedules >= COMPLETE_FROM_SEEDS


def _complete(tally: Tally) -> None:
    from tests.simulation.aiming import aimed  # which plays runs by this module

    tally.add(aimed(tally.coverage, tally.first))


def _examined(chunks: Iterator[Span], processes: int, until: float) -> Iterator[Tally]:
    """What the workers counted, chunk by chunk, in the order in which they end."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=_ready) as pool:
        running: set[Future[Tally]] = set()
        try:
            while True:
                while len(running) < 2 * processes and time.monotonic() < until:
                    chunk = next(chunks, None)
                    if chunk is None:
                        break
                    running.add(pool.submit(examine, chunk))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _chunks(spans: Iterable[Span]) -> Iterator[Span]:
    for first, end in spans:
        for at in count(first, CHUNK_SEEDS):
            if at >= end:
                break
            yield at, min(at + CHUNK_SEEDS, end)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _commit() -> str:
    """Which code it is; `unknown` outside a repository."""
    return _git("describe", "--always", "--dirty", "--abbrev=10") or "unknown"


def commits() -> int:
    """How many there are up to this one. What CI draws by: the same commit runs the same."""
    return int(_git("rev-list", "--count", "HEAD") or 0)


def _git(*asked: str) -> str:
    ran = subprocess.run(["git", *asked], cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.stdout.strip()
