"""Webhooks of acquirers that sign as Standard Webhooks say: the sandbox's two.

One body is one item, its id is the signed `webhook-id`. The secret's text, as bytes, is the key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farthing.acquiring.inbound import (
    RECEIVED,
    Acknowledgement,
    DisputeHint,
    Hint,
    Item,
    NotAHint,
    Secrets,
    Subject,
    TokenHint,
)
from farthing.acquiring.port import Kind
from farthing.webhooks.signature import SignatureRefused, verify

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
DISPUTE = "DISPUTE"
KINDS = {kind.value: kind for kind in Kind} | {"RETURN": Kind.AUTHORIZE}
"""A debit that its bank took back is found under the debit's own reference."""


@dataclass(frozen=True)
class StandardWebhooks:
    """`named` says what the `data` of a message is about."""

    named: Callable[[Mapping[str, Any]], Subject]

    def verify(
        self, body: bytes, headers: Mapping[str, str], secrets: Secrets, now_seconds: int
    ) -> list[Item]:
        """The one item. Raises SignatureRefused."""
        if not all(headers.get(name, "").isascii() for name in HEADERS):
            raise SignatureRefused("a header of the signature is not ASCII")
        verify(_keys(secrets), headers, body, now_seconds=now_seconds)
        text = body.decode(errors="replace")
        return [Item(headers["webhook-id"], *_said(text), text)]

    def acknowledge(self) -> Acknowledgement:
        """Any 2xx will do."""
        return RECEIVED

    def subject(self, body: str) -> Subject:
        """What `data` names. Raises NotAHint."""
        try:
            return self.named(json.loads(body)["data"])
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise NotAHint("no message of the sandbox's") from error


def operation_in(data: Mapping[str, Any]) -> Hint | DisputeHint:
    """The operation or the dispute of the sandbox acquirer's messages. What it says became of it is
    not read."""
    if data["operation"] == DISPUTE:
        return DisputeHint(data["dispute"], data["merchant_reference"])
    return Hint(
        KINDS[data["operation"]],
        data["reference"],
        data["order_id"],
        data["merchant_reference"],
        None,
    )


def token_in(data: Mapping[str, Any]) -> TokenHint:
    """The method of the sandbox token service's messages."""
    return TokenHint(data["merchant_reference"], data["reference"])


def _keys(secrets: Secrets) -> Iterator[str]:
    """The keys, read when the first one is wanted."""
    for secret in secrets():
        yield base64.b64encode(secret.encode()).decode()


def _said(text: str) -> tuple[str, str]:
    """Type and time of a message, if it says them."""
    try:
        message = json.loads(text)
        return str(message.get("type", "")), str(message.get("created_at", ""))
    except (AttributeError, RecursionError, ValueError):
        return "", ""
