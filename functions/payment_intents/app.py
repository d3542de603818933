"""/v1/payment_intents: create, confirm, capture, cancel, retrieve, list."""

from __future__ import annotations

from typing import Any

from farthing.http.api import api
from farthing.http.page import choice_filter, page, page_request, time_filter
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.payments import confirm as confirming
from farthing.payments import create as creating
from farthing.payments import followups, read, review_queries
from farthing.payments.bodies import (
    CapturePaymentIntent,
    ConfirmPaymentIntent,
    CreatePaymentIntent,
)
from farthing.payments.listing import Listing
from farthing.payments.states import Status
from farthing.payments.views import show_intent
from farthing.payments.wiring import services

app = api()
INTENT = "/v1/payment_intents/<intent_id>"


@app.post("/v1/payment_intents", body=CreatePaymentIntent, moves_money=True)
def create(request: Request[CreatePaymentIntent]) -> Response:
    return creating.create(
        request.body.wanted(), request.key, request.request_id, services(request.principal)
    )


@app.post(f"{INTENT}/confirm", body=ConfirmPaymentIntent, moves_money=True)
def confirm(request: Request[ConfirmPaymentIntent], intent_id: str) -> Response:
    return confirming.confirm(
        intent_id,
        request.body.paying(),
        request.key,
        request.request_id,
        services(request.principal),
    )


@app.post(f"{INTENT}/capture", body=CapturePaymentIntent, moves_money=True)
def capture(request: Request[CapturePaymentIntent], intent_id: str) -> Response:
    amount_cents = request.body.amount_cents or None
    return followups.capture(
        intent_id, amount_cents, request.key, request.request_id, services(request.principal)
    )


@app.post(f"{INTENT}/cancel", moves_money=True)
def cancel(request: Request[NoBody], intent_id: str) -> Response:
    return followups.cancel(intent_id, request.key, request.request_id, services(request.principal))


@app.get(INTENT)
def retrieve(request: Request[NoBody], intent_id: str) -> Response:
    return ok(show_intent(read.retrieve(intent_id, services(request.principal))))


@app.get(f"{INTENT}/fraud_signals")
def fraud_signals(request: Request[NoBody], intent_id: str) -> Response:
    found = review_queries.signals(intent_id, services(request.principal))
    return page(found, has_more=False)


@app.get("/v1/payment_intents")
def list_(request: Request[NoBody]) -> Response:
    query = request.query
    filters = ("status", "customer_id", "created_from", "created_before")
    asked = page_request(query, "pi", *filters)
    listing = Listing(
        limit=asked.limit,
        starting_after=asked.starting_after,
        created_from=time_filter(query, "created_from"),
        created_before=time_filter(query, "created_before"),
        status=choice_filter(query, "status", [status.value for status in Status]),
        customer_id=query.get("customer_id"),
    )
    intents, more = read.list_intents(listing, services(request.principal))
    return page([show_intent(intent) for intent in intents], has_more=more)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
