"""The sandbox acquirer: a simulated payment system with its own books, on test stacks only."""

from __future__ import annotations

from typing import Any

from farthing_sandbox import deferred, http, runtime


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway proxy event, or work off the messages that it sent to itself."""
    if "Records" in event:
        return deferred.work_off(event, runtime.services())
    return http.respond(event, runtime.services())
