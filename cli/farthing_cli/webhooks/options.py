"""Arguments that several commands about webhooks share, and how they say things."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

PATH = "/v1/webhook_endpoints"

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="we_…, as `endpoints` says it")]

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"

console = Console()


def say(line: str) -> None:
    """One line as it is: an id or a secret is there to be copied.

    What a receiver answered may hold anything, and a terminal obeys control characters.
    """
    shown = "".join(c if c.isprintable() or c == "\n" else UNPRINTABLE for c in line)
    console.print(shown, highlight=False, soft_wrap=True, markup=False)
