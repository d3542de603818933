"""The accounts of the books: what each says, and on which side it grows.

There is one of each for a merchant, mode and currency. Those of an acquirer carry its name:
`acquirer_receivable:sandbox`.
"""

from __future__ import annotations

from enum import StrEnum

MERCHANT_PENDING = "merchant_pending"
"""Owed to the merchant for what the acquirer has not settled yet."""
MERCHANT_PAYABLE = "merchant_payable"
"""Owed to the merchant, and settled: what can be paid out."""
MERCHANT_RESERVE = "merchant_reserve"
"""Owed to the merchant, and held back: for disputes that are open, or as a rolling reserve."""
DISPUTE_RECEIVABLE = "dispute_receivable"
"""What acquirers took back for disputes that nobody has decided."""
PROCESSING_FEE_INCOME = "processing_fee_income"
"""What the operator of this installation earns of the merchant's captures."""
ACQUIRER_FEE_EXPENSE = "acquirer_fee_expense"
"""What acquirers keep for their service, by their reports."""
DISPUTE_FEE_EXPENSE = "dispute_fee_expense"
"""What acquirers charge for disputes."""
PAYOUTS_IN_TRANSIT = "payouts_in_transit"
"""On its way to the merchant's bank: zero when every payout has arrived."""
ROUNDING_FX = "rounding_fx"
"""What conversion and rounding leave over."""
WRITE_OFF_EXPENSE = "write_off_expense"
"""Differences that a person gave up."""


class Side(StrEnum):
    """The two sides of an account. Assets and expenses grow by debits, the others by credits."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"

    @property
    def other(self) -> Side:
        """The other one."""
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


def acquirer_receivable(acquirer: str) -> str:
    """What `acquirer` owes: captured, less what went back, its fees and what the bank has."""
    return f"acquirer_receivable:{acquirer}"


def bank_settlement(acquirer: str) -> str:
    """What `acquirer` has transferred to the bank, by the bank's statement."""
    return f"bank_settlement:{acquirer}"


def suspense(acquirer: str) -> str:
    """What `acquirer` pays and nobody can explain yet: zero when every break is resolved."""
    return f"suspense:{acquirer}"


_SIDES = {
    "acquirer_receivable": Side.DEBIT,
    "bank_settlement": Side.DEBIT,
    "suspense": Side.CREDIT,
    MERCHANT_PENDING: Side.CREDIT,
    MERCHANT_PAYABLE: Side.CREDIT,
    MERCHANT_RESERVE: Side.CREDIT,
    DISPUTE_RECEIVABLE: Side.DEBIT,
    PROCESSING_FEE_INCOME: Side.CREDIT,
    ACQUIRER_FEE_EXPENSE: Side.DEBIT,
    DISPUTE_FEE_EXPENSE: Side.DEBIT,
    PAYOUTS_IN_TRANSIT: Side.CREDIT,
    ROUNDING_FX: Side.CREDIT,
    WRITE_OFF_EXPENSE: Side.DEBIT,
}


def normal_side(account: str) -> Side:
    """The side on which `account` grows. Raises KeyError for one that is not in the books."""
    return _SIDES[account.partition(":")[0]]
