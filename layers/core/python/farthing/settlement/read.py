"""What a merchant sees of its settlements: one, a page of them, a page of one's lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from farthing.access.principal import Principal
from farthing.errors import invalid, not_found
from farthing.files import Files
from farthing.http.page import PageRequest, choice_filter, page_request, unknown_cursor
from farthing.ids import is_id
from farthing.money import EXPONENTS
from farthing.settlement.batch import PREFIX, TABLE, Batch, Status, batch_key, list_pk
from farthing.settlement.files import report_file_key
from farthing.settlement.line import SK_PREFIX, Line, line_sk
from farthing.settlement.ports import Store
from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.page import BY_TIME
from farthing.store.port import Lists

LIST_READS_MAX = 20
LIST_READ_ITEMS = 250
"""A filtered list looks at 5,000 batches for one page at most."""

ENTRY_ID = r"[A-Za-z0-9_-]{1,100}"


class ListStore(Store, Lists, Protocol):
    """A store that lists as well."""


@dataclass(frozen=True)
class Settlements:
    """One merchant's batches, read for the API."""

    principal: Principal
    store: ListStore

    def get(self, settlement_id: str) -> Batch:
        """One batch. Raises FarthingError (not found) for one of another merchant, or none."""
        item = None
        if is_id(PREFIX, settlement_id):
            item = self.store.get(batch_key(self.principal.tenant, settlement_id))
        if item is None:
            raise not_found("settlement", settlement_id[:64])
        return Batch.of(self.principal.tenant, item)

    def newest(self, query: Mapping[str, str]) -> tuple[list[Batch], bool]:
        """Newest business day first, and whether there are more.

        A filtered page may be short and still not be the last; it is never empty then, because
        there would be no id to ask for the next one. Raises FarthingError instead.
        """
        page = page_request(query, PREFIX, "status", "currency")
        status = choice_filter(query, "status", list(Status))
        currency = currency_filter(query)
        before = page.starting_after
        if before is not None:
            self._must_exist(before)
        only = filtered(status, currency)
        found: list[Item] = []
        start: Item | None = None
        for _ in range(LIST_READS_MAX):
            answer = self.store.query_index(
                TABLE,
                BY_TIME,
                list_pk(self.principal.tenant),
                sk_before=before,
                newest_first=True,
                limit=page.limit + 1 if only is None else LIST_READ_ITEMS,
                start=start,
                only=only,
            )
            found += answer.items
            start = answer.next_start
            if start is None or len(found) > page.limit:
                break
        if start is not None and not found:
            named = "status" if status is not None else "currency"
            raise invalid(named, "matches none of the newest settlements: ask without this filter")
        batches = [Batch.of(self.principal.tenant, item) for item in found[: page.limit]]
        return batches, start is not None or len(found) > page.limit

    def lines(self, settlement_id: str, query: Mapping[str, str]) -> tuple[list[Line], bool]:
        """A batch's lines, newest operation first, and whether there are more."""
        page = lines_page_request(query)
        key = self.get(settlement_id).name.key
        cursor = page.starting_after
        if cursor is None:
            answer = self.store.query(
                key.table, key.pk, sk_prefix=SK_PREFIX, newest_first=True, limit=page.limit + 1
            )
        else:
            if self.store.get(Key(key.table, key.pk, line_sk(cursor))) is None:
                raise unknown_cursor(cursor)
            answer = self.store.query(
                key.table,
                key.pk,
                sk_after=SK_PREFIX,
                sk_before=line_sk(cursor),
                newest_first=True,
                limit=page.limit + 1,
            )
        lines = [Line.of(item) for item in answer.items[: page.limit]]
        return lines, len(answer.items) > page.limit

    def report(self, settlement_id: str, files: Files) -> str:
        """The acquirer's report as it came, CSV. Raises FarthingError while there is none."""
        batch = self.get(settlement_id)
        if batch.report_sha256 is None:
            raise not_found("report of a settlement", settlement_id)
        return files.get(report_file_key(batch.name, batch.report_sha256)).decode()

    def _must_exist(self, cursor: str) -> None:
        if self.store.get(batch_key(self.principal.tenant, cursor)) is None:
            raise unknown_cursor(cursor)


def currency_filter(query: Mapping[str, str]) -> str | None:
    """The currency in the query, in lower case. Raises FarthingError if there is no such one."""
    text = query.get("currency")
    if text is None:
        return None
    currency = text.lower()
    if currency not in EXPONENTS:
        raise invalid("currency", "is an ISO 4217 code, such as eur")
    return currency


def filtered(status: str | None, currency: str | None) -> Condition | None:
    """The filter of a list, or None."""
    wanted = {"status": status, "currency": currency}
    values = {name: value for name, value in wanted.items() if value is not None}
    if not values:
        return None
    expression = " AND ".join(f"#{name} = :wanted_{name}" for name in values)
    return Condition("WANTED", expression, {f"wanted_{name}": values[name] for name in values})


def lines_page_request(query: Mapping[str, str]) -> PageRequest:
    """The page of lines asked for; its cursor is an entry id, checked where the line is read."""
    cursor = query.get("starting_after")
    rest = {name: text for name, text in query.items() if name != "starting_after"}
    if cursor is not None and not re.fullmatch(ENTRY_ID, cursor):
        raise unknown_cursor(cursor)
    return PageRequest(page_request(rest, PREFIX).limit, cursor)
