"""The connector to the sandbox acquirer: HTTP and JSON, each answer signed over its bytes.

An answer counts only if its signature verifies and it answers the very question: same reference,
operation, amount and currency. Everything else is UNKNOWN.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from farthing.acquiring.decline import decline
from farthing.acquiring.port import (
    NOT_SENT,
    UNKNOWN,
    Answer,
    Capabilities,
    Instruction,
    Kind,
    LookUp,
    LookUpFailed,
    Outcome,
)
from farthing.vault.card import Card

CONNECT_TIMEOUT_SECONDS = 2
ANSWER_TIMEOUT_SECONDS = 15
LOOK_UP_TIMEOUT_SECONDS = 5
ANSWER_BYTES_MAX = 64 * 1024

PATHS = {
    Kind.AUTHORIZE: "/v1/authorizations",
    Kind.CAPTURE: "/v1/captures",
    Kind.VOID: "/v1/voids",
    Kind.REFUND: "/v1/refunds",
}
REASON_OF_CODE = {
    "05": "DO_NOT_HONOR",
    "12": "NOT_PERMITTED",
    "13": "NOT_PERMITTED",
    "14": "INVALID_NUMBER",
    "25": "NOT_PERMITTED",
    "51": "INSUFFICIENT_FUNDS",
    "54": "EXPIRED_CARD",
    "63": "SECURITY_VIOLATION",
    "96": "PROCESSING_ERROR",
    "N7": "INCORRECT_CVC",
}
"""ISO 8583 response codes, as the sandbox uses them, to our reasons."""


CAPABILITIES = Capabilities(
    idempotent_by_reference=True,
    lookup_by_reference=True,
    reference_length_max=80,
    timeout_seconds=ANSWER_TIMEOUT_SECONDS,
)


class NoByteSent(Exception):
    """The connection was never made."""


class NoUsableAnswer(Exception):
    """The request may have arrived; what came back says nothing."""


Post = Callable[[str, str, bytes | None, int], tuple[int, bytes, str]]


@dataclass(frozen=True)
class SandboxAcquirer:
    """One merchant account at the sandbox.

    `exchange(method, path, body, timeout_seconds)` gives status, raw body and signature header,
    or raises NoByteSent or NoUsableAnswer.
    """

    exchange: Post
    secret: bytes
    capabilities: Capabilities = CAPABILITIES

    def send(self, instruction: Instruction, card: Card | None) -> Answer:
        """Ask once."""
        body = json.dumps(request_body(instruction, card)).encode()
        try:
            status, raw, signature = self.exchange(
                "POST", PATHS[instruction.kind], body, ANSWER_TIMEOUT_SECONDS
            )
            if status != 200:
                return UNKNOWN
            return read_answer(self._document(raw, signature), instruction)
        except NoByteSent:
            return NOT_SENT
        except NoUsableAnswer:
            return UNKNOWN

    def look_up(self, instruction: Instruction) -> LookUp:
        """What became of the reference. Raises LookUpFailed."""
        path = f"/v1/operations/{instruction.reference}"
        try:
            status, raw, signature = self.exchange("GET", path, None, LOOK_UP_TIMEOUT_SECONDS)
            document = self._document(raw, signature)
        except (NoByteSent, NoUsableAnswer) as error:
            raise LookUpFailed from error
        if status == 404 and document.get("error", {}).get("code") == "NOT_FOUND":
            return LookUp()
        if status != 200:
            raise LookUpFailed
        answer = read_answer(document, instruction)
        if answer.outcome is Outcome.UNKNOWN:
            raise LookUpFailed
        return LookUp(answer)

    def _document(self, raw: bytes, signature: str) -> Mapping[str, Any]:
        expected = hmac.new(self.secret, raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise NoUsableAnswer
        try:
            document = json.loads(raw)
        except ValueError as error:
            raise NoUsableAnswer from error
        if not isinstance(document, dict):
            raise NoUsableAnswer
        return document


def request_body(instruction: Instruction, card: Card | None) -> dict[str, Any]:
    """The request in the sandbox's words. The only place where a card number leaves the vault."""
    body: dict[str, Any] = {
        "reference": instruction.reference,
        "order_id": instruction.order_id,
        "amount_cents": instruction.amount_cents,
        "currency": instruction.currency,
    }
    if instruction.kind is not Kind.AUTHORIZE:
        return body | {"original_reference": instruction.original_reference}
    if card is None:
        raise ValueError("an authorization needs a card")
    body |= {"capture": instruction.capture, "card": card.reveal()}
    stored = instruction.stored_credential
    if stored is not None:
        sent = {name: value for name, value in stored.to_item().items() if value is not None}
        body["stored_credential"] = sent
    return body


def read_answer(document: Mapping[str, Any], instruction: Instruction) -> Answer:
    """The answer, or UNKNOWN if it answers something else than what was asked."""
    asked = {
        "reference": instruction.reference,
        "order_id": instruction.order_id,
        "operation": instruction.kind.value,
        "amount_cents": instruction.amount_cents,
        "currency": instruction.currency,
    }
    if any(document.get(name) != value for name, value in asked.items()):
        return UNKNOWN
    if document.get("status") == "APPROVED":
        if instruction.kind is Kind.AUTHORIZE and not _captured_as_asked(document, instruction):
            return UNKNOWN
        return Answer(
            Outcome.APPROVED,
            authorization_code=document.get("authorization_code"),
            network_reference=document.get("network_reference"),
            expires_at=document.get("expires_at"),
        )
    code = document.get("decline_code")
    if document.get("status") == "DECLINED" and isinstance(code, str):
        reason = REASON_OF_CODE.get(code, "OTHER")
        return Answer(Outcome.DECLINED, decline=decline(reason, code))
    return UNKNOWN


def _captured_as_asked(document: Mapping[str, Any], instruction: Instruction) -> bool:
    """Whether a combined charge took the money, and a mere authorization did not."""
    wanted = instruction.amount_cents if instruction.capture else 0
    return bool(document.get("captured_cents") == wanted)
