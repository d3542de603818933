"""Why a card or a follow-up is refused: pure rules over a charge as it stands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from farthing_sandbox import cards
from farthing_sandbox.asks import Authorize, Card, FollowUp, Operation, WalletPayload

if TYPE_CHECKING:
    from farthing_sandbox.cards import Decline
    from farthing_sandbox.operations import Charge

AUTHORIZATION_LIFETIME: Final = timedelta(days=7)
REVERSAL_WINDOW: Final = timedelta(days=1)
"""A charge taken at once can be undone until the money is on its way."""


def refuse_card(ask: Authorize, known_last_four: str | None) -> Decline | None:
    """The issuer's reason to refuse, None if there is none. A wallet has shown who pays itself."""
    stored, card = ask.stored_credential, ask.card
    if not isinstance(card, Card):
        return card.behaviour.decline if isinstance(card, WalletPayload) else None
    if not cards.passes_luhn(card.number):
        return cards.INVALID_CARD_NUMBER
    if stored and stored.use == "SUBSEQUENT" and known_last_four != card.last_four:
        return cards.SECURITY_VIOLATION
    if stored is None and card.cvc is None:
        return cards.INCORRECT_CVC
    return card.behaviour.decline


def refuse_follow_up(ask: FollowUp, charge: Charge | None, now: datetime) -> Decline | None:
    """The reason to refuse, None if there is none."""
    if charge is None or charge.order_id != ask.order_id:
        return cards.NOT_LOCATED
    if charge.currency.upper() != ask.currency.upper():
        return cards.INVALID_TRANSACTION
    return REFUSALS[ask.operation](ask, charge, now)


def refuse_capture(ask: FollowUp, charge: Charge, now: datetime) -> Decline | None:
    """One capture, up to what was authorized, while the authorization lives."""
    if charge.left_to_capture_cents == 0 or now >= expiry(charge.created_at):
        return cards.INVALID_TRANSACTION
    return cards.INVALID_AMOUNT if ask.amount_cents > charge.left_to_capture_cents else None


def refuse_void(ask: FollowUp, charge: Charge, now: datetime) -> Decline | None:
    """All of it or nothing: what was never captured, was taken at once and lately, or is a debit
    of which the bank has not decided."""
    if charge.is_pending:
        whole = True
    elif charge.taken_at_once:
        recent = now < charge.created_at + REVERSAL_WINDOW
        whole = recent and charge.left_to_refund_cents == charge.authorized_cents
    else:
        whole = charge.left_to_capture_cents > 0
    if not whole:
        return cards.INVALID_TRANSACTION
    return cards.INVALID_AMOUNT if ask.amount_cents != charge.authorized_cents else None


def refuse_refund(ask: FollowUp, charge: Charge, now: datetime) -> Decline | None:
    """Up to what was captured and not yet refunded, however late."""
    if charge.left_to_refund_cents == 0:
        return cards.INVALID_TRANSACTION
    return cards.INVALID_AMOUNT if ask.amount_cents > charge.left_to_refund_cents else None


REFUSALS: Final = {
    Operation.CAPTURE: refuse_capture,
    Operation.VOID: refuse_void,
    Operation.REFUND: refuse_refund,
}


def expiry(created_at: datetime) -> datetime:
    """When the held money goes back by itself."""
    return created_at + AUTHORIZATION_LIFETIME
