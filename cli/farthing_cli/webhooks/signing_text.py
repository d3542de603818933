"""How a secret and a signature are written, and the ways in which they are written wrongly."""

from __future__ import annotations

import base64
import binascii
import re

from farthing.webhooks.signature import SECRET_PREFIX

KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64
DIGEST_BYTES = 32
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_VERSION = re.compile(r"v[0-9]+[a-z]?", re.IGNORECASE)
_KNOWN_VERSIONS = {"v1": DIGEST_BYTES, "v1a": 64}
_PUBLIC_PREFIX, _PRIVATE_PREFIX = "whpk_", "whsk_"


def secret_problem(secret: str) -> str:
    """Why a text is no key that verifies; empty if it is one."""
    if secret != secret.strip():
        return "there is white space around it"
    if secret.startswith(_PRIVATE_PREFIX):
        return "whsk_… is a private key, which signs; its public key, whpk_…, verifies"
    for prefix in (SECRET_PREFIX, _PUBLIC_PREFIX):
        secret = secret.removeprefix(prefix)
    if not secret:
        return "it is empty"
    if set("-_") & set(secret):
        return "what follows whsec_ is not base64 (it has - or _; is it base64url, or masked?)"
    try:
        base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        return "what follows whsec_ is not base64: was it cut off, or is it another secret?"
    return ""


def signing_problem(secret: str) -> str:
    """Why a text is no secret that signs; empty if it is one."""
    if secret.startswith(_PUBLIC_PREFIX):
        return "whpk_… is a public key, which verifies; it cannot sign"
    return secret_problem(secret)


def secret_remark(secret: str) -> str:
    """What is unusual about a secret that can be used; empty if nothing is."""
    if secret.startswith(_PUBLIC_PREFIX):
        return ""
    size = len(base64.b64decode(secret.removeprefix(SECRET_PREFIX)))
    if not KEY_BYTES_MIN <= size <= KEY_BYTES_MAX:
        return (
            f"the secret has {size} bytes; Standard Webhooks say {KEY_BYTES_MIN} to "
            f"{KEY_BYTES_MAX}. Is all of it there?"
        )
    return "" if secret.startswith(SECRET_PREFIX) else "the secret has no whsec_ before it"


def signature_problem(token: str) -> str:
    """Why one of the signatures in a header is not written as it is to be; empty if it is."""
    version, comma, text = token.partition(",")
    if not comma:
        return "it has no version: v1, comes before the base64"
    if version not in _KNOWN_VERSIONS:
        known = " and ".join(_KNOWN_VERSIONS)
        return f"{version[:12]!r} is no version that is known ({known})"
    if _HEX.fullmatch(text):
        return "it is written in hexadecimal; base64 is wanted"
    if set("-_") & set(text):
        return "it is base64url; base64 has + and / for - and _"
    try:
        size = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return "it is not base64 (cut off, or without its padding =?)"
    if size != _KNOWN_VERSIONS[version]:
        return f"it has {size} bytes; {version} has {_KNOWN_VERSIONS[version]}"
    return ""


def digests_meant(token: str) -> set[bytes]:
    """The bytes that a token may have been meant to say, however wrongly it is written."""
    version, comma, text = token.partition(",")
    if not comma or not _VERSION.fullmatch(version):
        text = token
    meant = {bytes.fromhex(text)} if _HEX.fullmatch(text) else set()
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    for alphabet in (None, b"-_"):
        try:
            meant.add(base64.b64decode(padded, altchars=alphabet, validate=True))
        except (binascii.Error, ValueError):
            continue
    return meant
