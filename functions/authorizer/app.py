"""API Gateway's question: whose key is this, and what may it call?"""

from __future__ import annotations

from typing import Any

from farthing import runtime
from farthing.access.authorize import authorize, bearer_of, policy


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    runtime.begin(context)
    text = bearer_of(event.get("headers"))
    principal = authorize(runtime.system_store(), text, runtime.clock().now())
    if principal is None:
        raise Exception("Unauthorized")  # the word that API Gateway answers with 401
    return policy(principal, event["methodArn"])
