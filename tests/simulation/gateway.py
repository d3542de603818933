"""API Gateway: a call becomes an event, and who calls waits 29 seconds and no longer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farthing.access.account import Account
from farthing.access.keys import SCOPES
from farthing.access.principal import KeyKind
from farthing.store.item import item_from_wire
from tests.simulation.aws.dynamo import Tables
from tests.simulation.faults import Fault
from tests.simulation.functions import Result
from tests.simulation.stack import Route
from tests.support.lambdas import MERCHANT, STAGE

if TYPE_CHECKING:
    from tests.simulation.world import World

GATEWAY_SECONDS = 29.0
KEPT_SECONDS = 60.0
"""How long the gateway keeps the authorizer's answer."""


@dataclass(frozen=True)
class Answer:
    """What a call was answered."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class Authorizer:
    """What the gateway knows of merchants: as the authorizer told it, a minute ago at most."""

    def __init__(self, tables: Tables, now: Callable[[], float]) -> None:
        self._tables, self._now = tables, now
        self._told: dict[tuple[str, str], tuple[float, dict[str, str]]] = {}

    def settings(self, merchant_id: str, mode: str) -> dict[str, str]:
        """For a request's context. Nothing for a merchant for whom nobody has set anything."""
        at, told = self._told.get((merchant_id, mode), (-KEPT_SECONDS, {}))
        if self._now() - at >= KEPT_SECONDS:
            told = self._read(merchant_id, mode)
            self._told[merchant_id, mode] = self._now(), told
        return told

    def _read(self, merchant_id: str, mode: str) -> dict[str, str]:
        row = self._tables.item("access", "MERCHANT", merchant_id)
        if row is None or ("S" not in row.get("vault_key_id", {}) and "fees" not in row):
            return {}
        account = Account.from_item(item_from_wire(row))
        return {"settings": account.settings(mode).to_text()}


def call(
    world: World,
    method: str,
    path: str,
    body: Any = None,
    *,
    key: str | None = None,
    merchant_id: str = MERCHANT,
    mode: str = "test",
    kind: KeyKind = KeyKind.SECRET,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    raw: str | None = None,
    session_id: str | None = None,
) -> Answer | None:
    """One HTTP call, from a task. None: no answer, or not the function's. With `session_id` it is
    made with that checkout session's key.

    The gateway gives up after 29 seconds; the function does not. Who is asking was authorised
    before, as the gateway keeps that for a minute.
    """
    route = route_of(world, method, path)
    sent = {"Content-Type": "application/json", **(headers or {})}
    if key is not None:
        sent["Idempotency-Key"] = key
    kind = KeyKind.CHECKOUT if session_id is not None else kind
    authorizer = {
        "merchant_id": merchant_id,
        "mode": mode,
        "kind": kind.value,
        "key_id": "key_sim",
        "scopes": " ".join(SCOPES[kind]),
        **world.authorizer.settings(merchant_id, mode),
        **({"session_id": session_id} if session_id is not None else {}),
    }
    event = api_event(
        method,
        path,
        body=raw if raw is not None else None if body is None else json.dumps(body),
        headers=sent,
        query=query,
        authorizer=None if route.public else authorizer,
        request_id=f"req-{world.scheduler.steps}",
    )
    return _ask(world, route.function, event, f"{method} {path}")


def route_of(world: World, method: str, path: str) -> Route:
    """Who answers. Raises LookupError."""
    for route in world.stack.routes:
        if route.method == method and route.pattern.fullmatch(path):
            return route
    raise LookupError(f"no function answers {method} {path}")


def _ask(world: World, function: str, event: dict[str, Any], what: str) -> Answer | None:
    scheduler, trace = world.scheduler, world.trace
    name = scheduler.current().process.name
    promise = world.functions.start(function, event)
    came = promise.wait(GATEWAY_SECONDS)
    if came and world.faults.strikes(Fault.GATEWAY_LOST):
        world.struck(what, Fault.GATEWAY_LOST)
        came = False
    result: Result | None = promise.value if came else None
    if result is None or result.error:
        trace.add(scheduler.now, name, what, "", result.error if result else "no answer")
        return None
    value = result.value
    trace.add(scheduler.now, name, what, "", str(value["statusCode"]))
    headers = {header: values[0] for header, values in value.get("multiValueHeaders", {}).items()}
    text = value["body"]
    for look in world.on_text:
        look(f"the answer to {what}", f"{headers} {text}")
    is_json = "json" in headers.get("Content-Type", "json")
    return Answer(value["statusCode"], json.loads(text) if text and is_json else {}, headers)


def api_event(
    method: str,
    path: str,
    *,
    body: str | None,
    headers: Mapping[str, str],
    query: Mapping[str, str] | None,
    authorizer: Mapping[str, str] | None,
    request_id: str,
) -> dict[str, Any]:
    """API Gateway's proxy event."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()},
        "pathParameters": None,
        "stageVariables": STAGE,
        "requestContext": {
            "requestId": request_id,
            "stage": "v1",
            "path": path,
            "httpMethod": method,
            "resourcePath": path,
            "identity": {"sourceIp": "203.0.113.7"},
            **({"authorizer": dict(authorizer)} if authorizer else {}),
        },
        "body": body,
        "isBase64Encoded": False,
    }
