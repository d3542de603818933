"""`farthing fraud compare`: two models on the same payments, on the terminal and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from farthing_cli import wide
from farthing_cli.fraud import comparison, comparison_page, dataset, training
from farthing_cli.fraud.comparison import Comparison
from farthing_cli.fraud.inputs import (
    Data,
    LabelDays,
    console,
    model_of,
    replayed,
    require_folder_of,
    say,
)
from farthing_cli.fraud.training import LABEL_DAYS

Page = Annotated[Path | None, typer.Option(help="an HTML file to write, with curves")]


def compare(
    first: Annotated[Path, typer.Argument(help="a file that `train` wrote, or `default`")],
    second: Annotated[Path, typer.Argument(help="another one")],
    data: Data,
    since: Annotated[
        str | None, typer.Option(help="only payments from then on: 2026-11-01T00:00:00Z")
    ] = None,
    payments_are: Annotated[
        str, typer.Option("--payments-are", help="what they are, as the page says it")
    ] = "payments of your own",
    label_days: LabelDays = LABEL_DAYS,
    page: Page = None,
) -> None:
    """Measure two models on the same payments, whose labels are known by the last of them."""
    models = model_of(first), model_of(second)
    if page is not None:
        require_folder_of(page)
    begins = 0 if since is None else dataset.seconds(since, "--since")
    rows = replayed(data)
    until = training.known_until(rows, label_days)
    show(comparison.compare(*models, rows, begins, until, payments_are), page)


def show(compared: Comparison, page: Path | None) -> None:
    """Tell it, and write its page."""
    table = Table("measure", *compared.names)
    for name, one, other, best in compared.rows():
        cells = [one, other]
        if best is not None:
            cells[best - 1] = f"[bold]{cells[best - 1]}[/]"
        table.add_row(name, *cells)
    wide.show(console, table)
    say(compared.sentence())
    for caution in compared.cautions():
        say(caution)
    if page is not None:
        require_folder_of(page)
        page.write_text(comparison_page.html(compared), encoding="utf-8")
        say(f"The page is {page}")
