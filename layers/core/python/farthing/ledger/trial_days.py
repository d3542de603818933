"""The first half of a trial balance: every transaction of the days is in the journal, and right.

The days' shards of the payments table name them: a settlement entry, or a row of `LEDGER_DAY`. What
the projection merely missed is projected here, and said; all else is a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from farthing.ledger.accounts import PROCESSING_FEE_INCOME, Side, acquirer_receivable
from farthing.ledger.difference import Difference, Kind, between_transactions
from farthing.ledger.journal import JournalRow, journal_key, mark_key
from farthing.ledger.project import ProjectionContended, Projector
from farthing.ledger.transaction import (
    DAY_SHARDS,
    LedgerTransaction,
    Unbalanced,
    day_pk,
    transaction_id_of,
    transaction_key,
)
from farthing.settlement.entry import ENTITY as ENTRY_ENTITY
from farthing.settlement.entry import SHARDS, Entry, Operation, shard_pk
from farthing.store.item import Item, Key
from farthing.store.port import BatchGets
from farthing.store.scope import TenantScope

IN_FLIGHT_SECONDS = 300
"""So long the stream may take. What is older and not projected was missed."""

UNREADABLE = (KeyError, TypeError, ValueError)
BATCH_KEYS_MAX = 100


def partitions(tenant: TenantScope, acquirers: Sequence[str], day: date) -> list[str]:
    """Where the transactions of one day are named."""
    entries = [shard_pk(tenant, one, day, shard) for one in acquirers for shard in range(SHARDS)]
    return entries + [day_pk(tenant, day, shard) for shard in range(DAY_SHARDS)]


@dataclass
class Page:
    """What a page of such a partition came to: how many rows were settlement entries, and how many
    named a transaction that has none."""

    differences: list[Difference] = field(default_factory=list)
    entries: int = 0
    alone: int = 0
    healed: int = 0
    in_flight: int = 0
    currencies: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Days:
    """Looks at pages of the days' partitions."""

    tenant: TenantScope
    store: BatchGets
    projector: Projector

    def page(self, rows: Sequence[Item], now: datetime) -> Page:
        """At most a hundred rows. Raises StoreBusy if they cannot be looked at now."""
        entries = sum(row.get("entity") == ENTRY_ENTITY for row in rows)
        result = Page(entries=entries, alone=len(rows) - entries)
        named: dict[Key, list[Item]] = {}
        for row in rows:
            try:
                named.setdefault(self._named_by(row), []).append(row)
            except UNREADABLE:
                result.differences.append(Difference(Kind.UNREADABLE, row=name_of(row)))
        found = batched(self.store, list(named))
        transactions = []
        for key, naming in named.items():
            read = read_transaction(found.get(key), key, naming[0])
            if isinstance(read, Difference):
                result.differences.append(read)
                continue
            transactions.append(read)
            for row in naming:
                if row.get("entity") == ENTRY_ENTITY:
                    result.differences += entry_differences(Entry.of(row), read, name_of(row))
        self._journaled(transactions, now, result)
        return result

    def _named_by(self, row: Item) -> Key:
        if row["entity"] == ENTRY_ENTITY:
            entry = Entry.of(row)
            return transaction_key(self.tenant, "", entry.operation_id, entry.intent_id)
        return transaction_key(
            self.tenant, row["transaction_id"], row["subject_id"], row.get("intent_id")
        )

    def _journaled(
        self, transactions: Sequence[LedgerTransaction], now: datetime, result: Page
    ) -> None:
        """Each is in the journal, and there as it is."""
        marks = self._marks(transactions)
        missing = [one for one in transactions if one.transaction_id not in marks]
        if missing:
            with suppress(ValueError, ProjectionContended):  # what is not there then is told
                self.projector.project(self.tenant, missing)
            marks |= self._marks(missing)
        late = now - timedelta(seconds=IN_FLIGHT_SECONDS)
        for one in missing:
            if one.transaction_id not in marks:
                told = Difference(Kind.NOT_IN_JOURNAL, one.transaction_id)
                result.differences.append(told)
            elif one.created_at < late:
                result.healed += 1
            else:
                result.in_flight += 1
        result.currencies |= {name for mark in marks.values() for name in mark["sequences"]}
        result.differences += self._differences(transactions, marks)

    def _differences(
        self, transactions: Iterable[LedgerTransaction], marks: Mapping[str, Item]
    ) -> Iterator[Difference]:
        places = {
            journal_key(self.tenant, currency, sequence): one
            for one in transactions
            if one.transaction_id in marks
            for currency, sequence in marks[one.transaction_id]["sequences"].items()
        }
        rows = batched(self.store, list(places))
        for key, one in places.items():
            if key not in rows:
                yield Difference(Kind.JOURNAL_ROW_MISSING, one.transaction_id, row=name_of_key(key))
                continue
            try:
                row = JournalRow.of(rows[key])
            except UNREADABLE:
                yield Difference(Kind.UNREADABLE, one.transaction_id, row=name_of_key(key))
                continue
            yield from between_transactions(
                Kind.JOURNAL_DIFFERS, one, row.transaction, name_of_key(key)
            )

    def _marks(self, transactions: Sequence[LedgerTransaction]) -> dict[str, Item]:
        found = batched(
            self.store, [mark_key(self.tenant, one.transaction_id) for one in transactions]
        )
        return {str(item["transaction_id"]): item for item in found.values()}


def batched(store: BatchGets, keys: Sequence[Key]) -> dict[Key, Item]:
    """However many items by their keys."""
    found: dict[Key, Item] = {}
    for at in range(0, len(keys), BATCH_KEYS_MAX):
        found |= store.batch_get(keys[at : at + BATCH_KEYS_MAX])
    return found


def read_transaction(
    item: Item | None, key: Key, naming: Item | None = None
) -> LedgerTransaction | Difference:
    """The transaction of a row, or what is wrong with it. `naming` is the row that led there."""
    transaction_id = _id_of(item or naming or {})
    row = name_of(naming) if naming is not None else name_of_key(key)
    if item is None:
        return Difference(Kind.TRANSACTION_MISSING, transaction_id, row=row)
    try:
        return LedgerTransaction.of(item)
    except Unbalanced:
        return _unbalanced(item, transaction_id, name_of_key(key))
    except UNREADABLE:
        return Difference(Kind.UNREADABLE, transaction_id, row=name_of_key(key))


def entry_differences(
    entry: Entry, transaction: LedgerTransaction, row: str
) -> Iterator[Difference]:
    """What an entry says otherwise than its transaction: the amount that moved at the acquirer, or
    our fee of a capture."""
    account = acquirer_receivable(entry.acquirer)
    moved = [
        posting.signed_minor
        for posting in transaction.postings
        if (posting.account, posting.amount.currency) == (account, entry.currency)
    ]
    wanted = entry.operation.sign * entry.amount_cents
    if wanted not in moved:
        yield Difference(
            Kind.ENTRY_DIFFERS,
            transaction.transaction_id,
            account,
            entry.currency,
            sum(moved),
            wanted,
            row,
        )
    if entry.operation is not Operation.CAPTURE:
        return
    fee = sum(
        -posting.signed_minor
        for posting in transaction.postings
        if posting.account == PROCESSING_FEE_INCOME
    )
    if fee != entry.fee_cents:
        yield Difference(
            Kind.ENTRY_DIFFERS,
            transaction.transaction_id,
            PROCESSING_FEE_INCOME,
            entry.currency,
            -fee,
            -entry.fee_cents,
            row,
        )


def name_of(row: Item) -> str:
    """A row's name in a difference: its key, without whose it is."""
    return name_of_key(Key("", str(row.get("pk", "")), str(row.get("sk", ""))))


def name_of_key(key: Key) -> str:
    """A key's name in a difference."""
    return f"{key.pk.partition('#')[2].partition('#')[2]} {key.sk}"


def _id_of(item: Item) -> str:
    """The transaction that a row is about, as far as that can be said."""
    if "transaction_id" in item:
        return str(item["transaction_id"])
    subject = str(item.get("operation_id", ""))
    return transaction_id_of(subject) if subject and "-" not in subject else ""


def _unbalanced(item: Item, transaction_id: str, row: str) -> Difference:
    """By how much, and in which currency first. Its accounts are all that it posts to."""
    sums: dict[str, int] = {}
    try:
        for posting in item["postings"]:
            sign = 1 if posting["side"] == Side.DEBIT else -1
            currency = str(posting["currency"])
            sums[currency] = sums.get(currency, 0) + sign * int(posting["amount_cents"])
        accounts = " ".join(sorted({str(posting["account"]) for posting in item["postings"]}))
    except UNREADABLE:
        return Difference(Kind.UNBALANCED, transaction_id, row=row)
    currency, total = next(((name, sum_) for name, sum_ in sums.items() if sum_), ("", 0))
    return Difference(Kind.UNBALANCED, transaction_id, accounts, currency, 0, total, row)
