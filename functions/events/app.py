"""/v1/events: the list, the feed, one event; and sending one again."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.webhooks import event_queries
from farthing.webhooks.bodies import ResendEvent
from farthing.webhooks.resend import resend_event
from farthing.webhooks.wiring import endpoint_services

app = api()


@app.get("/v1/events")
def list_events(request: Request[NoBody]) -> Response:
    principal = request.principal
    store = runtime.tenant_store(principal)
    if "after" in request.query:
        return ok(event_queries.feed_page(store, principal.tenant, request.query))
    return ok(event_queries.list_page(store, principal.tenant, request.query))


@app.get("/v1/events/<event_id>")
def get_event(request: Request[NoBody], event_id: str) -> Response:
    principal = request.principal
    store = runtime.tenant_store(principal)
    return ok(event_queries.one(store, principal.tenant, event_id))


@app.post("/v1/events/<event_id>/resend", body=ResendEvent)
def resend(request: Request[ResendEvent], event_id: str) -> Response:
    services, endpoint_id = endpoint_services(request.principal), request.body.endpoint_id
    found = resend_event(services, event_id, endpoint_id)
    return ok({"data": [delivery.view() for delivery in found]})


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
