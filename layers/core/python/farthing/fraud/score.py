"""The scoring step: facts of one payment in, a decision out, before anything is written.

This is the port. The rules and the model that decide come with the fraud part; until then
`allow_everything` stands behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Action(StrEnum):
    """ALLOW sends; REVIEW sends too, and asks a person; BLOCK fails the payment before anything is
    sent."""

    ALLOW = "ALLOW"
    REVIEW = "REVIEW"
    BLOCK = "BLOCK"


@dataclass(frozen=True)
class Facts:
    """What a decision may use. `fingerprint` stands for the card, never its number."""

    amount_cents: int
    currency: str
    fingerprint: str
    bin: str
    customer_id: str | None
    ip_address: str | None


@dataclass(frozen=True)
class Decision:
    """What was decided. `score_percent` from 0 to 100, higher is worse."""

    action: Action
    score_percent: int = 0
    signals: tuple[dict[str, Any], ...] = ()

    def to_item(self) -> dict[str, Any]:
        """As the operation keeps it."""
        return {
            "action": self.action.value,
            "score": self.score_percent,
            "signals": [dict(signal) for signal in self.signals],
        }


class Scorer(Protocol):
    """Decides about one payment."""

    def __call__(self, facts: Facts) -> Decision:
        """The decision; never raises, never calls out."""
        ...


def allow_everything(facts: Facts) -> Decision:
    """The scorer until there are rules."""
    del facts
    return Decision(Action.ALLOW)
