"""A delivery as a merchant looks into it: what was sent, and what came back each time."""

from __future__ import annotations

from typing import Any

from farthing.webhooks import endpoints, events
from farthing.webhooks.attempt import Attempt
from farthing.webhooks.deliver import USER_AGENT, body_of
from farthing.webhooks.delivery import Delivery
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.event import Event
from farthing.webhooks.resend import find_delivery

Document = dict[str, Any]

MASKED_SIGNATURE = "v1,…"
"""A signature is good for five minutes for whoever has it."""


def inspect(services: endpoints.Services, endpoint_id: str, delivery_id: str) -> Document:
    """The delivery with its request and its answers. Raises FarthingError if there is none.

    The body is made anew, as the endpoint would get it now: the event never changes, but the
    endpoint may have chosen thin payloads since.
    """
    endpoint = endpoints.get(services, endpoint_id)
    delivery = find_delivery(services, endpoint_id, delivery_id)
    event = events.get(services.store, services.tenant, delivery.event_id)
    return delivery.view() | {
        "request": _request(endpoint, event, delivery),
        "attempts": [_with_answer(attempt) for attempt in delivery.attempts],
    }


def _request(endpoint: Endpoint, event: Event, delivery: Delivery) -> Document:
    last = delivery.attempts[-1] if delivery.attempts else None
    signed_at = last.signed_at if last else None
    return {
        "method": "POST",
        "url": (last.url if last else None) or endpoint.url,
        "headers": {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": event.event_id,
            "webhook-timestamp": None if signed_at is None else str(signed_at),
            "webhook-signature": MASKED_SIGNATURE,
        },
        "body": body_of(event, endpoint.payload).decode(),
    }


def _with_answer(attempt: Attempt) -> Document:
    reply = attempt.reply
    return attempt.view() | {
        "url": attempt.url,
        "webhook_timestamp": attempt.signed_at,
        "response": {"headers": dict(reply.headers), "body": reply.body} if reply else None,
    }
