"""POST /v1/tokens: the one place where a card number, an account or a wallet's payload comes in."""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.request import Request
from farthing.http.response import Response, created
from farthing.vault import tokens
from farthing.vault.token_bodies import CreateAnyToken
from farthing.vault.tokenise import render
from farthing.vault.wiring import token_ports

app = api()


@app.post("/v1/tokens", body=CreateAnyToken)
def create(request: Request[CreateAnyToken]) -> Response:
    principal, now = request.principal, runtime.clock().now()
    ports = token_ports(principal)
    face = tokens.create(principal, request.body.typed(), request.source_ip, now, ports)
    return created(render(face, livemode=principal.livemode))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
