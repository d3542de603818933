"""Errors as RFC 9457 problem documents."""

from __future__ import annotations

from typing import Any

from farthing.errors import FarthingError
from farthing.http.response import PROBLEM_JSON, Response, dump


def problem(error: FarthingError, request_id: str) -> Response:
    """The problem document of `error`."""
    code = error.code
    body: dict[str, Any] = {
        "type": f"/docs/errors#{code.code}",
        "title": code.title,
        "status": code.status,
        "detail": error.detail,
        "code": code.code,
        "retry": code.retry.value,
        "outcome": code.outcome.value,
        "request_id": request_id,
    }
    if error.fields:
        body["fields"] = [
            {"field": problem.field, "message": problem.message} for problem in error.fields
        ]
    body |= error.extensions
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return Response(code.status, dump(body), PROBLEM_JSON, headers)
