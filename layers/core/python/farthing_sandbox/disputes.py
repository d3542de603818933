"""What becomes of a disputed charge: pure rules.

    INQUIRY      NEEDS_RESPONSE ─► UNDER_REVIEW ─► CLOSED, or a CHARGEBACK
    CHARGEBACK   NEEDS_RESPONSE ─► UNDER_REVIEW ─► WON, or LOST       money out; back if WON
    PRE_ARBITRATION, after it was WON: the same once more             money out; back if WON

The amount says how it goes, the evidence how it ends, and without evidence the deadline does. What
happens next by itself, and when, is in the dispute from each step on: whoever looks later finds it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox.asks import Operation
from farthing_sandbox.operations import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DECIDES_AFTER_SECONDS: Final = 10
"""After the evidence; and after a chargeback was won, until its pre-arbitration."""
RESPONSE_SECONDS: Final = 10 * 24 * 60 * 60
FEE_CENTS: Final = 1500
REASON: Final = "fraudulent"

INQUIRES: Final = 91
ARBITRATES: Final = 92
"""The last two digits of an amount: it begins as an inquiry; it goes on to pre-arbitration."""

WINS: Final = "WINNING_EVIDENCE"
LOSES: Final = "LOSING_EVIDENCE"

_LETTERS_ONLY: Final = str.maketrans("0123456789", "GHIJKLMNOP")


class Stage(StrEnum):
    """How far it has come."""

    INQUIRY = "INQUIRY"
    CHARGEBACK = "CHARGEBACK"
    PRE_ARBITRATION = "PRE_ARBITRATION"


class Status(StrEnum):
    """Where it is within its stage."""

    NEEDS_RESPONSE = "NEEDS_RESPONSE"
    UNDER_REVIEW = "UNDER_REVIEW"
    WON = "WON"
    LOST = "LOST"
    CLOSED = "CLOSED"


@dataclass(frozen=True)
class Dispute:
    """A dispute of all that a charge took, as it stands. Moments are RFC 3339 texts.

    `next_at` is when it goes on by itself, None if it does not. `convinces` is whether the evidence
    does. `answers` are the references under which it was answered, each with what it said.
    `taken_cents` is what could have been refunded and cannot, while the money is out. `history`
    has a line for each step; `told` of them were told.
    """

    reference: str
    order_id: str
    charge_entry: str
    merchant_reference: str | None
    amount_cents: int
    currency: str
    opened_at: str
    stage: Stage
    status: Status
    due_by: str
    next_at: str | None
    convinces: bool = False
    answers: tuple[tuple[str, str], ...] = ()
    taken_cents: int = 0
    history: tuple[str, ...] = ()
    told: int = 0
    version: int = 1

    @property
    def answerable(self) -> bool:
        """Whether evidence is waited for, or that it is accepted."""
        return self.status is Status.NEEDS_RESPONSE

    @property
    def money_reference(self) -> str:
        """The name of this stage's money in the books: each taking has one of its own."""
        arbitrates = self.stage is Stage.PRE_ARBITRATION
        return f"{self.reference}-PA" if arbitrates else self.reference

    @property
    def money_entry(self) -> str:
        """Where the lines of this stage's money lie."""
        return f"{self.opened_at}#{_digest(self.money_reference)}"

    @property
    def is_charged(self) -> bool:
        """Whether money was taken for it, so that its fee was."""
        return self.stage is not Stage.INQUIRY

    def moved(self, stage: Stage, status: Status, at: str, **changes: Any) -> Dispute:
        """The dispute one step on."""
        line = f"{stage.value} {status.value} {at}"
        return replace(
            self,
            stage=stage,
            status=status,
            history=(*self.history, line),
            version=self.version + 1,
            **changes,
        )


@dataclass(frozen=True)
class Step:
    """A dispute one step on, and the lines that the books get with it."""

    dispute: Dispute
    moves: tuple[Operation, ...] = ()


def opened(charge: Mapping[str, Any], charge_entry: str, amount_cents: int, at: str) -> Step:
    """The dispute of a charge. `charge` is its line with the counters."""
    reference = reference_of(charge["reference"])
    begins = Stage.INQUIRY if amount_cents % 100 == INQUIRES else Stage.CHARGEBACK
    new = Dispute(
        reference=reference,
        order_id=charge["order_id"],
        charge_entry=charge_entry,
        merchant_reference=charge.get("merchant_reference"),
        amount_cents=amount_cents,
        currency=charge["currency"],
        opened_at=at,
        stage=begins,
        status=Status.NEEDS_RESPONSE,
        due_by=plus(at, RESPONSE_SECONDS),
        next_at=None,
        version=0,
    )
    return asks_for_answer(new, begins, at)


def reference_of(charge_reference: str) -> str:
    """The name of a charge's dispute. Letters alone: it cannot look like a card number."""
    return f"DSP-{_digest(charge_reference)[:20].upper()}"


def asks_for_answer(dispute: Dispute, stage: Stage, at: str) -> Step:
    """A stage begins: money is taken, unless it is only asked about."""
    due_by = plus(at, RESPONSE_SECONDS)
    after = dispute.moved(stage, Status.NEEDS_RESPONSE, at, due_by=due_by, next_at=due_by)
    match stage:
        case Stage.INQUIRY:
            return Step(after)
        case Stage.CHARGEBACK:
            return Step(after, (Operation.DISPUTE, Operation.DISPUTE_FEE))
        case Stage.PRE_ARBITRATION:
            return Step(after, (Operation.DISPUTE,))


def gone_on(dispute: Dispute, at: str, *, refunded: bool) -> Step:
    """What happens at `next_at`. `refunded`: nothing is left of the charge to be refunded."""
    match dispute.status:
        case Status.NEEDS_RESPONSE:
            return _decided(dispute, at, wins=dispute.stage is Stage.INQUIRY and refunded)
        case Status.UNDER_REVIEW:
            return _decided(dispute, at, wins=dispute.convinces)
        case _:
            return asks_for_answer(dispute, Stage.PRE_ARBITRATION, at)


def answered(dispute: Dispute, answer: tuple[str, str], texts: Iterable[str], at: str) -> Step:
    """Evidence came, to be looked at."""
    said = " ".join(texts)
    return Step(
        dispute.moved(
            dispute.stage,
            Status.UNDER_REVIEW,
            at,
            answers=(*dispute.answers, answer),
            convinces=WINS in said and LOSES not in said,
            next_at=plus(at, DECIDES_AFTER_SECONDS),
        )
    )


def accepted(dispute: Dispute, answer: tuple[str, str], at: str) -> Step:
    """The client gives in: the payer keeps the money."""
    answers = (*dispute.answers, answer)
    return Step(dispute.moved(dispute.stage, Status.LOST, at, answers=answers, next_at=None))


def _decided(dispute: Dispute, at: str, *, wins: bool) -> Step:
    if dispute.stage is Stage.INQUIRY:
        if not wins:
            return asks_for_answer(dispute, Stage.CHARGEBACK, at)
        return Step(dispute.moved(dispute.stage, Status.CLOSED, at, next_at=None))
    if not wins:
        return Step(dispute.moved(dispute.stage, Status.LOST, at, next_at=None))
    again = dispute.stage is Stage.CHARGEBACK and dispute.amount_cents % 100 == ARBITRATES
    next_at = plus(at, DECIDES_AFTER_SECONDS) if again else None
    after = dispute.moved(dispute.stage, Status.WON, at, next_at=next_at)
    return Step(after, (Operation.DISPUTE_REVERSAL,))


def plus(at: str, seconds: int) -> str:
    """The moment so much later."""
    return rfc3339(datetime.fromisoformat(at) + timedelta(seconds=seconds))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32].translate(_LETTERS_ONLY)
