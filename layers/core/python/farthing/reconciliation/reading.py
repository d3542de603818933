"""What is stored of one merchant's batches at one acquirer, by consistent reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from farthing.reconciliation.break_row import SK_PREFIX as BREAK_PREFIX
from farthing.reconciliation.break_row import Break, break_key
from farthing.reconciliation.mark import Mark
from farthing.reconciliation.standing import Standing
from farthing.settlement.batch import TABLE, batch_key
from farthing.settlement.line import SK_PREFIX as LINE_PREFIX
from farthing.settlement.line import Line
from farthing.store.item import Item, Key
from farthing.store.port import BatchGets, Gets, Queries, Writes
from farthing.store.scope import TenantScope


class Store(Gets, BatchGets, Queries, Writes, Protocol):
    """Consistent reads of base tables, and writes that are all or nothing."""


class NoSuchBatch(LookupError):
    """No batch of this merchant has the name, or it was never submitted."""


class RacesLost(Exception):
    """The batch's books moved at every try. Later they may not."""


TRIES_MAX = 10
"""Each is a race lost to another file, a person or the daily pass."""


@dataclass(frozen=True)
class BatchReader:
    """One merchant's rows."""

    tenant: TenantScope
    store: Store

    def standing(self, settlement_id: str) -> Standing:
        """A batch that was submitted. Raises NoSuchBatch."""
        item = self.store.get(batch_key(self.tenant, settlement_id))
        standing = None if item is None else Standing(self.tenant, item)
        if standing is None or not standing.was_submitted:
            raise NoSuchBatch(settlement_id)
        return standing

    def lines(self, standing: Standing) -> Iterator[Line]:
        """Our lines of a batch."""
        yield from map(Line.of, self._items(standing, LINE_PREFIX))

    def breaks(self, standing: Standing) -> dict[str, Break]:
        """By the name of its line, the break that counts: the open one, or a person's end."""
        found: dict[str, Break] = {}
        for item in self._items(standing, BREAK_PREFIX):
            one = Break.of(item)
            if one.is_open or one.by_a_person:
                found[one.subject.line] = one
        return found

    def report(self, settlement_id: str, sha256: str) -> Item | None:
        """What is remembered of a report, if it was read to its end."""
        return self.store.get(report_key(self.tenant, settlement_id, sha256))

    def has(self, key: Key) -> bool:
        """Whether a row is there."""
        return self.store.get(key) is not None

    def break_of(self, mark: Mark) -> Break | None:
        """The break that a mark names."""
        if mark.break_id is None:
            return None
        item = self.store.get(break_key(self.tenant, mark.settlement_id, mark.break_id))
        return None if item is None else Break.of(item)

    def _items(self, standing: Standing, prefix: str) -> Iterator[Item]:
        start: Item | None = None
        while True:
            page = self.store.query(TABLE, standing.key.pk, sk_prefix=prefix, start=start)
            yield from page.items
            start = page.next_start
            if start is None:
                return


def report_key(tenant: TenantScope, settlement_id: str, sha256: str) -> Key:
    """Where a batch's report is remembered."""
    return Key(TABLE, tenant.pk("ST", settlement_id), f"REPORT#{sha256}")
