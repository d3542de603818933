"""What is true of one line of a report: matched, or in the one break that names what is wrong.

Pure: the line, what of ours it is about, and what was agreed with the acquirer. Whose line it is
was found out before.
"""

from __future__ import annotations

from dataclasses import dataclass

from farthing.reconciliation.effect import Effect
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.reported import Reported
from farthing.reconciliation.terms import Terms
from farthing.settlement.entry import Operation, share_cents
from farthing.settlement.line import Line

_OF_DISPUTES = frozenset({Operation.DISPUTE, Operation.DISPUTE_REVERSAL, Operation.DISPUTE_FEE})


@dataclass(frozen=True)
class Ours:
    """A movement that our ledger has: what the acquirer owes for it."""

    operation: Operation
    reference: str
    intent_id: str
    operation_id: str
    currency: str
    amount_cents: int
    fee_cents: int = 0

    @classmethod
    def of(cls, line: Line) -> Ours:
        """The movement of a batch's line."""
        return cls(
            line.operation,
            line.reference,
            line.intent_id,
            line.operation_id,
            line.currency,
            line.amount_cents,
            line.fee_cents,
        )

    @property
    def gross_cents(self) -> int:
        """Signed: what the acquirer owes before its fee."""
        return self.operation.sign * self.amount_cents

    @property
    def share_cents(self) -> int:
        """Signed: what becomes available to the merchant when it is settled."""
        return share_cents(self.operation, self.amount_cents, self.fee_cents)


@dataclass(frozen=True)
class NotMoved:
    """An operation of ours that moved no money, by all that we know: it failed, was reversed, or
    its money was given up. `state` says which."""

    state: str
    intent_id: str
    operation_id: str
    may_be_refunded: bool = False


@dataclass(frozen=True)
class AlreadyPaid:
    """A movement of ours that a report has had."""

    ours: Ours | None = None


Known = Ours | NotMoved | AlreadyPaid | None
"""What of ours a line is about; None if there is nothing."""


@dataclass(frozen=True)
class Verdict:
    """`kind` is None if the line is matched. `unpaid_cents` is what the acquirer still owes of the
    movement in its own currency, `held_cents` what stays pending of the merchant's share: both
    signed."""

    kind: Kind | None
    effect: Effect
    unpaid_cents: int = 0
    held_cents: int = 0


def verdict(line: Reported, known: Known, terms: Terms, currency: str) -> Verdict:
    """What is true of a line of a report of `currency`. The questions are in the order of
    LINE_PRECEDENCE."""
    unexplained = Effect(suspense=_only(line.currency, line.net_cents))
    if line.seq > 1 or isinstance(known, AlreadyPaid):
        return Verdict(Kind.DUPLICATE_LINE, unexplained)
    if isinstance(known, NotMoved):
        return Verdict(Kind.STATE_MISMATCH, unexplained)
    if known is None:
        is_dispute = line.operation in _OF_DISPUTES
        kind = Kind.UNEXPECTED_DISPUTE if is_dispute else Kind.MISSING_IN_LEDGER
        return Verdict(kind, unexplained)
    if not line.currency == known.currency == currency:
        held = known.share_cents
        return Verdict(Kind.CURRENCY_MISMATCH, unexplained, known.gross_cents, held)
    return _of_amounts(line, known, terms)


def _of_amounts(line: Reported, ours: Ours, terms: Terms) -> Verdict:
    """Whose line it is is clear; whether it says what our books say."""
    expected = terms.expected_fee(ours.operation, ours.amount_cents)
    if line.amount_cents != ours.amount_cents:
        fee = line.fee_cents if expected is None else expected
        beyond = line.net_cents - (ours.gross_cents - fee)
        effect = Effect(fee, 0, _only(line.currency, beyond))
        return Verdict(Kind.AMOUNT_MISMATCH, effect, held_cents=ours.share_cents)
    fee = line.fee_cents if expected is None else expected
    beyond = line.net_cents - (ours.gross_cents - fee)
    effect = Effect(fee, ours.share_cents, _only(line.currency, beyond))
    if beyond or line.fee_cents != fee:
        return Verdict(Kind.FEE_MISMATCH, effect)
    return Verdict(None, effect)


def _only(currency: str, cents: int) -> dict[str, int]:
    return {currency: cents} if cents else {}
