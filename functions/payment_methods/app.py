"""POST, GET, LIST and DELETE /v1/payment_methods, POST …/{id}/default."""

from __future__ import annotations

from typing import Any

from farthing.http.api import api
from farthing.http.page import page, page_request
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok
from farthing.payments import payment_methods
from farthing.payments.payment_method import PREFIX, render
from farthing.payments.payment_method_bodies import SavePaymentMethod
from farthing.payments.wiring import now, rows, stamp

app = api()


@app.post("/v1/payment_methods", body=SavePaymentMethod)
def create(request: Request[SavePaymentMethod]) -> Response:
    new, who = request.body.new(), request.principal
    return created(show(request, payment_methods.attach(*rows(who), new, *stamp(PREFIX))))


@app.get("/v1/payment_methods/<method_id>")
def get(request: Request[NoBody], method_id: str) -> Response:
    return ok(show(request, payment_methods.get(*rows(request.principal), method_id)))


@app.get("/v1/payment_methods")
def listed(request: Request[NoBody]) -> Response:
    wanted = page_request(request.query, PREFIX, "customer_id")
    customer_id = request.query.get("customer_id")
    found, has_more = payment_methods.listed(*rows(request.principal), wanted, customer_id)
    return page([show(request, one) for one in found], has_more=has_more)


@app.post("/v1/payment_methods/<method_id>/default")
def make_default(request: Request[NoBody], method_id: str) -> Response:
    return ok(show(request, payment_methods.make_default(*rows(request.principal), method_id)))


@app.delete("/v1/payment_methods/<method_id>")
def delete(request: Request[NoBody], method_id: str) -> Response:
    payment_methods.delete(*rows(request.principal), method_id, now())
    return ok({"method_id": method_id, "deleted": True})


def show(request: Request[Any], shown: payment_methods.Shown) -> dict[str, Any]:
    livemode = request.principal.livemode
    return render(shown.method, is_default=shown.is_default, livemode=livemode)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
