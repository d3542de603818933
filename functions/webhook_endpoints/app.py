"""/v1/webhook_endpoints: where events go, and what became of them there."""

from __future__ import annotations

from typing import Any

from farthing.http.api import api
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok
from farthing.webhooks import endpoint_queries, endpoints, recoveries
from farthing.webhooks.bodies import CreateEndpoint, Recover, RotateSecret, UpdateEndpoint
from farthing.webhooks.inspection import inspect
from farthing.webhooks.opening import open_endpoint
from farthing.webhooks.resend import resend_delivery
from farthing.webhooks.wiring import endpoint_services as services

app = api()
ONE = "/v1/webhook_endpoints/<endpoint_id>"
DELIVERY = f"{ONE}/deliveries/<delivery_id>"
RECOVERY = f"{ONE}/recoveries/<recovery_id>"


@app.post("/v1/webhook_endpoints", body=CreateEndpoint)
def create(request: Request[CreateEndpoint]) -> Response:
    return created(
        open_endpoint(services(request.principal), **request.body.model_dump()).view_once()
    )


@app.get("/v1/webhook_endpoints")
def list_endpoints(request: Request[NoBody]) -> Response:
    return ok(endpoint_queries.list_page(services(request.principal), request.query))


@app.get(ONE)
def get(request: Request[NoBody], endpoint_id: str) -> Response:
    return ok(endpoints.get(services(request.principal), endpoint_id).view())


@app.post(ONE, body=UpdateEndpoint)
def update(request: Request[UpdateEndpoint], endpoint_id: str) -> Response:
    changes = request.body.model_dump(exclude_unset=True)
    return ok(endpoints.update(services(request.principal), endpoint_id, changes).view())


@app.delete(ONE)
def delete(request: Request[NoBody], endpoint_id: str) -> Response:
    endpoints.delete(services(request.principal), endpoint_id)
    return ok({"endpoint_id": endpoint_id, "deleted": True})


@app.post(f"{ONE}/rotate_secret", body=RotateSecret)
def rotate_secret(request: Request[RotateSecret], endpoint_id: str) -> Response:
    overlap_seconds = request.body.overlap_seconds
    return ok(
        endpoints.rotate_secret(
            services(request.principal), endpoint_id, overlap_seconds
        ).view_once()
    )


@app.get(f"{ONE}/deliveries")
def list_deliveries(request: Request[NoBody], endpoint_id: str) -> Response:
    return ok(
        endpoint_queries.deliveries_page(services(request.principal), endpoint_id, request.query)
    )


@app.get(DELIVERY)
def get_delivery(request: Request[NoBody], endpoint_id: str, delivery_id: str) -> Response:
    return ok(inspect(services(request.principal), endpoint_id, delivery_id))


@app.post(f"{DELIVERY}/resend")
def resend(request: Request[NoBody], endpoint_id: str, delivery_id: str) -> Response:
    return ok(resend_delivery(services(request.principal), endpoint_id, delivery_id).view())


@app.post(f"{ONE}/recover", body=Recover)
def recover(request: Request[Recover], endpoint_id: str) -> Response:
    asked, here = request.body, services(request.principal)
    wanted = recoveries.Wanted(endpoint_id, asked.since, asked.until, asked.per_second)
    if asked.dry_run:
        return ok(recoveries.count(here, wanted).view())
    return created(recoveries.begin(here, wanted).view())


@app.get(f"{ONE}/recoveries")
def list_recoveries(request: Request[NoBody], endpoint_id: str) -> Response:
    return ok(recoveries.list_page(services(request.principal), endpoint_id, request.query))


@app.get(RECOVERY)
def get_recovery(request: Request[NoBody], endpoint_id: str, recovery_id: str) -> Response:
    return ok(recoveries.get(services(request.principal), endpoint_id, recovery_id).view())


@app.post(f"{RECOVERY}/cancel")
def cancel_recovery(request: Request[NoBody], endpoint_id: str, recovery_id: str) -> Response:
    return ok(recoveries.cancel(services(request.principal), endpoint_id, recovery_id).view())


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
