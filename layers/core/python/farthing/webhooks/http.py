"""Sending to an address that a stranger chose, without being turned against ourselves.

The name is resolved once; if any of its addresses is not public, nothing is sent. The connection
goes to a checked address, not to the name again, so an answer that changes between check and
connection does not help. Redirects are not followed. The deadline is over the whole exchange,
from the look-up to the end of the reply: a watchdog closes the connection of a receiver that
drips. At most 16 KB of the reply are read, its headers with it; a little of it is kept, for the
merchant to look at.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from farthing.webhooks.address import Address, may_send_to
from farthing.webhooks.ports import Answer, SendError
from farthing.webhooks.reply import kept_reply, retry_after_seconds
from farthing.webhooks.url import Target, UrlRefused, parse_url

DEADLINE_SECONDS = 15.0
REPLY_BYTES_MAX = 16 * 1024
ADDRESSES_TRIED_MAX = 3

Resolve = Callable[[str, int], list[str]]
Connect = Callable[[Address, int, float], socket.socket]


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name, by the system's resolver. Raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def connect(address: Address, port: int, timeout_seconds: float) -> socket.socket:
    """A connection to exactly this address. Raises OSError."""
    return socket.create_connection((str(address), port), timeout_seconds)


class _Failed(Exception):
    def __init__(self, error: SendError) -> None:
        super().__init__(error)
        self.error = error


@dataclass
class HttpSender:
    """Posts once. `resolve` and `connect` are replaced in tests."""

    allow_loopback: bool
    deadline_seconds: float = DEADLINE_SECONDS
    resolve: Resolve = resolve
    connect: Connect = connect

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the receiver answered, or why it did not. Never raises for either."""
        started = time.monotonic()
        deadline = started + self.deadline_seconds
        answer = Answer(None, None, 0)
        try:
            answer = self._exchange(url, headers, body, deadline)
        except _Failed as failed:
            late = time.monotonic() >= deadline
            answer = replace(answer, error=SendError.TIMED_OUT if late else failed.error)
        return replace(answer, duration_ms=int((time.monotonic() - started) * 1000))

    def _exchange(
        self, url: str, headers: Mapping[str, str], body: bytes, deadline: float
    ) -> Answer:
        try:
            target = parse_url(url, allow_loopback=self.allow_loopback)
        except UrlRefused as error:
            raise _Failed(SendError.URL_REFUSED) from error
        addresses = self._addresses(target, deadline)
        with self._connection(target, addresses, deadline) as connection:
            try:
                connection.request(
                    "POST",
                    target.path,
                    body,
                    {**headers, "host": target.host_header, "connection": "close"},
                )
                reply = connection.getresponse()
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise _Failed(SendError.CONNECTION_BROKEN) from error
            _left(deadline)  # headers that the watchdog cut short look like headers that ended
            beginning = _take_leave(reply)
        return Answer(
            reply.status,
            None,
            0,
            retry_after_seconds=retry_after_seconds(reply.getheader("retry-after"), time.time()),
            reply=kept_reply(reply.getheaders(), beginning),
        )

    def _addresses(self, target: Target, deadline: float) -> list[Address]:
        """Every address of the host, all of them allowed; IPv4 first, which Lambda can reach."""
        texts = _within(lambda: self.resolve(target.host, target.port), deadline)
        try:
            addresses = [ip_address(text) for text in texts]
        except ValueError as error:
            raise _Failed(SendError.ADDRESS_REFUSED) from error
        if not addresses:
            raise _Failed(SendError.NAME_NOT_RESOLVED)
        if not all(may_send_to(a, allow_loopback=self.allow_loopback) for a in addresses):
            raise _Failed(SendError.ADDRESS_REFUSED)
        return sorted(addresses, key=lambda address: address.version)[:ADDRESSES_TRIED_MAX]

    @contextmanager
    def _connection(
        self, target: Target, addresses: list[Address], deadline: float
    ) -> Iterator[http.client.HTTPConnection]:
        """A connection that ends at the deadline, whatever the other side does."""
        sock = self._dial(addresses, target.port, deadline)
        try:
            if target.secure:
                sock = self._tls.wrap_socket(
                    sock, server_hostname=target.host, do_handshake_on_connect=False
                )
            with _cut_at(deadline, sock):
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                connection = http.client.HTTPConnection(target.host, target.port)
                connection.response_class = _BoundedReply
                connection.sock = sock
                yield connection
        except OSError as error:
            raise _Failed(SendError.TLS_FAILED) from error
        finally:
            sock.close()

    def _dial(self, addresses: list[Address], port: int, deadline: float) -> socket.socket:
        """To the first that takes the connection; one that is silent leaves time for the others."""
        last: OSError | None = None
        for number, address in enumerate(addresses):
            try:
                return self.connect(address, port, _left(deadline) / (len(addresses) - number))
            except OSError as error:
                last = error
        raise _Failed(SendError.CONNECTION_FAILED) from last

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _BoundedReply(http.client.HTTPResponse):
    """Ends after REPLY_BYTES_MAX, wherever that is: a reply may have megabytes of headers too."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Bounded(self.fp, REPLY_BYTES_MAX))


class _Bounded(io.RawIOBase):
    def __init__(self, stream: io.BufferedReader, bytes_left: int) -> None:
        self._stream, self._bytes_left = stream, bytes_left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._stream.readinto1(memoryview(buffer)[: self._bytes_left])
        self._bytes_left -= got
        return got

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextmanager
def _cut_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """Within it, no call on `sock` outlasts the deadline."""
    sock.settimeout(_left(deadline))
    watchdog = threading.Timer(_left(deadline), _cut, [sock])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _take_leave(reply: http.client.HTTPResponse) -> bytes:
    """Read a little of the body. The status has said all; what happens here changes nothing."""
    try:
        return reply.read(REPLY_BYTES_MAX)
    except (OSError, http.client.HTTPException, ValueError):
        return b""


def _within(look_up: Callable[[], list[str]], deadline: float) -> list[str]:
    """Run a look-up that knows no timeout of its own, no longer than until the deadline."""
    found: list[list[str]] = []

    def run() -> None:
        try:
            found.append(look_up())
        except (OSError, UnicodeError):
            found.append([])

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_left(deadline))
    if not found:
        raise _Failed(SendError.TIMED_OUT)
    return found[0]


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _Failed(SendError.TIMED_OUT)
    return left


def _cut(sock: socket.socket) -> None:
    """End the connection under a reader's feet. By the plain method: TLS would wait for its own."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return
