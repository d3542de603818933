"""Disputes at an acquirer: how one stands there, and how it is answered.

An acquirer's message about a dispute is a hint where to look, as any other. What is believed is
the case as it is read there. An answer is sent under a reference of ours, and the case names the
answers that it has: so an answer of which nobody knows whether it arrived is looked for, and only
then sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from farthing.acquiring.answer import Outcome


class Stage(StrEnum):
    """How far a dispute has come. Money moves from CHARGEBACK on."""

    INQUIRY = "INQUIRY"
    CHARGEBACK = "CHARGEBACK"
    PRE_ARBITRATION = "PRE_ARBITRATION"


class Standing(StrEnum):
    """Where it is within its stage. CLOSED is an inquiry that ended without money."""

    NEEDS_RESPONSE = "NEEDS_RESPONSE"
    UNDER_REVIEW = "UNDER_REVIEW"
    WON = "WON"
    LOST = "LOST"
    CLOSED = "CLOSED"


State = tuple[Stage, Standing]


class AnswerKind(StrEnum):
    """What the merchant says to a dispute."""

    EVIDENCE = "EVIDENCE"
    ACCEPTANCE = "ACCEPTANCE"


@dataclass(frozen=True)
class Case:
    """A dispute as its acquirer has it.

    `reference` is the acquirer's own, and names the money of the chargeback in its books;
    `arbitration_reference` names that of the pre-arbitration, which is taken once more. `order_id`
    and `merchant_reference` are ours, as the acquirer knows them of the payment; None if it does
    not. `fee_cents` is what it charges for the chargeback, in the dispute's currency. `due_by` is
    until when an answer is waited for. `answered_by` are our references of the answers that it has.
    `reason` is a word such as `fraudulent`. Times are RFC 3339, by the acquirer's clock.
    """

    reference: str
    order_id: str | None
    merchant_reference: str | None
    stage: Stage
    standing: Standing
    amount_cents: int
    fee_cents: int
    currency: str
    reason: str
    opened_at: str
    due_by: str | None = None
    answered_by: tuple[str, ...] = ()
    arbitration_reference: str | None = None

    @property
    def state(self) -> State:
        """Stage and standing together: a row of the transition table."""
        return self.stage, self.standing

    def money_reference(self, stage: Stage) -> str:
        """Under which name the acquirer's books show the money of a stage."""
        arbitrates = stage is Stage.PRE_ARBITRATION
        return (self.arbitration_reference or self.reference) if arbitrates else self.reference

    def to_item(self) -> dict[str, Any]:
        """As it goes from `charge` to its caller."""
        plain = {"stage": self.stage.value, "standing": self.standing.value}
        return {**vars(self), **plain, "answered_by": list(self.answered_by)}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Case:
        """As it came. Raises KeyError, TypeError or ValueError for anything else."""
        known = {
            "stage": Stage(item["stage"]),
            "standing": Standing(item["standing"]),
            "answered_by": tuple(item["answered_by"]),
        }
        return cls(**{**item, **known})


@dataclass(frozen=True)
class EvidenceFile:
    """A document, and for what it stands. Its content is in no log."""

    purpose: str
    name: str
    content_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class CaseAnswer:
    """One answer to a dispute. `reference` is ours, and is its idempotency key."""

    kind: AnswerKind
    reference: str
    case_reference: str
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[EvidenceFile, ...] = ()


@dataclass(frozen=True)
class Answered:
    """What became of sending an answer. The case is as it was afterwards, if the acquirer said so.

    DECLINED is a definite no: no answer is waited for any more, or it is none that can be taken.
    """

    outcome: Outcome
    case: Case | None = None

    def to_item(self) -> dict[str, Any]:
        """As it goes from `charge` to its caller."""
        case = self.case.to_item() if self.case else None
        return {"outcome": self.outcome.value, "case": case}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Answered:
        """As it came. Raises KeyError, TypeError or ValueError for anything else."""
        case = Case.from_item(item["case"]) if item["case"] else None
        return cls(Outcome(item["outcome"]), case)


NOT_ANSWERED = Answered(Outcome.NOT_SENT)
PERHAPS_ANSWERED = Answered(Outcome.UNKNOWN)
