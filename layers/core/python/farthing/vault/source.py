"""What an authorization is paid from, in the clear: what `open_source` gives to a connector.

A closed set. Each holds its secret for as long as it takes to send it, and shows none of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from farthing.vault.card import Card
from farthing.vault.mandate import Mandate
from farthing.vault.pan import Pan


@dataclass(frozen=True)
class NetworkToken:
    """A scheme's token in place of the card's number, with the cryptogram of one transaction."""

    number: Pan
    exp_month: int
    exp_year: int
    cryptogram: str = field(repr=False)

    def reveal(self) -> dict[str, Any]:
        """For the request that goes to the acquirer and for nothing else."""
        return {
            "number": self.number.reveal(),
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
            "cryptogram": self.cryptogram,
        }


@dataclass(frozen=True)
class BankAccount:
    """An account that may be debited: its IBAN (ISO 13616), or number and routing number.

    `account_type` goes with a routing number. The mandate is what allows it.
    """

    number: Pan
    routing_number: str | None
    holder: str = field(repr=False)
    mandate: Mandate
    account_type: str | None = None


@dataclass(frozen=True)
class WalletToken:
    """What a wallet encrypted for the acquirer. Nobody but the acquirer can read it."""

    wallet: str
    payload: str = field(repr=False)


@dataclass(frozen=True)
class AcquirerToken:
    """The acquirer's own token of what was typed into its own fields."""

    connector: str
    token: str = field(repr=False)


Source = Card | NetworkToken | BankAccount | WalletToken | AcquirerToken
