"""`farthing fraud`: rules, lists, and models: train on past payments, measure, ask why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from farthing.fraud.model.artefact import digest
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES
from farthing_cli import wide
from farthing_cli.failure import Failure
from farthing_cli.fraud import (
    backtesting,
    card,
    comparing,
    comparison,
    dataset,
    export,
    lists,
    models,
    reviews,
    rules,
    simulated_decisions,
    simulator,
    training,
)
from farthing_cli.fraud.comparing import Page
from farthing_cli.fraud.inputs import (
    DEFAULT,
    Data,
    LabelDays,
    ModelFile,
    console,
    model_of,
    replayed,
    require_folder_of,
    say,
)
from farthing_cli.fraud.metrics import measure
from farthing_cli.fraud.replay import Rows
from farthing_cli.fraud.training import LABEL_DAYS

app = typer.Typer(no_args_is_help=True, help="Rules, lists, and models: train, measure, explain.")
app.add_typer(rules.app, name="rules")
app.add_typer(lists.app, name="lists")
app.add_typer(reviews.app, name="reviews")
app.add_typer(models.app, name="models")
app.command()(export.export)
app.command()(backtesting.backtest)
app.command()(comparing.compare)


@app.command()
def train(
    data: Data,
    into: Annotated[Path, typer.Option(help="the model's file; its card is written beside it")],
    name: Annotated[str, typer.Option(help="how decisions name the model")] = "own",
    trained_on: Annotated[
        str, typer.Option(help="what the payments are, as the model's card says it")
    ] = "payments of your own",
    holdout_days: Annotated[
        int, typer.Option(min=2, max=90, help="how many days to calibrate and measure on")
    ] = training.HOLDOUT_DAYS,
    label_days: LabelDays = LABEL_DAYS,
    without: Annotated[
        list[str] | None, typer.Option(help="a feature that is noise in these payments; repeat it")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--as-of", help="as if trained then: 2026-11-01T00:00:00Z")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="another model, or `default`, to compare it with")
    ] = None,
    page: Page = None,
) -> None:
    """Train a model. Labels younger than seven days are not used, nor are ids.

    It is measured on the last days of which the labels are known, and so is the other one.
    """
    ignored = frozenset(without or ())
    if unknown := ignored - FEATURES.keys():
        raise Failure(f"There is no feature {', '.join(sorted(unknown))}: {', '.join(FEATURES)}")
    require_folder_of(into)
    if page is not None and against is None:
        raise Failure("--page compares with another model: give --against too.")
    other = model_of(against) if against else None
    rows = replayed(data, None if day is None else dataset.seconds(day, "--as-of"))
    packed, artefact = training.train(rows, name, trained_on, holdout_days, ignored, label_days)
    into.write_bytes(packed)
    sha256 = digest(packed)
    for_people = into.with_suffix(".md")
    for_people.write_text(card.markdown(artefact, sha256, len(packed)), encoding="utf-8")
    into.with_suffix(".json").write_text(card.as_json(artefact, sha256), encoding="utf-8")
    if other is None:
        _show_metrics(artefact.metrics)
    else:
        parts = training.plan(rows, holdout_days, label_days)
        made, since, until = Model(artefact, sha256), parts.compared_from, parts.mature_until
        comparing.show(comparison.compare(made, other, rows, since, until, trained_on), page)
    say(f"{into}: {len(packed):,} bytes, sha256 {sha256[:16]}…; its card is {for_people}")


@app.command()
def evaluate(
    data: Data,
    model: ModelFile,
    since: Annotated[
        str | None, typer.Option(help="only payments from then on: 2026-11-01T00:00:00Z")
    ] = None,
    label_days: LabelDays = LABEL_DAYS,
) -> None:
    """Measure a model on payments whose labels are known by the last of them."""
    loaded = model_of(model)
    first = 0 if since is None else dataset.seconds(since, "--since")
    rows = replayed(data)
    chosen = training.between(rows, first, training.known_until(rows, label_days))
    if not chosen:
        raise Failure("No payment of that time is that old by the end of the data.")
    say(f"{loaded.artefact.name}, trained on {loaded.artefact.card.get('trained_on', '?')}")
    _show_metrics(measure(training.scored(loaded, rows, chosen)))


@app.command()
def explain(
    data: Data,
    model: ModelFile,
    payment: Annotated[str, typer.Option(help="the payment's id, or #7 for the seventh in time")],
    top: Annotated[int, typer.Option(min=1, max=25, help="how many features to show")] = 5,
) -> None:
    """Show a payment's score, and what moved it most."""
    loaded = model_of(model)
    rows = replayed(data)
    at = _find(rows, payment)
    row = rows[at]
    score, shares = loaded.explain(row)
    values = dict(zip(FEATURES, row, strict=True))
    say(f"score {score:.4f}")
    table = Table("feature", "is", "value", "moves the log odds by")
    for share in sorted(shares, key=lambda one: abs(one.amount), reverse=True)[:top]:
        value = f"{values[share.feature]:g}"
        table.add_row(share.feature, FEATURES[share.feature], value, f"{share.amount:+.3f}")
    wide.show(console, table)


@app.command()
def simulate(
    into: Annotated[
        Path, typer.Option(help="the file to write: CSV, or .ndjson as `export` writes it")
    ],
    days: Annotated[int, typer.Option(min=1, max=1000, help="for so long")] = 120,
    customers: Annotated[int, typer.Option(min=100, max=100_000, help="so many people")] = 4000,
    seed: Annotated[int, typer.Option(help="another one makes other payments")] = 1,
    terminals: Annotated[
        bool, typer.Option(help="paid at terminals, some of them compromised; or online, at none")
    ] = True,
) -> None:
    """Write payments of people who do not exist, with attacks, to try rules and models on."""
    require_folder_of(into)
    is_export = into.suffix == dataset.LINES
    payments = simulator.simulate(seed, days, customers, terminals=terminals and not is_export)
    if is_export:
        export.write(into, simulated_decisions.lines(payments, model_of(Path(DEFAULT))))
    else:
        dataset.write(into, payments)
    frauds = sum(one.fraud and not one.failed for one in payments)
    say(f"{into}: {len(payments):,} tries to pay, {frauds:,} of those that went through are fraud")


def _find(rows: Rows, payment: str) -> int:
    if payment.startswith("#") and payment[1:].isdigit():
        at = int(payment[1:]) - 1
        if 0 <= at < len(rows.payments):
            return at
    for at, one in enumerate(rows.payments):
        if one.id == payment:
            return at
    raise Failure(f"There is no payment {payment} in the data.")


def _show_metrics(metrics: dict[str, float | int]) -> None:
    table = Table("measure", "value")
    for name, value in metrics.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    wide.show(console, table)
