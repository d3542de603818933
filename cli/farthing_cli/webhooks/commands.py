"""`farthing webhooks`: endpoints, deliveries, and single messages."""

from __future__ import annotations

import typer

from farthing_cli.webhooks import deliveries, endpoints, recover, verify

app = typer.Typer(no_args_is_help=True, help="Webhooks: endpoints, deliveries, signatures.")
app.command("endpoints")(endpoints.show)
app.command()(endpoints.create)
app.command()(endpoints.enable)
app.command()(endpoints.disable)
app.command()(endpoints.delete)
app.command()(endpoints.rotate)
app.command("deliveries")(deliveries.show)
app.command()(deliveries.inspect)
app.command()(deliveries.resend)
app.command()(recover.recover)
app.command("recoveries")(recover.show)
app.command("cancel-recovery")(recover.cancel)
app.command()(verify.verify)
app.command()(verify.sign)
