"""POST /v1/tokens: the one place where a card number comes in."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.request import Request
from farthing.http.response import Response, created
from farthing.vault.bodies import CreateToken
from farthing.vault.tokenise import render, tokenise
from farthing.vault.wiring import token_ports

app = api()


@app.post("/v1/tokens", body=CreateToken)
def create(request: Request[CreateToken]) -> Response:
    principal, now = request.principal, runtime.clock().now()
    ports = token_ports(principal)
    face = tokenise(principal, request.body.card(), request.source_ip, now, ports)
    return created(render(face, livemode=principal.livemode))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
