"""/v1/reviews: list, retrieve, approve, decline."""

from __future__ import annotations

from typing import Any

from farthing.http.api import api
from farthing.http.page import choice_filter, page, page_request, time_filter
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.payments import review_queries, reviews
from farthing.payments.bodies import AnswerReview, DeclineReview
from farthing.payments.listing import Listing
from farthing.payments.payable import PaymentRequest
from farthing.payments.review import PREFIX, ReviewStatus
from farthing.payments.reviews import ReviewAnswer
from farthing.payments.wiring import services

app = api()
REVIEW = "/v1/reviews/<review_id>"
SUCCESS_STATUS = 200


@app.get("/v1/reviews")
def list_(request: Request[NoBody]) -> Response:
    query = request.query
    asked = page_request(query, PREFIX, "status", "created_from", "created_before")
    listing = Listing(
        limit=asked.limit,
        starting_after=asked.starting_after,
        created_from=time_filter(query, "created_from"),
        created_before=time_filter(query, "created_before"),
        status=choice_filter(query, "status", [status.value for status in ReviewStatus]),
    )
    found, more = review_queries.list_reviews(listing, services(request.principal))
    return page(found, has_more=more)


@app.get(REVIEW)
def retrieve(request: Request[NoBody], review_id: str) -> Response:
    return ok(review_queries.retrieve(review_id, services(request.principal)))


@app.post(f"{REVIEW}/approve", body=AnswerReview, moves_money=True)
def approve(request: Request[AnswerReview], review_id: str) -> Response:
    answer = _answer(request, review_id)
    return reviews.approve(answer, _asked(request), services(request.principal))


@app.post(f"{REVIEW}/decline", body=DeclineReview, moves_money=True)
def decline(request: Request[DeclineReview], review_id: str) -> Response:
    answer = _answer(request, review_id, is_fraud=request.body.is_fraud)
    return reviews.decline(answer, _asked(request), services(request.principal))


def _answer(request: Request[Any], review_id: str, *, is_fraud: bool = False) -> ReviewAnswer:
    by = request.body.reviewer or request.principal.key_id
    return ReviewAnswer(review_id, by, request.body.note, is_fraud)


def _asked(request: Request[Any]) -> PaymentRequest:
    return PaymentRequest(request.key, request.request_id, SUCCESS_STATUS)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
