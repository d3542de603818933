"""Fingerprints: the same card of the same merchant, without its number.

The keyed hash stays in the vault's row. Merchants see a hash of that hash: it compares as well,
and it leads neither to the number nor, across merchants, to the same card.

KMS does not rotate HMAC keys, so another key is another version, and a card has another fingerprint
under it. While cards are still known by the one before, what is typed is given both: whoever looks
for a card looks for either, and keeps what it finds under the present one.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Protocol

VERSION = "fp-v1"
"""The version of a stack's first key. Settings name the others."""

PUBLIC_BYTES = 16


class Fingerprints(Protocol):
    """Who makes keyed hashes."""

    def mac(self, message: bytes) -> bytes:
        """HMAC-SHA-256 of `message` by a key that only the vault may use."""
        ...


@dataclass(frozen=True)
class FingerprintBefore:
    """The key that fingerprints were made with before the present one, and its version."""

    version: str
    keys: Fingerprints


def fingerprint(merchant_id: str, number: str, keys: Fingerprints, version: str = VERSION) -> bytes:
    """The fingerprint of a card number for one merchant: 32 bytes, for the vault alone."""
    return keys.mac(f"{version}|{merchant_id}|{number}".encode())


def public_fingerprint(mac: bytes) -> str:
    """What may be shown: 26 characters."""
    return (
        base64.b32encode(hashlib.sha256(mac).digest()[:PUBLIC_BYTES]).decode().rstrip("=").lower()
    )
