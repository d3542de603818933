"""`farthing webhooks recover|recoveries|cancel-recovery`: what an endpoint missed, sent again."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from farthing.clock import from_text, to_text
from farthing_cli import duration, wide
from farthing_cli.api import Api, Document, part
from farthing_cli.failure import Failure
from farthing_cli.options import AsJson, Rows
from farthing_cli.webhooks.options import PATH, EndpointId, console, say

LOOK_SECONDS = 2
"""Between two looks at how far it is."""

RUNNING = "RUNNING"


def recover(
    endpoint_id: EndpointId,
    since: Annotated[str, typer.Option(help="2d ago, or a time: 2026-11-22T09:00Z")],
    until: Annotated[str | None, typer.Option(help="the same; else till now")] = None,
    per_second: Annotated[
        int, typer.Option(min=1, max=100, help="how much the endpoint can bear")
    ] = 10,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count")] = False,
    as_json: AsJson = False,
) -> None:
    """Send an endpoint what it missed: events without a delivery, or whose delivery gave up.

    Ctrl-C asks whether to cancel; if not, it goes on without anybody looking.
    """
    api = Api.of()
    body: Document = {"since": moment(since)}
    if until is not None:
        body["until"] = moment(until)
    path = f"{PATH}/{part(endpoint_id)}/recover"
    if dry_run:
        _show_count(api.post(path, {**body, "dry_run": True}), as_json)
        return
    begun = api.post(path, {**body, "per_second": per_second})
    ended = begun if as_json else _watched(api, begun)
    if as_json:
        console.print_json(data=ended)
    else:
        say(_in_words(ended))


def show(endpoint_id: EndpointId, rows: Rows = 20, as_json: AsJson = False) -> None:
    """List an endpoint's recoveries, newest first."""
    path = f"{PATH}/{part(endpoint_id)}/recoveries"
    found = list(Api.of().listed(path, "recovery_id", rows))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("recovery", "state", "since", "until", "sent", "of")
    for one in found:
        row = one["recovery_id"], one["state"], one["since"], one["until"], str(one["recovered"])
        table.add_row(*map(Text, (*row, _counted(one))))
    wide.show(console, table)


def cancel(
    endpoint_id: EndpointId,
    recovery_id: Annotated[str, typer.Argument(help="rcv_…, as `recoveries` says it")],
    as_json: AsJson = False,
) -> None:
    """End a recovery early. What was given out already is sent."""
    ended = _cancelled(Api.of(), endpoint_id, recovery_id)
    if as_json:
        console.print_json(data=ended)
    else:
        say(_in_words(ended))


def moment(text: str) -> str:
    """A time, or how long ago it was. Raises Failure for what is neither."""
    try:
        return to_text(from_text(text))
    except (ValueError, OverflowError):
        pass
    try:
        return to_text(datetime.now(UTC) - timedelta(seconds=duration.seconds(text)))
    except (Failure, OverflowError):
        raise Failure(
            f"{text!r} is no time. Write 2d, 3h or 1h30m; or 2026-11-22T09:00Z, with a zone."
        ) from None


def _watched(api: Api, recovery: Document) -> Document:
    """Show how far it is until it has ended, or nobody wants to look any more."""
    bars = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    total = recovery["count"] if recovery["complete"] else None
    try:
        with Progress(*bars, TimeRemainingColumn(), console=console, transient=True) as progress:
            bar = progress.add_task("sending", total=total)
            while recovery["state"] == RUNNING:
                progress.update(bar, completed=recovery["recovered"])
                time.sleep(LOOK_SECONDS)
                recovery = api.get(_path(recovery["endpoint_id"], recovery["recovery_id"]))
    except KeyboardInterrupt:
        if _wants_to_cancel():
            return _cancelled(api, recovery["endpoint_id"], recovery["recovery_id"])
    return recovery


def _wants_to_cancel() -> bool:
    """Where nobody can be asked, who stops the command means to stop what it does."""
    if not sys.stdin.isatty():
        return True
    return typer.confirm("\nCancel the recovery? Otherwise it goes on by itself.", default=False)


def _cancelled(api: Api, endpoint_id: str, recovery_id: str) -> Document:
    return api.post(f"{_path(endpoint_id, recovery_id)}/cancel")


def _path(endpoint_id: str, recovery_id: str) -> str:
    return f"{PATH}/{part(endpoint_id)}/recoveries/{part(recovery_id)}"


def _show_count(counted: Document, as_json: bool) -> None:
    if as_json:
        console.print_json(data=counted)
    else:
        say(f"{_counted(counted)} events would be sent.")


def _counted(counted: Document) -> str:
    return str(counted["count"]) if counted["complete"] else f"at least {counted['count']}"


def _in_words(recovery: Document) -> str:
    how_many = f"{recovery['recovered']} of {_counted(recovery)} events"
    match recovery["state"]:
        case "RUNNING":
            command = f"farthing webhooks recoveries {recovery['endpoint_id']}"
            return f"{how_many} are sent so far, and it goes on: {command}"
        case "STOPPED":
            return f"{how_many} were sent; then the endpoint was turned off or deleted."
        case "CANCELLED":
            return f"Cancelled after {how_many}."
    return f"{how_many} are sent."
