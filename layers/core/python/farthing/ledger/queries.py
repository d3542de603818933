"""What a merchant sees of its ledger: its balances, a page of its transactions, one of them.

All is read from what is projected, so a transaction and the balance after it are always of one
piece, and a moment behind the payment. The journal is walked from a sequence number downwards.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from farthing.access.principal import Principal
from farthing.errors import invalid, not_found
from farthing.http.page import PageRequest, choice_filter, page_request, unknown_cursor
from farthing.ids import is_id
from farthing.ledger.balance import Head
from farthing.ledger.journal import (
    JournalRow,
    heads_pk,
    journal_key,
    mark_key,
)
from farthing.ledger.transaction import PREFIX, Kind, transaction_key
from farthing.money import EXPONENTS
from farthing.store.item import Item, Key
from farthing.store.port import BatchGets, Queries

BATCH_KEYS_MAX = 100
ROWS_READ_MAX = 2_000
"""A filtered list looks at so many rows of a journal for one page at most."""

Order = tuple[str, str, int]


class LedgerStore(BatchGets, Queries, Protocol):
    """What is needed of the settlement table, and to find a payment's transactions."""


@dataclass(frozen=True)
class Wanted:
    """The filters of a list."""

    currency: str | None
    kind: str | None

    def lets_through(self, row: JournalRow) -> bool:
        """Whether the list shows this row. Without a currency each transaction is shown once."""
        shown = row.is_first if self.currency is None else row.currency == self.currency
        return shown and self.kind in (None, row.transaction.kind.value)

    @property
    def named(self) -> str:
        """The parameter to blame for a list that finds nothing."""
        return "kind" if self.kind is not None else "currency"


@dataclass(frozen=True)
class Ledger:
    """One merchant's, read for the API."""

    principal: Principal
    store: LedgerStore

    def balances(self) -> list[Head]:
        """Of each currency in which there ever was a transaction, by its code."""
        items: list[Item] = []
        start: Item | None = None
        while True:
            page = self.store.query("settlement", heads_pk(self.principal.tenant), start=start)
            items += page.items
            start = page.next_start
            if start is None:
                return [Head.of(item) for item in items]

    def get(self, transaction_id: str) -> JournalRow:
        """One transaction. Raises FarthingError (404) for one of another merchant, or none."""
        found = self._rows_of([transaction_id]) if is_id(PREFIX, transaction_id) else []
        shown = [row for row in found if row.is_first]
        if not shown:
            raise not_found("ledger_transaction", transaction_id[:64])
        return shown[0]

    def newest(self, query: Mapping[str, str]) -> tuple[list[JournalRow], bool]:
        """A page, the one that was projected last first, and whether there are more.

        A filtered page may be short and still not be the last; it is never empty then, because
        there would be no id to ask for the next one. Raises FarthingError instead.
        """
        page = page_request(query, PREFIX, "currency", "kind", "payment_intent_id")
        wanted = Wanted(_currency(query), choice_filter(query, "kind", list(Kind)))
        before = self._position(page, wanted)
        intent_id = query.get("payment_intent_id")
        if intent_id is not None:
            rows = [row for row in self._of_payment(intent_id) if wanted.lets_through(row)]
            rows = [row for row in rows if before is None or row.order < before]
            rows.sort(key=lambda row: row.order, reverse=True)
            return rows[: page.limit], len(rows) > page.limit
        return self._page(page.limit, wanted, before)

    def _page(
        self, limit: int, wanted: Wanted, before: Order | None
    ) -> tuple[list[JournalRow], bool]:
        heads = [head for head in self.balances() if wanted.currency in (None, head.currency)]
        walks = [self._down(head.currency, self._start(head, before), limit + 1) for head in heads]
        found: list[JournalRow] = []
        for read, row in enumerate(heapq.merge(*walks, key=lambda row: row.order, reverse=True)):
            if wanted.lets_through(row) and (before is None or row.order < before):
                found.append(row)
                if len(found) > limit:
                    return found[:limit], True
            if read + 1 >= ROWS_READ_MAX:
                if not found:
                    raise invalid(wanted.named, "matches none of the newest: ask without it")
                return found, True
        return found, False

    def _down(self, currency: str, sequence: int, at_once: int) -> Iterator[JournalRow]:
        """A journal's rows from `sequence` downwards."""
        while sequence > 0:
            lowest = max(1, sequence - min(at_once, BATCH_KEYS_MAX) + 1)
            rows = self._journal({currency: list(range(lowest, sequence + 1))})
            yield from sorted(rows, key=lambda row: row.sequence, reverse=True)
            sequence = lowest - 1

    def _start(self, head: Head, before: Order | None) -> int:
        """The last sequence number of a journal that stands before a place in the list of all.

        Each round looks at up to a hundred rows at equal distances, and goes on between two.
        """
        if before is None:
            return head.sequence
        lowest, highest = 0, head.sequence
        while lowest < highest:
            step = (highest - lowest) // BATCH_KEYS_MAX + 1
            probes = range(lowest + step, highest + 1, step)
            below, above = lowest, highest
            for row in sorted(self._journal({head.currency: probes}), key=lambda one: one.sequence):
                if row.order < before:
                    below = row.sequence
                else:
                    above = row.sequence - 1
                    break
            if (below, above) == (lowest, highest):
                return highest  # rows are missing: the trial balance names them
            lowest, highest = below, above
        return lowest

    def _position(self, page: PageRequest, wanted: Wanted) -> Order | None:
        """Where the list goes on. Raises FarthingError for a cursor that is not in this list."""
        if page.starting_after is None:
            return None
        for row in self._rows_of([page.starting_after]):
            if Wanted(wanted.currency, None).lets_through(row):
                return row.order
        raise unknown_cursor(page.starting_after)

    def _of_payment(self, intent_id: str) -> list[JournalRow]:
        """What is projected of one payment. Raises FarthingError (404) for what is no id."""
        if not is_id("pi", intent_id):
            raise not_found("payment_intent", intent_id[:64])
        pk = transaction_key(self.principal.tenant, "", "", intent_id).pk
        ids: list[str] = []
        start: Item | None = None
        while True:
            page = self.store.query("payments", pk, sk_prefix="LTX#", start=start)
            ids += [item["transaction_id"] for item in page.items]
            start = page.next_start
            if start is None:
                return self._rows_of(ids)

    def _rows_of(self, transaction_ids: Sequence[str]) -> list[JournalRow]:
        """Every journal row of these transactions; none of those that are not projected."""
        keys = [mark_key(self.principal.tenant, one) for one in transaction_ids]
        wanted: dict[str, list[int]] = {}
        for mark in self._found(keys):
            for currency, sequence in mark["sequences"].items():
                wanted.setdefault(currency, []).append(sequence)
        return self._journal(wanted)

    def _journal(self, wanted: Mapping[str, Sequence[int]]) -> list[JournalRow]:
        tenant = self.principal.tenant
        keys = [
            journal_key(tenant, currency, sequence)
            for currency, sequences in wanted.items()
            for sequence in sequences
        ]
        return [JournalRow.of(item) for item in self._found(keys)]

    def _found(self, keys: Sequence[Key]) -> Iterator[Item]:
        for at in range(0, len(keys), BATCH_KEYS_MAX):
            yield from self.store.batch_get(keys[at : at + BATCH_KEYS_MAX]).values()


def _currency(query: Mapping[str, str]) -> str | None:
    """The currency in the query, in lower case. Raises FarthingError if there is no such one."""
    text = query.get("currency")
    if text is not None and text.lower() not in EXPONENTS:
        raise invalid("currency", "is an ISO 4217 code, such as eur")
    return text.lower() if text is not None else None
