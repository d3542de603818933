"""What a merchant sees of its breaks: one, a page of all, a page of a batch's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from farthing.errors import invalid, not_found
from farthing.http.page import choice_filter, page_request, unknown_cursor
from farthing.ids import is_id
from farthing.reconciliation.break_row import (
    PREFIX,
    SK_PREFIX,
    Break,
    Status,
    break_key,
    list_pk,
)
from farthing.reconciliation.kind import Kind
from farthing.settlement.batch import PREFIX as SETTLEMENT_PREFIX
from farthing.settlement.batch import TABLE, batch_key
from farthing.store.condition import Condition
from farthing.store.newest import Stretch, TooMuchToLookThrough, newest
from farthing.store.page import BY_TIME
from farthing.store.port import Gets, Lists, Queries
from farthing.store.scope import TenantScope

FILTERS = ("kind", "status")


class BreakStore(Gets, Queries, Lists, Protocol):
    """Reads of the settlement table."""


@dataclass(frozen=True)
class Asked:
    """A page of breaks and what they must be."""

    limit: int
    before: str | None
    kind: str | None
    status: str | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """Raises FarthingError for what is no parameter of these lists."""
        page = page_request(query, PREFIX, *FILTERS)
        kind = choice_filter(query, "kind", [one.value for one in Kind])
        status = choice_filter(query, "status", [one.value for one in Status])
        return cls(page.limit, page.starting_after, kind, status)

    @property
    def only(self) -> Condition | None:
        """What an item must fulfil."""
        wanted = {"kind": self.kind, "status": self.status}
        values = {name: value for name, value in wanted.items() if value is not None}
        if not values:
            return None
        expression = " AND ".join(f"#{name} = :wanted_{name}" for name in values)
        return Condition("WANTED", expression, {f"wanted_{k}": v for k, v in values.items()})

    def fits(self, one: Break) -> bool:
        """Whether a break is asked for."""
        return self.kind in {None, one.kind.value} and self.status in {None, one.status.value}


@dataclass(frozen=True)
class Breaks:
    """One merchant's breaks, read for the API."""

    tenant: TenantScope
    store: BreakStore

    def get(self, break_id: str) -> Break:
        """One break as it is now. Raises FarthingError (not found), also for another merchant's."""
        settlement_id = self._settlement_of(break_id)
        item = None
        if settlement_id is not None:
            item = self.store.get(break_key(self.tenant, settlement_id, break_id))
        if item is None:
            raise not_found("break", break_id[:64])
        return Break.of(item)

    def newest(self, query: Mapping[str, str]) -> tuple[list[Break], bool]:
        """The merchant's, newest batch first, and whether there are more. Raises FarthingError."""
        asked = Asked.of(query)
        if asked.before is not None and self._settlement_of(asked.before) is None:
            raise unknown_cursor(asked.before)
        stretch = Stretch(asked.limit, before=asked.before, only=asked.only)
        try:
            items, more = newest(self.store, TABLE, BY_TIME, [list_pk(self.tenant)], stretch)
        except TooMuchToLookThrough:
            raise invalid("kind", "matches too few of the newest breaks") from None
        return [Break.of(item) for item in items], more

    def of_batch(self, settlement_id: str, query: Mapping[str, str]) -> tuple[list[Break], bool]:
        """A batch's, and whether there are more. Raises FarthingError."""
        asked = Asked.of(query)
        known = is_id(SETTLEMENT_PREFIX, settlement_id)
        if not known or self.store.get(batch_key(self.tenant, settlement_id)) is None:
            raise not_found("settlement", settlement_id[:64])
        before = None
        if asked.before is not None:
            key = break_key(self.tenant, settlement_id, asked.before)
            if self.store.get(key) is None:
                raise unknown_cursor(asked.before)
            before = key.sk
        found: list[Break] = []
        for one in self._of_batch(settlement_id, before):
            if asked.fits(one):
                found.append(one)
            if len(found) > asked.limit:
                break
        return found[: asked.limit], len(found) > asked.limit

    def _of_batch(self, settlement_id: str, before: str | None) -> Iterator[Break]:
        """Newest first. A batch has at most a few thousand lines, and its breaks no more."""
        bound = before
        pk = batch_key(self.tenant, settlement_id).pk
        while True:
            if bound is None:
                page = self.store.query(TABLE, pk, sk_prefix=SK_PREFIX, newest_first=True)
            else:
                page = self.store.query(
                    TABLE, pk, sk_after=SK_PREFIX, sk_before=bound, newest_first=True
                )
            for item in page.items:
                yield Break.of(item)
            if page.next_start is None:
                return
            bound = page.items[-1]["sk"]

    def _settlement_of(self, break_id: str) -> str | None:
        """Whose a break is, by the list. What it says of the break is read again where it is."""
        if not is_id(PREFIX, break_id):
            return None
        page = self.store.query_index(
            TABLE,
            BY_TIME,
            list_pk(self.tenant),
            sk_before=break_id + "~",
            newest_first=True,
            limit=1,
        )
        if not page.items or page.items[0]["break_id"] != break_id:
            return None
        return str(page.items[0]["settlement_id"])
