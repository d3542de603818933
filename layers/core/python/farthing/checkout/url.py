"""Which addresses a session may have: where its payer goes, and its items' pictures.

A browser goes there by itself, so it must be a web address and nothing that runs: https; http on
this machine alone, where the stack allows it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LENGTH_MAX = 2048
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PRINTABLE = re.compile(r"[!-~]+")
_REFUSED = frozenset("\\<>\"'`")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:]+")


def check_url(text: str, *, allow_loopback: bool) -> str:
    """The text, if it is such an address. Raises ValueError that says what is wrong with it."""
    if len(text) > LENGTH_MAX:
        raise ValueError(f"is longer than {LENGTH_MAX} characters")
    if not _PRINTABLE.fullmatch(text) or _REFUSED & set(text):
        raise ValueError("holds characters that a URL does not (write them percent-encoded)")
    try:
        parts = urlsplit(text)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password")
    if not _HOST.fullmatch(host):
        raise ValueError("has no host that is one")
    on_this_machine = allow_loopback and host in LOOPBACK
    if parts.scheme != "https" and not (on_this_machine and parts.scheme == "http"):
        raise ValueError("does not begin with https://")
    return text
