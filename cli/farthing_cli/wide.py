"""Tables that are shown whole, also where the terminal is narrow: an id is there to be copied."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table

WIDTH_MAX = 1000


def amounts(*names: str) -> list[Column]:
    """Columns of amounts: their last digits stand below each other."""
    return [Column(name, justify="right") for name in names]


def show(console: Console, table: Table) -> None:
    """Print a table as wide as it is."""
    options = console.options.update(width=WIDTH_MAX)
    width = Measurement.get(console, options, table).maximum
    Console(width=max(width, console.width)).print(table)
