"""`farthing disputes`: what payers call into question, and what is said to it."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from farthing.acquiring.dispute import Standing
from farthing.disputes.evidence import FILE_PURPOSES, SIGNATURES, TEXT_FIELDS
from farthing_cli import wide
from farthing_cli.api import Api, Document, part
from farthing_cli.failure import Failure
from farthing_cli.options import AsJson, Rows

app = typer.Typer(no_args_is_help=True, help="Payments that their payers dispute.")
console = Console()

PATH = "/v1/disputes"

DisputeId = Annotated[str, typer.Argument(help="dp_…, as `list` says it")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="the Idempotency-Key, to give the same answer again"),
]


@app.command(name="list")
def list_(
    status: Annotated[Standing | None, typer.Option(case_sensitive=False)] = None,
    due_before: Annotated[
        str | None, typer.Option(help="whose deadline is then: 2026-11-22T09:00:00Z")
    ] = None,
    payment: Annotated[str | None, typer.Option(metavar="PI", help="of one payment")] = None,
    currency: Annotated[str | None, typer.Option()] = None,
    rows: Rows = 100,
    as_json: AsJson = False,
) -> None:
    """List disputes, newest first."""
    wanted = {
        "status": status.value if status else None,
        "due_before": due_before,
        "payment_intent_id": payment,
        "currency": currency,
    }
    found = list(Api.of().listed(PATH, "dispute_id", rows, **wanted))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("dispute", "payment", "stage", "status", "amount", "reason", "answer until")
    for one in found:
        amount = f"{one['amount_cents']} {one['currency']}"
        ids = one["dispute_id"], one["payment_intent_id"], one["stage"], one["status"]
        table.add_row(*map(Text, (*ids, amount, one["reason"], one["due_by"] or "")))
    wide.show(console, table)


@app.command()
def show(dispute_id: DisputeId) -> None:
    """Show one, with its evidence and its history, as JSON."""
    console.print_json(data=Api.of().get(f"{PATH}/{part(dispute_id)}"))


@app.command()
def evidence(
    dispute_id: DisputeId,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="FIELD=TEXT", help=", ".join(TEXT_FIELDS)),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("--file", metavar="PURPOSE=PATH", help=", ".join(FILE_PURPOSES)),
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit", help="send all that was collected: it is final")
    ] = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Collect evidence, and send it with --submit."""
    body: Document = dict(map(_pair, text or []))
    if file:
        body["files"] = [_document(*_pair(one)) for one in file]
    _post(f"{dispute_id}/evidence", body | {"submit": submit}, key, as_json)


@app.command()
def accept(
    dispute_id: DisputeId,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Give in: the payer keeps the money."""
    if not yes and not typer.confirm("The payer keeps the money, for good. Accept?"):
        raise Failure("Nothing was done.")
    _post(f"{dispute_id}/accept", {}, key, as_json)


def _post(path: str, body: Document, key: str | None, as_json: bool) -> None:
    dispute_id, _, verb = path.partition("/")
    answer = Api.of().post(
        f"{PATH}/{part(dispute_id)}/{verb}", body, key=key or secrets.token_hex(16)
    )
    if as_json:
        console.print_json(data=answer)
        return
    pending = ", and its answer is on its way" if answer["answer_pending"] else ""
    line = f"{answer['dispute_id']} is at {answer['stage']}, {answer['status']}{pending}."
    console.print(line, highlight=False, markup=False)


def _pair(text: str) -> tuple[str, str]:
    name, is_pair, value = text.partition("=")
    if not is_pair:
        raise Failure(f"{text!r} is no NAME=VALUE.")
    return name, value


def _document(purpose: str, path: str) -> Document:
    """A file as the API takes it. What it is says its content. Raises Failure."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}") from None
    kinds = [kind for kind, begins in SIGNATURES.items() if content.startswith(begins)]
    if not kinds:
        raise Failure(f"{path} is none of {', '.join(SIGNATURES)}.")
    return {
        "purpose": purpose,
        "name": Path(path).name,
        "content_type": kinds[0],
        "content": base64.b64encode(content).decode(),
    }
