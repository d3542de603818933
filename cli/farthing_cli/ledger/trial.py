"""`farthing ledger trial-balance`: whether the books are right, of one merchant or of all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from farthing.access.principal import Mode
from farthing.ids import is_id
from farthing.ledger.accounts import Side, normal_side
from farthing.money import Money
from farthing_cli import wide
from farthing_cli.access_table import AccessTable
from farthing_cli.failure import Failure
from farthing_cli.ledger.trier import Run, Trier
from farthing_cli.place import Place, in_words
from farthing_cli.recovery import Stack

console = Console()


def trial_balance(
    merchant: Annotated[str | None, typer.Option(help="whose books; else everybody's")] = None,
    mode: Annotated[Mode | None, typer.Option(help="else both")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="from the first day on, and not from what was verified")
    ] = False,
    last: Annotated[
        bool, typer.Option("--last", help="show what the last run found, and run none")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the runs as JSON")] = False,
    stack: Stack = None,
) -> None:
    """Rebuild the books from what was posted and compare: does every cent agree?

    What the projection missed is put in, and said. Exits with 1 if there is a difference.
    """
    with in_words():
        trier = Trier.of(Place.of(stack))
        whose = [
            (merchant_id, one)
            for merchant_id in _merchants(merchant, stack)
            for one in ([mode] if mode else list(Mode))
        ]
        runs = list(_newest(trier, whose) if last else _tried(trier, whose, full=full))
    if as_json:
        console.print_json(data=runs)
    else:
        _show(runs)
    if any(run["counts"]["differences"] for run in runs):
        raise typer.Exit(1)


def _merchants(merchant: str | None, stack: str | None) -> list[str]:
    if merchant is None:
        return [merchant_id for merchant_id, _ in AccessTable.of(stack).merchants()]
    if not is_id("mer", merchant):
        raise Failure(f"{merchant!r} is no id: mer_…")
    return [merchant]


def _newest(trier: Trier, whose: list[tuple[str, Mode]]) -> Iterator[Run]:
    for merchant_id, mode in whose:
        run = trier.newest(merchant_id, mode.value)
        if run is not None:
            yield run


def _tried(trier: Trier, whose: list[tuple[str, Mode]], *, full: bool) -> Iterator[Run]:
    """A run of each, with a bar: how many days of how many, then rows of journals."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for number, (merchant_id, mode) in enumerate(whose):
            named = f"{number + 1}/{len(whose)} {merchant_id} {mode.value}"
            task = progress.add_task(f"{named} …", total=None)
            run: Run = {}
            for run in trier.run(merchant_id, mode.value, full=full):
                counts = run["counts"]
                said = f"{named}: {run['day']}, {counts['journal_rows']} rows"
                progress.update(
                    task, description=said, total=run["days"], completed=run["days_done"]
                )
            progress.remove_task(task)
            yield run


def _show(runs: list[Run]) -> None:
    """The sums of each account, what was found, and in a line for each run whether all is right."""
    for run in runs:
        for currency, accounts in run["accounts"].items():
            if accounts:
                _say(f"\n{run['merchant_id']} {run['mode']}, {currency}")
                wide.show(console, sums(currency, accounts))
    _say("")
    for run in runs:
        _say_end(run)
    differences = [(run, one) for run in runs for one in run["differences"]]
    if differences:
        wide.show(console, _differences(differences))
    if not runs:
        _say("There was no run yet.")


def sums(currency: str, accounts: dict[str, int]) -> Table:
    """The trial balance of one currency: debits on one side, credits on the other, and equal."""
    table = Table("account", *wide.amounts("debit", "credit"), show_footer=True)
    debits = credits_ = 0
    for account, cents in sorted(accounts.items()):
        if cents >= 0:
            debits += cents
            sides = str(Money(cents, currency)), ""
        else:
            credits_ -= cents
            sides = "", str(Money(-cents, currency))
        table.add_row(account + _against(account, cents), *sides)
    table.columns[0].footer = "all"
    table.columns[1].footer = str(Money(debits, currency))
    table.columns[2].footer = str(Money(credits_, currency))
    return table


def _against(account: str, cents: int) -> str:
    """A word where an account stands on its other side, as when the merchant owes us."""
    try:
        usual = normal_side(account)
    except KeyError:
        return " (not in the books)"
    stands = Side.DEBIT if cents > 0 else Side.CREDIT
    return " (on its other side)" if cents and stands is not usual else ""


def _say_end(run: Run) -> None:
    counts = run["counts"]
    healed, waiting = counts["healed"], counts["in_flight"]
    told = f"{run['merchant_id']} {run['mode']}: {run['first_day']} to {run['until']}, "
    told += f"{counts['entries']} entries, {counts['journal_rows']} rows of journals"
    told += f", {healed} that the projection had missed are put in" if healed else ""
    told += f", {waiting} younger than five minutes" if waiting else ""
    if not run["done"]:
        _say(f"{told}: not at its end")
    elif counts["differences"]:
        _say(f"{told}: {counts['differences']} differences", style="bold red")
    else:
        _say(f"{told}: every cent agrees", style="green")


def _differences(found: list[tuple[Run, dict[str, Any]]]) -> Table:
    table = Table(
        "what", "transaction", "account", *wide.amounts("should be", "is"), "where", "merchant"
    )
    for run, one in found:
        amounts = ("", "")
        if one["expected_cents"] != one["found_cents"]:
            amounts = _amount(one, "expected_cents"), _amount(one, "found_cents")
        whose = f"{run['merchant_id']} {run['mode']}"
        cells = (one["kind"], one["transaction_id"], one["account"], *amounts, one["row"], whose)
        table.add_row(*map(Text, cells))
    return table


def _amount(difference: dict[str, Any], name: str) -> str:
    return str(Money(difference[name], difference["currency"]))


def _say(line: str, style: str = "") -> None:
    console.print(line, style=style, highlight=False, soft_wrap=True, markup=False)
