"""POST /v1/acquirer_webhooks/{acquirer}…: verify the signature, queue, answer 200."""

from __future__ import annotations

from typing import Any

from farthing.acquiring import account_webhooks, webhooks
from farthing.acquiring.webhooks_wiring import account_services, services
from farthing.http.api import api
from farthing.http.request import Posted
from farthing.http.response import Response, ok
from farthing.store import TenantScope

app = api()


@app.hook("/v1/acquirer_webhooks/<acquirer>")
def receive(posted: Posted, acquirer: str) -> Response:
    webhooks.receive(acquirer, posted.headers, posted.body, services())
    return ok({"received": True})


@app.hook("/v1/acquirer_webhooks/<acquirer>/<merchant_id>/<mode>")
def receive_of_account(posted: Posted, acquirer: str, merchant_id: str, mode: str) -> Response:
    account = TenantScope(merchant_id, mode)
    account_webhooks.receive(acquirer, account, posted.headers, posted.body, account_services())
    return ok({"received": True})


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
