"""Sending one event a second time, when its receivers have had all that was to come before."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from farthing.webhooks.event_types import subscribed
from farthing_cli.api import Api, part
from farthing_cli.failure import Failure

LOOK_PAUSE_SECONDS = 0.5
ENDPOINTS = "/v1/webhook_endpoints"
ENDPOINTS_MAX = 100

Document = dict[str, Any]


def require_receiver(api: Api, types: Iterable[str]) -> None:
    """Raises Failure before anything is done, if nobody would get the events."""
    patterns = [pattern for one in _on(api) for pattern in one["event_types"]]
    if not all(subscribed(patterns, one) for one in types):
        raise Failure("Nobody would hear of it: run `farthing listen` in another terminal first.")


def send_again(api: Api, event_id: str, after: Sequence[str], until: float) -> int:
    """Send `event_id` again, once an endpoint has been tried with every event of `after`.

    Gives how many endpoints get it. `until` is a time of the monotonic clock. Raises Failure.
    """
    while True:
        if any(_was_tried(api, one, after) for one in _on(api)):
            answer = api.post(f"/v1/events/{part(event_id)}/resend")
            if answer["data"]:  # nobody is being sent it at this moment
                return len(answer["data"])
        if time.monotonic() >= until:
            raise Failure("The events were not delivered in time; see `farthing logs`.")
        time.sleep(LOOK_PAUSE_SECONDS)


def _on(api: Api) -> list[Document]:
    """The endpoints that are turned on."""
    found = api.listed(ENDPOINTS, "endpoint_id", ENDPOINTS_MAX)
    return [one for one in found if one["enabled"]]


def _was_tried(api: Api, endpoint: Document, event_ids: Sequence[str]) -> bool:
    path = f"{ENDPOINTS}/{part(endpoint['endpoint_id'])}/deliveries"
    tried = {one["event_id"] for one in api.get(path, limit=100)["data"] if one["attempts"]}
    return set(event_ids) <= tried
