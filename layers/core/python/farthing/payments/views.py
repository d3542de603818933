"""Payments as the API shows them."""

from __future__ import annotations

from typing import Any

from farthing.fraud.signals import percent
from farthing.payments.intent import Intent
from farthing.payments.review import review_id_of


def show_intent(intent: Intent) -> dict[str, Any]:
    """The PaymentIntent."""
    authorization = intent.authorization
    return {
        "intent_id": intent.intent_id,
        "amount_cents": intent.amount_cents,
        "currency": intent.currency,
        "customer_id": intent.customer_id,
        "payment_method_id": intent.instrument.method_id if intent.instrument else None,
        "status": intent.status.value,
        "status_detail": intent.status_detail.value if intent.status_detail else None,
        "capture_method": intent.capture_method.value,
        "authorization": (
            {
                "code": authorization.code,
                "network_reference": authorization.network_reference,
                "expires_at": authorization.expires_at,
                "amount_cents": authorization.amount_cents,
            }
            if authorization
            else None
        ),
        "amount_capturable_cents": intent.amount_capturable,
        "amount_captured_cents": intent.amount_captured,
        "amount_refunded_cents": intent.amount_refunded,
        "amount_returned_cents": intent.amount_returned,
        "amount_overdrawn_cents": intent.amount_overdrawn,
        "amount_disputed_cents": intent.amount_disputed,
        "is_disputed": intent.open_disputes > 0,
        "returned": dict(intent.returned) if intent.returned else None,
        "decline": dict(intent.decline) if intent.decline else None,
        "outcome": intent.outcome,
        "fraud": _show_fraud(intent),
        "review_id": review_id_of(intent.intent_id) if intent.review else None,
        "created_at": intent.created_at,
        "checkout_session_id": intent.checkout.session_id if intent.checkout else None,
        "metadata": dict(intent.metadata),
        "livemode": intent.tenant.mode == "live",
    }


def _show_fraud(intent: Intent) -> dict[str, Any] | None:
    """The decision, without its reasons: those are in the payment's signals."""
    if intent.fraud is None:
        return None
    # A row of the first release has its score in percent already
    ppm = intent.fraud.get("score_ppm")
    score = intent.fraud["score"] if ppm is None else percent(ppm)
    return {"score": score, "action": intent.fraud["action"]}
