"""HTTP to an acquirer: one exchange, no retry, no redirect, a deadline, a bounded answer.

The deadline is over the whole exchange. A socket's timeout starts anew with each byte that
arrives, so the exchange runs in a thread of its own, and whoever asked waits for it until the
deadline and no longer. What is left of it then ends by itself, and sends nothing any more: a
process that was frozen and wakes up an hour later must not charge a card.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from farthing.acquiring.exchange import Exchanged, NoByteSent, NoUsableAnswer

CONNECT_TIMEOUT_SECONDS = 2
JSON = {"Content-Type": "application/json"}
SIGNATURE_HEADER = "Sandbox-Signature"
NOTHING_MORE: Mapping[str, str] = {}
_CHUNK_BYTES = 8 * 1024


def _connections() -> Any:
    """Fresh ones: a connection that was kept over a pause may have died, and then nobody can say
    whether the request went through."""
    import urllib3

    return urllib3.PoolManager()


@dataclass(frozen=True)
class _Patience:
    """Whether somebody still waits for the exchange."""

    ended: threading.Event = field(default_factory=threading.Event)

    def while_it_lasts(self, body: bytes) -> Iterator[bytes]:
        """The body, unless nobody waits when it is its turn: for a head nobody does anything."""
        self.check()
        yield body

    def check(self) -> None:
        if self.ended.is_set():
            raise NoUsableAnswer("deadline")


class Exchange:
    """Requests to one base URL with one bearer secret, and answers of a bounded size.

    `headers` go with each request. `answer_header` names the one header of the answer that counts.
    """

    def __init__(
        self,
        base_url: str,
        secret: str,
        *,
        answer_bytes_max: int,
        headers: Mapping[str, str] = JSON,
        answer_header: str = SIGNATURE_HEADER,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}", **headers}
        self._answer_bytes_max = answer_bytes_max
        self._answer_header = answer_header

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_seconds: int,
        headers: Mapping[str, str] = NOTHING_MORE,
    ) -> Exchanged:
        """Status, raw body, the header. Raises NoByteSent or NoUsableAnswer."""
        patience, headers = _Patience(), {**self._headers, **headers}
        return _within(
            timeout_seconds,
            patience,
            lambda: self._exchange(method, path, body, timeout_seconds, headers, patience),
        )

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_seconds: float,
        headers: dict[str, str],
        patience: _Patience,
    ) -> Exchanged:
        import urllib3
        from urllib3.exceptions import (
            ConnectTimeoutError,
            HTTPError,
            NameResolutionError,
            NewConnectionError,
        )

        if body is not None:
            headers["Content-Length"] = str(len(body))
        try:
            answer = _connections().request(
                method,
                self._base_url + path,
                body=None if body is None else patience.while_it_lasts(body),
                headers=headers,
                timeout=urllib3.Timeout(
                    connect=CONNECT_TIMEOUT_SECONDS, read=timeout_seconds, total=timeout_seconds
                ),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                raw = _read(answer, patience, self._answer_bytes_max)
            finally:
                answer.close()
        except (NewConnectionError, ConnectTimeoutError, NameResolutionError) as error:
            raise NoByteSent from error
        except (HTTPError, OSError) as error:
            raise NoUsableAnswer(type(error).__name__) from error
        return answer.status, raw, answer.headers.get(self._answer_header, "")


def _within(seconds: float, patience: _Patience, exchange: Callable[[], Exchanged]) -> Exchanged:
    """What `exchange` gives or raises, or NoUsableAnswer if that takes longer."""
    came: list[Exchanged | Exception] = []

    def run() -> None:
        try:
            came.append(exchange())
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that asked
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    patience.ended.set()
    if not came:
        raise NoUsableAnswer("deadline")
    if isinstance(came[0], Exception):
        raise came[0]
    return came[0]


def _read(answer: Any, patience: _Patience, bytes_max: int) -> bytes:
    """The whole body, of the size that an answer may have."""
    raw = bytearray()
    try:
        while chunk := answer.read1(_CHUNK_BYTES):
            patience.check()
            raw += chunk
            if len(raw) > bytes_max:
                raise NoUsableAnswer("too long")
    except NoUsableAnswer:
        answer.close()
        raise
    return bytes(raw)
