"""The port to a token service: a token for a card, a cryptogram for a payment, and what became of
a token.

Every call names a token by a reference of ours, and a reference gets one token, however often it
is asked for: an answer that was lost makes no second one. Silence says nothing: what could not be
asked, or whose answer could not be trusted, raises, and is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from farthing.acquiring.port import Instruction
from farthing.cards import PAN_LENGTH_MAX, PAN_LENGTH_MIN
from farthing.vault.card import Card
from farthing.vault.pan import Pan


class TokenStatus(StrEnum):
    """Where a network token is. PENDING is ours: it is wanted, and the service has not said."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"
    REFUSED = "REFUSED"


@dataclass(frozen=True)
class CardNow:
    """The card behind a token as its issuer has it now. It may have been replaced."""

    last_four: str
    exp_month: int
    exp_year: int

    def __post_init__(self) -> None:
        """Raises ValueError: what is shown of a card is four digits, whatever the service says."""
        if not (_digits(self.last_four) and len(self.last_four) == 4):
            raise ValueError("the last four digits are four digits")
        _require_month(self.exp_month, self.exp_year)


@dataclass(frozen=True)
class IssuedToken:
    """The token itself. Its number looks like a card's, and is kept like one."""

    number: Pan
    exp_month: int
    exp_year: int

    def __post_init__(self) -> None:
        """Raises ValueError for what the vault would not take."""
        number = self.number.reveal()
        if not (_digits(number) and PAN_LENGTH_MIN <= len(number) <= PAN_LENGTH_MAX):
            raise ValueError("a network token has as many digits as a card")
        _require_month(self.exp_month, self.exp_year)


@dataclass(frozen=True)
class TokenState:
    """What the service says of a token. The token itself it says to who provisions alone.

    A look-up that finds nothing says DELETED: there is none, and it may not be used.
    """

    status: TokenStatus
    card: CardNow | None = None
    token: IssuedToken | None = field(default=None, repr=False)

    def to_item(self) -> dict[str, Any]:
        """As it goes from `charge` to its caller: without the token."""
        return {
            "status": self.status.value,
            "card": dict(vars(self.card)) if self.card else None,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> TokenState:
        """As read. Raises KeyError, TypeError or ValueError for anything else."""
        card = item["card"]
        return cls(TokenStatus(item["status"]), CardNow(**card) if card else None)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _require_month(month: int, year: int) -> None:
    if not (1 <= month <= 12 and 2000 <= year <= 2999):
        raise ValueError("no month of a year")


class NoAnswer(Exception):
    """The service could not be asked, or its answer could not be trusted."""


class NoCryptogram(Exception):
    """There is no cryptogram: the service refuses one, or could not be asked. Nothing was paid."""


class TokenService(Protocol):
    """One token service. Each call is one exchange with a deadline, without a retry."""

    @property
    def timeout_seconds(self) -> int:
        """The longest that a call takes; `cryptogram` takes two seconds at most."""
        ...

    def provision(self, reference: str, merchant_reference: str, card: Card) -> TokenState:
        """The token of `reference`, made now or before: REFUSED if the issuer gives none, DELETED
        if it was deleted. Raises NoAnswer."""
        ...

    def look_up(self, reference: str) -> TokenState:
        """What became of the token. Raises NoAnswer."""
        ...

    def delete(self, reference: str) -> TokenState:
        """No token under this reference any more, also if it was never made: what is provisioned
        under it afterwards is DELETED. Raises NoAnswer."""
        ...

    def cryptogram(self, reference: str, instruction: Instruction) -> str:
        """A cryptogram by which the token pays for this instruction once. Raises NoCryptogram."""
        ...
