"""The second half of a trial balance: each journal, rebuilt from the payments table, is its head.

Every number has a row, each row is what its transaction says, its balance follows from the one
before, and no transaction is there twice. The sums are those of the transactions, not of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from farthing.ledger.accounts import MERCHANT_PAYABLE, MERCHANT_PENDING, MERCHANT_RESERVE
from farthing.ledger.balance import Balance, Head, added
from farthing.ledger.difference import Difference, Kind, between_sums, between_transactions
from farthing.ledger.journal import JournalRow, head_key, journal_key, mark_key
from farthing.ledger.transaction import LedgerTransaction
from farthing.ledger.trial_days import UNREADABLE, batched, name_of_key, read_transaction
from farthing.ledger.trial_row import Walked
from farthing.store.item import Item, Key
from farthing.store.port import BatchGets
from farthing.store.scope import TenantScope

ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class Journals:
    """Goes through a merchant's journals."""

    tenant: TenantScope
    store: BatchGets

    def head(self, currency: str) -> Head:
        """The head as it is now; an empty one if there is none."""
        key = head_key(self.tenant, currency)
        item = self.store.batch_get([key]).get(key)
        return Head.of(item) if item else Head(currency)

    def walk(self, currency: str, behind: Walked, through: int) -> tuple[Walked, list[Difference]]:
        """The next hundred rows at most, up to the number `through`, and what is wrong there."""
        last = min(through, behind.sequence + ROWS_AT_ONCE)
        keys = {
            sequence: journal_key(self.tenant, currency, sequence)
            for sequence in range(behind.sequence + 1, last + 1)
        }
        found = batched(self.store, list(keys.values()))
        differences: list[Difference] = []
        rows: dict[int, JournalRow] = {}
        for sequence, key in keys.items():
            read = _row(found.get(key), key, currency, sequence)
            if isinstance(read, JournalRow):
                rows[sequence] = read
            else:
                differences.append(read)
        base = self._transactions(rows.values())
        marks = batched(
            self.store,
            [mark_key(self.tenant, row.transaction.transaction_id) for row in rows.values()],
        )
        walked = behind
        for sequence, key in keys.items():
            row = rows.get(sequence)
            if row is None:
                walked = Walked(sequence, walked.accounts, None)
                continue
            transaction = base[row.transaction.key(self.tenant)]
            differences += self._row_differences(row, key, transaction, marks, walked.balance)
            postings = transaction.postings if isinstance(transaction, LedgerTransaction) else ()
            accounts = added(walked.accounts, postings, currency)
            walked = Walked(sequence, accounts, row.balance)
        return walked, differences

    def end(self, head: Head, walked: Walked) -> Iterator[Difference]:
        """What is wrong with the head, all of whose rows were gone through."""
        row = name_of_key(head_key(self.tenant, head.currency))
        yield from between_sums(
            Kind.HEAD_DIFFERS,
            head.currency,
            walked.accounts,
            head.accounts,
            transaction_id="",
            row=row,
        )
        for sums in (walked.accounts, head.accounts):
            if total := sum(sums.values()):
                yield Difference(Kind.TOTAL_NOT_ZERO, "", "", head.currency, 0, total, row)
        following = journal_key(self.tenant, head.currency, head.sequence + 1)
        ahead = self.store.batch_get([following]).get(following)
        if ahead is not None and self.head(head.currency).sequence <= head.sequence:
            named = str(ahead.get("transaction_id", ""))
            yield Difference(
                Kind.JOURNAL_AHEAD, named, currency=head.currency, row=name_of_key(following)
            )

    def _transactions(
        self, rows: Iterable[JournalRow]
    ) -> dict[Key, LedgerTransaction | Difference]:
        """What the payments table says, by key."""
        wanted = {row.transaction.key(self.tenant): row.transaction for row in rows}
        found = batched(self.store, list(wanted))
        return {
            key: read_transaction(found.get(key), key, one.to_item()) for key, one in wanted.items()
        }

    def _row_differences(
        self,
        row: JournalRow,
        key: Key,
        transaction: LedgerTransaction | Difference,
        marks: Mapping[Key, Item],
        before: Balance | None,
    ) -> Iterator[Difference]:
        """What is wrong with one row. `before` is the balance of the one before it."""
        named, currency, where = row.transaction.transaction_id, row.currency, name_of_key(key)
        if isinstance(transaction, Difference):
            missing = transaction.kind is Kind.TRANSACTION_MISSING
            yield replace(transaction, row=where) if missing else transaction
        else:
            yield from between_transactions(
                Kind.JOURNAL_DIFFERS, transaction, row.transaction, where
            )
        mark = marks.get(mark_key(self.tenant, named), {"sequences": {}})
        if mark["sequences"].get(currency) != row.sequence:
            yield Difference(Kind.JOURNALED_TWICE, named, currency=currency, row=where)
        if before is not None:
            moved = added({}, row.transaction.postings, currency)
            yield from between_sums(
                Kind.JOURNAL_DIFFERS,
                currency,
                _as_accounts(Balance.of(moved)),
                _as_accounts(row.balance - before),
                transaction_id=named,
                row=where,
            )


def _row(item: Item | None, key: Key, currency: str, sequence: int) -> JournalRow | Difference:
    """The row of a number, or what is wrong with it."""
    if item is None:
        return Difference(Kind.JOURNAL_ROW_MISSING, currency=currency, row=name_of_key(key))
    try:
        row = JournalRow.of(item)
        if (row.currency, row.sequence) == (currency, sequence) and row.currency in row.balances:
            return row
    except UNREADABLE:
        pass
    named = str(item.get("transaction_id", ""))
    return Difference(Kind.UNREADABLE, named, currency=currency, row=name_of_key(key))


def _as_accounts(balance: Balance) -> dict[str, int]:
    """A balance as the sums of the accounts that it is of."""
    return {
        MERCHANT_PENDING: -balance.pending_cents,
        MERCHANT_PAYABLE: -balance.available_cents,
        MERCHANT_RESERVE: -balance.reserved_cents,
    }
