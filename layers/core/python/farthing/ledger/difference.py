"""What a trial balance can find: a closed list, each with the transaction and account concerned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from farthing.ledger.balance import Sums, added, currencies_of
from farthing.ledger.transaction import LedgerTransaction
from farthing.store.item import Item


class Kind(StrEnum):
    """What is wrong."""

    UNBALANCED = "UNBALANCED"
    """The stored postings of a transaction do not sum to zero."""
    UNREADABLE = "UNREADABLE"
    """A row is none that we write."""
    TRANSACTION_MISSING = "TRANSACTION_MISSING"
    """An entry, a day or the journal names a transaction that is not in the payments table."""
    ENTRY_DIFFERS = "ENTRY_DIFFERS"
    """A settlement entry has another amount or fee than its transaction posted."""
    NOT_IN_JOURNAL = "NOT_IN_JOURNAL"
    """A transaction is in no journal, and could not be put there."""
    JOURNAL_ROW_MISSING = "JOURNAL_ROW_MISSING"
    """A number of the journal has no row."""
    JOURNAL_DIFFERS = "JOURNAL_DIFFERS"
    """A row of the journal says something else than its transaction, or its balance does not follow
    from the one before."""
    JOURNALED_TWICE = "JOURNALED_TWICE"
    """A transaction is marked under another number than that of the row."""
    JOURNAL_AHEAD = "JOURNAL_AHEAD"
    """The journal has a row behind its head."""
    HEAD_DIFFERS = "HEAD_DIFFERS"
    """An account's sum is another one than what its transactions come to."""
    TOTAL_NOT_ZERO = "TOTAL_NOT_ZERO"
    """The accounts of a currency do not sum to zero."""


@dataclass(frozen=True)
class Difference:
    """One finding. `expected_cents` is what the transactions say, `found_cents` what is there, both
    signed, debits positive. `row` names the row that shows it."""

    kind: Kind
    transaction_id: str = ""
    account: str = ""
    currency: str = ""
    expected_cents: int = 0
    found_cents: int = 0
    row: str = ""

    def to_item(self) -> Item:
        """As kept with the run, and shown."""
        return {**vars(self), "kind": self.kind.value}

    @classmethod
    def of(cls, item: Item) -> Difference:
        """As kept."""
        return cls(**{**item, "kind": Kind(item["kind"])})


def between_sums(
    kind: Kind, currency: str, expected: Sums, found: Sums, *, transaction_id: str, row: str
) -> Iterator[Difference]:
    """A difference for each account that is not what it should be."""
    for account in sorted({*expected, *found}):
        wanted, there = expected.get(account, 0), found.get(account, 0)
        if wanted != there:
            yield Difference(kind, transaction_id, account, currency, wanted, there, row)


def between_transactions(
    kind: Kind, expected: LedgerTransaction, found: LedgerTransaction, row: str
) -> Iterator[Difference]:
    """A difference for each account that they move differently; one without an account if all else
    than amounts differs."""
    if expected == found:
        return
    named = expected.transaction_id
    told = [
        one
        for currency in sorted({*currencies_of(expected), *currencies_of(found)})
        for one in between_sums(
            kind,
            currency,
            added({}, expected.postings, currency),
            added({}, found.postings, currency),
            transaction_id=named,
            row=row,
        )
    ]
    yield from told or [Difference(kind, named, row=row)]
