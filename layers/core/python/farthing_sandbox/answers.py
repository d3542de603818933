"""HTTP answers: signed ones, and what a broken network makes of them.

A client may believe an answer only if `Sandbox-Signature` proves that it comes
from here. An answer that the network eats is unsigned and says nothing, so
nobody can take it for a decline.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final

from farthing_sandbox.cards import Fault
from farthing_sandbox.items import as_json

SIGNATURE_HEADER: Final = "Sandbox-Signature"
FAULT_HEADER: Final = "Farthing-Sandbox-Fault"
NO_ANSWER_SECONDS: Final = 25
"""Longer than any client waits, shorter than the function and the gateway live."""
BAD_GATEWAY_PAGE: Final = (
    "<html><head><title>502 Bad Gateway</title></head>"
    "<body><h1>502 Bad Gateway</h1></body></html>\n"
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. `reference` goes into the log, the body never does."""

    status: HTTPStatus
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    reference: str = ""
    content_type: str = "application/json"

    def proxied(self) -> dict[str, Any]:
        """As API Gateway wants it."""
        headers = {"Content-Type": self.content_type} | self.headers
        return {"statusCode": self.status.value, "headers": headers, "body": self.body}


def signed(answer: Answer, secret: bytes) -> Answer:
    """The same answer, with proof that it is ours."""
    proof = hmac.new(secret, answer.body.encode(), hashlib.sha256).hexdigest()
    headers = answer.headers | {SIGNATURE_HEADER: proof}
    return replace(answer, headers=headers)


def unanswered(fault: Fault, faults_at_front: bool, sleep: Callable[[int], None]) -> Answer:
    """What a broken network gives: nothing that says what happened.

    Silence and a reset are the front's to make, if there is one. A reset cannot be made from
    behind API Gateway: without a front it is a bare 502 at once.
    """
    if fault is Fault.BAD_GATEWAY:
        return Answer(HTTPStatus.BAD_GATEWAY, BAD_GATEWAY_PAGE, {"Content-Type": "text/html"})
    if faults_at_front:
        return Answer(HTTPStatus.GATEWAY_TIMEOUT, "", {FAULT_HEADER: fault.value})
    if fault is Fault.RESET:
        return Answer(HTTPStatus.BAD_GATEWAY, "")
    sleep(NO_ANSWER_SECONDS)
    return Answer(HTTPStatus.GATEWAY_TIMEOUT, "")


def refusal(status: HTTPStatus, code: str, message: str, **more: str) -> Answer:
    """An error in this API's one shape."""
    return Answer(status, as_json({"error": {"code": code, "message": message}, **more}))


def not_found(reference: str, **more: str) -> Answer:
    """Names the reference, so that the signature is good for this look-up only."""
    message = f"nothing is known of {reference}"
    return refusal(HTTPStatus.NOT_FOUND, "NOT_FOUND", message, reference=reference, **more)
