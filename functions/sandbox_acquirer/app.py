"""The sandbox acquirer: a simulated payment system with its own books, on test stacks only."""

from __future__ import annotations

from typing import Any

from farthing_sandbox import http, runtime


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway proxy event."""
    return http.respond(event, runtime.services())
