"""The sandbox acquirer's API: an API Gateway proxy event in, a signed answer out.

What an answer says of the present carries `as_of`, the time at which the books
were opened for it.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

from farthing_sandbox import bodies, dispute_http, files, notices, reports, settling, token_http
from farthing_sandbox.acquirer import Busy, NoAnswer, ReferenceReused
from farthing_sandbox.answers import Answer, not_found, refusal, signed, unanswered
from farthing_sandbox.asks import Operation
from farthing_sandbox.dispute_books import BusyDispute
from farthing_sandbox.items import as_json
from farthing_sandbox.operations import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from farthing_sandbox.acquirer import Acquirer
    from farthing_sandbox.asks import Ask
    from farthing_sandbox.operations import Numbers
    from farthing_sandbox.token_service import TokenService


class Services(Protocol):
    """What the API needs of its surroundings."""

    @property
    def acquirer(self) -> Acquirer: ...
    @property
    def tokens(self) -> TokenService: ...
    @property
    def faults_at_front(self) -> bool: ...
    def payments_secret(self) -> bytes: ...
    def reporting_secret(self) -> bytes: ...
    def token_service_secret(self) -> bytes: ...
    def now(self) -> datetime: ...
    def numbers(self) -> Numbers: ...
    def sleep(self, seconds: int) -> None: ...
    def log(self, **ids: str | int) -> None: ...


@dataclass(frozen=True)
class Call:
    """One request, taken apart."""

    services: Services
    body: bytes
    query: Mapping[str, str]
    reference: str


def respond(event: Mapping[str, Any], services: Services) -> dict[str, Any]:
    """Answer one API Gateway proxy event."""
    method, path = event["httpMethod"], unquote(event["path"])
    for route in ROUTES:
        match = re.fullmatch(route.path, path)
        if match and route.method == method:
            call = Call(services, body_of(event), query_of(event), match.groupdict().get("it", ""))
            answer = route.answer(call, headers_of(event).get("authorization", ""))
            break
    else:
        answer = refusal(HTTPStatus.NOT_FOUND, "NO_SUCH_ROUTE", "there is nothing at this address")
    services.log(status=answer.status.value, reference=answer.reference)
    return answer.proxied()


@dataclass(frozen=True)
class Route:
    """A method and a path, the secret that opens it (None: public), and what answers."""

    method: str
    path: str
    secret: Callable[[Services], bytes] | None
    run: Callable[[Call], Answer]

    def answer(self, call: Call, authorization: str) -> Answer:
        """Check the key, run, sign."""
        if self.secret is None:
            return guarded(self.run, call)
        secret = self.secret(call.services)
        shown = authorization.encode("utf-8", "replace")
        if not hmac.compare_digest(shown, b"Bearer " + secret):
            wrong = refusal(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "missing or wrong secret")
            return signed(wrong, secret)
        try:
            return signed(guarded(self.run, call), secret)
        except NoAnswer as lost:
            return unanswered(lost.fault, call.services.faults_at_front, call.services.sleep)


def guarded(run: Callable[[Call], Answer], call: Call) -> Answer:
    """Turn what a client did wrong into an answer. Nothing was written in these cases."""
    try:
        return run(call)
    except bodies.Malformed as error:
        return refusal(HTTPStatus.BAD_REQUEST, "MALFORMED", str(error))
    except ReferenceReused:
        message = "this reference was used before, with other content"
        return refusal(HTTPStatus.CONFLICT, "REFERENCE_REUSED", message)
    except (Busy, BusyDispute):
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "BUSY", "nothing was done, try again")


def authorize(call: Call) -> Answer:
    """POST /v1/authorizations."""
    return operate(call, bodies.authorize(call.body))


def follow_up(operation: Operation) -> Callable[[Call], Answer]:
    """POST /v1/captures, /v1/voids, /v1/refunds."""
    return lambda call: operate(call, bodies.follow_up(operation, call.body))


def operate(call: Call, ask: Ask) -> Answer:
    """Have an operation done."""
    services = call.services
    body = services.acquirer.operate(ask, services.now(), services.numbers())
    return Answer(HTTPStatus.OK, body, reference=ask.reference)


def reverse(call: Call) -> Answer:
    """POST /v1/reversals."""
    services, ask = call.services, bodies.reversal(call.body)
    now = services.now()
    result = services.acquirer.reverse(ask, now, services.numbers())
    body = {
        "reference": ask.reference,
        "order_id": ask.order_id,
        "original_reference": ask.original_reference,
        "operation": "REVERSAL",
        "result": result.value,
        "as_of": rfc3339(now),
    }
    return Answer(HTTPStatus.OK, as_json(body), reference=ask.reference)


def find_operation(call: Call) -> Answer:
    """GET /v1/operations/{reference}."""
    now = call.services.now()
    found, as_of = call.services.acquirer.find(call.reference, now), rfc3339(now)
    if found is None:
        return not_found(call.reference, as_of=as_of)
    return Answer(HTTPStatus.OK, as_json(found | {"as_of": as_of}))


def list_operations(call: Call) -> Answer:
    """GET /v1/operations?since=…&limit=…&after=…."""
    now = call.services.now()
    asked = bodies.listing(call.query, now)
    data, after = call.services.acquirer.list_operations(asked, now)
    return Answer(HTTPStatus.OK, as_json({"data": data, "next": after, "as_of": rfc3339(now)}))


def register_webhook_endpoint(call: Call) -> Answer:
    """PUT /v1/webhook_endpoint."""
    at = bodies.webhook_endpoint(call.body)
    notices.register_endpoint(call.services.acquirer.books, at)
    return Answer(HTTPStatus.OK, as_json(vars(at)))


def transactions(call: Call) -> Answer:
    """GET /transactions?reference=… or ?order_id=…, for everybody: these are not real books."""
    acquirer = call.services.acquirer
    find = {
        "reference": acquirer.transactions_of_reference,
        "order_id": acquirer.transactions_of_order,
    }
    if len(call.query) != 1 or not call.query.keys() <= find.keys():
        raise bodies.Malformed("ask by either reference or order_id")
    [(by, value)] = call.query.items()
    if not re.fullmatch(bodies.REFERENCE, value):
        raise bodies.Malformed(f"{by}: not a reference")
    rows = find[by](value, call.services.now())
    return Answer(HTTPStatus.OK, as_json({"data": [vars(row) for row in rows]}))


def settle(call: Call) -> Answer:
    """POST /v1/settlements, with a CSV."""
    services, asked = call.services, files.settlement(call.body)
    settling.settle(services.acquirer, asked, services.numbers().entry_id, services.now())
    accepted = {"reference": asked.reference, "status": "ACCEPTED", "content_sha256": asked.sha256}
    return Answer(HTTPStatus.OK, as_json(accepted), reference=asked.reference)


def find_settlement(call: Call) -> Answer:
    """GET /v1/settlements/{reference}."""
    head = reports.find_head(call.services.acquirer.books, call.reference)
    if head is None:
        return not_found(call.reference)
    found = {"reference": call.reference, "status": "ACCEPTED", "content_sha256": head.content}
    return Answer(HTTPStatus.OK, as_json(found | {"reported": True}))


def find_report(call: Call) -> Answer:
    """GET /v1/settlements/{reference}/report, a CSV."""
    report = settling.report_of(call.services.acquirer.books, call.reference)
    if report is None:
        return not_found(call.reference)
    body = files.report(call.reference, report)
    return Answer(HTTPStatus.OK, body, content_type=files.CONTENT_TYPE)


def transfers(call: Call) -> Answer:
    """GET /transfers?booked_on=…, for everybody: the statement of every client's bank, a CSV."""
    services = call.services
    day = bodies.transfers(call.query)
    booked = settling.transfers(services.acquirer.books, day, services.now())
    return Answer(HTTPStatus.OK, files.transfers(booked), content_type=files.CONTENT_TYPE)


IT: Final = r"(?P<it>[A-Za-z0-9_.:~-]{1,80})"


def payments(services: Services) -> bytes:
    """The key for payments operations."""
    return services.payments_secret()


def reporting(services: Services) -> bytes:
    """The key for settlement: it cannot move a customer's money."""
    return services.reporting_secret()


def token_service(services: Services) -> bytes:
    """The token service's key."""
    return services.token_service_secret()


TOKENS: Final = "/token_service/v1"
ROUTES: Final = (
    Route("POST", f"{TOKENS}/tokens", token_service, token_http.provision),
    Route("GET", f"{TOKENS}/tokens/{IT}", token_service, token_http.find),
    Route("POST", f"{TOKENS}/cryptograms", token_service, token_http.cryptogram),
    Route("POST", f"{TOKENS}/deletions", token_service, token_http.delete),
    Route("PUT", f"{TOKENS}/webhook_endpoint", token_service, token_http.register_endpoint),
    Route("POST", "/v1/authorizations", payments, authorize),
    Route("POST", "/v1/captures", payments, follow_up(Operation.CAPTURE)),
    Route("POST", "/v1/voids", payments, follow_up(Operation.VOID)),
    Route("POST", "/v1/refunds", payments, follow_up(Operation.REFUND)),
    Route("POST", "/v1/reversals", payments, reverse),
    Route("GET", "/v1/operations", payments, list_operations),
    Route("GET", f"/v1/operations/{IT}", payments, find_operation),
    Route("GET", f"/v1/disputes/{IT}", payments, dispute_http.find),
    Route("POST", f"/v1/disputes/{IT}/evidence", payments, dispute_http.answer),
    Route("POST", f"/v1/disputes/{IT}/acceptance", payments, dispute_http.accept),
    Route("PUT", "/v1/webhook_endpoint", payments, register_webhook_endpoint),
    Route("POST", "/v1/settlements", reporting, settle),
    Route("GET", f"/v1/settlements/{IT}/report", reporting, find_report),
    Route("GET", f"/v1/settlements/{IT}", reporting, find_settlement),
    Route("GET", "/transfers", None, transfers),
    Route("GET", "/transactions", None, transactions),
)


def body_of(event: Mapping[str, Any]) -> bytes:
    """The body's bytes. What is no base64 is no JSON either: the parser will say so."""
    raw = (event.get("body") or "").encode("utf-8", "replace")
    return base64.b64decode(raw) if event.get("isBase64Encoded") else raw


def query_of(event: Mapping[str, Any]) -> Mapping[str, str]:
    """The query, each name once."""
    return event.get("queryStringParameters") or {}


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The headers by lower-case name."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}
