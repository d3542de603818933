"""GET /v1/balance and /v1/ledger_transactions: what a merchant is owed, and how that came to be."""

from __future__ import annotations

from farthing import runtime
from farthing.http.api import api
from farthing.http.page import page
from farthing.http.request import NoBody, Request
from farthing.http.response import Response, ok
from farthing.ledger.queries import Ledger
from farthing.ledger.views import balance_object, transaction_object

app = api()


def ledger(request: Request[NoBody]) -> Ledger:
    return Ledger(request.principal, runtime.tenant_store(request.principal))


@app.get("/v1/balance")
def balance(request: Request[NoBody]) -> Response:
    heads = ledger(request).balances()
    found = [balance_object(head) for head in heads]
    return ok({"data": found, "livemode": request.principal.livemode})


@app.get("/v1/ledger_transactions")
def newest(request: Request[NoBody]) -> Response:
    found, has_more = ledger(request).newest(request.query)
    livemode = request.principal.livemode
    return page([transaction_object(row, livemode=livemode) for row in found], has_more=has_more)


@app.get("/v1/ledger_transactions/<transaction_id>")
def retrieve(request: Request[NoBody], transaction_id: str) -> Response:
    found = ledger(request).get(transaction_id)
    return ok(transaction_object(found, livemode=request.principal.livemode))


def handler(event: dict[str, object], context: object) -> object:
    return app.resolve(event, context)
