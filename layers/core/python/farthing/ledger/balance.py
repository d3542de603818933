"""Balances: sums of a merchant's accounts in one currency, as the projection has them.

A head is one row for each merchant, mode and currency: how many transactions are in it, and what
each account came to. It is derived: `journal` says of what, and `trial` rebuilds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from farthing.ledger.accounts import MERCHANT_PAYABLE, MERCHANT_PENDING, MERCHANT_RESERVE
from farthing.ledger.transaction import LedgerTransaction, Posting
from farthing.store.item import Item

ENTITY = "ledger_head"

Sums = Mapping[str, int]
"""Account → minor units of one currency, debits positive, credits negative."""


@dataclass(frozen=True)
class Balance:
    """What a merchant is owed, in minor units. Each may be negative: then the merchant owes it."""

    pending_cents: int = 0
    available_cents: int = 0
    reserved_cents: int = 0

    @classmethod
    def of(cls, sums: Sums) -> Balance:
        """The balance of accounts. They are liabilities: a credit is what the merchant has."""
        return cls(
            pending_cents=-sums.get(MERCHANT_PENDING, 0),
            available_cents=-sums.get(MERCHANT_PAYABLE, 0),
            reserved_cents=-sums.get(MERCHANT_RESERVE, 0),
        )

    def __sub__(self, before: Balance) -> Balance:
        """What changed since `before`."""
        return Balance(
            self.pending_cents - before.pending_cents,
            self.available_cents - before.available_cents,
            self.reserved_cents - before.reserved_cents,
        )


@dataclass(frozen=True)
class Head:
    """All that is projected of one currency. `sequence` counts its transactions, the newest of
    which was put in at `as_of`; none yet: nothing."""

    currency: str
    sequence: int = 0
    accounts: Sums = field(default_factory=dict)
    as_of: str = ""

    def after(self, transaction: LedgerTransaction, at: str) -> Head:
        """The head with one transaction more, put in at `at`."""
        accounts = added(self.accounts, transaction.postings, self.currency)
        return Head(self.currency, self.sequence + 1, accounts, at)

    @property
    def balance(self) -> Balance:
        """What the merchant has."""
        return Balance.of(self.accounts)

    def to_item(self) -> Item:
        """The row, without its key."""
        return {
            "entity": ENTITY,
            "currency": self.currency,
            "sequence": self.sequence,
            "accounts": dict(self.accounts),
            "as_of": self.as_of,
        }

    @classmethod
    def of(cls, item: Item) -> Head:
        """The head of a stored row."""
        return cls(item["currency"], item["sequence"], item["accounts"], item["as_of"])


def added(sums: Sums, postings: Iterable[Posting], currency: str) -> dict[str, int]:
    """The sums with the postings of one currency."""
    after = dict(sums)
    for posting in postings:
        if posting.amount.currency == currency:
            after[posting.account] = after.get(posting.account, 0) + posting.signed_minor
    return after


def currencies_of(transaction: LedgerTransaction) -> tuple[str, ...]:
    """The currencies of a transaction, sorted: almost always one."""
    return tuple(sorted({posting.amount.currency for posting in transaction.postings}))
