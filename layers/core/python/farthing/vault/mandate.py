"""A mandate: that and when the holder of an account agreed to be debited.

Its reference is the token's 26 characters, in capitals: unique for the creditor, as SEPA wants it,
and within its 35 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mandate:
    """Kept with the token, with the payment method that holds it, and told to the acquirer.

    `accepted_at` is RFC 3339. `ip_address` is of whoever agreed; None on paper.
    """

    reference: str
    accepted_at: str
    ip_address: str | None = None

    def to_item(self) -> dict[str, Any]:
        """As stored and as shown."""
        return dict(vars(self))

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Mandate:
        """As read."""
        return cls(**item)


def mandate_reference(token: str) -> str:
    """The mandate's name: a function of the token that it was given for."""
    return token.partition("_")[2].upper()
