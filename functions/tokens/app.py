"""POST /v1/tokens: the one place where a card number comes in."""

from __future__ import annotations

import os
from typing import Any

from farthing import runtime
from farthing.http.api import api
from farthing.http.request import Request
from farthing.http.response import Response, created
from farthing.vault import kms
from farthing.vault.bodies import CreateToken
from farthing.vault.tokenise import TOKENS_PER_MINUTE_DEFAULT, TokenPorts, render, tokenise

app = api()


@app.post("/v1/tokens", body=CreateToken, publishable=True)
def create(request: Request[CreateToken]) -> Response:
    principal = request.principal
    ports = TokenPorts(
        store=runtime.tenant_store(principal),
        data_keys=kms.data_keys(),
        fingerprints=kms.fingerprints(),
        entropy=os.urandom,
        new_id=runtime.new_id,
        tokens_per_minute=int(runtime.setting("TOKENS_PER_MINUTE", str(TOKENS_PER_MINUTE_DEFAULT))),
    )
    now = runtime.clock().now()
    face = tokenise(principal, request.body.card(), request.source_ip, now, ports)
    return created(render(face, livemode=principal.livemode))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
