"""Ledger transactions and the rules that post them.

A transaction that does not balance cannot be made: its postings sum to zero in each currency, or
its construction fails. Its id is a function of the operation's, so one operation posts once.

Amounts are positive integers of minor units; the side says the sign. Per merchant and currency
`acquirer_receivable:…` is what the acquirer owes, `merchant_payable` what the merchant is owed,
`processing_fee_income` what Farthing's operator earned.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from farthing.clock import to_text
from farthing.money import Money
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope

ENTITY = "ledger_transaction"
POSTINGS_MIN = 2

MERCHANT_PAYABLE = "merchant_payable"
PROCESSING_FEE_INCOME = "processing_fee_income"


def acquirer_receivable(acquirer: str) -> str:
    """The account of what `acquirer` owes for captured money."""
    return f"acquirer_receivable:{acquirer}"


class Side(StrEnum):
    """The two sides of an account. Assets grow by debits, liabilities and income by credits."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class Kind(StrEnum):
    """Which fact a transaction records. A void posts nothing: no money was owed."""

    CAPTURE = "CAPTURE"
    REFUND = "REFUND"
    RETURN = "RETURN"


class Unbalanced(ValueError):
    """The postings do not form a transaction. A bug of ours: refused before anything is written."""


@dataclass(frozen=True)
class Posting:
    """`amount` on one side of one account. Raises Unbalanced unless it is positive."""

    account: str
    side: Side
    amount: Money

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise Unbalanced(f"{self.account}: a posting is positive, not {self.amount}")

    @property
    def signed_minor(self) -> int:
        """Minor units, debits positive, credits negative."""
        return self.amount.minor if self.side is Side.DEBIT else -self.amount.minor


@dataclass(frozen=True)
class LedgerTransaction:
    """Balanced postings for one fact. Raises Unbalanced if they do not sum to zero."""

    transaction_id: str
    operation_id: str
    intent_id: str
    kind: Kind
    postings: tuple[Posting, ...]
    created_at: datetime

    def __post_init__(self) -> None:
        if len(self.postings) < POSTINGS_MIN:
            raise Unbalanced(f"{self.transaction_id}: fewer than {POSTINGS_MIN} postings")
        sums: Counter[str] = Counter()
        for posting in self.postings:
            sums[posting.amount.currency] += posting.signed_minor
        if uneven := {currency: total for currency, total in sums.items() if total}:
            raise Unbalanced(f"{self.transaction_id}: off by {uneven}")

    def key(self, tenant: TenantScope) -> Key:
        """Beside its payment, so that the transaction of the state change holds it too."""
        return Key("payments", tenant.pk("PI", self.intent_id), f"LTX#{self.operation_id}")

    def to_item(self) -> Item:
        """The row, without its key."""
        return {
            "entity": ENTITY,
            "transaction_id": self.transaction_id,
            "operation_id": self.operation_id,
            "intent_id": self.intent_id,
            "kind": self.kind.value,
            "postings": [
                {
                    "account": posting.account,
                    "side": posting.side.value,
                    "amount_cents": posting.amount.minor,
                    "currency": posting.amount.currency,
                }
                for posting in self.postings
            ],
            "created_at": to_text(self.created_at),
        }


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

    A fee above the amount leaves the merchant owing the rest. Raises Unbalanced for an amount that
    is not positive or a negative fee.
    """
    receivable = Posting(acquirer_receivable(acquirer), Side.DEBIT, amount)
    return LedgerTransaction(
        transaction_id=transaction_id_of(operation_id),
        operation_id=operation_id,
        intent_id=intent_id,
        kind=Kind.CAPTURE,
        postings=(receivable, *_merchant_share(amount, fee)),
        created_at=at,
    )


def refund(
    operation_id: str, amount: Money, acquirer: str, *, intent_id: str, at: datetime
) -> LedgerTransaction:
    """The merchant is owed `amount` less, and so is owed less by the acquirer.

    Our fee of the capture is not given back. Raises Unbalanced for an amount that is not positive.
    """
    return LedgerTransaction(
        transaction_id=transaction_id_of(operation_id),
        operation_id=operation_id,
        intent_id=intent_id,
        kind=Kind.REFUND,
        postings=(
            Posting(MERCHANT_PAYABLE, Side.DEBIT, amount),
            Posting(acquirer_receivable(acquirer), Side.CREDIT, amount),
        ),
        created_at=at,
    )


def returned(
    return_id: str, amount: Money, acquirer: str, *, intent_id: str, at: datetime
) -> LedgerTransaction:
    """The payer's bank took `amount` back: the merchant is owed it no more, nor does the acquirer
    owe it.

    The merchant may owe us then: what was taken back may have been refunded or paid out. Raises
    Unbalanced for an amount that is not positive.
    """
    return LedgerTransaction(
        transaction_id=transaction_id_of(return_id),
        operation_id=return_id,
        intent_id=intent_id,
        kind=Kind.RETURN,
        postings=(
            Posting(MERCHANT_PAYABLE, Side.DEBIT, amount),
            Posting(acquirer_receivable(acquirer), Side.CREDIT, amount),
        ),
        created_at=at,
    )


def transaction_id_of(operation_id: str) -> str:
    """`op_…`, `re_…` or `rtn_…` → `ltx_…`: the same 26 characters, so it sorts by their time."""
    return f"ltx_{operation_id.rpartition('_')[2]}"


def _merchant_share(amount: Money, fee_minor: int) -> tuple[Posting, ...]:
    if not fee_minor:
        return (Posting(MERCHANT_PAYABLE, Side.CREDIT, amount),)
    fee = Posting(PROCESSING_FEE_INCOME, Side.CREDIT, Money(fee_minor, amount.currency))
    share_minor = amount.minor - fee_minor
    if not share_minor:
        return (fee,)
    side = Side.CREDIT if share_minor > 0 else Side.DEBIT
    return Posting(MERCHANT_PAYABLE, side, Money(abs(share_minor), amount.currency)), fee
