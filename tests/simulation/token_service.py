"""The token service of the hostile world: tokens and cryptograms, in the sandbox's protocol.

No chance and no clock of its own: whoever asks says when. What a network does to its answers is the
acquirer's to play (acquirer.py), and so is when issuers act.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from farthing.cards import passes_luhn

BASE = "/token_service/v1"
CRYPTOGRAM_SECONDS = 600.0
NEW_LAST_FOUR = "0137"
TOKEN_ERROR, CRYPTOGRAM_ERROR = "T1", "T2"
TOKEN_RANGE = "4000098"

Document = Mapping[str, Any]
Answered = tuple[int, dict[str, Any]]

KINDS = {
    ("POST", f"{BASE}/tokens"): "PROVISION",
    ("POST", f"{BASE}/cryptograms"): "CRYPTOGRAM",
    ("POST", f"{BASE}/deletions"): "DELETE_TOKEN",
}


def kind_of(method: str, path: str) -> str | None:
    """What a request asks of the token service; None if it asks somebody else."""
    if method == "GET" and path.startswith(f"{BASE}/tokens/"):
        return "LOOK_UP_TOKEN"
    return KINDS.get((method, path))


@dataclass
class Token:
    """A token. `first_last_four` is of the card that it was made for, `last_four` of it now.

    `told` is the status and card that the client was told of by a webhook that it took, None if
    there was nothing to tell.
    """

    reference: str
    merchant_reference: str
    status: str
    first_last_four: str
    last_four: str
    exp_month: int
    exp_year: int
    refused_when_paying: bool = False
    news: int = 0
    heard: int = 0

    @property
    def was_told_of(self) -> bool:
        """Whether the client took the message about the latest news."""
        return self.heard == self.news


@dataclass
class Cryptogram:
    """What a cryptogram is good for."""

    token_reference: str
    reference: str
    amount_cents: int
    currency: str
    expires_at: float
    used: bool = False


def number_of(reference: str) -> str:
    """A token's number: it checks like a card's."""
    digest = int.from_bytes(hashlib.sha256(f"number of {reference}".encode()).digest(), "big")
    body = f"{TOKEN_RANGE}{digest % 10**8:08d}"
    return body + next(digit for digit in "0123456789" if passes_luhn(body + digit))


@dataclass
class TokenService:
    """Everything that it knows. `gives_none` is of cards' last four digits."""

    tokens: dict[str, Token] = field(default_factory=dict)
    cryptograms: dict[str, Cryptogram] = field(default_factory=dict)
    on_cryptogram: Callable[[str], None] = lambda _: None
    gives_none: frozenset[str] = frozenset()

    def copy(self) -> TokenService:
        """For another world."""
        tokens = copy.deepcopy(self.tokens)
        return TokenService(tokens, gives_none=self.gives_none)

    def answer(self, kind: str, path: str, document: Document, at: float) -> Answered:
        """The answer to a request that lands at `at`."""
        if kind == "LOOK_UP_TOKEN":
            return self._look_up(path.rsplit("/", 1)[-1])
        if kind == "CRYPTOGRAM":
            return self._cryptogram(document, at)
        reference = str(document["reference"])
        if kind == "PROVISION":
            return self._provision(reference, document)
        token = self.tokens.setdefault(reference, _tombstone(reference))
        token.status = "DELETED"
        return 200, self._shown(token)

    def made(self) -> list[Token]:
        """Every token that was ever made."""
        return [one for one in self.tokens.values() if one.merchant_reference]

    def _provision(self, reference: str, document: Document) -> Answered:
        card, known = document["card"], self.tokens.get(reference)
        last_four = card["number"][-4:]
        if known is not None and known.merchant_reference and known.first_last_four != last_four:
            return 409, {"error": {"code": "REFERENCE_REUSED"}, "reference": reference}
        if known is None:
            known = self.tokens[reference] = Token(
                reference=reference,
                merchant_reference=document["merchant_reference"],
                status="REFUSED" if last_four in self.gives_none else "ACTIVE",
                first_last_four=last_four,
                last_four=last_four,
                exp_month=card["exp_month"],
                exp_year=card["exp_year"],
            )
        shown = self._shown(known)
        if known.status in {"ACTIVE", "SUSPENDED"}:
            number = {"number": number_of(reference), "exp_month": 12, "exp_year": 2039}
            shown["token"] = number
        return 200, shown

    def _look_up(self, reference: str) -> Answered:
        token = self.tokens.get(reference)
        if token is None:
            return 404, {"error": {"code": "NOT_FOUND"}, "reference": reference}
        return 200, self._shown(token)

    def _shown(self, token: Token) -> dict[str, Any]:
        card = {name: getattr(token, name) for name in ("last_four", "exp_month", "exp_year")}
        there = token.merchant_reference and token.status != "REFUSED"
        return {
            "reference": token.reference,
            "status": token.status,
            "card": card if there else None,
            "token": None,
        }

    def _cryptogram(self, document: Document, at: float) -> Answered:
        token = self.tokens.get(document["token_reference"])
        if token is None or token.status != "ACTIVE":
            return 409, {"error": {"code": "TOKEN_NOT_ACTIVE"}, "reference": document["reference"]}
        made = f"CRYPTOGRAM{len(self.cryptograms) + 1:06d}XY"
        self.on_cryptogram(made)
        self.cryptograms[made] = Cryptogram(**document, expires_at=at + CRYPTOGRAM_SECONDS)
        return 200, {**document, "cryptogram": made}

    # --- what the acquirer asks it --------------------------------------------------------------

    def redeem(self, document: Document, at: float) -> tuple[str | None, str]:
        """Use a cryptogram up: why it is refused, if it is; and the card that the token is of."""
        shown = document["network_token"]
        cryptogram = self.cryptograms.get(shown["cryptogram"])
        token = self.tokens.get(cryptogram.token_reference) if cryptogram else None
        if cryptogram is None or token is None or shown["number"] != number_of(token.reference):
            return CRYPTOGRAM_ERROR, ""
        asked = tuple(document[name] for name in ("reference", "amount_cents", "currency"))
        good_for = (cryptogram.reference, cryptogram.amount_cents, cryptogram.currency)
        if cryptogram.used or asked != good_for or at >= cryptogram.expires_at:
            return CRYPTOGRAM_ERROR, token.first_last_four
        cryptogram.used = True
        refused = token.refused_when_paying or token.status != "ACTIVE"
        return TOKEN_ERROR if refused else None, token.first_last_four

    # --- what issuers do ------------------------------------------------------------------------

    def suspend(self, reference: str) -> None:
        """It may not pay until further notice."""
        self._change(reference, "SUSPENDED")

    def resume(self, reference: str) -> None:
        """It may pay again."""
        self._change(reference, "ACTIVE")

    def end(self, reference: str) -> None:
        """It is gone."""
        self._change(reference, "DELETED")

    def replace_card(self, reference: str) -> None:
        """It stands for a new card."""
        token = self.tokens[reference]
        if token.status == "REFUSED":
            return
        token.last_four, token.exp_year = NEW_LAST_FOUR, token.exp_year + 4
        token.news += 1

    def _change(self, reference: str, status: str) -> None:
        token = self.tokens[reference]
        if token.status not in {"DELETED", "REFUSED"}:
            token.status = status
            token.news += 1


def _tombstone(reference: str) -> Token:
    return Token(reference, "", "DELETED", "", "", 0, 0)
