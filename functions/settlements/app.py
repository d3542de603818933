"""GET /v1/settlements: what was paid out day by day, and of which payments it consists."""

from __future__ import annotations

from farthing import runtime
from farthing.http.api import api
from farthing.http.page import page
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, csv, ok
from farthing.settlement.read import Settlements
from farthing.settlement.view import line_object, settlement_object

app = api()


def settlements(request: Request[NoBody]) -> Settlements:
    return Settlements(request.principal, runtime.tenant_store(request.principal))


@app.get("/v1/settlements")
def newest(request: Request[NoBody]) -> Response:
    found, has_more = settlements(request).newest(request.query)
    return page([settlement_object(batch) for batch in found], has_more=has_more)


@app.get("/v1/settlements/<settlement_id>")
def retrieve(request: Request[NoBody], settlement_id: str) -> Response:
    return ok(settlement_object(settlements(request).get(settlement_id)))


@app.get("/v1/settlements/<settlement_id>/lines")
def lines(request: Request[NoBody], settlement_id: str) -> Response:
    found, has_more = settlements(request).lines(settlement_id, request.query)
    return page([line_object(line) for line in found], has_more=has_more)


@app.get("/v1/settlements/<settlement_id>/report")
def report(request: Request[NoBody], settlement_id: str) -> Response:
    return csv(settlements(request).report(settlement_id, runtime.files()))


def handler(event: dict[str, object], context: object) -> object:
    return app.resolve(event, context)
