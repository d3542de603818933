"""The router that every API function shares: parse, call, render, and nothing unhandled.

    app = api()

    @app.post("/v1/refunds", body=CreateRefund, moves_money=True)
    def create(request: Request[CreateRefund]) -> Response: ...

A handler gets a checked request and returns an answer or raises a FarthingError. What another
system posts is a `hook`: there its handler gets the bytes and proves who sent them. What a browser
fetches without a key is a `page`. This is the one place that catches everything else: such an error
is ours, is logged by its type, and is answered as a 500 whose outcome is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler import Response as GatewayResponse
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from pydantic import BaseModel

from farthing import runtime
from farthing.errors import (
    CONFLICT,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    FarthingError,
)
from farthing.http.problem import problem
from farthing.http.request import BODY_BYTES_MAX, Asked, Call, NoBody, Posted, parse
from farthing.http.response import Response
from farthing.observe import log_unhandled, logger
from farthing.store.errors import StoreBusy

Handler = Callable[..., Response]
Read = Callable[[Mapping[str, Any]], Any]
"""What a handler gets of an event. Raises FarthingError if it may not have it."""


@dataclass(frozen=True)
class Route:
    """One method and path, with `<name>` for ids."""

    method: str
    path: str


class Api:
    """Routes of one function."""

    def __init__(self) -> None:
        self._resolver = APIGatewayRestResolver()
        self._resolver.not_found(self._no_route)
        self.routes: list[Route] = []

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Register a reader."""
        return self._route("GET", path, NoBody, key_required=False)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        """Register a deletion."""
        return self._route("DELETE", path, NoBody, key_required=False)

    def post(
        self,
        path: str,
        *,
        body: type[BaseModel] = NoBody,
        moves_money: bool = False,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> Callable[[Handler], Handler]:
        """Register a write. What moves money cannot be called without an Idempotency-Key."""
        return self._route(
            "POST", path, body, key_required=moves_money, body_bytes_max=body_bytes_max
        )

    def hook(self, path: str) -> Callable[[Handler], Handler]:
        """Register what another system posts. It has no key: the handler checks its signature."""
        return self._add(Route("POST", path), Posted.of)

    def page(self, path: str) -> Callable[[Handler], Handler]:
        """Register what a browser fetches without a key: a page, or a file of one."""
        return self._add(Route("GET", path), Asked.of)

    def resolve(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """The answer to one API Gateway event, in the form that the gateway wants."""
        runtime.begin(context, (event.get("requestContext") or {}).get("requestId"))
        return self._resolver.resolve(dict(event), context)

    def _route(
        self,
        method: str,
        path: str,
        body: type[BaseModel],
        *,
        key_required: bool,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> Callable[[Handler], Handler]:
        def read(event: Mapping[str, Any]) -> Any:
            call = Call.of(event)
            return parse(call, body, key_required=key_required, body_bytes_max=body_bytes_max)

        return self._add(Route(method, path), read)

    def _add(self, route: Route, read: Read) -> Callable[[Handler], Handler]:
        self.routes.append(route)

        def register(handler: Handler) -> Handler:
            def respond(**ids: str) -> GatewayResponse[str]:
                event = self._resolver.current_event.raw_event
                return render(answer_and_log(event, read, partial(handler, **ids), ids, route))

            self._resolver.route(route.path, method=route.method)(respond)
            return handler

        return register

    def _no_route(self, _: NotFoundError) -> GatewayResponse[str]:
        event = self._resolver.current_event.raw_event
        path = event["path"]
        known = any(_matches(route.path, path) for route in self.routes)
        code = METHOD_NOT_ALLOWED if known else NOT_FOUND
        error = FarthingError(code, f"{event['httpMethod']} {path[:256]}")
        return render(problem(error, event.get("requestContext", {}).get("requestId", "")))


def answer_and_log(
    event: Mapping[str, Any], read: Read, handler: Handler, ids: Mapping[str, str], route: Route
) -> Response:
    """The answer, and a line that says by ids what was asked and how it ended."""
    response = answer(event, read, handler)
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    known = {"merchant_id": authorizer.get("merchant_id"), "key_id": authorizer.get("key_id")}
    asked = {"method": route.method, "route": route.path, "status": response.status}
    logger().info("answered", extra={**known, **asked, **ids})
    return response


def answer(event: Mapping[str, Any], read: Read, handler: Handler) -> Response:
    """Call one handler. Every error becomes a problem document."""
    request_id = (event.get("requestContext") or {}).get("requestId", "")
    try:
        return handler(read(event))
    except FarthingError as error:
        return problem(error, request_id)
    except StoreBusy:
        busy = FarthingError(CONFLICT, "too many requests at once here", retry_after_seconds=1)
        return problem(busy, request_id)
    except Exception as error:  # noqa: BLE001 - the one entry
        log_unhandled(error)
        return problem(FarthingError(INTERNAL, "see the log by request_id"), request_id)


def render(response: Response) -> GatewayResponse[str]:
    """An answer as Powertools wants it."""
    return GatewayResponse(
        status_code=response.status,
        content_type=response.content_type,
        body=response.body,
        headers=dict(response.headers),
    )


def _matches(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"<\w+>", r"[^/]+", route), path) is not None


def api() -> Api:
    """A router for one function."""
    return Api()
