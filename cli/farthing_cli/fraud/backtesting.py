"""`farthing fraud backtest`: what other rules or another model would have done to past payments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from farthing.access.principal import Mode
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.history import DAY
from farthing.fraud.rule_row import DEFAULT_VERSION, default_rules
from farthing.fraud.rules import RuleSet
from farthing_cli import wide
from farthing_cli.failure import Failure
from farthing_cli.fraud import backtest_page, backtest_report, dataset, rules_file
from farthing_cli.fraud.backtest import Backtest, differing
from farthing_cli.fraud.backtest import backtest as decide_anew
from farthing_cli.fraud.backtest_report import Grid
from farthing_cli.fraud.comparison import has_learned_of
from farthing_cli.fraud.inputs import LabelDays, bar, console, model_of, require_folder_of, say
from farthing_cli.fraud.past import Extent, File, Past
from farthing_cli.fraud.training import LABEL_DAYS


def backtest(
    data: Annotated[Path, typer.Option(help="what `farthing fraud export` wrote")],
    rules: Annotated[
        Path | None,
        typer.Option(help="rules in JSON (.json) or YAML; else those that all begin with"),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="a file that `train` wrote, or `default`; else the scores of then"),
    ] = None,
    merchant: Annotated[str | None, typer.Option(help="payments of this merchant alone")] = None,
    mode: Annotated[Mode | None, typer.Option(help="payments in this mode alone")] = None,
    since: Annotated[
        str | None, typer.Option(help="only payments from then on: 2026-11-01T00:00:00Z")
    ] = None,
    label_days: LabelDays = LABEL_DAYS,
    page: Annotated[Path | None, typer.Option(help="an HTML file to write")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print it for programs")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="only check that each decision comes out as it was")
    ] = False,
    version: Annotated[
        int | None,
        typer.Option("--rules-version", help="in which version the file's rules were published"),
    ] = None,
) -> None:
    """Decide past payments anew, by other rules or another model, and compare."""
    if page is not None:
        require_folder_of(page)
    if check and (model or page or as_json):
        raise Failure("--check asks nothing but whether the same comes out: it takes --rules.")
    if version is not None and rules is None:
        raise Failure("--rules-version belongs to --rules: in which version those were published.")
    begins = 0 if since is None else dataset.seconds(since, "--since")
    file = File(data, merchant, mode.value if mode else None, begins)
    rule_set, known = _rules(rules, version)
    extent = file.extent()
    if check:
        _check(file, extent, rule_set, known)
        return
    scorer = model_of(model) if model else None
    known_until = extent.last - label_days * DAY
    found = decide_anew(_counted(file, extent), rule_set, scorer, known_until)
    cautions = _cautions(found, known, scorer)
    if page is not None:
        by = rules.name if rules else "the default rules"
        title = f"Backtest: {by} and {model.name if model else 'the scores of then'}"
        page.write_text(backtest_page.html(found, title, cautions), encoding="utf-8")
    if as_json:
        told = {**backtest_report.as_json(found), "cautions": cautions}
        typer.echo(json.dumps(told, indent=2))
        return
    _show(found, cautions)
    if page is not None:
        say(f"The page is {page}")


def _cautions(found: Backtest, version: int | None, scorer: Model | None) -> list[str]:
    cautions = list(backtest_report.cautions(found, version))
    if scorer and (said := has_learned_of(scorer, found.first, found.last + 1)):
        cautions.insert(0, f"{scorer.artefact.name} {said}")
    return cautions


def _rules(path: Path | None, version: int | None) -> tuple[RuleSet, int | None]:
    """The rules, and in which version they were published; None if nobody said so."""
    if path is None:
        return default_rules(), DEFAULT_VERSION
    try:
        rule_set = rules_file.check(path)
    except rules_file.Wrong as wrong:
        first = wrong.mistakes[0]
        raise Failure(f"{path}:{first.line}: {first.message}") from None
    if version is None:
        return rule_set, None
    return replace(rule_set, version=version), version


def _check(file: File, extent: Extent, rule_set: RuleSet, version: int | None) -> None:
    """Say which decisions do not come out as they were; exit with 1 if there are any."""
    if version is None:
        there = sorted(set(extent.versions) - {DEFAULT_VERSION})
        if len(there) != 1:
            names = ", ".join(str(one) for one in there) or "none but the default"
            raise Failure(f"Say which version the rules are by --rules-version: there is {names}.")
        rule_set = replace(rule_set, version=there[0])
    outcomes = list(differing(_counted(file, extent), rule_set))
    wrong = [operation for operation, differs in outcomes if differs]
    for operation in wrong:
        typer.echo(operation)
    if not outcomes:
        raise Failure(f"No decision was made under rules of version {rule_set.version}.")
    others = extent.decisions - len(outcomes)
    left = f"; {others:,} were made under other versions" if others else ""
    what = f"{len(outcomes):,} decisions under version {rule_set.version}"
    if wrong:
        raise Failure(f"{what}: {len(wrong):,} do not come out as they were{left}.")
    say(f"{what} come out as they were{left}.")


def _counted(file: File, extent: Extent) -> Iterator[Past]:
    with bar("decisions") as progress:
        yield from progress.track(file.decided(), total=extent.decisions, description="deciding")


def _show(found: Backtest, cautions: list[str]) -> None:
    say(backtest_report.sentence(found))
    for grid in backtest_report.grids(found):
        wide.show(console, _table(grid))
    for caution in cautions:
        say(caution)


def _table(grid: Grid) -> Table:
    table = Table(title=grid.caption, title_justify="left", title_style="bold")
    for number, name in enumerate(grid.columns):
        table.add_column(name, justify="right" if number else "left")
    for row in grid.rows:
        table.add_row(*row)
    return table
