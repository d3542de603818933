"""The rules of posting: what each fact that moves money makes of the accounts.

Each function is one line of the table in `docs/ledger.md`. All raise Unbalanced for an amount that
is not positive, unless they say that it is signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from farthing.ledger.accounts import (
    ACQUIRER_FEE_EXPENSE,
    DISPUTE_FEE_EXPENSE,
    DISPUTE_RECEIVABLE,
    MERCHANT_PAYABLE,
    MERCHANT_PENDING,
    MERCHANT_RESERVE,
    PAYOUTS_IN_TRANSIT,
    PROCESSING_FEE_INCOME,
    Side,
    acquirer_receivable,
    bank_settlement,
    suspense,
)
from farthing.ledger.transaction import (
    Kind,
    LedgerTransaction,
    Posting,
    Unbalanced,
    transaction_id_of,
)
from farthing.money import Money

Postings = tuple[Posting, ...]


def capture(
    operation_id: str,
    amount: Money,
    acquirer: str,
    *,
    intent_id: str,
    at: datetime,
    fee: int = 0,
) -> LedgerTransaction:
    """The acquirer owes `amount`; the merchant is owed it less our `fee` (minor units).

    A fee above the amount leaves the merchant owing the rest. Raises Unbalanced for a negative fee.
    """
    if fee < 0:
        raise Unbalanced(f"{operation_id}: a fee is not negative")
    currency = amount.currency
    postings = (
        Posting(acquirer_receivable(acquirer), Side.DEBIT, amount),
        *signed(MERCHANT_PENDING, Side.CREDIT, amount.minor - fee, currency),
        *signed(PROCESSING_FEE_INCOME, Side.CREDIT, fee, currency),
    )
    return _of_payment(Kind.CAPTURE, operation_id, intent_id, postings, at)


def refund(
    operation_id: str, amount: Money, acquirer: str, *, intent_id: str, at: datetime
) -> LedgerTransaction:
    """The merchant is owed `amount` less, and so is owed less by the acquirer.

    Our fee of the capture is not given back.
    """
    postings = moved(MERCHANT_PENDING, acquirer_receivable(acquirer), amount)
    return _of_payment(Kind.REFUND, operation_id, intent_id, postings, at)


def returned(
    return_id: str, amount: Money, acquirer: str, *, intent_id: str, at: datetime
) -> LedgerTransaction:
    """The payer's bank took `amount` back: the merchant is owed it no more, nor does the acquirer
    owe it.

    The merchant may owe us then: what was taken back may have been refunded or paid out.
    """
    postings = moved(MERCHANT_PENDING, acquirer_receivable(acquirer), amount)
    return _of_payment(Kind.RETURN, return_id, intent_id, postings, at)


def refund_returned(
    return_id: str, amount: Money, acquirer: str, refund_id: str, *, intent_id: str, at: datetime
) -> LedgerTransaction:
    """The payer's bank did not take a refund that had succeeded: the acquirer owes it again, and
    the merchant is owed it again. Corrects the refund's transaction."""
    postings = moved(acquirer_receivable(acquirer), MERCHANT_PENDING, amount)
    corrects = transaction_id_of(refund_id)
    return _of_payment(Kind.REFUND_RETURN, return_id, intent_id, postings, at, corrects=corrects)


def dispute_opened(
    dispute_id: str,
    amount: Money,
    acquirer: str,
    *,
    intent_id: str,
    at: datetime,
    fee: int = 0,
    step: str = "opened",
) -> LedgerTransaction:
    """The acquirer took `amount` back, and its `fee` (minor units) for doing so; the merchant's
    share is held until it is decided. `step` tells the rounds of one dispute apart."""
    if fee < 0:
        raise Unbalanced(f"{dispute_id}: a fee is not negative")
    owed = acquirer_receivable(acquirer)
    postings = (
        *moved(DISPUTE_RECEIVABLE, owed, amount),
        *moved(MERCHANT_PAYABLE, MERCHANT_RESERVE, amount),
        *(moved(DISPUTE_FEE_EXPENSE, owed, Money(fee, amount.currency)) if fee else ()),
    )
    return _of_payment(Kind.DISPUTE_OPENED, dispute_id, intent_id, postings, at, step=step)


def dispute_won(
    dispute_id: str,
    amount: Money,
    acquirer: str,
    *,
    intent_id: str,
    at: datetime,
    step: str = "won",
) -> LedgerTransaction:
    """The acquirer owes `amount` again, and what was held is the merchant's again."""
    postings = (
        *moved(acquirer_receivable(acquirer), DISPUTE_RECEIVABLE, amount),
        *moved(MERCHANT_RESERVE, MERCHANT_PAYABLE, amount),
    )
    return _of_payment(Kind.DISPUTE_WON, dispute_id, intent_id, postings, at, step=step)


def dispute_lost(
    dispute_id: str, amount: Money, *, intent_id: str, at: datetime, step: str = "lost"
) -> LedgerTransaction:
    """What was held pays for what the acquirer took back."""
    postings = moved(MERCHANT_RESERVE, DISPUTE_RECEIVABLE, amount)
    return _of_payment(Kind.DISPUTE_LOST, dispute_id, intent_id, postings, at, step=step)


def settled(
    settlement_id: str,
    acquirer: str,
    currency: str,
    *,
    at: datetime,
    fee: int,
    share: int,
    unexplained: int = 0,
    step: str = "settled",
) -> LedgerTransaction | None:
    """The acquirer's report of a batch. None if nothing is to be posted.

    All in minor units and signed: `fee` is what the acquirer keeps, `share` what becomes available
    to the merchant of what was pending, `unexplained` what the report pays beyond what our books
    say, which stays in suspense until a person resolves it. `step` tells the reports of one batch
    apart.
    """
    owed = acquirer_receivable(acquirer)
    postings = (
        *signed(ACQUIRER_FEE_EXPENSE, Side.DEBIT, fee, currency),
        *signed(owed, Side.CREDIT, fee, currency),
        *signed(MERCHANT_PENDING, Side.DEBIT, share, currency),
        *signed(MERCHANT_PAYABLE, Side.CREDIT, share, currency),
        *signed(owed, Side.DEBIT, unexplained, currency),
        *signed(suspense(acquirer), Side.CREDIT, unexplained, currency),
    )
    if not postings:
        return None
    return _of_no_payment(Kind.SETTLEMENT, settlement_id, step, postings, at)


def deposit(
    settlement_id: str, amount: Money, acquirer: str, *, at: datetime, step: str = "deposit"
) -> LedgerTransaction:
    """The bank shows the acquirer's transfer of `amount`, negative if it debited us.

    Raises Unbalanced for zero. `step` tells the transfers of one batch apart.
    """
    postings = (
        *signed(bank_settlement(acquirer), Side.DEBIT, amount.minor, amount.currency),
        *signed(acquirer_receivable(acquirer), Side.CREDIT, amount.minor, amount.currency),
    )
    return _of_no_payment(Kind.DEPOSIT, settlement_id, step, postings, at)


def reserve(reserve_id: str, amount: Money, *, at: datetime) -> LedgerTransaction:
    """`amount` of what is available to the merchant is held back."""
    postings = moved(MERCHANT_PAYABLE, MERCHANT_RESERVE, amount)
    return _of_no_payment(Kind.RESERVE, reserve_id, "held", postings, at)


def reserve_released(reserve_id: str, amount: Money, *, at: datetime) -> LedgerTransaction:
    """What was held back is available again."""
    postings = moved(MERCHANT_RESERVE, MERCHANT_PAYABLE, amount)
    return _of_no_payment(Kind.RESERVE_RELEASED, reserve_id, "released", postings, at)


def payout(payout_id: str, amount: Money, *, at: datetime) -> LedgerTransaction:
    """`amount` of what is available is on its way to the merchant."""
    postings = moved(MERCHANT_PAYABLE, PAYOUTS_IN_TRANSIT, amount)
    return _of_no_payment(Kind.PAYOUT, payout_id, "sent", postings, at)


def payout_arrived(
    payout_id: str, amount: Money, acquirer: str, *, at: datetime
) -> LedgerTransaction:
    """A payout has left the bank account that `acquirer` pays into."""
    postings = moved(PAYOUTS_IN_TRANSIT, bank_settlement(acquirer), amount)
    return _of_no_payment(Kind.PAYOUT_ARRIVED, payout_id, "arrived", postings, at)


def correction(
    subject_id: str,
    amount: Money,
    *,
    debit: str,
    credit: str,
    at: datetime,
    corrects: str | None,
    step: str = "correction",
) -> LedgerTransaction:
    """`amount` from one account to another, because a person says so. What it makes good, if that
    was ever posted, is named and stays as it is."""
    postings = moved(debit, credit, amount)
    return _of_no_payment(Kind.CORRECTION, subject_id, step, postings, at, corrects)


def moved(debit: str, credit: str, amount: Money) -> Postings:
    """One amount on the debit side of one account and on the credit side of another."""
    return Posting(debit, Side.DEBIT, amount), Posting(credit, Side.CREDIT, amount)


def signed(account: str, side: Side, minor: int, currency: str) -> Postings:
    """One posting; a negative amount goes to the other side, and none is written for zero."""
    if not minor:
        return ()
    return (Posting(account, side if minor > 0 else side.other, Money(abs(minor), currency)),)


def _of_payment(
    kind: Kind,
    subject_id: str,
    intent_id: str,
    postings: Iterable[Posting],
    at: datetime,
    *,
    step: str = "",
    corrects: str | None = None,
) -> LedgerTransaction:
    return LedgerTransaction(
        transaction_id=transaction_id_of(subject_id, step),
        subject_id=f"{subject_id}-{step}" if step else subject_id,
        kind=kind,
        postings=tuple(postings),
        created_at=at,
        intent_id=intent_id,
        corrects=corrects,
    )


def _of_no_payment(
    kind: Kind,
    subject_id: str,
    step: str,
    postings: Iterable[Posting],
    at: datetime,
    corrects: str | None = None,
) -> LedgerTransaction:
    return LedgerTransaction(
        transaction_id=transaction_id_of(subject_id, step),
        subject_id=subject_id,
        kind=kind,
        postings=tuple(postings),
        created_at=at,
        corrects=corrects,
    )
