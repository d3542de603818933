"""`farthing fraud`: rules, lists, and models: train on past payments, measure, ask why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from farthing.fraud.model.artefact import BadModel, digest
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES
from farthing.fraud.model.history import LABEL_DELAY_SECONDS
from farthing_cli import wide
from farthing_cli.failure import Failure
from farthing_cli.fraud import card, dataset, lists, models, reviews, rules, simulator, training
from farthing_cli.fraud.metrics import measure
from farthing_cli.fraud.replay import Rows

app = typer.Typer(no_args_is_help=True, help="Rules, lists, and models: train, measure, explain.")
app.add_typer(rules.app, name="rules")
app.add_typer(lists.app, name="lists")
app.add_typer(reviews.app, name="reviews")
app.add_typer(models.app, name="models")
console = Console()

Data = Annotated[
    Path,
    typer.Option(
        help="CSV or Parquet, one row a try to pay: paid_at, amount_cents, customer, fraud; "
        "if known also terminal, labelled_at, failed, payment, card, ip, card_country, ip_country"
    ),
]
ModelFile = Annotated[Path, typer.Option("--model", help="a file that `train` wrote")]


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
    without: Annotated[
        list[str] | None, typer.Option(help="a feature that is noise in these payments; repeat it")
    ] = None,
) -> None:
    """Train a model. Labels younger than seven days are not used, nor are ids."""
    ignored = frozenset(without or ())
    if unknown := ignored - FEATURES.keys():
        raise Failure(f"There is no feature {', '.join(sorted(unknown))}: {', '.join(FEATURES)}")
    if not into.parent.is_dir():
        raise Failure(f"There is no folder {into.parent}.")
    rows = _replayed(data)
    packed, artefact = training.train(rows, name, trained_on, holdout_days, ignored)
    into.write_bytes(packed)
    sha256 = digest(packed)
    page = into.with_suffix(".md")
    page.write_text(card.markdown(artefact, sha256, len(packed)), encoding="utf-8")
    into.with_suffix(".json").write_text(card.as_json(artefact, sha256), encoding="utf-8")
    _show_metrics(artefact.metrics)
    _say(f"{into}: {len(packed):,} bytes, sha256 {sha256[:16]}…; its card is {page}")


@app.command()
def evaluate(
    data: Data,
    model: ModelFile,
    since: Annotated[
        str | None, typer.Option(help="only payments from then on: 2026-11-01T00:00:00Z")
    ] = None,
) -> None:
    """Measure a model on payments whose labels are known by the last of them."""
    loaded = _model(model)
    first = 0 if since is None else dataset.seconds(since, "--since")
    rows = _replayed(data)
    until = rows.payments[-1].payment.at - LABEL_DELAY_SECONDS
    chosen = training.between(rows, first, until)
    if not chosen:
        raise Failure("No payment of that time is older than seven days by the end of the data.")
    _say(f"{loaded.artefact.name}, trained on {loaded.artefact.card.get('trained_on', '?')}")
    _show_metrics(measure(training.scored(loaded, rows, chosen)))


@app.command()
def explain(
    data: Data,
    model: ModelFile,
    payment: Annotated[str, typer.Option(help="the payment's id, or #7 for the seventh in time")],
    top: Annotated[int, typer.Option(min=1, max=25, help="how many features to show")] = 5,
) -> None:
    """Show a payment's score, and what moved it most."""
    loaded = _model(model)
    rows = _replayed(data)
    at = _find(rows, payment)
    row = rows[at]
    score, shares = loaded.explain(row)
    values = dict(zip(FEATURES, row, strict=True))
    _say(f"score {score:.4f}")
    table = Table("feature", "is", "value", "moves the log odds by")
    for share in sorted(shares, key=lambda one: abs(one.amount), reverse=True)[:top]:
        value = f"{values[share.feature]:g}"
        table.add_row(share.feature, FEATURES[share.feature], value, f"{share.amount:+.3f}")
    wide.show(console, table)


@app.command()
def simulate(
    into: Annotated[Path, typer.Option(help="the CSV file to write")],
    days: Annotated[int, typer.Option(min=1, max=1000, help="for so long")] = 120,
    customers: Annotated[int, typer.Option(min=100, max=100_000, help="so many people")] = 4000,
    seed: Annotated[int, typer.Option(help="another one makes other payments")] = 1,
    terminals: Annotated[
        bool, typer.Option(help="paid at terminals, some of them compromised; or online, at none")
    ] = True,
) -> None:
    """Write payments of people who do not exist, with attacks, to try rules and models on."""
    if not into.parent.is_dir():
        raise Failure(f"There is no folder {into.parent}.")
    payments = simulator.simulate(seed, days, customers, terminals=terminals)
    dataset.write(into, payments)
    frauds = sum(one.fraud and not one.failed for one in payments)
    _say(f"{into}: {len(payments):,} tries to pay, {frauds:,} of those that went through are fraud")


def _find(rows: Rows, payment: str) -> int:
    if payment.startswith("#") and payment[1:].isdigit():
        at = int(payment[1:]) - 1
        if 0 <= at < len(rows.payments):
            return at
    for at, one in enumerate(rows.payments):
        if one.id == payment:
            return at
    raise Failure(f"There is no payment {payment} in the data.")


def _model(path: Path) -> Model:
    try:
        model = Model.load(path)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None
    except BadModel as error:
        raise Failure(f"{path} is no model: {error}.") from None
    if model.features != tuple(FEATURES):
        raise Failure(f"{path} was trained on other features than this version makes.")
    return model


def _replayed(data: Path) -> Rows:
    payments = dataset.read(data)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} payments"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("replaying", total=len(payments))
        return Rows.of(payments, lambda done: bar.update(task, completed=done))


def _show_metrics(metrics: dict[str, float | int]) -> None:
    table = Table("measure", "value")
    for name, value in metrics.items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    wide.show(console, table)


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)
