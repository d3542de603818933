"""/v1/breaks: list, retrieve, assign, note, resolve; and those of one settlement."""

from __future__ import annotations

from farthing.http.api import api
from farthing.http.page import page
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.reconciliation.bodies import AssignBreak, NoteBreak, ResolveBreak
from farthing.reconciliation.view import break_object
from farthing.reconciliation.wiring import breaks, desk

app = api()
BREAK = "/v1/breaks/<break_id>"


@app.get("/v1/breaks")
def newest(request: Request[NoBody]) -> Response:
    found, has_more = breaks(request.principal).newest(request.query)
    return page([break_object(one) for one in found], has_more=has_more)


@app.get(BREAK)
def retrieve(request: Request[NoBody], break_id: str) -> Response:
    return ok(break_object(breaks(request.principal).get(break_id)))


@app.get("/v1/settlements/<settlement_id>/breaks")
def of_batch(request: Request[NoBody], settlement_id: str) -> Response:
    found, has_more = breaks(request.principal).of_batch(settlement_id, request.query)
    return page([break_object(one) for one in found], has_more=has_more)


@app.post(f"{BREAK}/assign", body=AssignBreak)
def assign(request: Request[AssignBreak], break_id: str) -> Response:
    body = request.body
    return ok(break_object(desk(request.principal).assign(break_id, body.to, body.by)))


@app.post(f"{BREAK}/note", body=NoteBreak)
def note(request: Request[NoteBreak], break_id: str) -> Response:
    body = request.body
    return ok(break_object(desk(request.principal).note(break_id, body.text, body.by)))


@app.post(f"{BREAK}/resolve", body=ResolveBreak, moves_money=True)
def resolve(request: Request[ResolveBreak], break_id: str) -> Response:
    body = request.body
    at = desk(request.principal)
    return at.resolve(break_id, body.resolution, body.by, body.reason, request.key)


def handler(event: dict[str, object], context: object) -> object:
    return app.resolve(event, context)
