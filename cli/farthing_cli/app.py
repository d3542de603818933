"""The `farthing` command: one function for each thing that a user can say."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Annotated

import typer
from botocore.exceptions import ReadTimeoutError
from rich.console import Console

from farthing_cli import (
    accounts,
    clock,
    disputes,
    duration,
    fields,
    logs,
    merchant,
    recovery,
    redrive,
    settling,
    simulate,
    state,
    vault,
)
from farthing_cli.aws import Account
from farthing_cli.failure import Failure
from farthing_cli.fraud import commands as fraud
from farthing_cli.ledger import commands as ledger
from farthing_cli.month import commands as demo
from farthing_cli.project import run_folder
from farthing_cli.reconciliation import breaks
from farthing_cli.reconciliation.commands import reconcile
from farthing_cli.webhooks import commands as webhooks
from farthing_cli.webhooks.listen import listen
from farthing_cli.webhooks.trigger import trigger

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Farthing on this machine.",
)
clock_app = typer.Typer(no_args_is_help=True, help="Move the time of every function.")
app.add_typer(clock_app, name="clock")
app.add_typer(merchant.app, name="merchant")
app.add_typer(fields.app, name="fields")
app.add_typer(vault.app, name="vault")
app.add_typer(accounts.app, name="connector")
app.add_typer(fraud.app, name="fraud")
app.add_typer(ledger.app, name="ledger")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(breaks.app, name="breaks")
app.add_typer(disputes.app, name="disputes")
app.add_typer(demo.app, name="demo")
console = Console()


def main() -> None:
    """Run the command; a Failure is told, not shown as a traceback."""
    try:
        app()
    except Failure as failure:
        stderr = Console(stderr=True, soft_wrap=True)
        stderr.print(str(failure), style="red", markup=False, highlight=False)
        raise SystemExit(1) from None


@app.command()
def dev() -> None:
    """Start everything on this machine; Ctrl-C ends it."""
    from farthing_cli import dev as local

    local.run(console)


@app.command()
def redeploy() -> None:
    """Bring changed code in functions/ and layers/core/ to the running stack."""
    from farthing_cli import redeploy as changes

    began_at = time.monotonic()
    running = state.running()
    done = changes.redeploy(Account.of(running), running.stack_name, run_folder(running.pid))
    what = (["layers/core"] if done.core else []) + [f"functions/{n}" for n in done.functions]
    took = time.monotonic() - began_at
    console.print(f"{', '.join(what) or 'nothing has changed'} [dim]{took:.1f} s[/]")


@app.command(name="logs")
def show_logs() -> None:
    """Follow what the functions log."""
    running = state.running()
    since = logs.now_milliseconds() - 60_000
    follower = logs.Follower(Account.of(running), running.stack_name, since)
    while True:
        for line in follower.read():
            console.print(line.render(), soft_wrap=True)
        time.sleep(logs.POLL_SECONDS)


@app.command()
def deadlines() -> None:
    """Do now what the schedule does every hour: remind of disputes, and look what was decided."""
    _run_now("dispute_deadlines")


@app.command()
def redeliver() -> None:
    """Do now what the schedule does every minute: send the deliveries that are due."""
    _run_now("redeliver_due")


@app.command()
def purge() -> None:
    """Do now what the schedule does every ten minutes: delete the cards that nobody needs."""
    _run_now("vault_purge")


app.command()(settling.settle)
app.command()(listen)
app.command()(trigger)
app.command()(recovery.resolve)
app.command()(recovery.unknown)
app.command()(recovery.decide)
app.command()(redrive.redrive)
app.command()(reconcile)
app.command()(simulate.simulate)


@app.command()
def connectors(
    config: Annotated[str, typer.Option(help="the part of samconfig.toml to deploy")] = "default",
) -> None:
    """Show what each acquirer guarantees; fail if that is not enough to recover with."""
    from farthing_cli import connectors as guarantees

    chosen = guarantees.configured(config)
    console.print(guarantees.table(guarantees.declared(guarantees.settings(chosen))))
    guarantees.require_all_safe(chosen)


@app.command()
def invoke(
    event: Annotated[str, typer.Argument(help="a file in events/, such as payment_intents.create")],
) -> None:
    """Run one event through its function with `sam local invoke` (needs Docker)."""
    from farthing_cli.invoke import invoke as invoke_with_sam

    raise SystemExit(invoke_with_sam(state.running(), event))


@app.command()
def sam_env(
    host: Annotated[str, typer.Option(help="where a container reaches the stack")] = "127.0.0.1",
) -> None:
    """Print what `sam local invoke --env-vars` needs to reach the running stack."""
    from farthing_cli import sam_env as environment

    running = state.running()
    found = environment.of(Account.of(running), running.stack_name, host)
    typer.echo(json.dumps(found, indent=2))


@app.command()
def relay() -> None:
    """Let Docker containers reach the running stack, until Ctrl-C."""
    from farthing_cli.relay import open_to_containers

    with open_to_containers(state.running()) as host:
        console.print(f"Containers reach the stack at {host}. Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


@clock_app.command()
def advance(by: Annotated[str, typer.Argument(help="90s, 15m, 25h, 3d or 1h30m")]) -> None:
    """Move the clock on; it cannot go back, only to the present."""
    offset = _clock().advance(duration.seconds(by))
    console.print(f"The functions' clock is {duration.words(offset)} ahead.")


@clock_app.command()
def show() -> None:
    """Say how far the clock is ahead."""
    console.print(f"The functions' clock is {duration.words(_clock().offset_seconds())} ahead.")


@clock_app.command()
def reset() -> None:
    """Back to the present."""
    _clock().reset()
    console.print("The functions' clock shows the present.")


def _clock() -> clock.TestClock:
    running = state.running()
    return clock.TestClock(Account.of(running), running.stack_name)


def _run_now(function: str) -> None:
    """Call a scheduled function without waiting for its schedule, and show what it says."""
    running = state.running()
    client = Account.of(running).client("lambda")
    try:
        answer = client.invoke(FunctionName=f"{running.stack_name}-{function}", Payload=b"{}")
    except ReadTimeoutError:
        raise Failure(f"{function} is still at work after a minute; see `farthing logs`.") from None
    result = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise Failure(f"{function} failed: {result.get('errorMessage', result)}")
    console.print_json(data=result)
