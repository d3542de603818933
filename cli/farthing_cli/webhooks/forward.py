"""Passing events on to a server on this machine, signed for it anew."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from farthing.webhooks.http import HttpSender
from farthing.webhooks.ports import SendError
from farthing.webhooks.signature import make_secret, signed_headers
from farthing.webhooks.url import UrlRefused, parse_url
from farthing_cli.failure import Failure
from farthing_cli.webhooks.signing_text import signing_problem

FORWARD_SECONDS = 14.0
"""For the whole exchange: less than Farthing's sender waits, so that it hears our answer."""

BAD_GATEWAY = 502
USER_AGENT = "Farthing-Listen/1"
PROBLEMS: Mapping[SendError | None, str] = {
    SendError.CONNECTION_FAILED: "nobody listens there",
    SendError.NAME_NOT_RESOLVED: "nobody listens there",
    SendError.TIMED_OUT: "no answer in time",
}


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
        sender = HttpSender(allow_loopback=True, deadline_seconds=self.timeout_seconds)
        answer = sender.post(self.url, headers, body)
        if answer.status_code is None:
            problem = PROBLEMS.get(answer.error, "the connection broke")
            return Reply(BAD_GATEWAY, answer.duration_ms, problem=problem)
        wait = answer.retry_after_seconds
        return Reply(answer.status_code, answer.duration_ms, None if wait is None else str(wait))


def loopback_url(text: str) -> str:
    """An address of this machine. Raises Failure for any other: events are nobody else's."""
    try:
        target = parse_url(text, allow_loopback=True)
        is_here = not target.secure and target.port != 0  # http is for this machine alone
    except UrlRefused:
        is_here = False
    if not is_here:
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
