"""POST /v1/tokens: the one place where a card number comes in, or an acquirer's token for one."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.request import Request
from farthing.http.response import Response, created
from farthing.vault import acquirer_token
from farthing.vault.bodies import CreateToken
from farthing.vault.token_bodies import KeepAcquirerToken, TokenBody
from farthing.vault.tokenise import render, tokenise
from farthing.vault.wiring import token_ports

app = api()


@app.post("/v1/tokens", body=TokenBody, publishable=True)
def create(request: Request[CreateToken | KeepAcquirerToken]) -> Response:
    principal, now, body = request.principal, runtime.clock().now(), request.body
    ports = token_ports(principal)
    if isinstance(body, KeepAcquirerToken):
        face = acquirer_token.keep(principal, body.given(), request.source_ip, now, ports)
    else:
        acquirer_token.require_numbers(principal)
        face = tokenise(principal, body.card(), request.source_ip, now, ports)
    return created(render(face, livemode=principal.livemode))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
