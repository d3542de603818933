"""What the commands of `farthing vault` have in common: their options and how they speak."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from farthing.ids import is_id
from farthing_cli.failure import Failure

console = Console()
WIDTH_MAX = 1000
ASKS_AGAIN = "Nothing was changed. With --apply it is."

Stack = Annotated[
    str | None,
    typer.Option("--stack", help="a stack in AWS, by your own credentials; else the local one"),
]
Merchant = Annotated[str | None, typer.Option(help="of this merchant alone: mer_…")]
Apply = Annotated[bool, typer.Option("--apply", help="do it, not only say what would be done")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


def say(line: str) -> None:
    """A line, whole also where the terminal is narrow."""
    console.print(line, highlight=False, soft_wrap=True, markup=False)


def show(table: Table) -> None:
    """A table, whole: a key's id is there to be copied."""
    options = console.options.update(width=WIDTH_MAX)
    width = Measurement.get(console, options, table).maximum
    Console(width=max(width, console.width), file=console.file).print(table)


def check_merchant(merchant: str | None) -> None:
    """Raises Failure for what cannot be a merchant's id."""
    if merchant is not None and not is_id("mer", merchant):
        raise Failure(f"{merchant!r} is no merchant's id: mer_…")
