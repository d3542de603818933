"""HTTP to an acquirer: one exchange, no retry, no redirect, a deadline, a bounded answer."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from farthing.acquiring.sandbox import (
    ANSWER_BYTES_MAX,
    CONNECT_TIMEOUT_SECONDS,
    NoByteSent,
    NoUsableAnswer,
)

SIGNATURE_HEADER = "Sandbox-Signature"
_CHUNK_BYTES = 8 * 1024


@cache
def _pool() -> Any:
    import urllib3

    return urllib3.PoolManager(num_pools=4, maxsize=4)


class Exchange:
    """Requests to one base URL with one bearer secret."""

    def __init__(self, base_url: str, secret: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._secret = secret

    def __call__(
        self, method: str, path: str, body: bytes | None, timeout_seconds: int
    ) -> tuple[int, bytes, str]:
        """Status, raw body, signature. Raises NoByteSent or NoUsableAnswer."""
        import urllib3
        from urllib3.exceptions import (
            ConnectTimeoutError,
            HTTPError,
            NameResolutionError,
            NewConnectionError,
        )

        deadline = time.monotonic() + timeout_seconds
        try:
            answer = _pool().request(
                method,
                self._base_url + path,
                body=body,
                headers={
                    "Authorization": f"Bearer {self._secret}",
                    "Content-Type": "application/json",
                },
                timeout=urllib3.Timeout(
                    connect=CONNECT_TIMEOUT_SECONDS, read=timeout_seconds, total=timeout_seconds
                ),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                raw = _read(answer, deadline)
            finally:
                answer.release_conn()
        except (NewConnectionError, ConnectTimeoutError, NameResolutionError) as error:
            raise NoByteSent from error
        except (HTTPError, OSError) as error:
            raise NoUsableAnswer from error
        return answer.status, raw, answer.headers.get(SIGNATURE_HEADER, "")


def _read(answer: Any, deadline: float) -> bytes:
    """The whole body, within the deadline and the size that an answer may have."""
    raw = b""
    for chunk in answer.stream(_CHUNK_BYTES):
        raw += chunk
        if len(raw) > ANSWER_BYTES_MAX or time.monotonic() > deadline:
            answer.close()
            raise NoUsableAnswer
    return raw
