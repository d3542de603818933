"""POST /v1/acquirer_webhooks/{acquirer}…: verify the signature, keep, queue, answer 200."""

from __future__ import annotations

from typing import Any

from farthing.acquiring.inbound import Acknowledgement
from farthing.acquiring.receive import receive
from farthing.acquiring.webhooks_wiring import receive_services
from farthing.http.api import api
from farthing.http.request import Posted
from farthing.http.response import Response
from farthing.store import TenantScope

app = api()


@app.hook("/v1/acquirer_webhooks/<acquirer>")
def receive_of_all(posted: Posted, acquirer: str) -> Response:
    return _answer(receive(acquirer, None, posted.headers, posted.body, receive_services()))


@app.hook("/v1/acquirer_webhooks/<acquirer>/<merchant_id>/<mode>")
def receive_of_account(posted: Posted, acquirer: str, merchant_id: str, mode: str) -> Response:
    account = TenantScope(merchant_id, mode)
    return _answer(receive(acquirer, account, posted.headers, posted.body, receive_services()))


def _answer(said: Acknowledgement) -> Response:
    return Response(said.status, said.body, said.content_type)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
