"""/v1/checkout_sessions: create, retrieve, list, expire; and pay, for the payer's page."""

from __future__ import annotations

from typing import Any

from farthing.checkout import create as creating
from farthing.checkout import expire as ending
from farthing.checkout import pay as paying
from farthing.checkout import queries, read, wiring
from farthing.checkout.bodies import CreateCheckoutSession, PayCheckoutSession
from farthing.fraud.wiring import viewer
from farthing.http.api import api
from farthing.http.page import page
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.payments.wiring import now, services

app = api()
SESSION = "/v1/checkout_sessions/<session_id>"


@app.post("/v1/checkout_sessions", body=CreateCheckoutSession, moves_money=True)
def create(request: Request[CreateCheckoutSession]) -> Response:
    made = wiring.making(request.principal, request.stage[wiring.BASE_URL])
    return creating.create(request.body.wanted(), request.key, made)


@app.get(SESSION)
def retrieve(request: Request[NoBody], session_id: str) -> Response:
    found = read.retrieve(session_id, services(request.principal))
    return ok(queries.show_to(request.principal, found, now()))


@app.get("/v1/checkout_sessions")
def list_(request: Request[NoBody]) -> Response:
    found, more = queries.list_page(request.query, services(request.principal))
    return page(found, has_more=more)


@app.post(f"{SESSION}/expire")
def expire(request: Request[NoBody], session_id: str) -> Response:
    return ok(ending.expire(session_id, services(request.principal)).show(now()))


@app.post(f"{SESSION}/pay", body=PayCheckoutSession, moves_money=True)
def pay(request: Request[PayCheckoutSession], session_id: str) -> Response:
    seen = viewer(request.headers)
    return paying.pay(
        session_id,
        request.body.token,
        request.key,
        seen.ip_address if seen else request.source_ip,
        request.request_id,
        services(request.principal, seen),
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
