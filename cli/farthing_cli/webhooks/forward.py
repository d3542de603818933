"""Passing events on to a server on this machine, signed for it anew."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import urllib3

from farthing.webhooks.signature import make_secret, signed_headers
from farthing_cli.failure import Failure
from farthing_cli.webhooks.signing_text import signing_problem

FORWARD_SECONDS = 14.0
"""For the whole exchange: less than Farthing's sender waits, so that it hears our answer."""

BAD_GATEWAY = 502
REPLY_BYTES_MAX = 64 * 1024
USER_AGENT = "Farthing-Listen/1"


@dataclass(frozen=True)
class Reply:
    """What the server said. Without an answer it is 502, and `problem` says why."""

    status: int
    duration_ms: int
    retry_after: str | None = None
    problem: str = ""

    @property
    def took_it(self) -> bool:
        """Only 2xx does."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Forwarder:
    """Where events go. `secret` signs them; the server is told it once."""

    url: str
    secret: str
    now: Callable[[], float] = time.time
    timeout_seconds: float = FORWARD_SECONDS

    def forward(self, message_id: str, body: bytes) -> Reply:
        """Post an event, once. Never raises for what the server does."""
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            **signed_headers([self.secret], message_id, int(self.now()), body),
        }
        began_at = time.monotonic()
        timeout = urllib3.Timeout(total=self.timeout_seconds)
        try:
            with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
                answer = pool.request(
                    "POST", self.url, body=body, headers=headers, preload_content=False
                )
                answer.read(REPLY_BYTES_MAX)
                answer.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return Reply(BAD_GATEWAY, _ms_since(began_at), problem=_in_words(error))
        retry_after = answer.headers.get("Retry-After")
        return Reply(answer.status, _ms_since(began_at), retry_after)


def loopback_url(text: str) -> str:
    """An address of this machine. Raises Failure for any other: events are nobody else's."""
    try:
        parts = urlsplit(text)
        is_whole = parts.scheme == "http" and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        is_whole = False
    if not is_whole or not _is_loopback(parts.hostname or ""):
        raise Failure(
            f"{text!r} is no address of this machine: http://127.0.0.1:3000/webhooks, or localhost."
        )
    return text


def session_secret(api_key: str, given: str | None) -> str:
    """What signs for the local server: `given`, or one that follows from the API key.

    So it is the same whenever somebody listens, and tells nothing of the key. Raises Failure for
    a text that is no secret.
    """
    if given is None:
        return make_secret(hmac.new(api_key.encode(), b"farthing listen", hashlib.sha256).digest())
    if problem := signing_problem(given):
        raise Failure(f"--secret: {problem}.")
    return given


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _in_words(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "nobody listens there"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    return "the connection broke"


def _ms_since(began_at: float) -> int:
    return int((time.monotonic() - began_at) * 1000)
