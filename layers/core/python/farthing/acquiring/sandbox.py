"""The connector to the sandbox acquirer: HTTP and JSON, each answer signed over its bytes.

An answer counts only if its signature verifies and it answers the very question: same reference,
operation, amount and currency. Everything else is UNKNOWN.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from farthing.acquiring.decline import decline
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer, Post
from farthing.acquiring.port import (
    ABSENT,
    NOT_SENT,
    UNKNOWN,
    Answer,
    Capabilities,
    Found,
    Instruction,
    Kind,
    LookUp,
    LookUpFailed,
    Outcome,
    Reversal,
    Transaction,
    TransactionPage,
    Undone,
)
from farthing.clock import from_text, to_text
from farthing.vault.card import Card
from farthing.vault.source import NetworkToken, Source

ANSWER_TIMEOUT_SECONDS = 15
LOOK_UP_TIMEOUT_SECONDS = 5
LIST_LIMIT = 50
ANSWER_BYTES_MAX = 64 * 1024

PATHS = {
    Kind.AUTHORIZE: "/v1/authorizations",
    Kind.CAPTURE: "/v1/captures",
    Kind.VOID: "/v1/voids",
    Kind.REFUND: "/v1/refunds",
}
REVERSALS = "/v1/reversals"
_UNDONE = frozenset({Undone.REVERSED, Undone.NOT_FOUND, Undone.REFUSED})

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
    "T1": "NETWORK_TOKEN_REFUSED",
    "T2": "CRYPTOGRAM_REFUSED",
    "N7": "INCORRECT_CVC",
}
"""ISO 8583 response codes, as the sandbox uses them, to our reasons."""


CAPABILITIES = Capabilities(
    idempotent_by_reference=True,
    key_retention_seconds=30 * 24 * 60 * 60,
    lookup_by_reference=True,
    lookup_lag_seconds=0,
    reversal_by_reference=True,
    max_flight_seconds=40,
    reference_length_max=80,
    timeout_seconds=ANSWER_TIMEOUT_SECONDS,
    network_tokens=True,
)
IDEMPOTENT_SETTING = "SANDBOX_IDEMPOTENT"


def declared(settings: Mapping[str, str]) -> Capabilities:
    """What this deployment's sandbox guarantees: its idempotency can be switched off."""
    if settings.get(IDEMPOTENT_SETTING, "true") != "false":
        return CAPABILITIES
    return replace(CAPABILITIES, idempotent_by_reference=False, key_retention_seconds=0)


@dataclass(frozen=True)
class SandboxAcquirer:
    """One merchant account at the sandbox. Its exchanges give the signature header, too."""

    exchange: Post
    secret: bytes
    capabilities: Capabilities = CAPABILITIES

    def send(self, instruction: Instruction, source: Source | None) -> Answer:
        """Ask once."""
        if source is not None and not isinstance(source, Card | NetworkToken):
            return NOT_SENT
        body = json.dumps(request_body(instruction, source)).encode()
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
        status, document = self._read(f"/v1/operations/{instruction.reference}")
        as_of = _instant(document.get("as_of"))
        if as_of is None:
            raise LookUpFailed
        asked = document.get("reference") == instruction.reference
        if status == 404 and asked and _error_code(document) == "NOT_FOUND":
            return LookUp(Found.NOT_FOUND, as_of)
        if status != 200:
            raise LookUpFailed
        if document.get("status") == "PENDING":
            return LookUp(Found.PENDING, as_of)
        answer = read_answer(document, instruction)
        if answer.outcome is Outcome.UNKNOWN:
            raise LookUpFailed
        return LookUp(Found.FOUND, as_of, answer)

    def reverse(self, instruction: Instruction, reference: str) -> Reversal:
        """Undo an authorization, or a combined charge, by its reference."""
        asked = {
            "reference": reference,
            "order_id": instruction.order_id,
            "original_reference": instruction.reference,
        }
        named = {"merchant_reference": instruction.merchant_reference}
        body = json.dumps(asked | named).encode()
        try:
            status, raw, signature = self.exchange("POST", REVERSALS, body, ANSWER_TIMEOUT_SECONDS)
            document = self._document(raw, signature)
        except (NoByteSent, NoUsableAnswer):
            return Reversal(Undone.UNKNOWN)
        result, as_of = document.get("result"), _instant(document.get("as_of"))
        ours = all(document.get(name) == value for name, value in asked.items())
        if status != 200 or not ours or result not in _UNDONE or as_of is None:
            return Reversal(Undone.UNKNOWN)
        return Reversal(Undone(result), as_of)

    def transactions(self, since: str, after: str | None) -> TransactionPage:
        """The books since an instant, oldest first. Raises LookUpFailed."""
        query = {"since": since, "limit": str(LIST_LIMIT)} | ({"after": after} if after else {})
        status, document = self._read("/v1/operations?" + urlencode(query))
        if status != 200:
            raise LookUpFailed(str(status))
        try:
            listed = tuple(_transaction(row) for row in document["data"])
            return TransactionPage(listed, document["next"])
        except (KeyError, TypeError, ValueError) as error:
            raise LookUpFailed from error

    def _read(self, path: str) -> tuple[int, Mapping[str, Any]]:
        try:
            status, raw, signature = self.exchange("GET", path, None, LOOK_UP_TIMEOUT_SECONDS)
            return status, self._document(raw, signature)
        except (NoByteSent, NoUsableAnswer) as error:
            raise LookUpFailed from error

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


def request_body(instruction: Instruction, source: Card | NetworkToken | None) -> dict[str, Any]:
    """The request in the sandbox's words. A card number leaves the vault here and in the request
    for its network token."""
    body: dict[str, Any] = {
        "reference": instruction.reference,
        "order_id": instruction.order_id,
        "amount_cents": instruction.amount_cents,
        "currency": instruction.currency,
    }
    if instruction.merchant_reference is not None:
        body["merchant_reference"] = instruction.merchant_reference
    if instruction.kind is not Kind.AUTHORIZE:
        return body | {"original_reference": instruction.original_reference}
    if source is None:
        raise ValueError("an authorization needs a card")
    named = "card" if isinstance(source, Card) else "network_token"
    body |= {"capture": instruction.capture, named: source.reveal()}
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
    if document.get("status") == "REVERSED":
        return ABSENT
    if document.get("status") == "APPROVED":
        if instruction.kind is Kind.AUTHORIZE and not _captured_as_asked(document, instruction):
            return UNKNOWN
        return Answer(
            Outcome.APPROVED,
            authorization_code=document.get("authorization_code"),
            network_reference=document.get("network_reference"),
            expires_at=_instant(document.get("expires_at")),
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


def _transaction(row: Mapping[str, Any]) -> Transaction:
    return Transaction(
        reference=str(row["reference"]),
        order_id=str(row["order_id"]),
        merchant_reference=row["merchant_reference"],
        kind=Kind(row["operation"]),
        capture=bool(row["capture"]),
        original_reference=row["original_reference"],
        amount_cents=int(row["amount_cents"]),
        currency=str(row["currency"]),
        status=str(row["status"]),
        created_at=str(row["created_at"]),
    )


def _instant(value: Any) -> str | None:
    """An instant as we write it; None for anything else."""
    try:
        return to_text(from_text(value))
    except (TypeError, ValueError):
        return None


def _error_code(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""
