"""/v1/disputes: list, retrieve, evidence, accept."""

from __future__ import annotations

from typing import Any

from farthing.acquiring.dispute import Stage, Standing
from farthing.disputes import queries, respond
from farthing.disputes.bodies import EVIDENCE_BYTES_MAX, AcceptDispute, GiveEvidence
from farthing.disputes.dispute import PREFIX
from farthing.disputes.queries import DisputeListing
from farthing.disputes.respond import Asked
from farthing.disputes.wiring import services
from farthing.http.api import api
from farthing.http.page import choice_filter, page, page_request, time_filter
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.money import EXPONENTS

app = api()
DISPUTE = "/v1/disputes/<dispute_id>"
FILTERS = ("status", "stage", "payment_intent_id", "currency", "due_before")


@app.get("/v1/disputes")
def list_(request: Request[NoBody]) -> Response:
    query = request.query
    asked = page_request(query, PREFIX, *FILTERS)
    status = choice_filter(query, "status", [one.value for one in Standing])
    stage = choice_filter(query, "stage", [one.value for one in Stage])
    listing = DisputeListing(
        limit=asked.limit,
        starting_after=asked.starting_after,
        status=Standing(status) if status else None,
        stage=Stage(stage) if stage else None,
        currency=choice_filter(query, "currency", EXPONENTS),
        due_before=time_filter(query, "due_before"),
        intent_id=query.get("payment_intent_id"),
    )
    found, more = queries.list_disputes(listing, services(request.principal))
    return page(found, has_more=more)


@app.get(DISPUTE)
def retrieve(request: Request[NoBody], dispute_id: str) -> Response:
    return ok(queries.retrieve(dispute_id, services(request.principal)))


@app.post(
    f"{DISPUTE}/evidence",
    body=GiveEvidence,
    moves_money=True,
    body_bytes_max=EVIDENCE_BYTES_MAX,
)
def evidence(request: Request[GiveEvidence], dispute_id: str) -> Response:
    body, asked = request.body, Asked(request.key, request.request_id)
    given, submit = body.evidence(), body.submit
    here = services(request.principal)
    return respond.keep_evidence(dispute_id, given, asked, here, submit=submit)


@app.post(f"{DISPUTE}/accept", body=AcceptDispute, moves_money=True)
def accept(request: Request[AcceptDispute], dispute_id: str) -> Response:
    asked = Asked(request.key, request.request_id)
    return respond.accept(dispute_id, asked, services(request.principal))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
