"""The token service's routes: what goes in and comes out.

A token's number is in the answer to whoever had it made, and in no other.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox import bodies, token_bodies, token_books
from farthing_sandbox.answers import Answer, not_found, refusal
from farthing_sandbox.items import as_json
from farthing_sandbox.operations import rfc3339
from farthing_sandbox.token_rules import Status
from farthing_sandbox.token_service import NotActive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farthing_sandbox.http import Call
    from farthing_sandbox.token_rules import Token

NOTHING_MORE: Final[dict[str, Any]] = {}


def provision(call: Call) -> Answer:
    """POST /token_service/v1/tokens."""
    tokens = call.services.tokens
    token = tokens.provision(token_bodies.provision(call.body))
    issued = token.status in {Status.ACTIVE, Status.SUSPENDED}
    number = {
        "number": tokens.number(token.reference),
        "exp_month": token.exp_month,
        "exp_year": token.token_exp_year,
    }
    return shown(call, token, {"token": number if issued else None})


def find(call: Call) -> Answer:
    """GET /token_service/v1/tokens/{reference}."""
    token = call.services.tokens.find(call.reference)
    if token is None:
        return not_found(call.reference)
    return shown(call, token)


def delete(call: Call) -> Answer:
    """POST /token_service/v1/deletions."""
    return shown(call, call.services.tokens.delete(token_bodies.deletion(call.body)))


def cryptogram(call: Call) -> Answer:
    """POST /token_service/v1/cryptograms."""
    purchase = token_bodies.purchase(call.body)
    asked = vars(purchase)
    try:
        made = call.services.tokens.cryptogram(purchase, call.services.now())
    except NotActive:
        message = "there is no such token, or it may not pay"
        return refusal(HTTPStatus.CONFLICT, "TOKEN_NOT_ACTIVE", message, **texts(asked))
    body = as_json({**asked, "cryptogram": made})
    return Answer(HTTPStatus.OK, body, reference=purchase.reference)


def register_endpoint(call: Call) -> Answer:
    """PUT /token_service/v1/webhook_endpoint."""
    url = bodies.webhook_endpoint(call.body).url
    token_books.register_endpoint(call.services.tokens.books, url)
    return Answer(HTTPStatus.OK, as_json({"url": url}))


def shown(call: Call, token: Token, more: Mapping[str, Any] = NOTHING_MORE) -> Answer:
    """A token as it stands."""
    there = token.status is not Status.REFUSED and token.last_four
    card = {name: getattr(token, name) for name in ("last_four", "exp_month", "exp_year")}
    body = {
        "reference": token.reference,
        "status": token.status.value,
        "card": card if there else None,
        "token": None,
        "as_of": rfc3339(call.services.now()),
    }
    return Answer(HTTPStatus.OK, as_json({**body, **more}), reference=token.reference)


def texts(asked: dict[str, Any]) -> dict[str, str]:
    """What of a question is repeated in its refusal."""
    return {name: asked[name] for name in ("token_reference", "reference")}
