"""What becomes of one event that `farthing listen` hears: checked, passed on, shown, counted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from farthing.webhooks.event_types import subscribed
from farthing.webhooks.signature import SignatureRefused, verify
from farthing_cli.webhooks.forward import Forwarder, Reply

PING = "webhook_endpoint.ping"
"""Tells a new endpoint that it is one. It is ours, so nobody else hears of it."""

NO_CONTENT, BAD_REQUEST = 204, 400

Document = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """One event, and the answer to it."""

    message_id: str
    event: Document
    reply: Reply
    forwarded: bool

    @property
    def type(self) -> str:
        """What the event says it is."""
        return str(self.event.get("type", "?"))

    def document(self) -> Document:
        """As JSON shows it."""
        return {
            "webhook_id": self.message_id,
            "type": self.type,
            "forwarded": self.forwarded,
            "status": self.reply.status,
            "duration_ms": self.reply.duration_ms,
            "problem": self.reply.problem,
            "event": self.event,
        }


@dataclass
class Hearing:
    """Every event of a session goes through here, one caller at a time or many.

    `enough` is set when `count` events were taken: answered with 2xx.
    """

    show: Callable[[Heard], None]
    patterns: Sequence[str] = ("*",)
    forwarder: Forwarder | None = None
    count: int | None = None
    taken: int = 0
    enough: threading.Event = field(default_factory=threading.Event)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def delivered(
        self, headers: Mapping[str, str], body: bytes, endpoint_secret: str | None
    ) -> Heard:
        """A webhook that came; without `endpoint_secret` its signature is not checked."""
        message_id = headers.get("webhook-id", "")
        if endpoint_secret is not None:
            try:
                verify([endpoint_secret], headers, body, now_seconds=int(time.time()))
            except SignatureRefused as refused:
                return Heard(message_id, {}, Reply(BAD_REQUEST, 0, problem=str(refused)), False)
        return self.told(message_id, body)

    def told(self, message_id: str, body: bytes) -> Heard:
        """An event that is Farthing's: passed on, if it is asked for."""
        event = _event(body)
        if self.forwarder is None or not self._is_asked_for(event):
            return Heard(message_id, event, Reply(NO_CONTENT, 0), False)
        if not message_id or "." in message_id or not message_id.isascii():
            problem = "webhook-id is missing or not usable"
            return Heard(message_id, event, Reply(BAD_REQUEST, 0, problem=problem), False)
        return Heard(message_id, event, self.forwarder.forward(message_id, body), True)

    def answered(self, heard: Heard) -> None:
        """Show it and count it, when its answer is on its way."""
        with self._one_at_a_time:
            if self.count is not None and self.taken >= self.count:
                return
            self.show(heard)
            self.taken += heard.reply.took_it and self._is_asked_for(heard.event)
            if self.count is not None and self.taken >= self.count:
                self.enough.set()

    def _is_asked_for(self, event: Document) -> bool:
        kind = str(event.get("type", ""))
        return kind != PING and subscribed(self.patterns, kind)


def _event(body: bytes) -> Document:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}
