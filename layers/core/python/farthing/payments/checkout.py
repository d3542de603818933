"""What a payment knows of the checkout session that it is an attempt of.

It is kept with the payment, so that Tx-2 can tell of the session without reading it: between the
acquirer's answer and the writing of it nothing may fail that need not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from farthing.payments.review import ReviewStatus
from farthing.payments.states import Status

if TYPE_CHECKING:
    from farthing.payments.intent import Intent


class SessionStatus(StrEnum):
    """Where a session is. PROCESSING: an attempt is at work, or nobody knows what it did."""

    OPEN = "OPEN"
    PROCESSING = "PROCESSING"
    PAID = "PAID"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Checkout:
    """The session of a payment. `saves_card`: what pays is kept for the customer's later ones."""

    session_id: str
    created_at: str
    expires_at: str
    customer_email: str | None = None
    saves_card: bool = False

    def to_item(self) -> dict[str, Any]:
        """As kept with the intent."""
        return dict(vars(self))

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Checkout:
        """As read."""
        return cls(**item)


def attempt_status(intent: Intent) -> SessionStatus:
    """What one attempt says of its session: paid, not to be tried again now, or not paid by this.

    An authorization that was ever granted counts: what its merchant does with the money later is no
    reason to pay twice. One that a person is to look at does not count yet, and one that was given
    back for what they saw does not count any more.
    """
    if intent.is_under_review:
        return SessionStatus.PROCESSING
    refused = intent.review is not None and intent.review.status is not ReviewStatus.APPROVED
    if intent.authorization is not None and not refused:
        return SessionStatus.PAID
    if intent.status is Status.PROCESSING:
        return SessionStatus.PROCESSING
    return SessionStatus.OPEN


def show_attempt(intent: Intent, checkout: Checkout) -> dict[str, Any]:
    """The answer to the payer who tried: nothing that is the merchant's alone."""
    return {
        "session_id": checkout.session_id,
        "status": attempt_status(intent).value,
        "amount_cents": intent.amount_cents,
        "currency": intent.currency,
        "decline": show_decline(intent),
        "expires_at": checkout.expires_at,
        "livemode": intent.tenant.mode == "live",
    }


def show_decline(intent: Intent | None) -> dict[str, Any] | None:
    """Why the issuer said no, in words for the payer; None if it did not."""
    if intent is None or intent.decline is None:
        return None
    return {name: intent.decline[name] for name in ("reason_code", "message", "advice")}


def show_completed(intent: Intent, checkout: Checkout) -> dict[str, Any]:
    """The session as its `completed` event tells of it: all but its items and addresses."""
    return {
        "session_id": checkout.session_id,
        "status": SessionStatus.PAID.value,
        "payment_intent_id": intent.intent_id,
        "amount_cents": intent.amount_cents,
        "currency": intent.currency,
        "capture_method": intent.capture_method.value,
        "customer_id": intent.customer_id,
        "customer_email": checkout.customer_email,
        "metadata": dict(intent.metadata),
        "created_at": checkout.created_at,
        "expires_at": checkout.expires_at,
        "livemode": intent.tenant.mode == "live",
    }
