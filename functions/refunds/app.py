"""/v1/refunds: create, retrieve, list."""

from __future__ import annotations

from typing import Any

from farthing.http.api import api
from farthing.http.page import page, page_request
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.payments import refunds
from farthing.payments.bodies import CreateRefund
from farthing.payments.listing import Listing
from farthing.payments.refund import show_refund
from farthing.payments.wiring import services

app = api()


@app.post("/v1/refunds", body=CreateRefund, moves_money=True)
def create(request: Request[CreateRefund]) -> Response:
    body = request.body
    return refunds.create(
        body.payment_intent_id,
        body.amount_cents or None,
        body.reason,
        request.key,
        request.request_id,
        services(request.principal),
    )


@app.get("/v1/refunds/<refund_id>")
def retrieve(request: Request[NoBody], refund_id: str) -> Response:
    return ok(show_refund(refunds.retrieve(refund_id, services(request.principal))))


@app.get("/v1/refunds")
def list_(request: Request[NoBody]) -> Response:
    asked = page_request(request.query, "re", "payment_intent_id")
    found, more = refunds.list_refunds(
        Listing(limit=asked.limit, starting_after=asked.starting_after),
        request.query.get("payment_intent_id"),
        services(request.principal),
    )
    return page([show_refund(refund) for refund in found], has_more=more)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
