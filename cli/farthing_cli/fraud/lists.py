"""`farthing fraud lists`: values that are always let through, or never."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from farthing.fraud.lists import Kind
from farthing_cli import wide
from farthing_cli.api import Api, Document, part
from farthing_cli.options import AsJson, Rows

app = typer.Typer(no_args_is_help=True, help="Allow lists and block lists.")
console = Console()

PATH = "/v1/fraud/list_entries"


class ListAction(StrEnum):
    """What a list does."""

    ALLOW = "ALLOW"
    BLOCK = "BLOCK"


@app.command()
def add(
    kind: Annotated[Kind, typer.Argument(case_sensitive=False)],
    value: Annotated[str, typer.Argument(help="such as KP, 203.0.113.0/24 or a@b.example")],
    action: Annotated[ListAction, typer.Option(case_sensitive=False)],
    reason: Annotated[str, typer.Option(help="why, kept with each decision that it makes")],
    until: Annotated[
        str | None, typer.Option(help="when it ends, with a zone: 2027-01-31T00:00Z")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a value on the allow list or the block list."""
    body: Document = {
        "kind": kind.value,
        "value": value,
        "action": action.value,
        "reason": reason,
        "expires_at": until,
    }
    entry = Api.of().post(PATH, body)
    if as_json:
        console.print_json(data=entry)
        return
    ends = f" until {entry['expires_at']}" if entry["expires_at"] else ""
    listed = f"{entry['kind']} {entry['value']} is on the {entry['action'].lower()} list{ends}"
    _say(f"{listed}: {entry['entry_id']}")


@app.command()
def remove(
    entry_id: Annotated[str, typer.Argument(help="fle_…, as `show` says it")],
    as_json: AsJson = False,
) -> None:
    """Take a value off its list."""
    answer = Api.of().delete(f"{PATH}/{part(entry_id)}")
    if as_json:
        console.print_json(data=answer)
    else:
        _say(f"{answer['entry_id']} is taken off.")


@app.command()
def show(
    kind: Annotated[Kind | None, typer.Option(case_sensitive=False)] = None,
    action: Annotated[ListAction | None, typer.Option(case_sensitive=False)] = None,
    rows: Rows = 100,
    as_json: AsJson = False,
) -> None:
    """List the entries, newest first."""
    wanted = {"kind": kind.value if kind else None, "action": action.value if action else None}
    found = list(Api.of().listed(PATH, "entry_id", rows, **wanted))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("kind", "value", "action", "reason", "ends", "entry")
    for one in found:
        ends = "is over" if one["status"] == "EXPIRED" else one["expires_at"] or ""
        row = one["kind"], one["value"], one["action"], one["reason"], ends, one["entry_id"]
        table.add_row(*map(Text, row))
    wide.show(console, table)


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)
