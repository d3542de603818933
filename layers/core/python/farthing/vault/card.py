"""A card in the clear: what only the acquirer's connector takes apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from farthing.vault.pan import Pan


@dataclass(frozen=True)
class Card:
    """A card for as long as it takes to send it. It has a CVC in its first minutes alone."""

    number: Pan
    exp_month: int
    exp_year: int
    cvc: str | None = field(default=None, repr=False)

    def reveal(self) -> dict[str, Any]:
        """The digits, for the request that goes to the acquirer and for nothing else."""
        shown: dict[str, Any] = {
            "number": self.number.reveal(),
            "exp_month": self.exp_month,
            "exp_year": self.exp_year,
        }
        return shown | ({"cvc": self.cvc} if self.cvc is not None else {})
