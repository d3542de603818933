"""/v1/webhook_endpoints: where events go, and what became of them there."""

from __future__ import annotations

import os
from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok
from farthing.webhooks import endpoint_queries, endpoints
from farthing.webhooks.bodies import CreateEndpoint, UpdateEndpoint
from farthing.webhooks.endpoint import Endpoint

app = api()
ONE = "/v1/webhook_endpoints/<endpoint_id>"


@app.post("/v1/webhook_endpoints", body=CreateEndpoint)
def create(request: Request[CreateEndpoint]) -> Response:
    return created(shown_once(endpoints.create(services(request), **request.body.model_dump())))


@app.get("/v1/webhook_endpoints")
def list_endpoints(request: Request[NoBody]) -> Response:
    return ok(endpoint_queries.list_page(services(request), request.query))


@app.get(ONE)
def get(request: Request[NoBody], endpoint_id: str) -> Response:
    return ok(endpoints.get(services(request), endpoint_id).view())


@app.post(ONE, body=UpdateEndpoint)
def update(request: Request[UpdateEndpoint], endpoint_id: str) -> Response:
    changes = request.body.model_dump(exclude_unset=True)
    return ok(endpoints.update(services(request), endpoint_id, changes).view())


@app.delete(ONE)
def delete(request: Request[NoBody], endpoint_id: str) -> Response:
    endpoints.delete(services(request), endpoint_id)
    return ok({"endpoint_id": endpoint_id, "deleted": True})


@app.post(f"{ONE}/rotate_secret")
def rotate_secret(request: Request[NoBody], endpoint_id: str) -> Response:
    return ok(shown_once(endpoints.rotate_secret(services(request), endpoint_id)))


@app.get(f"{ONE}/deliveries")
def list_deliveries(request: Request[NoBody], endpoint_id: str) -> Response:
    return ok(endpoint_queries.deliveries_page(services(request), endpoint_id, request.query))


def shown_once(endpoint: Endpoint) -> dict[str, Any]:
    return {**endpoint.view(), "secret": endpoint.secret}


def services(request: Request[Any]) -> endpoints.Services:
    return endpoints.Services(
        tenant=request.principal.tenant,
        store=runtime.tenant_store(request.principal),
        now=runtime.clock().now(),
        new_id=runtime.new_id,
        entropy=os.urandom,
        allow_loopback=runtime.setting("WEBHOOKS_ALLOW_LOOPBACK", "false") == "true",
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
