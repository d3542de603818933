"""Stripe's idempotency layer, as its documentation describes it.

The first answer to a key is kept for a day, failures included, once the endpoint has begun. What is
refused before that is not kept: a wrong parameter, a missing API key, too many requests, a request
beside another one with the same key. The same key with another request is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from farthing.acquiring.exchange import Exchanged

KEPT_SECONDS = 24 * 60 * 60


def error(status: int, kind: str, date: str, **more: Any) -> Exchanged:
    """An error of Stripe's shape."""
    told = {"error": {"type": kind, "message": "as documented", **more}}
    return status, json.dumps(told).encode(), date


@dataclass
class IdempotencyLayer:
    """What stands in front of every endpoint that writes."""

    now: Callable[[], float]
    date: Callable[[], str]
    kept: dict[str, tuple[float, tuple[str, bytes | None], Exchanged]] = field(default_factory=dict)
    in_use: set[str] = field(default_factory=set)
    """Keys of requests that are being executed, elsewhere."""

    def __call__(
        self,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        execute: Callable[[], tuple[Exchanged, bool]],
    ) -> Exchanged:
        """`execute` gives the answer, and whether the endpoint had begun."""
        key = headers.get("Idempotency-Key")
        if key is None:
            return execute()[0]
        if key in self.in_use:
            code = "idempotency_key_in_use"
            return error(409, "idempotency_error", self.date(), code=code)
        before = self.kept.get(key)
        if before is not None and self.now() - before[0] < KEPT_SECONDS:
            _, asked, answer = before
            if asked != (path, body):
                return error(400, "idempotency_error", self.date())
            return answer[0], answer[1], self.date()
        answer, begun = execute()
        if begun:
            self.kept[key] = self.now(), (path, body), answer
        return answer
