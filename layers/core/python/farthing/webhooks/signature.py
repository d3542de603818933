"""Standard Webhooks, version v1: HMAC-SHA256 over `{id}.{timestamp}.{body}`.

The body is bytes and the timestamp an integer, so nothing that was not signed can pass: no
re-serialised JSON, no `1795335139.9`. Every refusal is one exception.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
TOLERANCE_SECONDS = 5 * 60
_SECRET_BYTES_MIN, _SECRET_BYTES_MAX = 24, 64
_VERSION = "v1"
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class SignatureRefused(Exception):
    """The message is not from whom it says. The text names the part that is wrong."""


def make_secret(entropy: bytes) -> str:
    """The text of a secret of 24 to 64 random bytes."""
    if not _SECRET_BYTES_MIN <= len(entropy) <= _SECRET_BYTES_MAX:
        raise ValueError("a signing secret has 24 to 64 bytes")
    return SECRET_PREFIX + base64.b64encode(entropy).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,…`. `timestamp` is whole seconds since 1970, of this attempt."""
    if "." in message_id:
        raise ValueError("a message id has no full stop: it would blur what is signed")
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, content, hashlib.sha256).digest()
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def signed_headers(
    secrets: Iterable[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers. Several secrets during a rotation: one signature by each."""
    signatures = [sign(secret, message_id, timestamp, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, *, now_seconds: int
) -> None:
    """Accept a message signed by one of `secrets` within five minutes of now, either way.

    `headers` have lower-case names. Raises SignatureRefused.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or "." in message_id:
        raise SignatureRefused("webhook-id is missing or not usable")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("webhook-timestamp is not a whole number of seconds")
    if abs(now_seconds - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureRefused("webhook-timestamp is more than five minutes off")
    given = [_digest(part) for part in headers.get("webhook-signature", "").split(" ")]
    wanted = [_digest(sign(secret, message_id, int(timestamp), body)) for secret in secrets]
    if not any(hmac.compare_digest(one, other) for one in given if one for other in wanted):
        raise SignatureRefused("webhook-signature holds no signature by this secret")


def _digest(part: str) -> bytes:
    version, _, text = part.partition(",")
    try:
        return base64.b64decode(text, validate=True) if version == _VERSION else b""
    except (binascii.Error, ValueError):
        return b""
