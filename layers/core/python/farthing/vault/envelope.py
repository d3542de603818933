"""Envelopes: AES-256-GCM under a data key that only KMS can unwrap.

    KMS GenerateDataKey(context) ──► data key ──► AES-256-GCM(card number, AAD) ──► ciphertext
                                └──► wrapped key ────────────────────────────────► stored beside

Purpose, merchant, mode and token are bound twice: as KMS's encryption context, so the wrapped key
opens for no other card, and as the cipher's associated data, so the ciphertext does not either.
Each secret has a data key of its own, which is used once. All secrets of one purpose are padded to
one length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from farthing.store.item import Item
from farthing.store.scope import TenantScope

FORMAT_VERSION = 1
NONCE_BYTES = 12
DATA_KEY_BYTES = 32
_PAD = " "

EntropySource = Callable[[int], bytes]
"""Gives so many random bytes."""


class Purpose(StrEnum):
    """What an envelope holds. An envelope of one purpose does not open as another."""

    PAN = "pan"
    CVC = "cvc"
    BANK_ACCOUNT = "bank_account"
    WALLET = "wallet"
    NETWORK_TOKEN = "network_token"


PADDED_LENGTH = {
    Purpose.PAN: 19,
    Purpose.CVC: 4,
    Purpose.BANK_ACCOUNT: 34,
    Purpose.WALLET: 8 * 1024,
    Purpose.NETWORK_TOKEN: 19,
}
_MADE_OF = {
    Purpose.PAN: "[0-9]+",
    Purpose.CVC: "[0-9]+",
    Purpose.BANK_ACCOUNT: "[0-9A-Z/]+",
    Purpose.WALLET: r"(?s:[\t\n\r -~]*[!-~])",
    Purpose.NETWORK_TOKEN: "[0-9]+",
}
"""What a secret is made of. None ends in a space: that is what it is padded with."""


@dataclass(frozen=True)
class TokenRef:
    """A token, and whose it is."""

    tenant: TenantScope
    token: str


@dataclass(frozen=True)
class DataKey:
    """A fresh key: in the clear for this moment, and wrapped for the time after."""

    plaintext: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)
    wrapped_by: str


class DataKeys(Protocol):
    """Who makes data keys. The context of making must be given again to unwrap."""

    def generate(self, context: Mapping[str, str]) -> DataKey:
        """A new data key of 32 bytes."""
        ...


class Unwrapper(Protocol):
    """Who opens wrapped data keys."""

    def unwrap(self, wrapped: bytes, context: Mapping[str, str], wrapped_by: str) -> bytes:
        """The data key. Raises EnvelopeRefused if key or context is another.

        `wrapped_by` is what the row says, and is not to be believed without looking it up.
        """
        ...


class EnvelopeRefused(Exception):
    """An envelope does not open: it is another card's, another purpose's, or was changed."""


@dataclass(frozen=True)
class Envelope:
    """A sealed secret with all that is needed to open it, except the right to."""

    ciphertext: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    wrapped_key: bytes = field(repr=False)
    wrapped_by: str
    version: int = FORMAT_VERSION

    def to_item(self) -> Item:
        """As stored in the vault's table."""
        return {
            "version": self.version,
            "ciphertext": self.ciphertext,
            "nonce": self.nonce,
            "wrapped_key": self.wrapped_key,
            "wrapped_by": self.wrapped_by,
        }

    @classmethod
    def from_item(cls, item: Item) -> Envelope:
        """As read from the vault's table."""
        return cls(
            ciphertext=item["ciphertext"],
            nonce=item["nonce"],
            wrapped_key=item["wrapped_key"],
            wrapped_by=item["wrapped_by"],
            version=item["version"],
        )


def context_of(purpose: Purpose, ref: TokenRef) -> dict[str, str]:
    """KMS's encryption context. It shows in CloudTrail, so nothing of the card is in it."""
    return {
        "purpose": purpose.value,
        "merchant": ref.tenant.merchant_id,
        "mode": ref.tenant.mode,
        "token": ref.token,
    }


def associated_data(purpose: Purpose, ref: TokenRef, version: int = FORMAT_VERSION) -> bytes:
    """The same facts for the cipher, in a form that no two sets of facts share."""
    facts = ["farthing", version, purpose, ref.tenant.merchant_id, ref.tenant.mode, ref.token]
    return json.dumps(facts, separators=(",", ":")).encode()


def seal(
    secret: str, purpose: Purpose, ref: TokenRef, keys: DataKeys, entropy: EntropySource
) -> Envelope:
    """Encrypt `secret` for one token and purpose."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    length = PADDED_LENGTH[purpose]
    if len(secret) > length or not re.fullmatch(_MADE_OF[purpose], secret):
        raise ValueError(f"a {purpose} has 1 to {length} characters: digits, or what else it takes")
    data_key = keys.generate(context_of(purpose, ref))
    nonce = entropy(NONCE_BYTES)
    ciphertext = AESGCM(data_key.plaintext).encrypt(
        nonce, secret.ljust(length, _PAD).encode(), associated_data(purpose, ref)
    )
    return Envelope(ciphertext, nonce, data_key.wrapped, data_key.wrapped_by)


def unseal(envelope: Envelope, purpose: Purpose, ref: TokenRef, keys: Unwrapper) -> str:
    """Decrypt. Raises EnvelopeRefused unless everything is what it was when sealed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    context = context_of(purpose, ref)
    data_key = keys.unwrap(envelope.wrapped_key, context, envelope.wrapped_by)
    try:
        padded = AESGCM(data_key).decrypt(
            envelope.nonce,
            envelope.ciphertext,
            associated_data(purpose, ref, envelope.version),
        )
    except (InvalidTag, ValueError) as error:
        raise EnvelopeRefused(f"the {purpose} of {ref.token} does not open") from error
    return padded.decode().rstrip(_PAD)
