"""What is read in a receiver's answer, and what is kept of it for the merchant to look at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

from farthing.cards import mask
from farthing.webhooks.ports import Reply

BODY_BYTES_KEPT = 1024
HEADER_BYTES_KEPT = 256
"""In UTF-8: twenty attempts are kept in a row, and the rows of many deliveries in a transaction."""

HEADERS_KEPT = frozenset({"content-type", "location", "retry-after", "server", "x-request-id"})
"""What helps to find a request in the receiver's own logs; cookies and the like do not."""

_LETTER = r"(?:[A-Za-z0-9+/=_-]|\\(?:/|u00[0-9A-Fa-f]{2})|%[0-9A-Fa-f]{2}|&#?[A-Za-z0-9]{1,6};)"
_SECRETS = re.compile(rf"whs(?:ec|k)_{_LETTER}+|v1a?(?:,|%2[Cc]){_LETTER}{{40,}}")
"""A receiver that says too much repeats what it was sent, or what it checks with; as it stands, or
as JSON, a URL or HTML write its signs."""
SECRET_MASK = "[secret]"

_SECONDS = re.compile(r"[0-9]{1,9}")


def kept_reply(headers: Iterable[tuple[str, str]], body: bytes) -> Reply:
    """The beginning of the body, and some headers, without secrets and card numbers."""
    kept = {
        name.lower(): _cut(masked(value), HEADER_BYTES_KEPT)
        for name, value in headers
        if name.lower() in HEADERS_KEPT
    }
    return Reply(kept, _cut(masked(body.decode(errors="replace")), BODY_BYTES_KEPT))


def masked(text: str) -> str:
    """`text` without anything that looks like a secret, a signature or a card number."""
    return mask(_SECRETS.sub(SECRET_MASK, text))


def retry_after_seconds(value: str | None, now_seconds: float) -> int | None:
    """What `Retry-After` asks for: seconds, or a date (RFC 9110, 10.2.3). None if it is neither."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value.strip()):
        return int(value)
    try:
        at = parsedate_to_datetime(value)
        return max(0, int(at.timestamp() - now_seconds))
    except (OverflowError, TypeError, ValueError):
        return None


def _cut(text: str, bytes_max: int) -> str:
    return text.encode()[:bytes_max].decode(errors="ignore")
