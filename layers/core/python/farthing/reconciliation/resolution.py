"""How a person ends a break: a closed list, and what each posts.

    suspense   ─► the account that the resolution names, in each currency that is in suspense
    unpaid     ─► the same account pays what the acquirer never did
    held       ─► pending becomes available, as if the line had matched

So a resolution that posts leaves nothing of its break in suspense.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from farthing.ledger.accounts import (
    ACQUIRER_FEE_EXPENSE,
    DISPUTE_FEE_EXPENSE,
    MERCHANT_PAYABLE,
    MERCHANT_PENDING,
    WRITE_OFF_EXPENSE,
    Side,
    acquirer_receivable,
    suspense,
)
from farthing.ledger.posting import signed
from farthing.ledger.transaction import Kind as Fact
from farthing.ledger.transaction import LedgerTransaction, Posting, transaction_id_of
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.kind import Kind
from farthing.settlement.entry import Operation


class Resolution(StrEnum):
    """What a person decides. EXPLAINED posts nothing, so it is only for what is not in suspense."""

    ACCEPT_ACQUIRER_AMOUNT = "ACCEPT_ACQUIRER_AMOUNT"
    CHARGE_MERCHANT = "CHARGE_MERCHANT"
    WRITE_OFF = "WRITE_OFF"
    ACQUIRER_CORRECTS = "ACQUIRER_CORRECTS"
    EXPLAINED = "EXPLAINED"


_ALL = frozenset(Resolution) - {Resolution.EXPLAINED}
_OF_KIND: Mapping[Kind, frozenset[Resolution]] = {
    Kind.MISSING_IN_REPORT: frozenset(
        {Resolution.CHARGE_MERCHANT, Resolution.WRITE_OFF, Resolution.EXPLAINED}
    ),
    Kind.CURRENCY_MISMATCH: _ALL - {Resolution.ACQUIRER_CORRECTS},
}


def allowed(one: Break) -> frozenset[Resolution]:
    """How this break can be ended."""
    of_kind = _OF_KIND.get(one.kind)
    if of_kind is not None:
        return of_kind
    return _ALL if one.effect.suspense else frozenset({Resolution.EXPLAINED})


def bearer(one: Break, resolution: Resolution) -> str:
    """The account that takes what is in suspense. Raises ValueError for EXPLAINED."""
    match resolution:
        case Resolution.WRITE_OFF:
            return WRITE_OFF_EXPENSE
        case Resolution.CHARGE_MERCHANT:
            return MERCHANT_PAYABLE
        case Resolution.ACQUIRER_CORRECTS:
            return acquirer_receivable(one.acquirer)
        case Resolution.ACCEPT_ACQUIRER_AMOUNT:
            if one.kind is Kind.FEE_MISMATCH:
                return ACQUIRER_FEE_EXPENSE
            if one.subject.operation == Operation.DISPUTE_FEE.value:
                return DISPUTE_FEE_EXPENSE
            return MERCHANT_PAYABLE
        case Resolution.EXPLAINED:
            raise ValueError("what is explained posts nothing")


def corrections(one: Break, resolution: Resolution, at: datetime) -> list[LedgerTransaction]:
    """What is posted when a break ends so: one transaction for each currency, none if EXPLAINED."""
    if resolution is Resolution.EXPLAINED:
        return []
    account = bearer(one, resolution)
    by_currency: dict[str, tuple[Posting, ...]] = {}
    for currency, cents in sorted(one.effect.suspense.items()):
        by_currency[currency] = (
            *signed(suspense(one.acquirer), Side.DEBIT, cents, currency),
            *signed(account, Side.CREDIT, cents, currency),
        )
    own = one.currency if one.expected is None else one.expected.currency
    kept = (
        *signed(account, Side.DEBIT, one.unpaid_cents, own),
        *signed(acquirer_receivable(one.acquirer), Side.CREDIT, one.unpaid_cents, own),
        *signed(MERCHANT_PENDING, Side.DEBIT, one.held_cents, own),
        *signed(MERCHANT_PAYABLE, Side.CREDIT, one.held_cents, own),
    )
    by_currency[own] = (*by_currency.get(own, ()), *kept)
    return [
        LedgerTransaction(
            transaction_id=transaction_id_of(one.break_id, f"resolved {currency}"),
            subject_id=f"{one.break_id}-resolved {currency}",
            kind=Fact.CORRECTION,
            postings=postings,
            created_at=at,
            corrects=corrected(one),
        )
        for currency, postings in sorted(by_currency.items())
        if postings
    ]


def corrected(one: Break) -> str | None:
    """The transaction that a correction makes good: what put the difference into suspense, or our
    own of the movement that was never paid."""
    if one.posted_by is not None:
        return one.posted_by
    operation_id = one.subject.operation_id
    return None if operation_id is None else transaction_id_of(operation_id)
