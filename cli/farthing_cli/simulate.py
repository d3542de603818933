"""`farthing simulate`: many seeds on every core, or one seed as a timeline.

The simulator is part of the repository's tests, not of what is installed, so it is found there.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from farthing_cli.failure import Failure
from farthing_cli.project import ROOT

console = Console(soft_wrap=True, highlight=False, markup=False)
ALL_SEEDS = 1_000_000_000
SHORTEST_SECONDS = 0.1
NEEDED = ("greenlet", "pytest", "aws_lambda_powertools")


def simulate(
    seed: Annotated[int | None, typer.Option(help="replay this one, and nothing else")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="show every call of the seed")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="of the trace: calls that name this word")
    ] = None,
    from_scenario: Annotated[
        str | None, typer.Option(help="a golden path instead of what the seed draws")
    ] = None,
    crash: Annotated[
        str | None, typer.Option(help="with one more: 'crash before' or 'after', and a call point")
    ] = None,
    shrink: Annotated[bool, typer.Option("--shrink", help="as few faults as still fail")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="how many to run")] = None,
    first: Annotated[int, typer.Option("--from", min=0, help="the first of them")] = 0,
    seconds: Annotated[float | None, typer.Option(min=SHORTEST_SECONDS, help="for so long")] = None,
    into: Annotated[Path | None, typer.Option(help="keep the counts here, and go on")] = None,
    processes: Annotated[int, typer.Option(min=0, help="as many as there are cores")] = 0,
    at_least: Annotated[int, typer.Option(min=0, help="fail if fewer were run")] = 0,
    complete: Annotated[
        bool, typer.Option("--complete", help="crash at every call point, also after few seeds")
    ] = False,
) -> None:
    """Run payments through crashes, timeouts and races, and check that no money is lost."""
    if seed is not None:
        failed = _one(seed, from_scenario, crash, trace=trace, only=only or [], shrink=shrink)
    elif seeds is None and seconds is None:
        raise typer.BadParameter("say how many: --seeds 10000, or --seconds 60, or --seed 17")
    else:
        bounds = Bounds(seeds, first, seconds, at_least, complete)
        failed = _many(bounds, into, processes or os.cpu_count() or 1)
    if failed:
        raise typer.Exit(1)


class Bounds(NamedTuple):
    """How much to search, and how much of that must be done."""

    seeds: int | None
    first: int
    seconds: float | None
    at_least: int
    complete: bool


def _part(name: str) -> Any:
    """A module of the simulator, from the checkout."""
    lacking = [each for each in NEEDED if importlib.util.find_spec(each) is None]
    if not (ROOT / "tests" / "simulation" / "run.py").exists() or lacking:
        why = f": {', '.join(lacking)} is not installed" if lacking else ""
        raise Failure(f"The simulator is part of the repository{why}. Run `make setup` in it.")
    for path in (ROOT, ROOT / "layers" / "core" / "python"):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    return importlib.import_module(f"tests.simulation.{name}")


# --- one seed ----------------------------------------------------------------------------------


def _one(
    seed: int,
    scenario: str | None,
    crash: str | None,
    *,
    trace: bool,
    only: list[str],
    shrink: bool,
) -> bool:
    golden = _part("scenarios").GOLDEN
    if scenario is not None and scenario not in golden:
        raise typer.BadParameter(f"there is no scenario {scenario!r}: {', '.join(golden)}")
    if crash is not None and scenario is not None:
        raise typer.BadParameter("--crash is for a seed as it is drawn, not for a scenario")
    timeline, search = _part("timeline"), _part("search")
    aimed = _crash(crash) if crash is not None else None

    def arguments() -> dict[str, Any]:
        if aimed is not None:
            told: dict[str, Any] = _part("aiming").arguments(seed, aimed)
        else:
            told = _part("profiles").arguments_of(seed, golden.get(scenario))
        return told

    run, play = _part("run").begin(seed, **arguments()), search.play_of(seed, golden.get(scenario))
    console.print(timeline.head(run), end="\n\n")
    finding = search.found_in(run, play, crash=crash or "")
    if trace:
        console.print(timeline.timeline(run, only), end="\n\n")
    console.print(timeline.end(run, finding))
    console.print(f"trace {run.world.trace.digest()}")
    if shrink and finding is not None:
        _show_shrunk(seed, arguments, play)
    return finding is not None


def _crash(text: str) -> Any:
    try:
        return _part("aiming").Crash.of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _show_shrunk(seed: int, arguments: Any, play: Any) -> None:
    shrunk, timeline = _part("shrink").shrink(seed, arguments, play), _part("timeline")
    console.print("\nThe smallest form known:\n")
    console.print(timeline.timeline(shrunk.run), end="\n\n")
    console.print(timeline.end(shrunk.run, shrunk.finding))
    console.print(shrunk.describe())


# --- many --------------------------------------------------------------------------------------


def _many(bounds: Bounds, into: Path | None, processes: int) -> bool:
    """Search. Whether something was found, was never tried, or too little was done."""
    search, report = _part("search"), _part("report")
    count, first, seconds, at_least, complete = bounds
    began, known = time.monotonic(), None
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("simulating", total=count or seconds, text="starting")

        def show(tally: Any) -> None:
            nonlocal known
            known = known or tally.schedules - 1
            took = time.monotonic() - began
            rate = (tally.schedules - known) / took
            text = f"{tally.schedules:,} schedules  {rate:,.0f}/s  {len(tally.findings)} violations"
            bar.update(task, completed=tally.schedules if count else took, text=text)

        try:
            tally = search.search(
                (first, first + (count or ALL_SEEDS)),
                seconds=math.inf if seconds is None else seconds,
                into=into,
                processes=processes,
                complete=complete,
                progress=show,
            )
        except search.WorkerDied as died:
            raise Failure(str(died)) from None
    _show_tally(tally, report)
    holes = search.must_be_complete(tally, complete=complete) and report.missing(tally)
    if holes:
        console.print(f"\n{len(holes)} pairs of call point and crash were never hit.")
    few = tally.schedules < at_least
    if few:
        console.print(f"\nOnly {tally.schedules:,} schedules were run, {at_least:,} must be.")
    return bool(tally.findings or holes or few)


def _show_tally(tally: Any, report: Any) -> None:
    console.print(report.at_calls(tally.coverage), end="\n\n")
    console.print(report.elsewhere(tally), end="\n\n")
    holes = report.missing(tally)
    if holes:
        console.print(f"Crashes that never struck ({len(holes)}):")
        console.print("\n".join(f"  {hole}" for hole in holes), end="\n\n")
    console.print(report.totals(tally))
    for finding in tally.findings:
        console.print(f"\nseed {finding.seed}: {finding.what}, {finding.subject}: {finding.facts}")
        console.print(f"  {finding.replay}")
    if tally.findings:
        console.print(f"  {tally.findings[0].replay} --shrink   # with as few faults as still fail")
