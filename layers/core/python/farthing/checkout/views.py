"""Sessions as three kinds of reader see them.

Its merchant sees all of it, its payer what is to be paid and to whom, and whoever has no more than
a publishable key and the session's id sees whether it is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from farthing.access.account import Settings
from farthing.checkout.session import ATTEMPTS_MAX, Session, status_of
from farthing.money import EXPONENTS
from farthing.payments.checkout import SessionStatus, show_decline
from farthing.payments.intent import Intent

ID_PLACE = "{CHECKOUT_SESSION_ID}"


def show(session: Session, intent: Intent | None, now: datetime) -> dict[str, Any]:
    """To its merchant."""
    return {
        **show_to_anybody(session, intent, now),
        "payment_intent_id": session.intent_id,
        "line_items": show_items(session),
        "success_url": session.success_url,
        "cancel_url": session.cancel_url,
        "customer_id": session.customer_id,
        "customer_email": session.customer_email,
        "capture_method": session.capture_method.value,
        "save_payment_method": session.saves_card,
        "attempts": session.attempts,
        "decline": show_decline(intent),
        "created_at": session.created_at,
        "metadata": dict(session.metadata),
    }


def show_to_payer(
    session: Session, intent: Intent | None, merchant: Settings, now: datetime
) -> dict[str, Any]:
    """To who has its link. Where the payer goes afterwards is said when it is paid, not before."""
    shown = show_to_anybody(session, intent, now)
    paid = shown["status"] == SessionStatus.PAID
    return {
        **shown,
        "merchant": {"name": merchant.name, "colour": merchant.colour},
        "currency_exponent": EXPONENTS[session.currency],
        "line_items": show_items(session),
        "save_payment_method": session.saves_card,
        "attempts_left": ATTEMPTS_MAX - session.attempts,
        "decline": show_decline(intent),
        "success_url": success_url(session) if paid else None,
        "cancel_url": session.cancel_url,
    }


def show_to_anybody(session: Session, intent: Intent | None, now: datetime) -> dict[str, Any]:
    """To who knows its id and has a publishable key."""
    return {
        "session_id": session.session_id,
        "status": status_of(session, intent, now).value,
        "amount_cents": session.amount_cents,
        "currency": session.currency,
        "expires_at": session.expires_at,
        "livemode": session.tenant.mode == "live",
    }


def show_expired(session: Session) -> Mapping[str, Any]:
    """As its `expired` event tells of it: all but its items and addresses."""
    return {
        "session_id": session.session_id,
        "status": SessionStatus.EXPIRED.value,
        "payment_intent_id": session.intent_id,
        "amount_cents": session.amount_cents,
        "currency": session.currency,
        "capture_method": session.capture_method.value,
        "customer_id": session.customer_id,
        "customer_email": session.customer_email,
        "metadata": dict(session.metadata),
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "livemode": session.tenant.mode == "live",
    }


def show_items(session: Session) -> list[dict[str, Any]]:
    """The lines of the bill."""
    return [dict(vars(line)) for line in session.line_items]


def success_url(session: Session) -> str:
    """Where the payer goes when it is paid, told which session it was."""
    return session.success_url.replace(ID_PLACE, session.session_id)
