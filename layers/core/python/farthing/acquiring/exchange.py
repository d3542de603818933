"""One exchange with an acquirer, whatever it speaks: what it gives, and how it may fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

Exchanged = tuple[int, bytes, str]
"""Status, raw body, and the one header of the answer that the connector asked for."""


class NoByteSent(Exception):
    """The connection was never made."""


class NoUsableAnswer(Exception):
    """The request may have arrived; what came back says nothing."""


Post = Callable[[str, str, bytes | None, int], Exchanged]
"""Method, path, body, timeout in seconds. Raises NoByteSent or NoUsableAnswer."""


class PostWithHeaders(Protocol):
    """The same, for requests that need headers of their own."""

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_seconds: int,
        headers: Mapping[str, str],
        /,
    ) -> Exchanged:
        """Raises NoByteSent or NoUsableAnswer."""
        ...
