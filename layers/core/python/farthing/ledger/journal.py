"""The journal: a merchant's ledger transactions in the order in which they were projected.

    BALANCE                            {currency}    head: how many, and each account's sum
    JOURNAL#{currency}#{shard}         {sequence}    what was added, and the balance after it
    PROJECTED#{transaction}            MARK          where it is, so it is there once

Sequences have no gaps, so a page of the journal is a batched read of known keys, and the rows can
be spread over shards. A transaction of several currencies has a row in the journal of each; the
first one's says where it stands in the list of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farthing.ledger.balance import Balance, Head, currencies_of
from farthing.ledger.transaction import LedgerTransaction
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope

TABLE = "settlement"
ENTITY = "ledger_journal"
MARK_ENTITY = "ledger_mark"
JOURNAL_SHARDS = 8


def heads_pk(tenant: TenantScope) -> str:
    """The partition of a merchant's heads: one for each currency."""
    return tenant.pk("BALANCE")


def head_key(tenant: TenantScope, currency: str) -> Key:
    """Where the head of a currency is."""
    return Key(TABLE, heads_pk(tenant), currency)


def journal_key(tenant: TenantScope, currency: str, sequence: int) -> Key:
    """Where the row of a sequence number is."""
    pk = tenant.pk("JOURNAL", currency, str(sequence % JOURNAL_SHARDS))
    return Key(TABLE, pk, f"{sequence:012d}")


def mark_key(tenant: TenantScope, transaction_id: str) -> Key:
    """Where it is marked that a transaction was projected."""
    return Key(TABLE, tenant.pk("PROJECTED", transaction_id), "MARK")


def head_still_at(head: Head) -> Condition:
    """The head is the one that was read: nobody projected anything into it since."""
    if not head.sequence:
        return Condition("HEAD_STILL_NONE", NOT_CREATED.expression)
    return Condition("HEAD_STILL_AT", "#sequence = :was", {"was": head.sequence})


JOURNAL_ROW_FREE = Condition("JOURNAL_ROW_FREE", NOT_CREATED.expression)
"""No row has this number. One that has is ahead of its head, and is never written over."""

NOT_PROJECTED = Condition("NOT_PROJECTED", NOT_CREATED.expression)
"""This transaction is in no journal yet."""


@dataclass(frozen=True)
class JournalRow:
    """A transaction's place in the journal of `currency`; of each of its currencies the number
    there, and the balance after it."""

    currency: str
    sequences: Mapping[str, int]
    journaled_at: str
    transaction: LedgerTransaction
    balances: Mapping[str, Balance]

    @property
    def sequence(self) -> int:
        """Its number in this journal."""
        return self.sequences[self.currency]

    @property
    def balance(self) -> Balance:
        """The balance in this journal's currency after it."""
        return self.balances[self.currency]

    @property
    def is_first(self) -> bool:
        """Whether this is the row by which the list of all currencies shows the transaction."""
        return currencies_of(self.transaction)[0] == self.currency

    @property
    def order(self) -> tuple[str, str, int]:
        """Where it stands among the rows of all journals: each journal's own order is kept."""
        return self.journaled_at, self.currency, self.sequence

    def to_item(self) -> Item:
        """The row, without its key."""
        return {
            **self.transaction.to_item(),
            "entity": ENTITY,
            "journal_currency": self.currency,
            "sequences": dict(self.sequences),
            "journaled_at": self.journaled_at,
            "balances": {name: dict(vars(each)) for name, each in self.balances.items()},
        }

    @classmethod
    def of(cls, item: Item) -> JournalRow:
        """The row as stored. Raises Unbalanced, ValueError or KeyError if it is none of ours."""
        return cls(
            currency=item["journal_currency"],
            sequences=item["sequences"],
            journaled_at=item["journaled_at"],
            transaction=LedgerTransaction.of(item),
            balances={name: Balance(**each) for name, each in item["balances"].items()},
        )


def mark_item(transaction_id: str, sequences: Mapping[str, int]) -> Item:
    """The mark of a projected transaction: its number in the journal of each currency."""
    return {
        "entity": MARK_ENTITY,
        "transaction_id": transaction_id,
        "sequences": dict(sequences),
    }
