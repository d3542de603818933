"""From the payments table to the balances: each ledger transaction into its journal, once.

    head          still the one that was read     → the sums after, the next sequence
    journal row   nobody has this number          → what was added, the balance after it
    mark          this transaction has none       → where it is

All in one write, for as many transactions of one merchant as fit. The stream may show a transaction
twice, late, or to two workers at once: whoever loses reads again, and finds what is marked done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farthing.clock import to_text
from farthing.ledger.balance import Head, currencies_of
from farthing.ledger.journal import (
    JOURNAL_ROW_FREE,
    NOT_PROJECTED,
    JournalRow,
    head_key,
    head_still_at,
    journal_key,
    mark_item,
    mark_key,
)
from farthing.ledger.transaction import LedgerTransaction
from farthing.store.errors import ConditionFailed
from farthing.store.port import BatchGets, Writes
from farthing.store.scope import TenantScope
from farthing.store.write import Put, Write

WRITES_MAX = 100
TRIES_MAX = 20
"""How often a worker may lose the race for a head. One of the racers wins each time."""


class ProjectionStore(BatchGets, Writes, Protocol):
    """What is needed of the settlement table."""


class ProjectionContended(Exception):
    """The race for the head was lost to others too often. The stream brings the transaction
    again."""


class JournalAhead(ValueError):
    """The journal has a row that its head does not know: the head was lost or restored alone.

    No retry heals it, and no balance is right until a person has seen to it.
    """


@dataclass(frozen=True)
class Projector:
    """Puts transactions into the balances. `pause` waits before the next try."""

    store: ProjectionStore
    now: Callable[[], datetime]
    pause: Callable[[int], None]

    def project(
        self, tenant: TenantScope, transactions: Sequence[LedgerTransaction]
    ) -> list[LedgerTransaction]:
        """Put in those that are not there yet; gives them back.

        Raises ProjectionContended, JournalAhead or StoreBusy: then some may be in and others not.
        """
        different = {one.transaction_id: one for one in transactions}
        put_in: list[LedgerTransaction] = []
        for group in together(list(different.values())):
            put_in += self._at_once(tenant, group)
        return put_in

    def _at_once(
        self, tenant: TenantScope, group: Sequence[LedgerTransaction]
    ) -> list[LedgerTransaction]:
        currencies = sorted({name for one in group for name in currencies_of(one)})
        heads = {name: head_key(tenant, name) for name in currencies}
        marks = {one.transaction_id: mark_key(tenant, one.transaction_id) for one in group}
        for attempt in range(TRIES_MAX):
            found = self.store.batch_get([*heads.values(), *marks.values()])
            fresh = [one for one in group if marks[one.transaction_id] not in found]
            if not fresh:
                return []
            read = {
                name: Head.of(found[key]) if key in found else Head(name)
                for name, key in heads.items()
            }
            try:
                self.store.write(*projection(tenant, fresh, read, self.now()))
            except ConditionFailed as failed:
                if failed.condition == JOURNAL_ROW_FREE.name:
                    raise JournalAhead(f"{failed.key.pk} {failed.key.sk}") from failed
                self.pause(attempt)
            else:
                return fresh
        raise ProjectionContended(f"{len(group)} transactions, {TRIES_MAX} times")


def together(
    transactions: Sequence[LedgerTransaction],
) -> Iterator[list[LedgerTransaction]]:
    """The transactions in groups, each as large as one write takes."""
    group: list[LedgerTransaction] = []
    currencies: set[str] = set()
    rows = 0
    for one in transactions:
        own = currencies_of(one)
        if rows + 1 + len(own) + len(currencies.union(own)) > WRITES_MAX:
            yield group
            group, currencies, rows = [], set(), 0
        group.append(one)
        currencies.update(own)
        rows += 1 + len(own)
    if group:
        yield group


def projection(
    tenant: TenantScope,
    transactions: Sequence[LedgerTransaction],
    read: dict[str, Head],
    now: datetime,
) -> list[Write]:
    """The write that puts `transactions` in behind the heads that were read.

    A currency whose head is not needed is left alone. Time never goes back in a journal, whatever a
    worker's clock says: so the lists of several currencies have one order. Raises ValueError if the
    accounts of a currency do not sum to zero, which no balanced transaction can bring about.
    """
    at = max([to_text(now), *(head.as_of for head in read.values())])
    heads, rows = dict(read), []
    for one in transactions:
        own = currencies_of(one)
        heads |= {name: heads[name].after(one, at) for name in own}
        balances = {name: heads[name].balance for name in own}
        sequences = {name: heads[name].sequence for name in own}
        for name, sequence in sequences.items():
            row = JournalRow(name, sequences, at, one, balances)
            rows.append(Put(journal_key(tenant, name, sequence), row.to_item(), JOURNAL_ROW_FREE))
        mark = mark_item(one.transaction_id, sequences)
        rows.append(Put(mark_key(tenant, one.transaction_id), mark, NOT_PROJECTED))
    moved = [name for name in heads if heads[name] != read[name]]
    for name in moved:
        if sum(heads[name].accounts.values()):
            raise ValueError(f"{tenant.prefix}{name}: the accounts do not sum to zero")
    return [
        *(
            Put(head_key(tenant, name), heads[name].to_item(), head_still_at(read[name]))
            for name in moved
        ),
        *rows,
    ]
