"""`farthing webhooks endpoints|create|enable|disable|delete|rotate`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from farthing_cli import duration, wide
from farthing_cli.api import Api, Document, part
from farthing_cli.failure import Failure
from farthing_cli.options import AsJson
from farthing_cli.webhooks.options import ENDPOINTS_MAX, PATH, EndpointId, console, say

Delays = Annotated[
    str | None,
    typer.Option("--retry-delays", help="before each attempt after the first: 5s,5m,2h"),
]


def show(as_json: AsJson = False) -> None:
    """List the endpoints, newest first."""
    found = list(Api.of().listed(PATH, "endpoint_id", ENDPOINTS_MAX))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("endpoint", "url", "events", "payload", "state")
    for one in found:
        events = ", ".join(one["event_types"])
        row = one["endpoint_id"], one["url"], events, one["payload"].lower(), _state(one)
        table.add_row(*map(Text, row))
    wide.show(console, table)


def create(
    url: Annotated[str, typer.Argument(help="https://…, port 443")],
    events: Annotated[
        str, typer.Option(help="types, with commas between: *, refund.*, payment_intent.failed")
    ] = "*",
    description: Annotated[str, typer.Option(help="for people")] = "",
    thin: Annotated[
        bool, typer.Option("--thin", help="send the object's id, and not the object")
    ] = False,
    retry_delays: Delays = None,
    as_json: AsJson = False,
) -> None:
    """Make an endpoint, and print its secret, which is shown this once. It gets a ping at once."""
    body: Document = {
        "url": url,
        "event_types": [one.strip() for one in events.split(",") if one.strip()],
        "description": description,
        "payload": "THIN" if thin else "FULL",
    }
    if retry_delays is not None:
        body["retry_delays_seconds"] = [duration.seconds(one) for one in retry_delays.split(",")]
    made = Api.of().post(PATH, body)
    if as_json:
        console.print_json(data=made)
        return
    say(f"{made['endpoint_id']} gets {', '.join(made['event_types'])}, and a ping now.")
    say(f"Its secret, shown this once: {made['secret']}")


def enable(endpoint_id: EndpointId, as_json: AsJson = False) -> None:
    """Turn an endpoint on again, and say how to send it what it missed."""
    answer = _change(endpoint_id, {"enabled": True})
    if as_json:
        console.print_json(data=answer)
        return
    say(f"{answer['endpoint_id']} is on.")
    if since := answer.get("recover_since"):
        say(f"It may have missed events since {since}. Count them, then send them:")
        say(f"  farthing webhooks recover {answer['endpoint_id']} --since {since} --dry-run")
        say(f"  farthing webhooks recover {answer['endpoint_id']} --since {since}")


def disable(endpoint_id: EndpointId, as_json: AsJson = False) -> None:
    """Turn an endpoint off. What it has begun to get waits; of new events it hears nothing."""
    answer = _change(endpoint_id, {"enabled": False})
    if as_json:
        console.print_json(data=answer)
    else:
        say(f"{answer['endpoint_id']} is off.")


def delete(endpoint_id: EndpointId, as_json: AsJson = False) -> None:
    """Remove an endpoint for good, with its secret and all that waits to be sent to it."""
    answer = Api.of().delete(f"{PATH}/{part(endpoint_id)}")
    if as_json:
        console.print_json(data=answer)
    else:
        say(f"{answer['endpoint_id']} is deleted.")


def rotate(
    endpoint_id: EndpointId,
    overlap: Annotated[
        str, typer.Option(help="how long the old secret signs too: up to 7d")
    ] = "24h",
    at_once: Annotated[
        bool, typer.Option("--now", help="the old one leaked: nothing old signs any more")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give an endpoint a new secret, and print it this once."""
    if at_once and overlap != "24h":
        raise Failure("--now ends the old secret at once: give no --overlap with it.")
    seconds = 0 if at_once else duration.seconds(overlap)
    path = f"{PATH}/{part(endpoint_id)}/rotate_secret"
    answer = Api.of().post(path, {"overlap_seconds": seconds})
    if as_json:
        console.print_json(data=answer)
        return
    say(f"Its new secret, shown this once: {answer['secret']}")
    say(
        f"The one before signs too for {duration.words(seconds)}."
        if seconds
        else "No older one signs any more."
    )


def _change(endpoint_id: str, changes: Document) -> Document:
    return Api.of().post(f"{PATH}/{part(endpoint_id)}", changes)


def _state(endpoint: Document) -> str:
    if endpoint["enabled"]:
        return "on"
    return f"off since {endpoint['disabled_at']}: {endpoint['disabled_reason'].lower()}"
