"""What an acquirer says of an operation.

Silence is never a decline: a connector answers DECLINED only for a decline that it parsed and
authenticated, NOT_SENT only if it is proved that nothing left this side that could move money, and
UNKNOWN for everything else, also for an answer to another question than the one that was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from farthing.acquiring.decline import Decline, decline


class Outcome(StrEnum):
    """What is known of an operation.

    ABSENT is proof, not silence: the acquirer has nothing of it and nothing of it can still
    arrive, or what it had was undone. PENDING is no silence either: the acquirer has a debit, and
    days may pass until the bank has decided. UNKNOWN and PENDING are the two that are no end.
    """

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    PENDING = "PENDING"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"
    ABSENT = "ABSENT"


NO_END = frozenset({Outcome.UNKNOWN, Outcome.PENDING})


@dataclass(frozen=True)
class SeenCard:
    """What an acquirer says of a card that we never saw."""

    last_four: str
    card_brand: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True)
class Returned:
    """A debit that the payer's bank took back after it had succeeded: all of it, once.

    `reference` is the acquirer's own, `returned_at` its clock (RFC 3339).
    """

    reference: str
    amount_cents: int
    reason: Decline
    returned_at: str

    def to_item(self) -> dict[str, Any]:
        """As it goes from `charge` to its caller."""
        return {**vars(self), "reason": self.reason.to_item()}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Returned:
        """As it came."""
        return cls(**{**item, "reason": Decline.from_item(item["reason"])})


@dataclass(frozen=True)
class Answer:
    """What is known after asking.

    `acquirer_id` is the acquirer's own name of the payment, also where the outcome is UNKNOWN. By
    it what follows is asked; it says nothing of the outcome, so two answers may differ in it.
    `returned` is there if an approved debit went back.
    """

    outcome: Outcome
    authorization_code: str | None = None
    network_reference: str | None = None
    expires_at: str | None = None
    decline: Decline | None = None
    card: SeenCard | None = None
    acquirer_id: str | None = field(default=None, compare=False)
    returned: Returned | None = None

    def to_item(self) -> dict[str, Any]:
        """As it goes from `charge` to its caller, and into the operation's row."""
        return {
            "outcome": self.outcome.value,
            "authorization_code": self.authorization_code,
            "network_reference": self.network_reference,
            "expires_at": self.expires_at,
            "decline": self.decline.to_item() if self.decline else None,
            "card": vars(self.card) if self.card else None,
            "acquirer_id": self.acquirer_id,
            "returned": self.returned.to_item() if self.returned else None,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Answer:
        """As read. Raises KeyError, TypeError or ValueError for anything else."""
        decline, card, returned = item["decline"], item.get("card"), item.get("returned")
        return cls(
            outcome=Outcome(item["outcome"]),
            authorization_code=item["authorization_code"],
            network_reference=item["network_reference"],
            expires_at=item["expires_at"],
            decline=Decline.from_item(decline) if decline else None,
            card=SeenCard(**card) if card else None,
            acquirer_id=item.get("acquirer_id"),
            returned=Returned.from_item(returned) if returned else None,
        )


UNKNOWN = Answer(Outcome.UNKNOWN)
PENDING = Answer(Outcome.PENDING)
NOT_SENT = Answer(Outcome.NOT_SENT)
ABSENT = Answer(Outcome.ABSENT)
TOKEN_NOT_SENT = Answer(Outcome.NOT_SENT, decline=decline("NETWORK_TOKEN_UNUSABLE", ""))
"""A network token was to pay, and there was no cryptogram for it: no byte left this side."""
