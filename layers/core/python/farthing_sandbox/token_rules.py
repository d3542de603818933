"""Network tokens: what a card gets one for, what it is worth, and when it is refused. Pure.

    provision ──► ACTIVE ⇄ SUSPENDED ──► DELETED        or REFUSED at once
                    │
                    └─ cryptogram, of one request ──► the acquirer takes it once

A token stands for a card and outlives its number: when the issuer replaces the card, the token is
for the new one. Its number is made from its reference by a secret, so nobody has to keep it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from farthing_sandbox import cards
from farthing_sandbox.cards import Later

if TYPE_CHECKING:
    from farthing_sandbox.asks import Authorize, Provision
    from farthing_sandbox.sources import NetworkToken

NUMBER_DIGITS: Final = 16
TOKEN_YEARS: Final = 5
"""How much longer than its card's a token's own validity is."""
NEW_CARD_LAST_FOUR: Final = "0137"
NEW_CARD_YEARS: Final = 4
CRYPTOGRAM_SECONDS: Final = 600


class Status(StrEnum):
    """Where a token is."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class Token:
    """A token as the service keeps it: without its number, and without its card's.

    `last_four`, `exp_month` and `exp_year` are of the card as it is now, `first_last_four` of the
    one that the token was made for. `token_exp_year` is of the token itself.
    """

    reference: str
    merchant_reference: str
    status: Status
    behaviour: str
    first_last_four: str
    last_four: str
    exp_month: int
    exp_year: int
    token_exp_year: int
    content: str = ""

    def with_status(self, status: Status) -> Token:
        """The same token, in another state."""
        return replace(self, status=status)

    def after(self, act: Later) -> Token:
        """What the issuer's act makes of it. The same act again changes nothing."""
        if act is Later.SUSPENDS:
            active = self.status is Status.ACTIVE
            return self.with_status(Status.SUSPENDED) if active else self
        if self.last_four == NEW_CARD_LAST_FOUR:
            return self
        return replace(self, last_four=NEW_CARD_LAST_FOUR, exp_year=self.exp_year + NEW_CARD_YEARS)


@dataclass(frozen=True)
class Cryptogram:
    """What a cryptogram is good for: one request, by one token, until it expires."""

    token_reference: str
    reference: str
    amount_cents: int
    currency: str
    expires_at: str
    used: bool = False


@dataclass(frozen=True)
class Presented:
    """What is known of a network token that came in with a charge.

    `number` is the one that it should have.
    """

    cryptogram: Cryptogram | None
    token: Token | None
    number: str


def provisioned(ask: Provision, content: str) -> Token:
    """The token of a card, or that its issuer gives none."""
    card = ask.card
    refused = card.behaviour.no_token or not cards.passes_luhn(card.number)
    return Token(
        reference=ask.reference,
        merchant_reference=ask.merchant_reference,
        status=Status.REFUSED if refused else Status.ACTIVE,
        behaviour=card.behaviour.tag,
        first_last_four=card.last_four,
        last_four=card.last_four,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        token_exp_year=card.exp_year + TOKEN_YEARS,
        content=content,
    )


def tombstone(reference: str) -> Token:
    """What is kept of a token that was deleted before it was made: it is never made any more."""
    return Token(reference, "", Status.DELETED, "", "", "", 0, 0, 0)


def number_of(secret: bytes, reference: str) -> str:
    """The token's number: in the range of tokens, with a check digit, the same each time."""
    digest = int.from_bytes(hmac.digest(secret, reference.encode(), hashlib.sha256), "big")
    length = NUMBER_DIGITS - len(cards.TOKEN_RANGE) - 1
    body = cards.TOKEN_RANGE + f"{digest % 10**length:0{length}d}"
    return body + next(digit for digit in "0123456789" if cards.passes_luhn(body + digit))


def refuse_token(
    ask: Authorize, shown: NetworkToken, presented: Presented, now: str
) -> cards.Decline | None:
    """Why the network refuses what was presented; None if it does not."""
    cryptogram, token = presented.cryptogram, presented.token
    if cryptogram is None or token is None or shown.number != presented.number:
        return cards.CRYPTOGRAM_REFUSED
    asked = (ask.reference, ask.amount_cents, ask.currency.upper())
    good_for = (cryptogram.reference, cryptogram.amount_cents, cryptogram.currency.upper())
    if cryptogram.used or asked != good_for or cryptogram.expires_at <= now:
        return cards.CRYPTOGRAM_REFUSED
    fails = cards.behaviour_tagged(token.behaviour).token_refused
    return cards.TOKEN_REFUSED if fails or token.status is not Status.ACTIVE else None
