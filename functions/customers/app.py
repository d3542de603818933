"""POST, GET and LIST /v1/customers."""

from __future__ import annotations

from typing import Any

from farthing.http.api import api
from farthing.http.page import page, page_request
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok
from farthing.payments import customers
from farthing.payments.customer import PREFIX, render
from farthing.payments.customer_bodies import CreateCustomer
from farthing.payments.wiring import rows, stamp

app = api()


@app.post("/v1/customers", body=CreateCustomer)
def create(request: Request[CreateCustomer]) -> Response:
    customer = customers.create(*rows(request.principal), request.body.fields(), *stamp(PREFIX))
    return created(render(customer, livemode=request.principal.livemode))


@app.get("/v1/customers/<customer_id>")
def get(request: Request[NoBody], customer_id: str) -> Response:
    customer = customers.get(*rows(request.principal), customer_id)
    return ok(render(customer, livemode=request.principal.livemode))


@app.get("/v1/customers")
def listed(request: Request[NoBody]) -> Response:
    wanted, livemode = page_request(request.query, PREFIX), request.principal.livemode
    found, has_more = customers.listed(*rows(request.principal), wanted)
    return page([render(one, livemode=livemode) for one in found], has_more=has_more)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
