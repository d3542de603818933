"""The group `farthing ledger`. What a merchant sees is asked of the API, with its key."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from farthing.ledger.transaction import Kind
from farthing.money import Money
from farthing_cli import wide
from farthing_cli.api import Api, Document
from farthing_cli.ledger.trial import trial_balance
from farthing_cli.options import AsJson, Rows

app = typer.Typer(no_args_is_help=True, help="Balances, transactions, and the trial balance.")
console = Console()

BALANCES = ("pending_cents", "available_cents", "reserved_cents")


@app.command()
def balance(as_json: AsJson = False) -> None:
    """What the merchant is owed in each currency: not settled yet, available, held back."""
    found = Api.of().get("/v1/balance")
    if as_json:
        console.print_json(data=found)
        return
    if not found["data"]:
        console.print("Nothing was ever captured.")
        return
    table = Table(
        "currency", *wide.amounts("pending", "available", "reserved"), "transactions", "as of"
    )
    for one in found["data"]:
        amounts = (_money(one[name], one["currency"]) for name in BALANCES)
        table.add_row(one["currency"], *amounts, str(one["sequence"]), one["as_of"])
    wide.show(console, table)


@app.command()
def transactions(
    currency: Annotated[str | None, typer.Option(help="such as eur")] = None,
    kind: Annotated[Kind | None, typer.Option(case_sensitive=False)] = None,
    payment: Annotated[str | None, typer.Option("--payment", help="of one payment: pi_…")] = None,
    rows: Rows = 20,
    as_json: AsJson = False,
) -> None:
    """The newest ledger transactions: their postings, and the balance after each."""
    wanted = {
        "currency": currency,
        "kind": kind.value if kind else None,
        "payment_intent_id": payment,
    }
    found = list(Api.of().listed("/v1/ledger_transactions", "transaction_id", rows, **wanted))
    if as_json:
        console.print_json(data=found)
        return
    table = Table(
        "transaction", "kind", "account", *wide.amounts("debit", "credit"), "balance after", "of"
    )
    for one in found:
        for number, row in enumerate(_postings(one)):
            named = (one["transaction_id"], one["kind"]) if not number else ("", "")
            after = _after(one, number)
            of = one["payment_intent_id"] or one["subject_id"] if not number else ""
            table.add_row(*named, *row, after, of, end_section=number == len(one["postings"]) - 1)
    wide.show(console, table)


app.command(name="trial-balance")(trial_balance)


def _postings(transaction: Document) -> list[tuple[str, str, str]]:
    """Account, debit, credit."""
    shown = []
    for posting in transaction["postings"]:
        amount = _money(posting["amount_cents"], posting["currency"])
        sides = (amount, "") if posting["side"] == "DEBIT" else ("", amount)
        shown.append((posting["account"], *sides))
    return shown


def _after(transaction: Document, number: int) -> str:
    """The balances after it, a line each beside its first postings."""
    lines = [
        f"{_money(one[name], one['currency'])} {name.removesuffix('_cents')}"
        for one in transaction["balances"]
        for name in BALANCES
    ]
    if number < len(transaction["postings"]) - 1:
        return lines[number] if number < len(lines) else ""
    return "\n".join(lines[number:])


def _money(cents: int, currency: str) -> str:
    return str(Money(cents, currency))
