"""POST, GET, LIST and DELETE /v1/payment_methods, POST …/{id}/default."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.page import page, page_request
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok
from farthing.payments import payment_methods
from farthing.payments.payment_method import PREFIX, render
from farthing.payments.payment_method_bodies import SavePaymentMethod

app = api()


@app.post("/v1/payment_methods", body=SavePaymentMethod)
def create(request: Request[SavePaymentMethod]) -> Response:
    new, id_, now = request.body.new(), runtime.new_id(PREFIX), runtime.clock().now()
    return created(show(request, payment_methods.attach(*reach(request), new, id_, now)))


@app.get("/v1/payment_methods/<method_id>")
def get(request: Request[NoBody], method_id: str) -> Response:
    return ok(show(request, payment_methods.get(*reach(request), method_id)))


@app.get("/v1/payment_methods")
def listed(request: Request[NoBody]) -> Response:
    wanted = page_request(request.query, PREFIX, "customer_id")
    customer_id = request.query.get("customer_id")
    found, has_more = payment_methods.listed(*reach(request), wanted, customer_id)
    return page([show(request, one) for one in found], has_more=has_more)


@app.post("/v1/payment_methods/<method_id>/default")
def make_default(request: Request[NoBody], method_id: str) -> Response:
    return ok(show(request, payment_methods.make_default(*reach(request), method_id)))


@app.delete("/v1/payment_methods/<method_id>")
def delete(request: Request[NoBody], method_id: str) -> Response:
    payment_methods.delete(*reach(request), method_id, runtime.clock().now())
    return ok({"method_id": method_id, "deleted": True})


def reach(request: Request[Any]) -> tuple[Any, Any]:
    return runtime.tenant_store(request.principal), request.principal.tenant


def show(request: Request[Any], shown: payment_methods.Shown) -> dict[str, Any]:
    livemode = request.principal.livemode
    return render(shown.method, is_default=shown.is_default, livemode=livemode)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
