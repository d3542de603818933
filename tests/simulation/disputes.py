"""Payers who dispute, and banks that send refunds back: what the hostile acquirer does by itself.

    captured ──► INQUIRY ──► CHARGEBACK ──► WON ──► PRE_ARBITRATION ──► WON, LOST
                  └ CLOSED        └ LOST                money out, or back, with each step

What a dispute comes to is drawn when it opens, but for whether evidence wins or loses: that is in
its text, and at its deadline without any it is lost. Nobody disputes what its merchant does not
know to be paid: people look at their statements weeks later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.acquirer_books import Books, Charge, Recorded, Row
from tests.simulation.acquirer_faults import DAY_SECONDS
from tests.simulation.dice import Dice

DISPUTES = "/v1/disputes"
EVIDENCE, ACCEPTANCE = "evidence", "acceptance"
WINS = "WINNING_EVIDENCE"
FEE_CENTS = 1500

OPENS_SECONDS = (5.0, 2 * DAY_SECONDS)
LOOKS_AGAIN_SECONDS = 600.0
RESPONSE_SECONDS = (600.0, 6 * 3600.0, DAY_SECONDS, 4 * DAY_SECONDS)
DECIDES_SECONDS = (5.0, 3600.0, 20 * 3600.0)
COMES_BACK_SECONDS = (5.0, 2 * DAY_SECONDS)
INQUIRES_SHARE, GOES_ON_SHARE, ARBITRATED_SHARE, PARTLY_SHARE = 0.25, 0.5, 0.3, 0.4

OPEN = frozenset({"NEEDS_RESPONSE", "UNDER_REVIEW"})

Answered = tuple[int, dict[str, Any]]


@dataclass
class Dispute:
    """A dispute of what a charge took, or of a part. `due_at` is when it goes on by itself."""

    reference: str
    charge: Charge
    opened_at: float
    amount_cents: int
    stage: str
    goes_on: bool
    """Whether an inquiry that is answered becomes a chargeback all the same."""
    arbitrated: bool
    """Whether it is disputed once more after it was won."""
    status: str = "NEEDS_RESPONSE"
    due_at: float = 0.0
    convinces: bool = False
    fee_cents: int = 0
    taken: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    @property
    def row(self) -> Row:
        """What is disputed."""
        return self.charge.captures[-1]

    @property
    def money_reference(self) -> str:
        """Under which its money is in the books: each taking has a name of its own."""
        return f"{self.reference}-PA" if self.stage == "PRE_ARBITRATION" else self.reference


@dataclass
class Disputes:
    """All of one acquirer's. `tell(what, dispute)` posts that it went on, `comes_back` that a
    refund did; `known(reference)` says whether a merchant knows an operation to be approved."""

    dice: Dice
    books: Books
    now: Callable[[], float]
    at: Callable[[float, Callable[[], None]], None]
    text: Callable[[float], str]
    known: Callable[[str], bool]
    tell: Callable[[Dispute], None]
    made: dict[str, Dispute] = field(default_factory=dict)

    # --- what payers and banks do ----------------------------------------------------------------

    def may_dispute(self, charge: Charge) -> None:
        """A payer will dispute this one."""
        self.at(self.now() + self.dice.spread(*OPENS_SECONDS), lambda: self._opens(charge))

    def sends_back(self, done: Recorded, told: Callable[[], None]) -> None:
        """A bank will send a refund back, once it was approved."""

        def back() -> None:
            if done.row.status == "PENDING" or not self.known(done.row.reference):
                self.at(self.now() + LOOKS_AGAIN_SECONDS, back)
            elif done.row.status == "APPROVED" and self.books.send_back(done, self.now()):
                told()

        self.at(self.now() + self.dice.spread(*COMES_BACK_SECONDS), back)

    def _opens(self, charge: Charge) -> None:
        if not charge.live or not charge.captures or charge.taken_back is not None:
            return
        if not self.known(charge.captures[-1].reference):
            self.at(self.now() + LOOKS_AGAIN_SECONDS, lambda: self._opens(charge))
            return
        inquires = self.dice.chance(INQUIRES_SHARE)
        amount_cents = charge.captures[-1].amount_cents
        if self.dice.chance(PARTLY_SHARE):
            amount_cents = (amount_cents + 1) // 2
        dispute = Dispute(
            reference=reference_of(charge.row.reference),
            charge=charge,
            opened_at=self.now(),
            amount_cents=amount_cents,
            stage="INQUIRY" if inquires else "CHARGEBACK",
            goes_on=self.dice.chance(GOES_ON_SHARE),
            arbitrated=self.dice.chance(ARBITRATED_SHARE),
        )
        if dispute.reference not in self.made:
            self.made[dispute.reference] = dispute
            self._asks(dispute, dispute.stage)

    def _asks(self, dispute: Dispute, stage: str) -> None:
        """A stage begins; money is taken, unless it is only asked about."""
        dispute.stage, dispute.status = stage, "NEEDS_RESPONSE"
        if stage != "INQUIRY":
            self._book("DISPUTE", dispute, dispute.amount_cents)
            dispute.taken = min(dispute.charge.left_to_refund, dispute.amount_cents)
            dispute.charge.left_to_refund -= dispute.taken
            dispute.charge.disputed = True
        if stage == "CHARGEBACK":
            dispute.fee_cents = FEE_CENTS
            self._book("DISPUTE_FEE", dispute, FEE_CENTS)
        self._goes_on_in(dispute, self.dice.choice(RESPONSE_SECONDS))

    def _goes_on_in(self, dispute: Dispute, seconds: float) -> None:
        """The step is told, and the next one comes by itself, unless an answer comes before."""
        dispute.due_at, step = self.now() + seconds, len(dispute.steps)
        self._stepped(dispute)

        def due() -> None:
            if len(dispute.steps) == step + 1:
                self._decides(dispute)

        self.at(dispute.due_at, due)

    def _decides(self, dispute: Dispute) -> None:
        convinced = dispute.status == "UNDER_REVIEW" and dispute.convinces
        if dispute.stage == "INQUIRY":
            if dispute.status == "UNDER_REVIEW" and not dispute.goes_on:
                self._ends(dispute, "CLOSED")
            else:
                self._asks(dispute, "CHARGEBACK")
            return
        if not convinced:
            self._ends(dispute, "LOST")
            return
        self._book("DISPUTE_REVERSAL", dispute, dispute.amount_cents)
        dispute.charge.left_to_refund += dispute.taken
        dispute.taken, dispute.charge.disputed = 0, False
        arbitrated = dispute.stage == "CHARGEBACK" and dispute.arbitrated
        self._ends(dispute, "WON")
        if arbitrated:
            seconds = self.dice.choice(DECIDES_SECONDS)
            self.at(self.now() + seconds, lambda: self._asks(dispute, "PRE_ARBITRATION"))

    def _ends(self, dispute: Dispute, status: str) -> None:
        dispute.status = status
        self._stepped(dispute)

    def _stepped(self, dispute: Dispute) -> None:
        dispute.steps.append(f"{dispute.stage} {dispute.status}")
        self.tell(dispute)

    def _book(self, operation: str, dispute: Dispute, amount_cents: int) -> None:
        row = dispute.row
        self.books.rows.append(
            Row(
                reference=dispute.money_reference,
                order_id=row.order_id,
                operation=operation,
                amount_cents=amount_cents,
                currency=row.currency,
                created_at=self.now(),
                history=[(self.now(), "APPROVED")],
                merchant_reference=row.merchant_reference,
            )
        )

    # --- what merchants ask ----------------------------------------------------------------------

    def answer(self, method: str, path: str, document: Mapping[str, Any]) -> Answered:
        """A look at a dispute, evidence for it, or that it is accepted."""
        reference, _, verb = path.removeprefix(f"{DISPUTES}/").partition("/")
        dispute = self.made.get(reference)
        if dispute is None:
            nothing = {"code": "NOT_FOUND", "message": f"nothing is known of {reference}"}
            return 404, {"error": nothing, "reference": reference, "as_of": self.text(self.now())}
        if method == "POST" and not self._answered(dispute, verb, document):
            refused = {"code": "NOT_ANSWERABLE", "message": "no answer to it is waited for"}
            return 409, {"error": refused, "reference": reference, "as_of": self.text(self.now())}
        return 200, self.shown(dispute)

    def _answered(self, dispute: Dispute, verb: str, document: Mapping[str, Any]) -> bool:
        """Whether the answer counts, or did before."""
        reference, said = str(document["reference"]), json.dumps(document, sort_keys=True)
        if reference in dispute.answers:
            return dispute.answers[reference] == said
        accepts = verb == ACCEPTANCE
        if dispute.status != "NEEDS_RESPONSE" or (accepts and dispute.stage == "INQUIRY"):
            return False
        dispute.answers[reference] = said
        if accepts:
            self._ends(dispute, "LOST")
            return True
        dispute.status = "UNDER_REVIEW"
        dispute.convinces = WINS in " ".join(document["text"].values())
        self._goes_on_in(dispute, self.dice.choice(DECIDES_SECONDS))
        return True

    def shown(self, dispute: Dispute) -> dict[str, Any]:
        """All that a merchant may know of it."""
        arbitrated = any(step.startswith("PRE_ARBITRATION") for step in dispute.steps)
        needs = dispute.status == "NEEDS_RESPONSE"
        return {
            "reference": dispute.reference,
            "order_id": dispute.row.order_id,
            "merchant_reference": dispute.row.merchant_reference,
            "stage": dispute.stage,
            "status": dispute.status,
            "amount_cents": dispute.amount_cents,
            "fee_cents": dispute.fee_cents,
            "currency": dispute.row.currency,
            "reason": "fraudulent",
            "opened_at": self.text(dispute.opened_at),
            "due_by": self.text(dispute.due_at) if needs else None,
            "answered_by": list(dispute.answers),
            "pre_arbitration_reference": f"{dispute.reference}-PA" if arbitrated else None,
            "as_of": self.text(self.now()),
        }

    def of_order(self, order_id: str) -> Iterator[Dispute]:
        """The disputes of an order's charges."""
        yield from (one for one in self.made.values() if one.row.order_id == order_id)


def reference_of(charge_reference: str) -> str:
    """The name of a charge's dispute, of letters alone."""
    digest = hashlib.sha256(charge_reference.encode()).hexdigest()[:20]
    return "DSP-" + digest.translate(str.maketrans("0123456789abcdef", "GHIJKLMNOPABCDEF"))
