"""One request to Stripe: what came back, and what that proves.

    200                      an answer, still to be compared with what was asked
    400, 402, 404            refused: Stripe has looked at it, and did nothing
    401, 403, 429            not executed: the key and the limit on requests come before all else
    409, 5xx, anything else  nothing: it may have been done

An error that says that the idempotency key was used for another request, or that the object is
locked, proves nothing either.

Stripe repeats its first answer to an idempotency key for a day, its own failures included.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from farthing.acquiring.exchange import NoUsableAnswer, PostWithHeaders
from farthing.acquiring.stripe.form import Fields, encode
from farthing.acquiring.stripe.guarantees import (
    ANSWER_TIMEOUT_SECONDS,
    API_VERSION,
    LOOK_UP_TIMEOUT_SECONDS,
    MOVE_SECONDS_MIN,
    PREPARE_TIMEOUT_SECONDS,
)
from farthing.clock import to_text

HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Stripe-Version": API_VERSION}
KEY_HEADER = "Idempotency-Key"
CLOCK_HEADER = "Date"

REFUSED = frozenset({400, 402, 404})
NOT_EXECUTED = frozenset({401, 403, 429})
LOCKED = "lock_timeout"
DEFINITE_TYPES = frozenset({"card_error", "invalid_request_error"})


class NotExecuted(Exception):
    """Stripe turned the request away before it did anything."""


class Refusal(Exception):
    """A definite no, with Stripe's error object."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {error.get('code') or error.get('type')}")
        self.status = status
        self.error = error


class OutOfTime(Exception):
    """What is left of the time is too short to send what moves money."""


@dataclass(frozen=True)
class Reply:
    """The object of a 200, and when by Stripe's clock."""

    document: Mapping[str, Any]
    as_of: str | None


@dataclass(frozen=True)
class Api:
    """One merchant's account. `clock` counts seconds, from whenever."""

    exchange: PostWithHeaders
    clock: Callable[[], float]

    def get(self, path: str, query: Fields | None = None) -> Reply:
        """Read. Raises what `_read` raises, and what the exchange does."""
        asked = path + ("?" + encode(query) if query else "")
        return _reply(self.exchange("GET", asked, None, LOOK_UP_TIMEOUT_SECONDS, {}))

    def post(
        self, path: str, fields: Fields, key: str, timeout_seconds: int = PREPARE_TIMEOUT_SECONDS
    ) -> Reply:
        """Write, once for each key."""
        body = encode(fields).encode()
        return _reply(self.exchange("POST", path, body, timeout_seconds, {KEY_HEADER: key}))

    def begin(self) -> Deadline:
        """The time that one sending has, for all its requests together."""
        return Deadline(self, self.clock() + ANSWER_TIMEOUT_SECONDS)


@dataclass(frozen=True)
class Deadline:
    """Requests that end before `at`, together."""

    api: Api
    at: float

    def prepare(self, path: str, fields: Fields, key: str) -> Reply:
        """A request that moves nothing. Raises OutOfTime if there is no time for it."""
        return self.api.post(path, fields, key, min(PREPARE_TIMEOUT_SECONDS, self._left()))

    def read(self, path: str) -> Reply:
        """A look that the sending needs."""
        self._left()
        return self.api.get(path)

    def move(self, path: str, fields: Fields, key: str) -> Reply:
        """The request that moves money. Raises OutOfTime if it could not be waited for."""
        return self.api.post(path, fields, key, self._left())

    def _left(self) -> int:
        left = int(self.at - self.api.clock())
        if left < MOVE_SECONDS_MIN:
            raise OutOfTime
        return left


def _reply(exchanged: tuple[int, bytes, str]) -> Reply:
    """The answer. Raises Refusal, NotExecuted, or NoUsableAnswer for all that proves nothing."""
    status, raw, clock = exchanged
    document = _document(raw)
    if status == 200 and "error" not in document:
        return Reply(document, _instant(clock))
    error = document.get("error")
    if not isinstance(error, Mapping) or error.get("code") == LOCKED:
        raise NoUsableAnswer(str(status))
    if status in NOT_EXECUTED:
        raise NotExecuted(str(status))
    if status in REFUSED and error.get("type") in DEFINITE_TYPES:
        raise Refusal(status, error)
    raise NoUsableAnswer(str(status))


def _document(raw: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise NoUsableAnswer("no JSON") from error
    if not isinstance(document, dict):
        raise NoUsableAnswer("no JSON object")
    return document


def _instant(date: str) -> str | None:
    """An HTTP date as we write instants; None for anything else, also without a zone."""
    try:
        at = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return to_text(at) if at.tzinfo is not None else None
