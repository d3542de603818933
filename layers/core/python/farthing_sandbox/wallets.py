"""What each test payload of a wallet does.

A real payload is encrypted for a real acquirer, and this one can read none. A test payload has, in
the place of what is encrypted, `sandbox:` and a word.
"""

from __future__ import annotations

import json
from typing import Any, Final

from farthing_sandbox.cards import DO_NOT_HONOR, Behaviour, Decline, declined

MARK: Final = "sandbox:"
UNREADABLE: Final = Decline("WALLET_UNREADABLE", "The payload cannot be decrypted")
EXPIRED: Final = Decline("WALLET_EXPIRED", "The payload is too old")

BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "approved": Behaviour("wallet_approved", "approved"),
    "declined": declined(DO_NOT_HONOR),
    "expired": declined(EXPIRED),
}
"""Word → what happens."""


def behaviour_of(payload: str) -> Behaviour:
    """What a payload does: what its word says, or it is refused as one that nobody can read."""
    word = inside(payload).removeprefix(MARK)
    return BEHAVIOURS.get(word, declined(UNREADABLE))


def inside(payload: str) -> str:
    """What a payload has in the place of what is encrypted; empty if it has none."""
    document = parsed(payload)
    signed = document.get("signedMessage")
    if isinstance(signed, str):
        document = {"data": parsed(signed).get("encryptedMessage")}
    found = document.get("data")
    return found if isinstance(found, str) and found.startswith(MARK) else ""


def parsed(text: str) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def apple_pay(word: str) -> str:
    """A test payload in the shape of Apple Pay's."""
    header = {
        "ephemeralPublicKey": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
        "publicKeyHash": "c2FuZGJveA==",
        "transactionId": "5a17d0a1",
    }
    return json.dumps(
        {"version": "EC_v1", "data": MARK + word, "signature": "c2lnbmF0dXJl", "header": header}
    )


def google_pay(word: str) -> str:
    """A test payload in the shape of Google Pay's."""
    signed = {
        "encryptedMessage": MARK + word,
        "ephemeralPublicKey": "BPhVspn70Zj2Kkgu9t8+ApEu",
        "tag": "c2FuZGJveA==",
    }
    return json.dumps(
        {
            "protocolVersion": "ECv2",
            "signature": "c2lnbmF0dXJl",
            "intermediateSigningKey": {"signedKey": "{}", "signatures": ["c2lnbmF0dXJl"]},
            "signedMessage": json.dumps(signed),
        }
    )
