"""How a secret and a signature are written, and the ways in which they are written wrongly."""

from __future__ import annotations

import base64
import binascii
import re

from farthing.webhooks.signature import PRIVATE_PREFIX, PUBLIC_PREFIX, SECRET_PREFIX

KEY_BYTES = {SECRET_PREFIX: (24, 64), PUBLIC_PREFIX: (32, 32), PRIVATE_PREFIX: (64, 64)}
"""How many bytes a key has at least and at most, by its prefix."""

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_VERSION = re.compile(r"v[0-9]+[a-z]?", re.IGNORECASE)
_DIGEST_BYTES = {"v1": 32, "v1a": 64}


def version_of(secret: str) -> str:
    """The version of the signatures that a key makes or checks."""
    return "v1a" if secret.startswith((PUBLIC_PREFIX, PRIVATE_PREFIX)) else "v1"


def secret_problem(secret: str) -> str:
    """Why a text is no key that verifies; empty if it is one. A missing whsec_ is no fault."""
    if secret != secret.strip():
        return "there is white space around it"
    prefix = next((one for one in KEY_BYTES if secret.startswith(one)), SECRET_PREFIX)
    text = secret.removeprefix(prefix)
    if not text:
        return "it is empty"
    if set("-_") & set(text):
        return f"what follows {prefix} is not base64 (it has - or _; is it base64url?)"
    try:
        size = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return f"what follows {prefix} is not base64: was it cut off or masked, or another secret?"
    least, most = KEY_BYTES[prefix]
    if not least <= size <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        return f"it has {size} bytes, and a {prefix} key {wanted}: is all of it there?"
    return ""


def signing_problem(secret: str) -> str:
    """Why a text is no secret that signs; empty if it is one."""
    if secret.startswith(PUBLIC_PREFIX):
        return "whpk_… is a public key, which verifies; it cannot sign"
    return secret_problem(secret)


def signature_problem(token: str) -> str:
    """Why one of the signatures in a header is not written as it is to be; empty if it is."""
    version, comma, text = token.partition(",")
    if not comma:
        return "it has no version: v1, comes before the base64"
    if version not in _DIGEST_BYTES:
        known = " and ".join(_DIGEST_BYTES)
        return f"{version[:12]!r} is no version that is known ({known})"
    if _HEX.fullmatch(text):
        return "it is written in hexadecimal; base64 is wanted"
    if set("-_") & set(text):
        return "it is base64url; base64 has + and / for - and _"
    try:
        size = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return "it is not base64 (cut off, or without its padding =?)"
    if size != _DIGEST_BYTES[version]:
        return f"it has {size} bytes; {version} has {_DIGEST_BYTES[version]}"
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
