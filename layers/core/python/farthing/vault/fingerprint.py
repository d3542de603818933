"""Fingerprints: the same card of the same merchant, without its number.

The keyed hash stays in the vault's row. Merchants see a hash of that hash: it compares as well,
and it leads neither to the number nor, across merchants, to the same card.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Protocol

VERSION = "fp-v1"
"""Which key made it: an HMAC key of KMS cannot be rotated in place."""

PUBLIC_BYTES = 16


class Fingerprints(Protocol):
    """Who makes keyed hashes."""

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256 of `message` by a key that only the vault may use."""
        ...


def fingerprint(merchant_id: str, number: str, keys: Fingerprints) -> bytes:
    """The fingerprint of a card number for one merchant: 32 bytes, for the vault alone."""
    return keys.mac(f"{VERSION}|{merchant_id}|{number}".encode())


def public_fingerprint(mac: bytes) -> str:
    """What may be shown: 26 characters."""
    return (
        base64.b32encode(hashlib.sha256(mac).digest()[:PUBLIC_BYTES]).decode().rstrip("=").lower()
    )
