"""`farthing webhooks`: endpoints, deliveries, and single messages."""

from __future__ import annotations

import typer

from farthing_cli.webhooks import verify

app = typer.Typer(no_args_is_help=True, help="Webhooks: endpoints, deliveries, signatures.")
app.command()(verify.verify)
app.command()(verify.sign)
