"""`farthing demo month`: a merchant's month on the local stack, until every break is explained."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from farthing.reconciliation.bodies import AssignBreak
from farthing_cli import state
from farthing_cli.failure import Failure
from farthing_cli.ledger.trier import Trier
from farthing_cli.month.business import Business
from farthing_cli.month.finance import Books, Finance
from farthing_cli.month.page import page_of
from farthing_cli.month.plan import month as plan_of
from farthing_cli.month.play import QUIET_DAYS, Player
from farthing_cli.month.shop import Shop
from farthing_cli.month.told import as_json as in_json
from farthing_cli.month.told import show
from farthing_cli.place import Place, in_words
from farthing_cli.webhooks.demo import Demo

app = typer.Typer(no_args_is_help=True, help="Demonstrations on the local stack.")
console = Console()


@app.callback()
def demo() -> None:
    """Keeps `month` a command of its own while it is the only one."""


@app.command()
def month(
    days: Annotated[int, typer.Option(min=1, max=366, help="business days with sales")] = 30,
    payments: Annotated[int, typer.Option(min=1, max=500, help="ordinary ones a day")] = 6,
    seed: Annotated[int, typer.Option(help="another number is another month")] = 1,
    html: Annotated[Path | None, typer.Option(help="write a page about it here")] = None,
    by: Annotated[
        str | None, typer.Option(help="who resolves the breaks; else the user's name")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print what came of it as JSON")] = False,
) -> None:
    """Play a month: payments, refunds, disputes, daily settlement, the bank, and every break.

    It moves the test clock, some days further than it sells on: see `farthing clock`. Exits with 1
    if something is left that nothing explains.
    """
    began = time.monotonic()
    person = _person(getpass.getuser() if by is None else by)
    if html is not None and not html.parent.is_dir():
        raise Failure(f"{html.parent} is no folder.")
    with in_words():
        books = _played(days, payments, seed, person)
    took = time.monotonic() - began
    if as_json:
        console.print_json(data=in_json(books, took))
    else:
        show(console, books)
    if html is not None:
        _write(html, page_of(books, f"farthing demo month, {days} days, seed {seed}."))
    if books.problems:
        raise Failure(f"Not every cent is explained: {len(books.problems)} problems.")
    if not as_json:
        console.print(f"Every cent is explained. [dim]{took:.0f} s[/]", highlight=False)


def _person(name: str) -> str:
    """A name that breaks can be resolved by: better refused now than after the month."""
    try:
        return AssignBreak(to=name, by=name).by
    except ValidationError:
        raise Failure("--by takes a person's name, of 1 to 100 characters.") from None


def _played(days: int, payments: int, seed: int, by: str) -> Books:
    dev, place = state.running(), Place.of(None)
    shop, business = Shop(Demo(dev)), Business.of(dev, place, by)
    finance = Finance(dev, shop, Trier.of(place), by)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("settling what was before", total=days + QUIET_DAYS)
        for played in Player(shop, business).play(plan_of(days, payments, seed)):
            done, today = len(played.days), played.days[-1]
            said = f"{today} sold and settled" if done <= days else f"{today} settled"
            progress.update(
                bar, description=said, completed=done, total=max(done, days + QUIET_DAYS)
            )
        progress.update(bar, description="looking at the breaks")
        return finance.close(played.first, played.sales, business.deposits)


def _write(html: Path, content: str) -> None:
    try:
        html.write_text(content, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{html}: {error.strerror}") from None
    Console(stderr=True).print(f"Written to {html}.", highlight=False, soft_wrap=True)
