"""Answers: a status, a body as the exact text that is sent, and headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
CSV = "text/csv; charset=utf-8"
PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True)
class Response:
    """What the caller gets. `body` is text, so that a replay is the same to the byte."""

    status: int
    body: str
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, **headers: str) -> Response:
        """The same answer with more headers; `_` in a name stands for `-`."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(self.status, self.body, self.content_type, {**self.headers, **extra})


ASK_AGAIN_SECONDS = 5


def dump(body: Mapping[str, Any]) -> str:
    """JSON as we send it: stable, compact, UTF-8."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def ok(body: Mapping[str, Any]) -> Response:
    """200 with the object."""
    return Response(200, dump(body))


def csv(text: str) -> Response:
    """200 with a file."""
    return Response(200, text, CSV)


def created(body: Mapping[str, Any]) -> Response:
    """201 with the new object."""
    return Response(201, dump(body))


def accepted(body: Mapping[str, Any]) -> Response:
    """202: the outcome is not known yet; the object says so. Ask again in a while."""
    return Response(202, dump(body), headers={"Retry-After": str(ASK_AGAIN_SECONDS)})
