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
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from farthing_cli.failure import Failure
from farthing_cli.project import ROOT

console = Console(soft_wrap=True, highlight=False, markup=False)
LONGEST = 1_000_000_000
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
    shrink: Annotated[bool, typer.Option("--shrink", help="as few faults as still fail")] = False,
    seeds: Annotated[int | None, typer.Option(help="how many to run")] = None,
    first: Annotated[int, typer.Option("--from", help="the first of them")] = 0,
    seconds: Annotated[float | None, typer.Option(help="for so long")] = None,
    into: Annotated[Path | None, typer.Option(help="keep the counts here, and go on")] = None,
    processes: Annotated[int, typer.Option(help="as many as there are cores")] = 0,
) -> None:
    """Run payments through crashes, timeouts and races, and check that no money is lost."""
    if seed is not None:
        failed = _one(seed, from_scenario, trace=trace, only=only or [], shrink=shrink)
    else:
        failed = _many(seeds, first, seconds, into, processes or os.cpu_count() or 1)
    if failed:
        raise typer.Exit(1)


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


def _one(seed: int, scenario: str | None, *, trace: bool, only: list[str], shrink: bool) -> bool:
    golden = _part("scenarios").GOLDEN
    if scenario is not None and scenario not in golden:
        raise Failure(f"There is no scenario {scenario!r}: {', '.join(golden)}.")
    timeline, search = _part("timeline"), _part("search")

    def arguments() -> dict[str, Any]:
        told: dict[str, Any] = _part("profiles").arguments_of(seed, golden.get(scenario))
        return told

    run = _part("run").begin(seed, **arguments())
    console.print(timeline.head(run), end="\n\n")
    finding = search.found_in(run)
    if trace:
        console.print(timeline.timeline(run, only), end="\n\n")
    console.print(timeline.end(run, finding))
    console.print(f"trace {run.world.trace.digest()}")
    if shrink and finding is not None:
        _show_shrunk(seed, arguments)
    return finding is not None


def _show_shrunk(seed: int, arguments: Any) -> None:
    shrunk, timeline = _part("shrink").shrink(seed, arguments), _part("timeline")
    console.print("\nThe smallest form known:\n")
    console.print(timeline.timeline(shrunk.run), end="\n\n")
    console.print(timeline.end(shrunk.run, shrunk.finding))
    console.print(shrunk.describe())


# --- many --------------------------------------------------------------------------------------


def _many(
    count: int | None, first: int, seconds: float | None, into: Path | None, processes: int
) -> bool:
    if count is None and seconds is None:
        raise Failure("Say how many: --seeds 10000, or --seconds 60, or one: --seed 17.")
    search, report = _part("search"), _part("report")
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

        wanted = first, first + (count or LONGEST)
        until = math.inf if seconds is None else seconds
        tally = search.search(wanted, seconds=until, into=into, processes=processes, progress=show)
    _show_tally(tally, report)
    return bool(tally.findings)


def _show_tally(tally: Any, report: Any) -> None:
    console.print(report.at_calls(tally.coverage), end="\n\n")
    console.print(report.elsewhere(tally), end="\n\n")
    holes = report.missing(tally.coverage)
    if holes:
        console.print(f"Crashes that never struck ({len(holes)}):")
        console.print("\n".join(f"  {hole}" for hole in holes), end="\n\n")
    console.print(report.totals(tally))
    for finding in tally.findings:
        console.print(f"\nseed {finding.seed}: {finding.what}, {finding.subject}: {finding.facts}")
        console.print(f"  {finding.replay}")
    if tally.findings:
        console.print(f"  {tally.findings[0].replay} --shrink   # with as few faults as still fail")
