"""A request, parsed: principal, body model, query, headers. Made once, at the edge."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from farthing.access.account import Settings
from farthing.access.keys import BREAKS
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.access.routes import ON_BREAKS, TOKENS, may_call
from farthing.cards import holds_pan
from farthing.errors import (
    BODY_TOO_LARGE,
    CARD_NUMBER_IN_TEXT,
    FORBIDDEN,
    INVALID_JSON,
    INVALID_REQUEST,
    UNAUTHENTICATED,
    FarthingError,
    FieldProblem,
)
from farthing.http.idempotency_key import IdempotentRequest, field_digests, parse_key
from farthing.method_type import MethodType

BODY_BYTES_MAX = 64 * 1024
"""Of a route that does not say otherwise."""
FIELD_PROBLEMS_MAX = 20

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True)
class Call:
    """The raw request as API Gateway hands it over, with lower-case header names."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    text: str
    request_id: str
    source_ip: str
    stage: Mapping[str, str]
    principal: Principal | None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Call:
        """The call of a REST API proxy event. Raises FarthingError if the body is no text."""
        context = event.get("requestContext") or {}
        return cls(
            method=event["httpMethod"],
            path=event["path"].rstrip("/"),
            headers={k.lower(): v for k, v in (event.get("headers") or {}).items()},
            query=dict(event.get("queryStringParameters") or {}),
            text=_text_of(event),
            request_id=context.get("requestId", ""),
            source_ip=(context.get("identity") or {}).get("sourceIp", ""),
            stage=dict(event.get("stageVariables") or {}),
            principal=_principal_of(context.get("authorizer") or {}),
        )


@dataclass(frozen=True)
class Request(Generic[Body]):
    """What a handler gets: everything checked, nothing raw.

    `stage` are the stage's variables: addresses that the template knows. Header names are lower.
    """

    principal: Principal
    body: Body
    query: Mapping[str, str]
    stage: Mapping[str, str]
    source_ip: str
    request_id: str
    idempotency: IdempotentRequest | None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> IdempotentRequest:
        """The key of a request that cannot come without one."""
        if self.idempotency is None:
            raise RuntimeError("this route was not registered as one that moves money")
        return self.idempotency


@dataclass(frozen=True)
class Posted:
    """What another system posted, to the byte: a signature is over bytes. Header names are lower.

    Nothing of it is to be believed before its signature is checked.
    """

    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Posted:
        """The message of a REST API proxy event. Raises FarthingError if it is too large."""
        body = _bytes_of(event)
        if len(body) > BODY_BYTES_MAX:
            raise FarthingError(BODY_TOO_LARGE, f"a body has at most {BODY_BYTES_MAX} bytes")
        return cls({k.lower(): v for k, v in (event.get("headers") or {}).items()}, body)


@dataclass(frozen=True)
class Asked:
    """What a browser asks for without a key: a page, a script. Nothing of it is to be believed."""

    query: Mapping[str, str]
    stage: Mapping[str, str]

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Asked:
        """The question of a REST API proxy event."""
        query, stage = event.get("queryStringParameters"), event.get("stageVariables")
        return cls(dict(query or {}), dict(stage or {}))


class NoBody(BaseModel):
    """For routes that take none."""

    model_config = {"extra": "forbid"}


def parse(
    call: Call,
    model: type[Body],
    *,
    key_required: bool,
    body_bytes_max: int = BODY_BYTES_MAX,
) -> Request[Body]:
    """The request of a call. Raises FarthingError with the fields that are wrong."""
    if call.principal is None:
        raise FarthingError(UNAUTHENTICATED, "send Authorization: Bearer sk_…")
    _require_allowed(call.principal, call.method, call.path)
    key = None
    if call.method == "POST":
        key = parse_key(call.headers, required=key_required)
    body = _body_of(call.text, model, body_bytes_max)
    idempotency = None
    if key is not None:
        sent = body.model_dump(mode="json", exclude_unset=True)
        idempotency = IdempotentRequest(key, call.method, call.path, field_digests(sent))
    return Request(
        principal=call.principal,
        body=body,
        query=call.query,
        stage=call.stage,
        source_ip=call.source_ip,
        request_id=call.request_id,
        idempotency=idempotency,
        headers=call.headers,
    )


def _require_allowed(principal: Principal, method: str, path: str) -> None:
    """Raises FarthingError (403) unless this kind of key is for this call, and has the scope.

    The gateway has asked the same: this is in case that it did not.
    """
    if not may_call(principal, method, path):
        raise FarthingError(FORBIDDEN, f"a {principal.kind.value.lower()} key is not for this")
    enough = {"read"} if method == "GET" else {"write"}
    if ON_BREAKS.covers(method, path):
        enough = {BREAKS}
    if TOKENS.covers(method, path):
        enough.add("tokens")
    elif principal.kind is not KeyKind.SECRET:
        enough = {"tokens", "checkout"}
    if not principal.scopes & enough:
        raise FarthingError(FORBIDDEN, f"this key lacks the scope {sorted(enough)[0]}")


def _body_of(text: str, model: type[Body], bytes_max: int) -> Body:
    if len(text.encode()) > bytes_max:
        raise FarthingError(BODY_TOO_LARGE, f"a body has at most {bytes_max} bytes")
    if not text.strip() and not any(f.is_required() for f in model.model_fields.values()):
        return model()
    try:
        document = json.loads(
            text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice
        )
        json.dumps(document, ensure_ascii=False).encode()  # refuses half of a surrogate pair
    except (ValueError, RecursionError) as error:
        raise FarthingError(INVALID_JSON, "the body is not a JSON document") from error
    if not isinstance(document, dict):
        raise FarthingError(INVALID_JSON, "the body is not a JSON object")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _field_error(error) from error


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An amount that is given twice is none."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a field is given twice")
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _field_error(error: ValidationError) -> FarthingError:
    problems = [
        FieldProblem(_path(row["loc"]), _message(row["msg"]))
        for row in error.errors(include_url=False, include_context=False, include_input=False)
    ][:FIELD_PROBLEMS_MAX]
    names = ", ".join(dict.fromkeys(problem.field for problem in problems))
    if any(problem.message == HOLDS_PAN for problem in problems):
        return FarthingError(
            CARD_NUMBER_IN_TEXT,
            f"{names}: send card numbers to /v1/tokens and nowhere else",
            fields=problems,
        )
    return FarthingError(INVALID_REQUEST, f"wrong: {names}", fields=problems)


def _path(loc: tuple[int | str, ...]) -> str:
    """The field's dotted path. Which of several bodies it is in is no part of that."""
    named = loc[1:] if loc and loc[0] in _BODIES else loc
    return ".".join(map(str, named)) or "body"


_BODIES = frozenset({*MethodType, "ACQUIRER_TOKEN"})


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")


HOLDS_PAN = "holds what looks like a card number"


def refuse_pan(text: str) -> str:
    """For validators of free text. Raises ValueError if it seems to hold a card number."""
    if holds_pan(text):
        raise ValueError(HOLDS_PAN)
    return text


def _text_of(event: Mapping[str, Any]) -> str:
    if not event.get("isBase64Encoded"):
        return str(event.get("body") or "")
    try:
        return _bytes_of(event).decode()
    except UnicodeDecodeError as error:
        raise FarthingError(INVALID_JSON, "the body is not UTF-8 text") from error


def _bytes_of(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode(errors="replace")
    try:
        return base64.b64decode(body)
    except (binascii.Error, ValueError) as error:
        raise FarthingError(INVALID_JSON, "the body is not base64") from error


def _principal_of(authorizer: Mapping[str, Any]) -> Principal | None:
    if "merchant_id" not in authorizer:
        return None
    return Principal(
        merchant_id=authorizer["merchant_id"],
        mode=Mode(authorizer["mode"]),
        kind=KeyKind(authorizer["kind"]),
        key_id=authorizer["key_id"],
        scopes=frozenset(authorizer.get("scopes", "").split()),
        settings=_settings_of(authorizer),
        session_id=authorizer.get("session_id"),
    )


def _settings_of(authorizer: Mapping[str, Any]) -> Settings:
    text = authorizer.get("settings")
    return Settings.of_text(text) if text else Settings.of_mode(authorizer["mode"])
