"""POST, GET and LIST /v1/customers."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.page import page, page_request
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, created, ok
from farthing.payments import customers
from farthing.payments.customer import PREFIX, render
from farthing.payments.customer_bodies import CreateCustomer

app = api()


@app.post("/v1/customers", body=CreateCustomer)
def create(request: Request[CreateCustomer]) -> Response:
    who = request.principal
    fields, id_, now = request.body.fields(), runtime.new_id(PREFIX), runtime.clock().now()
    customer = customers.create(runtime.tenant_store(who), who.tenant, fields, id_, now)
    return created(render(customer, livemode=who.livemode))


@app.get("/v1/customers/<customer_id>")
def get(request: Request[NoBody], customer_id: str) -> Response:
    who = request.principal
    customer = customers.get(runtime.tenant_store(who), who.tenant, customer_id)
    return ok(render(customer, livemode=who.livemode))


@app.get("/v1/customers")
def listed(request: Request[NoBody]) -> Response:
    who, wanted = request.principal, page_request(request.query, PREFIX)
    found, has_more = customers.listed(runtime.tenant_store(who), who.tenant, wanted)
    return page([render(one, livemode=who.livemode) for one in found], has_more=has_more)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
