"""`farthing fraud reviews`: payments that wait for a person."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from farthing.payments.review import ReviewStatus
from farthing_cli import wide
from farthing_cli.api import Api, Document, part
from farthing_cli.options import AsJson, Rows

app = typer.Typer(no_args_is_help=True, help="Payments that a person is to look at.")
console = Console()

PATH = "/v1/reviews"

ReviewId = Annotated[str, typer.Argument(help="rev_…, as `show` says it")]
Reviewer = Annotated[str | None, typer.Option(help="who looked; else the key is named")]
Said = Annotated[str | None, typer.Option("--note", help="what they saw, kept with the review")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="the Idempotency-Key, to give the same answer again"),
]


@app.command()
def show(
    status: Annotated[ReviewStatus | None, typer.Option(case_sensitive=False)] = ReviewStatus.OPEN,
    every: Annotated[bool, typer.Option("--all", help="closed ones too")] = False,
    rows: Rows = 100,
    as_json: AsJson = False,
) -> None:
    """List the reviews, newest first: those that are open, if nothing else is asked."""
    wanted = None if every or status is None else status.value
    found = list(Api.of().listed(PATH, "review_id", rows, status=wanted))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("review", "status", "amount", "score", "why", "until, or who closed it", "note")
    for one in found:
        end = one["closed_by"] or one["closed_at"] or one["expires_at"]
        amount = f"{one['amount_cents']} {one['currency']}"
        row = one["review_id"], one["status"], amount, str(one["score"])
        table.add_row(*map(Text, (*row, "; ".join(one["reasons"]), end, one["note"] or "")))
    wide.show(console, table)


@app.command()
def approve(
    review_id: ReviewId,
    reviewer: Reviewer = None,
    note: Said = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Take the money, or send the payment."""
    _answer("approve", review_id, {"reviewer": reviewer, "note": note}, key, as_json)


@app.command()
def decline(
    review_id: ReviewId,
    reviewer: Reviewer = None,
    note: Said = None,
    fraud: Annotated[bool, typer.Option("--fraud", help="it was: models learn from it")] = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Give the money back, or never send the payment."""
    given = {"reviewer": reviewer, "note": note, "is_fraud": fraud}
    _answer("decline", review_id, given, key, as_json)


def _answer(verb: str, review_id: str, given: Document, key: str | None, as_json: bool) -> None:
    body: Document = {name: value for name, value in given.items() if value is not None}
    path = f"{PATH}/{part(review_id)}/{verb}"
    payment = Api.of().post(path, body, key=key or secrets.token_hex(16))
    if as_json:
        console.print_json(data=payment)
        return
    detail = f" ({payment['status_detail']})" if payment["status_detail"] else ""
    console.print(
        f"{payment['intent_id']} is {payment['status']}{detail}.", highlight=False, markup=False
    )
