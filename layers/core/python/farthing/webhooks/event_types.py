"""Every type of event, and the patterns by which an endpoint subscribes to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

PING = "webhook_endpoint.ping"
DISABLED = "webhook_endpoint.disabled"

EVENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "payment_intent.created": "A payment was created.",
        "payment_intent.authorized": "The issuer holds the money; it waits for capture.",
        "payment_intent.processing": "The bank has the debit; days may pass until it decides.",
        "payment_intent.succeeded": "The money was captured, in whole or in part.",
        "payment_intent.failed": "The payment ended without money, and will not be tried again.",
        "payment_intent.cancelled": "The payment was cancelled, and what was held is released.",
        "checkout_session.completed": "A checkout session was paid: charged, or held for capture.",
        "checkout_session.expired": "A checkout session ended unpaid, and cannot be paid any more.",
        "payment_intent.returned": "The payer's bank took the money back after it had succeeded.",
        "refund.succeeded": "The acquirer took the refund.",
        "refund.failed": "The refund was refused; its amount can be refunded again.",
        "refund.returned": "The payer's bank sent a refund back after it had succeeded.",
        "dispute.opened": "A payer disputes a payment: the issuer asks, or took the money back.",
        "dispute.updated": "A dispute went on, or its deadline is near.",
        "dispute.won": "A dispute was won: the money is back.",
        "dispute.lost": "A dispute was lost or accepted: the payer keeps the money.",
        "review.opened": "A payment waits for a person to approve or decline it.",
        "review.closed": "A review ended: approved, declined, cancelled, or out of time.",
        "payment_method.updated": "A saved card changed: its network token, or the card itself.",
        PING: "The endpoint was made. It alone gets this.",
        DISABLED: "An endpoint was turned off: it answered 410, or only failed.",
    }
)
"""Name → what it tells."""

ALL = "*"
_REST = ".*"


def covers(pattern: str, event_type: str) -> bool:
    """Whether `pattern` (`*`, `refund.*` or an exact name) takes in `event_type`."""
    if pattern.endswith(_REST):
        return event_type.startswith(pattern.removesuffix("*"))
    return pattern in (ALL, event_type)


def subscribed(patterns: Iterable[str], event_type: str) -> bool:
    """Whether one of the patterns takes in `event_type`."""
    return any(covers(pattern, event_type) for pattern in patterns)


def is_pattern(text: str) -> bool:
    """Whether `text` takes in at least one type that exists."""
    return any(covers(text, event_type) for event_type in EVENT_TYPES)
