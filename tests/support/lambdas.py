"""The functions, called as Lambda calls them."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from farthing.access.account import Settings
from farthing.access.keys import SCOPES
from farthing.access.principal import KeyKind, Mode, Principal
from tests.support.template import ROOT

MERCHANT = "mer_01jd0000000000000000000aaa"
OTHER_MERCHANT = "mer_01jd0000000000000000000bbb"


_LOADING = threading.RLock()


@dataclass
class Context:
    """A Lambda context with as much time left as the test says."""

    aws_request_id: str = "11111111-2222-3333-4444-555555555555"
    function_name: str = "test"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:test"
    memory_limit_in_mb: int = 1024
    remaining_milliseconds: int = 27_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


def load(function: str) -> ModuleType:
    """functions/<function>/app.py under a module name of its own."""
    name = f"functions_{function}_app"
    with _LOADING:
        return sys.modules.get(name) or _load(name, function)


def _load(name: str, function: str) -> ModuleType:
    path = ROOT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def event_of(name: str) -> dict[str, Any]:
    """events/<name>.json."""
    loaded: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return loaded


def principal(merchant_id: str = MERCHANT, kind: KeyKind = KeyKind.SECRET) -> Principal:
    """A caller in test mode."""
    return Principal(merchant_id, Mode.TEST, kind, "key_test", frozenset({"*"}))


STAGE = {"checkout_url": "https://api.example/dev", "tokens_url": "https://tokens.example/dev"}
"""The variables of the API's stage."""


@dataclass
class Answer:
    """What API Gateway would send."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    text: str


def call(
    function: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    key: str | None = None,
    query: dict[str, str] | None = None,
    merchant_id: str = MERCHANT,
    kind: KeyKind = KeyKind.SECRET,
    scopes: str | None = None,
    settings: Settings | None = None,
    raw: str | None = None,
    context: Context | None = None,
    session_id: str | None = None,
    more_headers: dict[str, str] | None = None,
) -> Answer:
    """One HTTP call to a function behind API Gateway's REST API."""
    headers = {"Content-Type": "application/json"} | (more_headers or {})
    if key is not None:
        headers["Idempotency-Key"] = key
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()},
        "pathParameters": None,
        "stageVariables": STAGE,
        "requestContext": {
            "requestId": "req-1",
            "stage": "v1",
            "path": path,
            "httpMethod": method,
            "resourcePath": path,
            "identity": {"sourceIp": "203.0.113.7"},
            "authorizer": {
                "merchant_id": merchant_id,
                "mode": "test",
                "kind": kind.value,
                "key_id": "key_test",
                "scopes": scopes or " ".join(SCOPES[kind]),
                "settings": (settings or Settings.of_mode("test")).to_text(),
                **({"session_id": session_id} if session_id else {}),
            },
        },
        "body": raw if raw is not None else (None if body is None else json.dumps(body)),
        "isBase64Encoded": False,
    }
    answer = load(function).handler(event, context or Context())
    headers = {name: values[0] for name, values in answer.get("multiValueHeaders", {}).items()}
    text = answer["body"]
    return Answer(answer["statusCode"], json.loads(text) if text else {}, headers, text)
