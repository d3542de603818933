"""The connector to the sandbox's token service: HTTP and JSON, each answer signed over its bytes.

An answer counts only if its signature verifies and it answers the very question.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer, Post
from farthing.acquiring.port import Instruction
from farthing.network_tokens.port import (
    CardNow,
    IssuedToken,
    NoAnswer,
    NoCryptogram,
    TokenState,
    TokenStatus,
)
from farthing.vault.card import Card
from farthing.vault.pan import Pan

ANSWER_TIMEOUT_SECONDS = 10
CRYPTOGRAM_TIMEOUT_SECONDS = 2
"""A payment waits for it, and the acquirer needs fifteen seconds of the twenty."""

BASE = "/token_service/v1"
_SAID = frozenset(TokenStatus) - {TokenStatus.PENDING}


@dataclass(frozen=True)
class SandboxTokenService:
    """The schemes' token service at the sandbox. `exchange` as for its acquirer."""

    exchange: Post
    secret: bytes
    timeout_seconds: int = ANSWER_TIMEOUT_SECONDS

    def provision(self, reference: str, merchant_reference: str, card: Card) -> TokenState:
        """The token of `reference`. Raises NoAnswer."""
        shown = card.reveal()
        body = {
            "reference": reference,
            "merchant_reference": merchant_reference,
            "card": {name: shown[name] for name in ("number", "exp_month", "exp_year")},
        }
        return self._state("POST", "tokens", reference, body)

    def look_up(self, reference: str) -> TokenState:
        """What became of it. Raises NoAnswer."""
        return self._state("GET", f"tokens/{reference}", reference)

    def delete(self, reference: str) -> TokenState:
        """No token under this reference any more. Raises NoAnswer."""
        return self._state("POST", "deletions", reference, {"reference": reference})

    def cryptogram(self, reference: str, instruction: Instruction) -> str:
        """A cryptogram for this instruction. Raises NoCryptogram."""
        asked = {
            "token_reference": reference,
            "reference": instruction.reference,
            "amount_cents": instruction.amount_cents,
            "currency": instruction.currency,
        }
        try:
            status, told = self._ask("POST", "cryptograms", asked, CRYPTOGRAM_TIMEOUT_SECONDS)
        except NoAnswer as error:
            raise NoCryptogram from error
        text = told.get("cryptogram")
        ours = all(told.get(name) == value for name, value in asked.items())
        if status != 200 or not ours or not isinstance(text, str) or not text:
            raise NoCryptogram(f"HTTP {status}")
        return text

    def _state(
        self, method: str, path: str, reference: str, body: Mapping[str, Any] | None = None
    ) -> TokenState:
        status, told = self._ask(method, path, body, ANSWER_TIMEOUT_SECONDS)
        if told.get("reference") != reference:
            raise NoAnswer("another token")
        if status == 404 and _error_code(told) == "NOT_FOUND":
            return TokenState(TokenStatus.DELETED)
        if status != 200 or told.get("status") not in _SAID:
            raise NoAnswer(f"HTTP {status}")
        try:
            return _read(told)
        except (KeyError, TypeError, ValueError) as error:
            raise NoAnswer("not a token") from error

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, timeout_seconds: int
    ) -> tuple[int, Mapping[str, Any]]:
        raw_body = None if body is None else json.dumps(body).encode()
        try:
            status, raw, signature = self.exchange(
                method, f"{BASE}/{path}", raw_body, timeout_seconds
            )
        except (NoByteSent, NoUsableAnswer) as error:
            raise NoAnswer(type(error).__name__) from error
        expected = hmac.new(self.secret, raw, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise NoAnswer("not signed")
        try:
            told = json.loads(raw)
        except ValueError as error:
            raise NoAnswer("not JSON") from error
        if not isinstance(told, dict):
            raise NoAnswer("not an object")
        return status, told


def _read(told: Mapping[str, Any]) -> TokenState:
    card, token = told["card"], told["token"]
    return TokenState(
        TokenStatus(told["status"]),
        CardNow(str(card["last_four"]), int(card["exp_month"]), int(card["exp_year"]))
        if card
        else None,
        IssuedToken(Pan(str(token["number"])), int(token["exp_month"]), int(token["exp_year"]))
        if token
        else None,
    )


def _error_code(told: Mapping[str, Any]) -> str:
    error = told.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""
