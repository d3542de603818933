"""What an acquirer posts to us: believed only if signed, and even then only as a hint.

    verified ─► queued ─► 200          nothing is stored of what is not verified
                  └─► which operation? ─► the acquirer is asked what became of it

A message names an operation and nothing more. What happened to the money is asked of the acquirer,
under the operation's reference, by the resolver that looks into every unknown outcome: so it does
not matter in which order messages come, how often, or whether at all.

Signed as Standard Webhooks say; the secret's text, as bytes, is the key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from farthing.access.principal import Mode
from farthing.acquiring.port import Kind
from farthing.cards import mask
from farthing.clock import to_text
from farthing.errors import SIGNATURE_REFUSED, FarthingError, not_found
from farthing.ids import is_id
from farthing.payments.address import Address
from farthing.store import TenantScope
from farthing.webhooks.signature import SignatureRefused, verify

MODES = {"sandbox": Mode.TEST, "sandbox_tokens": Mode.TEST}
"""The acquirers and token services that may post, and the mode of what each may name."""

MERCHANT_PREFIX, INTENT_PREFIX, OPERATION_PREFIX, REFUND_PREFIX = "mer", "pi", "op", "re"


class NotAHint(ValueError):
    """A message that names no operation. A person looks at it: nobody else can."""


class Queue(Protocol):
    """Where messages wait for being followed up."""

    def send(self, text: str) -> None:
        """Raises if the message was not taken."""
        ...


@dataclass(frozen=True)
class Services:
    """What receiving needs."""

    secret: Callable[[str], str]
    """The text of an acquirer's webhook secret."""
    queue: Queue
    now: datetime


@dataclass(frozen=True)
class Message:
    """One verified message as it waits in the queue, without anything that looks like a card."""

    acquirer: str
    webhook_id: str
    received_at: str
    body: str
    account: str | None = None
    """Whose secret signed it, `mer_…:test`, at an acquirer where each merchant has its own."""

    def to_text(self) -> str:
        """The body of the queue's message."""
        return json.dumps(vars(self))

    @classmethod
    def of(cls, text: str) -> Message:
        """Raises TypeError or ValueError for a body that we did not write."""
        return cls(**json.loads(text))


def receive(acquirer: str, headers: Mapping[str, str], body: bytes, services: Services) -> None:
    """Queue a message, if the acquirer signed it. `headers` have lower-case names.

    Raises FarthingError: 404 for an acquirer that we do not know, 401 for anything unverified.
    """
    if acquirer not in MODES:
        raise not_found("acquirer", acquirer)
    _require_signature(services.secret(acquirer), headers, body, services.now)
    message = Message(
        acquirer=acquirer,
        webhook_id=mask(headers["webhook-id"]),
        received_at=to_text(services.now),
        body=mask(body.decode(errors="replace")),
    )
    services.queue.send(message.to_text())


def operation_named(message: Message) -> Address:
    """The operation that a message is about. Raises NotAHint if it names none of that acquirer's.

    `merchant_reference` is `mer_…:test`, `order_id` the intent, `reference` the operation's.
    """
    try:
        data = json.loads(message.body)["data"]
        merchant_id, mode = data["merchant_reference"].split(":")
        prefix = REFUND_PREFIX if data["operation"] == Kind.REFUND else OPERATION_PREFIX
        operation_id = f"{prefix}_{data['reference'].lower()}"
        named = {
            MERCHANT_PREFIX: merchant_id,
            INTENT_PREFIX: data["order_id"],
            prefix: operation_id,
        }
        known = all(is_id(kind, id_) for kind, id_ in named.items())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotAHint(message.webhook_id) from error
    if not known or mode != MODES.get(message.acquirer):
        raise NotAHint(message.webhook_id)
    return Address(TenantScope(merchant_id, mode), data["order_id"], operation_id)


def _require_signature(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    key = base64.b64encode(secret.encode()).decode()
    try:
        if not _ascii(headers):
            raise SignatureRefused("a header of the signature is not ASCII")
        verify([key], headers, body, now_seconds=int(now.timestamp()))
    except SignatureRefused as error:
        raise FarthingError(SIGNATURE_REFUSED, str(error)) from error


def _ascii(headers: Mapping[str, Any]) -> bool:
    return all(
        headers.get(f"webhook-{name}", "").isascii() for name in ("id", "timestamp", "signature")
    )
