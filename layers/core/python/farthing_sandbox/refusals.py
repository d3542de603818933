"""Why a card or a follow-up is refused: pure rules over a charge as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from farthing_sandbox import cards, token_rules
from farthing_sandbox.asks import Authorize, FollowUp, Operation
from farthing_sandbox.sources import Card, NetworkToken, WalletPayload

if TYPE_CHECKING:
    from farthing_sandbox.cards import Behaviour, Decline
    from farthing_sandbox.operations import Charge
    from farthing_sandbox.token_rules import Presented

AUTHORIZATION_LIFETIME: Final = timedelta(days=7)
REVERSAL_WINDOW: Final = timedelta(days=1)
"""A charge taken at once can be undone until the money is on its way."""


@dataclass(frozen=True)
class Paying:
    """What pays for an authorization, as the acquirer sees it, and why it is refused if it is.

    `last_four` is of the card for which the token was made, if a token pays. `spends` is the
    token's cryptogram.
    """

    decline: Decline | None
    behaviour: Behaviour
    last_four: str
    via: str
    spends: str | None = field(default=None, repr=False)


def paying_card(ask: Authorize, card: Card, known_last_four: str | None) -> Paying:
    """A card that pays. `known_last_four` is of the card to which the network reference that the
    client names was issued, None if it was never issued."""
    return Paying(refuse_card(ask, card, known_last_four), card.behaviour, card.last_four, "CARD")


def paying_wallet(wallet: WalletPayload) -> Paying:
    """A wallet that pays: it has shown who pays itself."""
    behaviour = wallet.behaviour
    return Paying(behaviour.decline, behaviour, wallet.last_four, "WALLET")


def paying_token(
    ask: Authorize,
    shown: NetworkToken,
    presented: Presented,
    known_last_four: str | None,
    now: str,
) -> Paying:
    """A network token that pays. Its cryptogram is used up by this, whatever becomes of it."""
    decline = token_rules.refuse_token(ask, shown, presented, now)
    token = presented.token
    behaviour = cards.behaviour_tagged(token.behaviour) if token else cards.APPROVED
    last_four = token.first_last_four if token else ""
    if decline is None:
        decline = refuse_use(ask, last_four, known_last_four) or behaviour.decline
    usable = decline is not cards.CRYPTOGRAM_REFUSED
    spends = shown.cryptogram if usable else None
    return Paying(decline, behaviour, last_four, "NETWORK_TOKEN", spends)


def refuse_card(ask: Authorize, card: Card, known_last_four: str | None) -> Decline | None:
    """The issuer's reason to refuse, None if there is none."""
    stored, behaviour = ask.stored_credential, card.behaviour
    if not cards.passes_luhn(card.number):
        return cards.INVALID_CARD_NUMBER
    if card.number.startswith(cards.TOKEN_RANGE):
        return cards.CRYPTOGRAM_REFUSED
    if decline := refuse_use(ask, card.last_four, known_last_four):
        return decline
    if stored is None and card.cvc is None:
        return cards.INCORRECT_CVC
    if behaviour.kept_number_dies and stored and stored.use == "SUBSEQUENT":
        return cards.EXPIRED_CARD
    return behaviour.decline


def refuse_use(ask: Authorize, last_four: str, known_last_four: str | None) -> Decline | None:
    """Whether a later use names a first one that was of another card."""
    stored = ask.stored_credential
    later = stored is not None and stored.use == "SUBSEQUENT"
    return cards.SECURITY_VIOLATION if later and known_last_four != last_four else None


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
