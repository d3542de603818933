"""What was found for or against a payment, and what was decided: kept so that it can be replayed.

Scores are whole millionths, so that what is compared is what is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from farthing.fraud.action import Action
from farthing.fraud.facts import Known
from farthing.ids import ENTROPY_BYTES, instant_of, make_id
from farthing.store import Item

SCORE_MAX_PPM = 1_000_000
REASONS_MAX = 3


def percent(score_ppm: int) -> int:
    """A score as it is shown: from 0 to 100, rounded down."""
    return score_ppm * 100 // SCORE_MAX_PPM


class SignalType(StrEnum):
    """What a signal is about."""

    LIST = "LIST"
    VELOCITY = "VELOCITY"
    COUNTRY = "COUNTRY"
    COUNTRY_MISMATCH = "COUNTRY_MISMATCH"
    UNUSUAL_AMOUNT = "UNUSUAL_AMOUNT"
    AMOUNT_LIMIT = "AMOUNT_LIMIT"
    DISPOSABLE_EMAIL = "DISPOSABLE_EMAIL"
    NEW_CARD = "NEW_CARD"
    CUSTOM = "CUSTOM"
    MODEL = "MODEL"


@dataclass(frozen=True)
class FraudSignal:
    """One reason for or against a payment.

    `source` is the list's entry, the rule or the model that says so, `version` that of the rules
    or of the model. `evidence` are ids of operations.
    """

    signal_type: SignalType
    score_ppm: int
    action: Action
    reason: str
    source: str
    version: str
    evidence: tuple[str, ...] = ()

    def to_item(self) -> Item:
        """As kept."""
        return {
            **vars(self),
            "signal_type": self.signal_type.value,
            "action": self.action.value,
            "evidence": list(self.evidence),
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> FraudSignal:
        """As read."""
        changed = {
            "signal_type": SignalType(item["signal_type"]),
            "action": Action(item["action"]),
            "evidence": tuple(item["evidence"]),
        }
        return cls(**{**item, **changed})


@dataclass(frozen=True)
class Scored:
    """What the model says of a payment, and the strongest reasons, if they speak for fraud. A model
    in the `shadow` is only watched."""

    score_ppm: int
    model_version: str
    reasons: tuple[str, ...] = ()
    shadow: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.score_ppm <= SCORE_MAX_PPM:
            raise ValueError(f"a score of {self.score_ppm} millionths")
        if len(self.reasons) > REASONS_MAX:
            raise ValueError(f"{len(self.reasons)} reasons")

    def to_item(self) -> Item:
        """As kept with the decision."""
        return {**vars(self), "reasons": list(self.reasons)}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Scored:
        """As read."""
        return cls(**{**item, "reasons": tuple(item["reasons"])})


@dataclass(frozen=True)
class Decision:
    """What was decided, by which signal (None: nothing was against it), and on what."""

    action: Action
    score_ppm: int
    decided_by: str | None
    signals: tuple[FraudSignal, ...]
    rules_version: int
    known: Known
    scored: Scored | None = None

    def to_item(self) -> Item:
        """As the operation keeps it."""
        return {
            "action": self.action.value,
            "score_ppm": self.score_ppm,
            "decided_by": self.decided_by,
            "signals": [signal.to_item() for signal in self.signals],
            "rules_version": self.rules_version,
            "known": self.known.to_item(),
            "scored": self.scored.to_item() if self.scored else None,
        }

    def shown_signals(self, operation_id: str) -> list[Item]:
        """The signals as they are shown, each with an id: it follows from the operation's and the
        signal's place, so it is the same whenever it is asked, and nobody keeps it."""
        return [
            {"signal_id": _signal_id(operation_id, place), **signal.to_item()}
            for place, signal in enumerate(self.signals)
        ]

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Decision:
        """As read."""
        scored = item["scored"]
        return cls(
            action=Action(item["action"]),
            score_ppm=item["score_ppm"],
            decided_by=item["decided_by"],
            signals=tuple(FraudSignal.from_item(signal) for signal in item["signals"]),
            rules_version=item["rules_version"],
            known=Known.from_item(item["known"]),
            scored=Scored.from_item(scored) if scored else None,
        )


def _signal_id(operation_id: str, place: int) -> str:
    """Of the operation's time, like all ids, and of a random part that its own is mixed into."""
    mixed = hashlib.sha256(f"{operation_id}/{place}".encode()).digest()
    return make_id("sig", instant_of(operation_id), mixed[:ENTROPY_BYTES])
