"""GET /v1/events and /v1/events/{event_id}: the list, the feed, one event."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.webhooks import event_queries

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


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
