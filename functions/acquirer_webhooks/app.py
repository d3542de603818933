"""POST /v1/acquirer_webhooks/{acquirer}: verify the signature, queue, answer 200."""

from __future__ import annotations

from typing import Any

from farthing.acquiring import webhooks
from farthing.acquiring.webhooks_wiring import services
from farthing.http.api import api
from farthing.http.request import Posted
from farthing.http.response import Response, ok

app = api()


@app.hook("/v1/acquirer_webhooks/<acquirer>")
def receive(posted: Posted, acquirer: str) -> Response:
    webhooks.receive(acquirer, posted.headers, posted.body, services())
    return ok({"received": True})


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
