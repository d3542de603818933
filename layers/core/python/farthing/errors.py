"""The closed set of errors that the API can answer.

Each code fixes its HTTP status, whether a retry helps and under which key, and what is known of
the money. Responses, the OpenAPI document and the docs page are made from this one registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Retry(StrEnum):
    """What a caller may do after an error."""

    SAME_KEY = "SAME_KEY"
    NEW_KEY = "NEW_KEY"
    AFTER_RESOLUTION = "AFTER_RESOLUTION"
    NEVER = "NEVER"


class Effect(StrEnum):
    """What the request did to the money: nothing, something, or nobody knows yet."""

    NONE = "NONE"
    APPLIED = "APPLIED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class ErrorCode:
    """One row of the registry."""

    code: str
    status: int
    title: str
    retry: Retry
    outcome: Effect = Effect.NONE


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of the request; `field` is a dotted path."""

    field: str
    message: str


class FarthingError(Exception):
    """An answer other than success. Carries its code and what the caller needs to act on it."""

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        fields: Sequence[FieldProblem] = (),
        extensions: Mapping[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(f"{code.code}: {detail}")
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)
        self.extensions = dict(extensions or {})
        self.retry_after_seconds = retry_after_seconds


REGISTRY: dict[str, ErrorCode] = {}


def _register(
    code: str, status: int, title: str, retry: Retry, outcome: Effect = Effect.NONE
) -> ErrorCode:
    row = ErrorCode(code, status, title, retry, outcome)
    REGISTRY[code] = row
    return row


INVALID_JSON = _register("invalid_json", 400, "The body is not JSON", Retry.NEW_KEY)
INVALID_REQUEST = _register("invalid_request", 400, "A field is wrong", Retry.NEW_KEY)
BODY_TOO_LARGE = _register("body_too_large", 400, "The body is too large", Retry.NEW_KEY)
CARD_NUMBER_IN_TEXT = _register(
    "card_number_in_text", 400, "A text field holds a card number", Retry.NEW_KEY
)
IDEMPOTENCY_KEY_MISSING = _register(
    "idempotency_key_missing", 400, "Idempotency-Key is required here", Retry.NEW_KEY
)
IDEMPOTENCY_KEY_INVALID = _register(
    "idempotency_key_invalid", 400, "Idempotency-Key is not usable", Retry.NEW_KEY
)
TOKEN_NOT_USABLE = _register("token_not_usable", 400, "The token cannot pay", Retry.NEW_KEY)
UNKNOWN_CURSOR = _register("unknown_cursor", 400, "The cursor names nothing here", Retry.NEW_KEY)
UNAUTHENTICATED = _register("unauthenticated", 401, "No valid API key", Retry.NEVER)
SIGNATURE_REFUSED = _register(
    "signature_refused", 401, "The message is not from whom it says", Retry.NEVER
)
CARD_DECLINED = _register("card_declined", 402, "The issuer declined the payment", Retry.NEW_KEY)
BLOCKED_BY_FRAUD = _register("blocked_by_fraud", 402, "The payment was blocked", Retry.NEVER)
NOT_CARRIED_OUT = _register(
    "not_carried_out",
    402,
    "The acquirer never carried it out, or it was undone: no money moved",
    Retry.NEW_KEY,
)
FORBIDDEN = _register("forbidden", 403, "This key may not do that", Retry.NEVER)
NOT_FOUND = _register("not_found", 404, "There is no such object", Retry.NEVER)
METHOD_NOT_ALLOWED = _register("method_not_allowed", 405, "No such method here", Retry.NEVER)
REQUEST_IN_PROGRESS = _register(
    "request_in_progress",
    409,
    "A request with this key is in progress",
    Retry.SAME_KEY,
    Effect.UNKNOWN,
)
OPERATION_IN_PROGRESS = _register(
    "operation_in_progress",
    409,
    "Another operation on this payment is in progress",
    Retry.AFTER_RESOLUTION,
)
WRONG_STATE = _register("wrong_state", 409, "The payment's state does not allow this", Retry.NEVER)
AMOUNT_TOO_LARGE = _register(
    "amount_too_large", 409, "More than is left of the payment", Retry.NEW_KEY
)
PAYMENT_DISPUTED = _register(
    "payment_disputed",
    409,
    "The payment is disputed: a refund could give the money back twice",
    Retry.AFTER_RESOLUTION,
)
DISPUTE_NOT_ANSWERABLE = _register(
    "dispute_not_answerable", 409, "No answer to this dispute is waited for", Retry.NEVER
)
LIMIT_REACHED = _register("limit_reached", 409, "There are as many as may be", Retry.NEVER)
ENDPOINT_DISABLED = _register(
    "endpoint_disabled", 409, "The webhook endpoint is turned off", Retry.NEVER
)
RECOVERY_RUNNING = _register(
    "recovery_running", 409, "A recovery of this endpoint is under way", Retry.NEVER
)
ALREADY_LISTED = _register("already_listed", 409, "The value is on a list already", Retry.NEVER)
CONFLICT = _register("conflict", 409, "Another request changed this object", Retry.SAME_KEY)
IDEMPOTENCY_KEY_REUSED = _register(
    "idempotency_key_reused", 422, "This key was used with other parameters", Retry.NEW_KEY
)
RATE_LIMITED = _register("rate_limited", 429, "Too many requests", Retry.SAME_KEY)
INTERNAL = _register("internal_error", 500, "Farthing failed", Retry.SAME_KEY, Effect.UNKNOWN)
NOT_SENT = _register(
    "acquirer_unreachable",
    503,
    "The acquirer could not be reached; nothing was sent",
    Retry.SAME_KEY,
)


def not_found(what: str, id_: str) -> FarthingError:
    """The same answer for an object of another merchant and for none at all."""
    return FarthingError(NOT_FOUND, f"no {what} {id_}")


def invalid(field: str, message: str) -> FarthingError:
    """One field is wrong."""
    return FarthingError(
        INVALID_REQUEST, f"{field}: {message}", fields=[FieldProblem(field, message)]
    )
