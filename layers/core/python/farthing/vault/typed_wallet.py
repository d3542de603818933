"""What a wallet gave to the payer's browser, and what must be true of it before it is kept.

It is encrypted for the acquirer. Nobody here can read it: only its shape is looked at, by what
Apple and Google publish of it, so that what was cut short or is something else is refused at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from farthing.errors import INVALID_REQUEST, FarthingError, FieldProblem
from farthing.vault.sandbox_numbers import is_test_payload

PAYLOAD_LENGTH_MAX = 8 * 1024
"""An Apple Pay payload has some four thousand characters, a Google Pay one half of that."""


class Wallet(StrEnum):
    """Whose wallet."""

    APPLE_PAY = "APPLE_PAY"
    GOOGLE_PAY = "GOOGLE_PAY"


@dataclass(frozen=True)
class TypedWallet:
    """A payload as it came: the text of a JSON object, not believed yet."""

    wallet: Wallet
    payload: str = field(repr=False)
    billing_address: dict[str, str] | None = field(default=None, repr=False)


def check(typed: TypedWallet, *, livemode: bool) -> None:
    """Raises FarthingError if the payload is none. Never repeats what was in it."""
    why = next(_problems(typed, livemode=livemode), None)
    if why is not None:
        problem = FieldProblem("payload", why)
        raise FarthingError(INVALID_REQUEST, "wrong: payload", fields=[problem])


def _problems(typed: TypedWallet, *, livemode: bool) -> Iterator[str]:
    payload = typed.payload
    if not 0 < len(payload) <= PAYLOAD_LENGTH_MAX:
        yield f"has 1 to {PAYLOAD_LENGTH_MAX} characters"
        return
    if not payload.isascii() or any(c < " " and c not in "\t\n\r" for c in payload):
        yield "is ASCII text without control characters"
        return
    document = _object(payload)
    if document is None:
        yield "is the text of a JSON object"
        return
    yield from (f"lacks {name}" for name in _SHAPES[typed.wallet](document))
    if livemode and is_test_payload(payload):
        yield "is of a test wallet, and this key moves real money"


def _apple_pay(document: Mapping[str, Any]) -> Iterator[str]:
    """What an Apple Pay payload lacks (PassKit, payment token format reference)."""
    yield from _missing(document, "version", "data", "signature")
    header = document.get("header")
    header = header if isinstance(header, dict) else {}
    key = "wrappedKey" if document.get("version") == "RSA_v1" else "ephemeralPublicKey"
    names = (key, "publicKeyHash", "transactionId")
    yield from (f"header.{name}" for name in _missing(header, *names))


def _google_pay(document: Mapping[str, Any]) -> Iterator[str]:
    """What a Google Pay payload lacks (payment data cryptography; the key is of ECv2 alone)."""
    yield from _missing(document, "protocolVersion", "signature", "signedMessage")
    if document.get("protocolVersion") == "ECv2":
        signing = document.get("intermediateSigningKey")
        if not isinstance(signing, dict) or "signedKey" not in signing:
            yield "intermediateSigningKey.signedKey"
    signed = _object(str(document.get("signedMessage")))
    names = ("encryptedMessage", "ephemeralPublicKey", "tag")
    yield from (f"signedMessage.{name}" for name in _missing(signed or {}, *names))


_SHAPES: Mapping[Wallet, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    Wallet.APPLE_PAY: _apple_pay,
    Wallet.GOOGLE_PAY: _google_pay,
}


def _missing(document: Mapping[str, Any], *names: str) -> Iterator[str]:
    """Members that are no text, or an empty one."""
    for name in names:
        value = document.get(name)
        if not isinstance(value, str) or not value:
            yield name


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
