"""`farthing trigger`: make something happen for real, and wait until the merchant was told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from farthing_cli import state, wide
from farthing_cli.failure import Failure
from farthing_cli.webhooks.again import require_receiver, send_again
from farthing_cli.webhooks.demo import Demo
from farthing_cli.webhooks.feed import Feed
from farthing_cli.webhooks.scenarios import SCENARIOS

WAIT_SECONDS = 120
console = Console()

Document = dict[str, Any]


def trigger(
    scenario: Annotated[str | None, typer.Argument(help="such as refund.succeeded")] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="amount_cents=500, card=…; --list says which there are"),
    ] = None,
    payment: Annotated[
        str | None, typer.Option(metavar="PI", help="go on with this one: pi_…")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="what there is, and what it makes")] = (
        False
    ),
    timeout: Annotated[
        float, typer.Option(min=1, help="seconds to wait for the events")
    ] = WAIT_SECONDS,
) -> None:
    """Make something happen on the local stack, by real calls, and wait for its events.

    Exit code 1 if they do not come.
    """
    if listed or scenario is None:
        _show_list()
        return
    chosen = SCENARIOS.get(scenario)
    if chosen is None:
        raise Failure(f"There is no scenario {scenario!r}: {', '.join(SCENARIOS)}.")
    given = chosen.given(override or [], payment)
    demo = Demo(state.running())
    if chosen.again:
        require_receiver(demo.api, chosen.makes)
    feed, until = Feed.from_now(demo.api), time.monotonic() + timeout
    subject = chosen.act(demo, given)
    _say(f"{scenario} {subject}")
    wanted = chosen.of_payment if payment else chosen.makes
    told = _wait(feed, subject, wanted, until)
    if chosen.again:
        _send_again(demo, chosen.again, told, until)


def _wait(feed: Feed, subject: str, wanted: Sequence[str], until: float) -> list[Document]:
    """The events of a subject, shown as they come, until all that are wanted came."""
    told: list[Document] = []
    missing = list(wanted)
    for event in feed.follow(until):
        if event is not None and _is_about(event, subject):
            told.append(event)
            _say(f"  {event['sequence']} {event['type']} {event['event_id']}")
            if event["type"] in missing:
                missing.remove(event["type"])
        if event is None and not missing:
            return told
    raise Failure(f"Not told in time: {', '.join(missing)}. See `farthing logs`.")


def _is_about(event: Document, subject: str) -> bool:
    about = event["data"]["object"]
    ids = [event["payment_intent_id"], about.get("session_id"), about.get("method_id")]
    return subject in ids


def _send_again(demo: Demo, kind: str, told: Sequence[Document], until: float) -> None:
    [first, *_] = [one for one in told if one["type"] == kind]
    event_ids = [str(one["event_id"]) for one in told]
    count = send_again(demo.api, str(first["event_id"]), event_ids, until)
    _say(f"  {first['sequence']} {kind} {first['event_id']} sent again, to {count}")


def _show_list() -> None:
    table = Table("scenario", "what it does", "events", "--override", "--payment")
    for name, one in SCENARIOS.items():
        settings = " ".join(one.settings)
        goes_on = "yes" if one.of_payment else ""
        events = "\n".join(one.makes)
        table.add_row(*map(Text, (name, one.does, events, settings, goes_on)))
    wide.show(console, table)


def _say(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
