"""`farthing fields`: the card frame as browsers get it, and how to put it into a page."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from farthing_cli import card_frame, fields_check, state
from farthing_cli.failure import Failure

app = typer.Typer(no_args_is_help=True, help="The card fields that merchants embed.")
console = Console()

Url = Annotated[
    str | None,
    typer.Argument(help="the stack's TokensUrl; without it, the local stack's", metavar="URL"),
]


@app.command()
def check(
    url: Url = None,
    key: Annotated[str | None, typer.Option(help="a publishable key: pk_…")] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="who alone may embed it; without it, any real origins"),
    ] = None,
) -> None:
    """Compare what a browser is sent with what was built; fail if anything differs."""
    if url is None:
        running = state.running()
        url, key = running.tokens_url, key or running.publishable_key
    if key is None or not key.startswith("pk_"):
        raise Failure("Give a publishable key with --key: the frame's policy is made for it.")
    built = card_frame.inventory()
    found = fields_check.differences(fields_check.fetcher(url), built, key, origin)
    for one in found:
        console.print(f"{one.where}: {one.what}", style="red", markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
    console.print(f"{url}: page, {len(built) - 1} files and their headers are as built.")


@app.command()
def tag(url: Url = None) -> None:
    """Print the script tag for a merchant's page."""
    typer.echo(card_frame.script_tag(url or state.running().tokens_url))
