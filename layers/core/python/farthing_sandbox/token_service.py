"""The schemes' token service in miniature: tokens for cards, and cryptograms for tokens.

It is the acquirer's neighbour, with a key and a webhook of its own. A reference gets one token,
however often it is asked for; one that was deleted, even before it was made, gets none any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from farthing_sandbox import cards, token_books
from farthing_sandbox.acquirer import ATTEMPTS_MAX, Busy, NoAnswer, ReferenceReused
from farthing_sandbox.asks import IssuerActs
from farthing_sandbox.cards import Fault
from farthing_sandbox.items import as_json
from farthing_sandbox.operations import rfc3339
from farthing_sandbox.token_rules import (
    CRYPTOGRAM_SECONDS,
    Cryptogram,
    Status,
    Token,
    number_of,
    provisioned,
    tombstone,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from farthing_sandbox.asks import Provision, Purchase
    from farthing_sandbox.books import Books

ISSUER_SECONDS: Final = 10


class NotActive(Exception):
    """There is no such token, or it may not pay now."""


@dataclass(frozen=True)
class TokenService:
    """The use cases. `defer` and `pause` are as the acquirer's; `secret` makes tokens' numbers."""

    books: Books
    secret: Callable[[], bytes]
    new_cryptogram: Callable[[], str]
    pause: Callable[[int], None]
    defer: Callable[[str, int], None]

    def number(self, reference: str) -> str:
        """The number of the token of `reference`."""
        return number_of(self.secret(), reference)

    def provision(self, ask: Provision) -> Token:
        """The token of `ask.reference`, made now or before. Raises ReferenceReused, Busy, NoAnswer.

        The issuer's later act is put off before the token is written: a message about no token
        does no harm.
        """
        content = as_json(ask.content())
        for attempt in range(ATTEMPTS_MAX):
            token = token_books.token(self.books, ask.reference)
            if token is None:
                made = provisioned(ask, content)
                self.defer_issuer(made)
                token = made if token_books.create(self.books, made) else None
            if token is not None:
                return self.answered(token, content)
            self.pause(attempt)
        raise Busy(ask.reference)

    def answered(self, token: Token, content: str) -> Token:
        """The token, if its answer arrives and the reference means it."""
        if token.content not in {content, ""}:
            raise ReferenceReused(token.reference)
        lost = cards.behaviour_tagged(token.behaviour).token_answer_lost
        if lost and token_books.lose_first_answer(self.books, token.reference):
            raise NoAnswer(Fault.NO_ANSWER)
        return token

    def defer_issuer(self, token: Token) -> None:
        """Have the issuer act later, if it does anything to this card."""
        act = cards.behaviour_tagged(token.behaviour).issuer
        if act is not None and token.status is Status.ACTIVE:
            self.defer(as_json({"token": token.reference, "act": act.value}), ISSUER_SECONDS)

    def find(self, reference: str) -> Token | None:
        """The token of a reference as it stands."""
        return token_books.token(self.books, reference)

    def delete(self, reference: str) -> Token:
        """No token under this reference any more, now or later. Raises Busy."""
        for attempt in range(ATTEMPTS_MAX):
            token = token_books.token(self.books, reference)
            if token is not None:
                token_books.delete(self.books, reference)
                return token.with_status(Status.DELETED)
            if token_books.create(self.books, tombstone(reference)):
                return tombstone(reference)
            self.pause(attempt)
        raise Busy(reference)

    def cryptogram(self, purchase: Purchase, now: datetime) -> str:
        """A cryptogram for one request by one token. Raises NotActive."""
        token = token_books.token(self.books, purchase.token_reference)
        if token is None or token.status is not Status.ACTIVE:
            raise NotActive(purchase.token_reference)
        good_for = Cryptogram(
            **vars(purchase), expires_at=rfc3339(now + timedelta(seconds=CRYPTOGRAM_SECONDS))
        )
        made = self.new_cryptogram()
        token_books.issue(self.books, made, good_for, now)
        return made

    def issuer_acts(self, due: IssuerActs) -> Token | None:
        """Do what the issuer does to a card; its token then. None if there is nothing to tell."""
        token = token_books.token(self.books, due.token)
        if token is None or token.status is Status.DELETED:
            return None
        after = token.after(due.act)
        if after != token:
            token_books.change(self.books, after)
        return after
