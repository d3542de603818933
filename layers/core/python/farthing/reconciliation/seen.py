"""What is stored of a batch, and of whatever a report of it may be about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from farthing.clock import to_text
from farthing.reconciliation.break_row import Break, Figures, Subject, break_id_of
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.mark import Mark, State, marked
from farthing.reconciliation.match import Known, NotMoved, Ours, Verdict
from farthing.reconciliation.reported import Movement, Reported
from farthing.reconciliation.standing import Standing
from farthing.reconciliation.strangers import Found
from farthing.reconciliation.terms import Terms
from farthing.settlement.batch import Paid
from farthing.settlement.line import Line
from farthing.store.write import Write


@dataclass(frozen=True)
class Seen:
    """`breaks` by the name of their line: the open one, or the one that a person ended. `about` and
    `break_of` look up what belongs to other batches. `file` is the report's SHA-256."""

    standing: Standing
    acquirer: str
    currency: str
    terms: Terms
    file: str
    now: datetime
    lines: Mapping[Movement, Line]
    breaks: Mapping[str, Break]
    marks: Mapping[Movement, Mark]
    about: Callable[[Reported, Mark | None], Found]
    break_of: Callable[[Mark], Break | None]

    @property
    def here(self) -> str:
        """The batch's id."""
        return self.standing.settlement_id

    def mark(self, before: Mark | None, state: State, line: Reported, ours: Ours | None) -> Write:
        """The write that makes one mark of another, or of none."""
        after = Mark(state, line.movement, self.here, ours)
        return marked(self.standing.tenant, self.acquirer, before, after)

    def break_id(self, kind: Kind, line: str, settlement_id: str | None = None) -> str:
        """The id of a break that this file shows, in this batch or another one."""
        version = self.standing.number("books_version")
        return break_id_of(settlement_id or self.here, kind, line, self.file, version)

    def new_break(self, line: Reported, known: Known, now: Verdict) -> Break | None:
        """The break that a line is in by its verdict; None if it is matched."""
        if now.kind is None:
            return None
        ours = known if isinstance(known, Ours) else None
        return Break(
            tenant=self.standing.tenant,
            break_id=self.break_id(now.kind, line.name),
            settlement_id=self.here,
            acquirer=self.acquirer,
            currency=self.currency,
            kind=now.kind,
            subject=subject_of(line, known),
            created_at=to_text(self.now),
            expected=None if ours is None else expected_of(ours, self.terms),
            reported=figures_of(line),
            effect=now.effect,
            unpaid_cents=now.unpaid_cents,
            held_cents=now.held_cents,
            file=self.file,
        )


def subject_of(line: Reported, known: Known) -> Subject:
    """What the break of a line of a report is about."""
    state, refundable = None, False
    if isinstance(known, NotMoved):
        state, refundable = known.state, known.may_be_refunded
        intent_id: str | None = known.intent_id
        operation_id: str | None = known.operation_id
    else:
        ours = known if isinstance(known, Ours) else getattr(known, "ours", None)
        intent_id = None if ours is None else ours.intent_id
        operation_id = None if ours is None else ours.operation_id
    return Subject(
        line=line.name,
        operation=line.operation.value,
        reference=line.reference,
        intent_id=intent_id,
        operation_id=operation_id,
        state=state,
        may_be_refunded=refundable,
    )


def expected_of(ours: Ours, terms: Terms) -> Figures:
    """Our side of a movement."""
    fee = terms.expected_fee(ours.operation, ours.amount_cents)
    net = None if fee is None else ours.gross_cents - fee
    return Figures(ours.currency, ours.amount_cents, fee, net)


def figures_of(line: Reported) -> Figures:
    """The acquirer's side of a movement."""
    return Figures(line.currency, line.amount_cents, line.fee_cents, line.net_cents)


def said_the_same(before: Break, line: Reported, kind: Kind | None) -> bool:
    """Whether an open break says already what is true of a line now."""
    return before.kind is kind and before.reported == figures_of(line)


def paid_of(line: Reported, currency: str) -> Paid:
    """What a line adds to the sums of a batch of `currency`."""
    return line.paid if line.currency == currency else Paid(0, 0, 0)


def paid_before(before: Break, sign: int, currency: str) -> Paid:
    """What the line of an open break added to them."""
    reported = before.reported
    if reported is None or reported.currency != currency:
        return Paid(0, 0, 0)
    return Paid(sign * reported.amount_cents, reported.fee_cents or 0, reported.net_cents or 0)
