"""`farthing breaks`: what differs, who has it, and how it ends. Asked of the API, with its key."""

from __future__ import annotations

import getpass
import uuid
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from farthing.money import Money
from farthing.reconciliation.break_row import Status
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.resolution import Resolution
from farthing_cli import wide
from farthing_cli.api import Api, Document, part
from farthing_cli.options import AsJson, Rows

app = typer.Typer(
    no_args_is_help=True, help="Differences between our books, an acquirer's, and a bank's."
)
console = Console()
PATH = "/v1/breaks"

BreakId = Annotated[str, typer.Argument(help="brk_…")]
By = Annotated[str | None, typer.Option(help="who says so; else the user's name")]


@app.command("list")
def list_(
    kind: Annotated[Kind | None, typer.Option(case_sensitive=False)] = None,
    status: Annotated[Status | None, typer.Option(case_sensitive=False)] = None,
    settlement: Annotated[str | None, typer.Option(help="of one settlement: st_…")] = None,
    rows: Rows = 50,
    as_json: AsJson = False,
) -> None:
    """The newest breaks."""
    path = PATH if settlement is None else f"/v1/settlements/{part(settlement)}/breaks"
    wanted = {"kind": kind.value if kind else None, "status": status.value if status else None}
    found = list(Api.of().listed(path, "break_id", rows, **wanted))
    if as_json:
        console.print_json(data=found)
        return
    if not found:
        console.print("There are none.")
        return
    table = Table("break", "kind", "status", "settlement", "line", *wide.amounts("in suspense"))
    for one in found:
        table.add_row(
            one["break_id"],
            one["kind"],
            one["status"],
            one["settlement_id"],
            one["line"],
            _suspense(one),
        )
    wide.show(console, table)


@app.command()
def show(break_id: BreakId, as_json: AsJson = False) -> None:
    """One break: both sides, what it holds, what may be done, and what was said of it."""
    one = Api.of().get(f"{PATH}/{part(break_id)}")
    if as_json:
        console.print_json(data=one)
        return
    table = Table("", "", show_header=False)
    for name in ("break_id", "kind", "status", "settlement_id", "line", "payment_intent_id"):
        table.add_row(name, str(one[name] or ""))
    table.add_row("ours", _side(one["expected"]) or str(one["our_state"] or ""))
    table.add_row("theirs", _side(one["reported"]))
    table.add_row("in suspense", _suspense(one))
    table.add_row("may be ended by", ", ".join(one["resolutions"]))
    if one["proposal"]:
        refund = one["proposal"]
        amount = Money(refund["amount_cents"], refund["currency"])
        table.add_row("proposal", f"refund {amount} of {refund['payment_intent_id']}")
    for note in one["history"]:
        table.add_row(note["at"], f"{note['by']}: {note['action']} {note['text']}".rstrip())
    wide.show(console, table)


@app.command()
def assign(
    break_id: BreakId,
    to: Annotated[str, typer.Argument(help="who has it from now on")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Give a break to somebody."""
    body: Document = {"to": to, "by": by or getpass.getuser()}
    _told(Api.of().post(f"{PATH}/{part(break_id)}/assign", body), as_json)


@app.command()
def note(
    break_id: BreakId,
    text: Annotated[str, typer.Argument(help="what there is to say")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say something about a break."""
    body: Document = {"text": text, "by": by or getpass.getuser()}
    _told(Api.of().post(f"{PATH}/{part(break_id)}/note", body), as_json)


@app.command()
def resolve(
    break_id: BreakId,
    resolution: Annotated[Resolution, typer.Argument(case_sensitive=False)],
    reason: Annotated[str, typer.Option(help="why, kept with the break")],
    by: By = None,
    key: Annotated[
        str | None, typer.Option(help="an Idempotency-Key, to repeat a command safely")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """End a break, and correct the ledger with it."""
    body: Document = {
        "resolution": resolution.value,
        "by": by or getpass.getuser(),
        "reason": reason,
    }
    path = f"{PATH}/{part(break_id)}/resolve"
    _told(Api.of().post(path, body, key or str(uuid.uuid4())), as_json)


def _told(one: Document, as_json: bool) -> None:
    if as_json:
        console.print_json(data=one)
        return
    said = f"{one['break_id']} is {one['status']}"
    if one["ledger_transactions"]:
        said += f"; ledger: {', '.join(one['ledger_transactions'])}"
    console.print(said, highlight=False, soft_wrap=True)


def _side(figures: Document | None) -> str:
    if figures is None:
        return ""
    shown = f"{Money(figures['amount_cents'], figures['currency'])}"
    if figures["fee_cents"] is not None:
        shown += f", fee {Money(figures['fee_cents'], figures['currency'])}"
    return shown


def _suspense(one: Document) -> str:
    held = one["suspense"]
    return ", ".join(str(Money(cents, currency)) for currency, cents in sorted(held.items()))
