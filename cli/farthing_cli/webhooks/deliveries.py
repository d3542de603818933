"""`farthing webhooks deliveries|inspect|resend`: what became of events at their endpoints."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from farthing.ids import is_id
from farthing.webhooks.delivery import Status
from farthing.webhooks.keys import DELIVERY_PREFIX, EVENT_PREFIX
from farthing_cli import wide
from farthing_cli.api import Api, Document, in_words, part
from farthing_cli.failure import Failure
from farthing_cli.options import AsJson, Rows
from farthing_cli.webhooks.options import ENDPOINTS_MAX, PATH, EndpointId, console, say

BAD_REQUEST, NOT_FOUND = 400, 404

DeliveryId = Annotated[
    str, typer.Argument(metavar="DELIVERY", help="dlv_…, as `deliveries` says it")
]
OfEndpoint = Annotated[
    str | None, typer.Option("--endpoint", help="whose it is; else all are asked, one by one")
]


def show(
    endpoint_id: EndpointId,
    status: Annotated[Status | None, typer.Option(case_sensitive=False)] = None,
    event_type: Annotated[str | None, typer.Option(help="such as refund.failed")] = None,
    rows: Rows = 50,
    as_json: AsJson = False,
) -> None:
    """List an endpoint's deliveries, newest event first."""
    wanted = {"status": status.value if status else None, "event_type": event_type}
    path = f"{PATH}/{part(endpoint_id)}/deliveries"
    found = list(Api.of().listed(path, "delivery_id", rows, **wanted))
    if as_json:
        console.print_json(data=found)
        return
    table = Table("delivery", "event", "type", "status", "attempts", "last answer", "next")
    for one in found:
        status_text = one["status"] + (f" ({one['end_reason']})" if one["end_reason"] else "")
        tries = str(one["attempts"][-1]["attempt"]) if one["attempts"] else "0"
        next_at = one["next_attempt_at"] or ""
        row = one["delivery_id"], one["event_id"], one["event_type"], status_text, tries
        table.add_row(*map(Text, (*row, _last_answer(one), next_at)))
    wide.show(console, table)


def inspect(
    delivery_id: DeliveryId, endpoint_id: OfEndpoint = None, as_json: AsJson = False
) -> None:
    """Show what is sent and what came back each time."""
    api = Api.of()
    found = api.get(_path(api, delivery_id, endpoint_id))
    if as_json:
        console.print_json(data=found)
        return
    say(f"{found['delivery_id']}: {found['event_type']} to {found['endpoint_id']}")
    say(f"{found['status']} {found['end_reason'] or ''}".rstrip())
    request = found["request"]
    say(f"\n{request['method']} {request['url']}")
    for name, value in request["headers"].items():
        say(f"{name}: {value or 'set when it is sent'}")
    say(f"\n{_pretty(request['body'])}")
    for attempt in found["attempts"]:
        _show_attempt(attempt)


def resend(
    what: Annotated[
        str, typer.Argument(metavar="DELIVERY|EVENT", help="dlv_…; or evt_…, to all that get it")
    ],
    endpoint_id: OfEndpoint = None,
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, also one that had arrived; or an event, to one endpoint or to all."""
    api = Api.of()
    if is_id(EVENT_PREFIX, what):
        body: Document = {"endpoint_id": endpoint_id} if endpoint_id else {}
        moved = api.post(f"/v1/events/{part(what)}/resend", body)["data"]
    else:
        moved = [api.post(f"{_path(api, what, endpoint_id)}/resend")]
    if as_json:
        console.print_json(data=moved)
        return
    for one in moved:
        say(f"{one['delivery_id']} is on its way to {one['endpoint_id']}.")
    if not moved:
        say("No endpoint that is on subscribes to it, or it is being sent at this moment.")


def _path(api: Api, delivery_id: str, endpoint_id: str | None) -> str:
    """Where the API has a delivery. Raises Failure if no endpoint has one of that id."""
    if not is_id(DELIVERY_PREFIX, delivery_id):
        raise Failure(f"{delivery_id} is neither a delivery (dlv_…) nor an event (evt_…).")
    if endpoint_id is not None:
        return _of(endpoint_id, delivery_id)
    for endpoint in api.listed(PATH, "endpoint_id", ENDPOINTS_MAX):
        path = _of(endpoint["endpoint_id"], delivery_id)
        status, answer = api.ask("GET", path)
        if status == NOT_FOUND:
            continue
        if status >= BAD_REQUEST:
            raise Failure(in_words(status, answer))
        return path
    raise Failure(f"No endpoint has a delivery {delivery_id}.")


def _of(endpoint_id: str, delivery_id: str) -> str:
    return f"{PATH}/{part(endpoint_id)}/deliveries/{part(delivery_id)}"


def _last_answer(delivery: Document) -> str:
    if not delivery["attempts"]:
        return ""
    return _answer(delivery["attempts"][-1])


def _answer(attempt: Document) -> str:
    return str(attempt["status_code"] or attempt["error"] or "on its way")


def _show_attempt(attempt: Document) -> None:
    took = "" if attempt["duration_ms"] is None else f" in {attempt['duration_ms']} ms"
    say(f"\nattempt {attempt['attempt']} at {attempt['at']}: {_answer(attempt)}{took}")
    response = attempt["response"]
    if response is None:
        return
    for name, value in response["headers"].items():
        say(f"  {name}: {value}")
    for line in response["body"].splitlines():
        say(f"  {line}")


def _pretty(body: str) -> str:
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
