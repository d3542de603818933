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

from farthing.acquiring.answer import NOT_SENT, UNKNOWN, Answer, Outcome
from farthing.acquiring.calendars import calendar_of
from farthing.acquiring.dispute import (
    NOT_ANSWERED,
    PERHAPS_ANSWERED,
    Answered,
    Case,
    CaseAnswer,
)
from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer, Post
from farthing.acquiring.port import (
    Capabilities,
    Found,
    Instruction,
    Kind,
    LookUp,
    LookUpFailed,
    Reversal,
    TransactionPage,
    Undone,
)
from farthing.acquiring.sandbox_answers import instant, read_answer, transaction
from farthing.acquiring.sandbox_disputes import answer_request, path_of, read_case
from farthing.acquiring.sandbox_sources import shown
from farthing.method_type import MethodType
from farthing.vault.source import Source

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

CAPABILITIES = Capabilities(
    idempotent_by_reference=True,
    key_retention_seconds=30 * 24 * 60 * 60,
    lookup_by_reference=True,
    lookup_lag_seconds=0,
    reversal_by_reference=True,
    max_flight_seconds=40,
    reference_length_max=80,
    timeout_seconds=ANSWER_TIMEOUT_SECONDS,
    methods=frozenset(MethodType),
    network_tokens=True,
    evidence_files=True,
)
IDEMPOTENT_SETTING = "SANDBOX_IDEMPOTENT"


def declared(settings: Mapping[str, str]) -> Capabilities:
    """What this deployment's sandbox guarantees: its idempotency can be switched off."""
    here = replace(CAPABILITIES, calendar=calendar_of("sandbox", settings))
    if settings.get(IDEMPOTENT_SETTING, "true") != "false":
        return here
    return replace(here, idempotent_by_reference=False, key_retention_seconds=0)


@dataclass(frozen=True)
class SandboxAcquirer:
    """One merchant account at the sandbox. Its exchanges give the signature header, too."""

    exchange: Post
    secret: bytes
    capabilities: Capabilities = CAPABILITIES

    def send(self, instruction: Instruction, source: Source | None) -> Answer:
        """Ask once."""
        paid_by = shown(source) if source is not None else {}
        if paid_by is None:
            return NOT_SENT
        body = json.dumps(request_body(instruction, paid_by)).encode()
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
        as_of = instant(document.get("as_of"))
        if as_of is None:
            raise LookUpFailed
        asked = document.get("reference") == instruction.reference
        if status == 404 and asked and _error_code(document) == "NOT_FOUND":
            return LookUp(Found.NOT_FOUND, as_of)
        if status != 200:
            raise LookUpFailed
        debit = instruction.method is MethodType.BANK
        if document.get("status") == "PENDING" and not debit:
            return LookUp(Found.PENDING, as_of)
        answer = read_answer(document, instruction)
        if answer.outcome is Outcome.PENDING:
            return LookUp(Found.PENDING, as_of)
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
        result, as_of = document.get("result"), instant(document.get("as_of"))
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
            listed = tuple(transaction(row) for row in document["data"])
            return TransactionPage(listed, document["next"])
        except (KeyError, TypeError, ValueError) as error:
            raise LookUpFailed from error

    def find_dispute(self, reference: str) -> Case | None:
        """A dispute as it stands. Raises LookUpFailed."""
        status, document = self._read(path_of(reference))
        asked = document.get("reference") == reference
        if status == 404 and asked and _error_code(document) == "NOT_FOUND":
            return None
        case = read_case(document, reference) if status == 200 else None
        if case is None:
            raise LookUpFailed(str(status))
        return case

    def answer_dispute(self, answer: CaseAnswer) -> Answered:
        """Send evidence, or that it is accepted."""
        path, body = answer_request(answer)
        sent = json.dumps(body).encode()
        try:
            status, raw, signature = self.exchange("POST", path, sent, ANSWER_TIMEOUT_SECONDS)
            document = self._document(raw, signature)
        except NoByteSent:
            return NOT_ANSWERED
        except NoUsableAnswer:
            return PERHAPS_ANSWERED
        refused = status == 409 and document.get("reference") == answer.reference
        if refused and _error_code(document) == "NOT_ANSWERABLE":
            return Answered(Outcome.DECLINED)
        case = read_case(document, answer.case_reference) if status == 200 else None
        if case is None or answer.reference not in case.answered_by:
            return PERHAPS_ANSWERED
        return Answered(Outcome.APPROVED, case)

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


def request_body(instruction: Instruction, paid_by: Mapping[str, Any]) -> dict[str, Any]:
    """The request in the sandbox's words, with what pays for an authorization."""
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
    if not paid_by:
        raise ValueError("an authorization needs what pays for it")
    body |= {"capture": instruction.capture, **paid_by}
    stored = instruction.stored_credential
    if stored is not None:
        sent = {name: value for name, value in stored.to_item().items() if value is not None}
        body["stored_credential"] = sent
    return body


def _error_code(document: Mapping[str, Any]) -> str:
    error = document.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""
