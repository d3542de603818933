"""API keys: how they look, how they are stored, and what a stored one says.

A key is a prefix and 256 random bits. The table holds its SHA-256 alone: with that much
randomness a slow hash would add nothing, and the hash is the lookup, so no text is ever compared.
The keys of checkout sessions are in partitions of their own, so that whoever may write those can
write no other.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from farthing.access.account import Account
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.clock import to_text
from farthing.store.item import Item, Key

ENTROPY_BYTES = 32
SCOPES = {
    KeyKind.SECRET: ("read", "write"),
    KeyKind.PUBLISHABLE: ("tokens",),
    KeyKind.CHECKOUT: ("tokens", "checkout"),
}
"""What each kind of key may do."""

BREAKS = "breaks"
"""What a secret key may do if its operator says so: work on breaks. How one ends is booked, partly
at the operator's cost, so a merchant's own key cannot."""

ISSUED = (KeyKind.SECRET, KeyKind.PUBLISHABLE)
"""The kinds that an operator gives a merchant. A checkout key is made with its session."""

_PREFIXES = {KeyKind.SECRET: "sk", KeyKind.PUBLISHABLE: "pk", KeyKind.CHECKOUT: "ck"}
_KEY_TEXT = re.compile(r"(sk|pk|ck)_(test|live)_[A-Za-z0-9_-]{43,64}")


@dataclass(frozen=True)
class NewKey:
    """A key to be issued: who it is for, and its text, which is shown once.

    `also` are scopes beyond those of its kind.
    """

    key_id: str
    merchant_id: str
    mode: Mode
    kind: KeyKind
    text: str
    also: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"NewKey({self.key_id})"


def new_key(key_id: str, merchant_id: str, mode: Mode, kind: KeyKind, entropy: bytes) -> NewKey:
    """A key from 32 random bytes: `sk_test_…`."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a key takes {ENTROPY_BYTES} bytes of entropy, not {len(entropy)}")
    random_part = base64.b32encode(entropy).decode().rstrip("=").lower()
    return NewKey(key_id, merchant_id, mode, kind, f"{_PREFIXES[kind]}_{mode.value}_{random_part}")


def has_key_form(text: str) -> bool:
    """Whether `text` could be a key at all; if not, nobody need be asked."""
    return _KEY_TEXT.fullmatch(text) is not None


def key_row(text: str) -> Key:
    """Where a key is found by its text."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    partition = "CHECKOUT" if is_for_checkout(text) else "KEY"
    return Key("access", f"{partition}#{digest}", "KEY")


def is_for_checkout(text: str) -> bool:
    """Whether a key says that it is of a checkout session."""
    return text.startswith(f"{_PREFIXES[KeyKind.CHECKOUT]}_")


def key_item(key: NewKey, now: datetime, expires_at: datetime | None = None) -> Item:
    """A key as it is stored: nothing in it leads back to the text."""
    return {
        "entity": "api_key",
        "key_id": key.key_id,
        "merchant_id": key.merchant_id,
        "mode": key.mode.value,
        "kind": key.kind.value,
        "scopes": [*SCOPES[key.kind], *key.also],
        "created_at": to_text(now),
    } | ({"expires_at": to_text(expires_at)} if expires_at else {})


def is_valid(item: Item, now: datetime) -> bool:
    """Whether a stored key is neither revoked nor expired."""
    return "revoked_at" not in item and item.get("expires_at", "~") > to_text(now)


def principal_of(item: Item, account: Account) -> Principal:
    """The caller that a stored key of this account stands for."""
    return Principal(
        merchant_id=item["merchant_id"],
        mode=Mode(item["mode"]),
        kind=KeyKind(item["kind"]),
        key_id=item["key_id"],
        scopes=frozenset(item["scopes"]),
        settings=account.settings(item["mode"]),
    )


def merchant_row(merchant_id: str) -> Key:
    """Where a merchant is found. One partition: merchants are few and rarely written."""
    return Key("access", "MERCHANT", merchant_id)
