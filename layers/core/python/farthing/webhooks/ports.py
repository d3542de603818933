"""What webhooks need of the outside: a store, a queue, a way to send, chance."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from farthing.store import Item, TenantScope


@dataclass(frozen=True)
class DeliveryMessage:
    """What the queue carries: which delivery, and nothing of what is in it.

    `endpoint_id` is the tenant of SQS's fair queues: who has many in flight lets others pass.
    `ended_round` is in the copy of an exhausted delivery: when its attempts had begun. Put into the
    queue of deliveries, it begins a new round, unless somebody has begun one since.
    """

    merchant_id: str
    mode: str
    delivery_id: str
    endpoint_id: str = ""
    ended_round: str = ""

    @property
    def tenant(self) -> TenantScope:
        """Whose delivery it is."""
        return TenantScope(self.merchant_id, self.mode)

    def to_text(self) -> str:
        """The message's body."""
        said = {name: value for name, value in vars(self).items() if value}
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> DeliveryMessage:
        """Raises TypeError or ValueError for a body that we did not write."""
        return cls(**json.loads(text))


class Queue(Protocol):
    """The fast path to a delivery's attempt. What it loses, the due index still has."""

    def send(self, messages: Sequence[DeliveryMessage], *, delay_seconds: int = 0) -> None:
        """Raises QueueRefused if not every message was taken."""
        ...


class QueueRefused(Exception):
    """Some messages were not taken."""


class SendError(StrEnum):
    """Why there was no answer to an attempt."""

    URL_REFUSED = "URL_REFUSED"
    NAME_NOT_RESOLVED = "NAME_NOT_RESOLVED"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    TLS_FAILED = "TLS_FAILED"
    CONNECTION_BROKEN = "CONNECTION_BROKEN"
    TIMED_OUT = "TIMED_OUT"
    INTERRUPTED = "INTERRUPTED"


@dataclass(frozen=True)
class Reply:
    """What is kept of a receiver's answer: some headers, and the beginning of the body as text."""

    headers: Mapping[str, str]
    body: str

    def item(self) -> Item:
        """The reply as a part of a row."""
        return {"headers": dict(self.headers), "body": self.body}

    @classmethod
    def of(cls, item: Item) -> Reply:
        """The reply of its part of a row."""
        return cls(item["headers"], item["body"])


@dataclass(frozen=True)
class Answer:
    """What came of one attempt: an HTTP status, or an error and no status.

    `retry_after_seconds` is what the receiver asks for, from the end of the attempt on.
    """

    status_code: int | None
    error: SendError | None
    duration_ms: int
    retry_after_seconds: int | None = None
    reply: Reply | None = None

    @property
    def succeeded(self) -> bool:
        """Only 2xx does; a redirect is a failure."""
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """410: the receiver wants nothing more."""
        return self.status_code == 410


class Sender(Protocol):
    """One HTTP POST to a merchant's endpoint."""

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Never raises for what the other side does."""
        ...


Chance = Callable[[], float]
"""A random number from 0 to 1."""
