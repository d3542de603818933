"""Stripe's webhooks as items: one event is one. What of it is kept is said in messages.py."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from farthing.acquiring.inbound import (
    RECEIVED,
    Acknowledgement,
    Item,
    NotAHint,
    Secrets,
    Subject,
)
from farthing.acquiring.stripe import messages
from farthing.clock import to_text


class StripeWebhooks:
    """Of an event only what is needed is kept: neither the payer's name nor a client's secret."""

    def verify(
        self, body: bytes, headers: Mapping[str, str], secrets: Secrets, now_seconds: int
    ) -> list[Item]:
        """The one item. Raises SignatureRefused; nobody's secret is read for an old signature."""
        messages.signed_at(headers, now_seconds)
        messages.verify(secrets(), headers, body, now_seconds=now_seconds)
        try:
            kept = messages.digest(body)
        except (RecursionError, ValueError):
            return [_unreadable(body)]
        event = json.loads(kept)
        return [Item(str(event["id"]), str(event["type"]), _time(event["created"]), kept)]

    def acknowledge(self) -> Acknowledgement:
        """Any 2xx will do."""
        return RECEIVED

    def subject(self, body: str) -> Subject | None:
        """What an event is about. Raises NotAHint."""
        try:
            return messages.read(body)
        except (RecursionError, ValueError) as error:
            raise NotAHint("no event of Stripe's") from error


def _unreadable(body: bytes) -> Item:
    """Signed, and not what we know: of it what a person needs to find it at Stripe, and no more."""
    digest = hashlib.sha256(body).hexdigest()
    try:
        event = json.loads(body)
        named = {name: event[name] for name in ("id", "type") if isinstance(event.get(name), str)}
    except (AttributeError, RecursionError, ValueError):
        named = {}
    return Item(digest, "", "", json.dumps({**named, "sha256": digest, "bytes": len(body)}))


def _time(created: Any) -> str:
    """Stripe's seconds since 1970 as a text; "" for anything else."""
    try:
        return to_text(datetime.fromtimestamp(created, UTC))
    except (OSError, OverflowError, TypeError, ValueError):
        return ""
