"""What pays, as it came in: a card or its network token, a bank account, a wallet's payload.

A number or payload lives in one of these for one request and prints as nothing. What outlives the
request is its `face` and the tag of its behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farthing_sandbox import banks, wallets
from farthing_sandbox.cards import behaviour_of, brand_of

if TYPE_CHECKING:
    from farthing_sandbox.banks import Account
    from farthing_sandbox.cards import Behaviour


@dataclass(frozen=True)
class Card:
    """A card as it came in. Neither the number nor the CVC is ever written anywhere."""

    method = "CARD"

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str | None = field(default=None, repr=False)

    @property
    def behaviour(self) -> Behaviour:
        """The row of the table that this number stands for."""
        return behaviour_of(self.number)

    @property
    def last_four(self) -> str:
        """What may be kept of the number."""
        return self.number[-4:]

    @property
    def face(self) -> dict[str, Any]:
        """What tells two requests apart, and may be kept. The CVC is gone on a later try."""
        return {
            "last_four": self.last_four,
            "brand": brand_of(self.number),
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
        }


@dataclass(frozen=True)
class NetworkToken:
    """A network token in place of a card, as it came in. Nothing of its secrets is written."""

    method = "CARD"

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cryptogram: str = field(repr=False)

    @property
    def face(self) -> dict[str, Any]:
        """What tells two requests apart. Each try has a cryptogram of its own."""
        return {
            "network_token": True,
            "last_four": self.number[-4:],
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
        }


@dataclass(frozen=True)
class BankAccount:
    """An account as it came in, with the mandate to debit it. Its number is never written."""

    method = "BANK"

    number: str = field(repr=False)
    routing_number: str | None
    account_type: str | None
    holder_name: str = field(repr=False)
    mandate_reference: str

    @property
    def scheme(self) -> str:
        """By whose rules it is debited."""
        return "SEPA" if self.routing_number is None else "ACH"

    @property
    def account(self) -> Account:
        """The row of the table that it stands for."""
        return banks.account_of(self.scheme, self.number, self.routing_number)

    @property
    def last_four(self) -> str:
        """What may be kept of the number."""
        return self.number[-4:]

    @property
    def face(self) -> dict[str, Any]:
        """What tells two requests apart, and may be kept."""
        return {
            "scheme": self.scheme,
            "last_four": self.last_four,
            "mandate_reference": self.mandate_reference,
        }


@dataclass(frozen=True)
class WalletPayload:
    """A wallet's payload as it came in. It is never written."""

    method = "WALLET"

    wallet: str
    payload: str = field(repr=False)
    digest: str

    @property
    def behaviour(self) -> Behaviour:
        """What it does."""
        return wallets.behaviour_of(self.payload)

    @property
    def last_four(self) -> str:
        """Of the card that is in every test wallet."""
        return "4242"

    @property
    def face(self) -> dict[str, Any]:
        """What tells two requests apart, and may be kept."""
        return {"wallet": self.wallet, "digest": self.digest}


Source = Card | NetworkToken | BankAccount | WalletPayload
