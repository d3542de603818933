"""What the commands are given, and how they speak: payments, models, lines on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from farthing.fraud.model import artefact
from farthing.fraud.model.artefact import BadModel
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES
from farthing_cli.failure import Failure
from farthing_cli.fraud import dataset
from farthing_cli.fraud.replay import Rows, known_by
from farthing_cli.fraud.training import LABEL_DAYS, LABEL_DAYS_MAX

DEFAULT = "default"
DEFAULT_MODEL = Path(artefact.__file__).with_name("default.farthing")
console = Console()

Data = Annotated[
    Path,
    typer.Option(
        help="what `export` wrote (.ndjson), or CSV or Parquet, one row a try to pay: paid_at, "
        "amount_cents, customer, fraud; if known also terminal, labelled_at, failed, payment, "
        "card, ip, card_country, ip_country"
    ),
]
ModelFile = Annotated[Path, typer.Option("--model", help="a file that `train` wrote, or `default`")]
LabelDays = Annotated[
    int,
    typer.Option(
        min=LABEL_DAYS,
        max=LABEL_DAYS_MAX,
        help="how old a payment is before it counts as good that nobody called it fraud",
    ),
]


def model_of(path: Path) -> Model:
    """The model of a file, or the one that ships. Raises Failure for what is none."""
    if str(path) == DEFAULT:
        path = DEFAULT_MODEL
    try:
        model = Model.load(path)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}.") from None
    except BadModel as error:
        raise Failure(f"{path} is no model: {error}.") from None
    if model.features != tuple(FEATURES):
        raise Failure(f"{path} was trained on other features than this version makes.")
    return model


def replayed(data: Path, day: int | None = None) -> Rows:
    """The payments of a file and their rows, as they were known by `day`."""
    payments = dataset.read(data)
    if day is not None:
        payments = known_by(payments, day)
        if not payments:
            raise Failure(f"{data} has no payments of before that day.")
    with bar("payments") as progress:
        task = progress.add_task("replaying", total=len(payments))
        return Rows.of(payments, lambda done: progress.update(task, completed=done))


def bar(things: str) -> Progress:
    """A progress bar on stderr that counts `things`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.completed:,.0f}} of {{task.total:,.0f}} {things}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )


def require_folder_of(path: Path) -> None:
    """Raises Failure before the work, not after it."""
    if not path.parent.is_dir():
        raise Failure(f"There is no folder {path.parent}.")


def say(line: str) -> None:
    """A line, whole also where the terminal is narrow."""
    console.print(line, highlight=False, soft_wrap=True, markup=False)
