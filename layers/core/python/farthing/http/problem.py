"""Errors as RFC 9457 problem documents.

A document repeats what was wrong: the name of a field, an id, a path. Any of these can be a card
number that somebody put in the wrong place, so this is where such a number stops.
"""

from __future__ import annotations

from typing import Any

from farthing.cards import mask
from farthing.errors import FarthingError
from farthing.http.response import PROBLEM_JSON, Response, dump

ECHO_LENGTH_MAX = 512


def problem(error: FarthingError, request_id: str) -> Response:
    """The problem document of `error`."""
    code = error.code
    body: dict[str, Any] = {
        "type": f"/docs/errors#{code.code}",
        "title": code.title,
        "status": code.status,
        "detail": _echo(error.detail),
        "code": code.code,
        "retry": code.retry.value,
        "outcome": code.outcome.value,
        "request_id": request_id,
    }
    if error.fields:
        body["fields"] = [
            {"field": _echo(problem.field), "message": _echo(problem.message)}
            for problem in error.fields
        ]
    body |= error.extensions
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return Response(code.status, dump(body), PROBLEM_JSON, headers)


def _echo(text: str) -> str:
    """`text` that may hold what came in: no card number, no half of a character, no novel."""
    short = text[: 2 * ECHO_LENGTH_MAX].encode(errors="replace").decode()
    return mask(short)[:ECHO_LENGTH_MAX]
