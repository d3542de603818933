"""Standard Webhooks, v1 and v1a: a signature over `{id}.{timestamp}.{body}`.

| version | algorithm | signs with | is checked with |
|---|---|---|---|
| v1 | HMAC-SHA256 | `whsec_` | the same |
| v1a | Ed25519 | `whsk_` | `whsk_`, or its public `whpk_` |

The prefix of a key says which. The body is bytes and the timestamp an integer, so nothing that was
not signed can pass: no re-serialised JSON, no `1795335139.9`. Every refusal is one exception.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

SECRET_PREFIX = "whsec_"
PRIVATE_PREFIX, PUBLIC_PREFIX = "whsk_", "whpk_"
SECRET_BYTES = 32
TOLERANCE_SECONDS = 5 * 60
_SECRET_BYTES_MIN, _SECRET_BYTES_MAX = 24, 64
_SEED_BYTES, _PUBLIC_BYTES = 32, 32
_SHARED, _ED25519 = "v1", "v1a"
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class SignatureRefused(Exception):
    """The message is not from whom it says. The text names the part that is wrong."""


def make_secret(entropy: bytes) -> str:
    """The text of a secret of 24 to 64 random bytes."""
    if not _SECRET_BYTES_MIN <= len(entropy) <= _SECRET_BYTES_MAX:
        raise ValueError("a signing secret has 24 to 64 bytes")
    return SECRET_PREFIX + base64.b64encode(entropy).decode()


def public_key(private_key: str) -> str:
    """The `whpk_…` that checks what a `whsk_…` signs. Raises ValueError for another key."""
    if not private_key.startswith(PRIVATE_PREFIX):
        raise ValueError(f"only a {PRIVATE_PREFIX} key has a public one")
    return PUBLIC_PREFIX + base64.b64encode(_public_bytes(private_key)).decode()


def sign(key: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,…` or `v1a,…`. `timestamp` is whole seconds since 1970, of this attempt.

    Raises ValueError for a key that signs nothing.
    """
    if key.startswith(PUBLIC_PREFIX):
        raise ValueError(f"a {PUBLIC_PREFIX} key checks signatures and makes none")
    content = _content(message_id, timestamp, body)
    version = _version(key)
    made = _private_sign(key, content) if version == _ED25519 else _digest(key, content)
    return f"{version},{base64.b64encode(made).decode()}"


def signed_headers(
    keys: Iterable[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers. Several keys during a rotation: one signature by each."""
    signatures = [sign(key, message_id, timestamp, body) for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(
    keys: Iterable[str], headers: Mapping[str, str], body: bytes, *, now_seconds: int
) -> None:
    """Accept a message signed by one of `keys` within five minutes of now, either way.

    `headers` have lower-case names. No key is taken for what nobody could have signed. Raises
    SignatureRefused; ValueError if a key is none.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or "." in message_id:
        raise SignatureRefused("webhook-id is missing or not usable")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("webhook-timestamp is not a whole number of seconds")
    if abs(now_seconds - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureRefused("webhook-timestamp is more than five minutes off")
    content = _content(message_id, int(timestamp), body)
    given = [_signature(part) for part in headers.get("webhook-signature", "").split(" ")]
    if not any(found for _, found in given):
        raise SignatureRefused("webhook-signature is missing or holds no signature")
    if not any(_signed_by(key, content, given) for key in keys):
        raise SignatureRefused("webhook-signature holds no signature by this secret")


def _content(message_id: str, timestamp: int, body: bytes) -> bytes:
    if "." in message_id:
        raise ValueError("a message id has no full stop: it would blur what is signed")
    return f"{message_id}.{timestamp}.".encode() + body


def _version(key: str) -> str:
    return _ED25519 if key.startswith((PRIVATE_PREFIX, PUBLIC_PREFIX)) else _SHARED


def _signature(part: str) -> tuple[str, bytes]:
    """Version and bytes of a part of the header; of what is none, no bytes."""
    version, _, text = part.partition(",")
    try:
        return version, base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return version, b""


def _signed_by(key: str, content: bytes, given: Iterable[tuple[str, bytes]]) -> bool:
    version = _version(key)
    candidates = [found for name, found in given if name == version and found]
    if version == _SHARED:
        wanted = _digest(key, content)
        return any(hmac.compare_digest(found, wanted) for found in candidates)
    public = _public_bytes(key)
    return any(_public_verify(public, found, content) for found in candidates)


def _digest(secret: str, content: bytes) -> bytes:
    return hmac.new(_bytes(secret, SECRET_PREFIX), content, hashlib.sha256).digest()


def _private_sign(key: str, content: bytes) -> bytes:
    # Imported when it is needed: endpoints have v1 secrets, and a cold start should not pay for it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed = _bytes(key, PRIVATE_PREFIX)[:_SEED_BYTES]
    return Ed25519PrivateKey.from_private_bytes(seed).sign(content)


def _public_bytes(key: str) -> bytes:
    """Of a private key, its second half: that is how Standard Webhooks writes one."""
    if key.startswith(PUBLIC_PREFIX):
        return _bytes(key, PUBLIC_PREFIX)
    return _bytes(key, PRIVATE_PREFIX)[_SEED_BYTES:]


def _public_verify(public: bytes, signature: bytes, content: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except InvalidSignature:
        return False
    return True


_SIZES = {PRIVATE_PREFIX: _SEED_BYTES + _PUBLIC_BYTES, PUBLIC_PREFIX: _PUBLIC_BYTES}
"""A shared secret may have any: those of acquirers are as long as they made them."""


def _bytes(key: str, prefix: str) -> bytes:
    """Raises ValueError for what is no key of its kind; the text does not repeat it."""
    try:
        raw = base64.b64decode(key.removeprefix(prefix), validate=True)
    except ValueError:
        raw = b""
    if not raw or len(raw) != _SIZES.get(prefix, len(raw)):
        raise ValueError(f"this is no {prefix} key")
    return raw
