"""What a merchant does with its lists: put a value on one, look, take it off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from farthing.cards import holds_pan
from farthing.clock import from_text, to_text
from farthing.errors import (
    ALREADY_LISTED,
    CARD_NUMBER_IN_TEXT,
    CONFLICT,
    LIMIT_REACHED,
    FarthingError,
    FieldProblem,
    invalid,
    not_found,
)
from farthing.fraud.action import Action
from farthing.fraud.list_row import (
    PREFIX,
    listed_delete,
    listed_key,
    listed_pk,
    listed_write,
    still_of,
)
from farthing.fraud.lists import (
    LISTED,
    Entry,
    Kind,
    RangesFull,
    entry_key,
    entry_write,
    normal,
    ranges_key,
    ranges_of,
    ranges_without,
    ranges_write,
)
from farthing.fraud.services import Services
from farthing.http.page import choice_filter, page_request, unknown_cursor
from farthing.ids import is_id
from farthing.store import ConditionFailed, Delete, Item
from farthing.store.port import PAGE_ITEMS_MAX

RACES_MAX = 5
"""So often a change of the ranges may lose against somebody else's."""

LIST_READS_MAX = 20
"""A filtered list looks at 20,000 entries for one page at most."""


@dataclass(frozen=True)
class Wanted:
    """An entry as a request says it."""

    kind: Kind
    value: str
    action: Action
    reason: str
    expires_at: str | None = None


def add(services: Services, wanted: Wanted) -> Entry:
    """Put a value on a list. Raises FarthingError, also if it is on one."""
    entry = Entry(
        services.new_id(PREFIX),
        wanted.kind,
        _value(wanted.kind, wanted.value),
        wanted.action,
        _reason(wanted.reason),
        _end(wanted.expires_at, services.now),
    )
    if entry.kind is Kind.RANGE:
        _add_range(services, entry)
    else:
        _add_single(services, entry)
    return entry


def get(services: Services, entry_id: str) -> Entry:
    """One entry. Raises FarthingError if this merchant has none of that id."""
    item = None
    if is_id(PREFIX, entry_id):
        item = services.store.get(listed_key(services.tenant, entry_id))
    if item is None:
        raise not_found("list entry", entry_id[:64])
    return Entry.from_item(item)


def listed(services: Services, query: Mapping[str, str]) -> tuple[list[Entry], bool]:
    """A page of the entries, newest first, and whether there are more.

    A filtered page may be short and still not be the last; it is never empty then, because there
    would be no id to ask for the next one. Raises FarthingError instead.
    """
    page = page_request(query, PREFIX, "kind", "action")
    kind = choice_filter(query, "kind", list(Kind))
    action = choice_filter(query, "action", sorted(LISTED))
    cursor = page.starting_after
    if cursor is not None and services.store.get(listed_key(services.tenant, cursor)) is None:
        raise unknown_cursor(cursor)
    found: list[Item] = []
    start: Item | None = None
    for _ in range(LIST_READS_MAX):
        answer = services.store.query(
            "risk",
            listed_pk(services.tenant),
            sk_before=cursor,
            newest_first=True,
            limit=PAGE_ITEMS_MAX if kind or action else page.limit + 1,
            start=start,
        )
        found += [
            item
            for item in answer.items
            if kind in (None, item["kind"]) and action in (None, item["action"])
        ]
        start = answer.next_start
        if start is None or len(found) > page.limit:
            break
    if start is not None and not found:
        named = "kind" if kind else "action"
        raise invalid(named, "matches none of the newest entries: ask without this filter")
    entries = [Entry.from_item(item) for item in found[: page.limit]]
    return entries, start is not None or len(found) > page.limit


def remove(services: Services, entry_id: str) -> None:
    """Take a value off its list. Raises FarthingError if there is no such entry."""
    entry = get(services, entry_id)
    if entry.kind is Kind.RANGE:
        _remove_range(services, entry)
    else:
        _remove_single(services, entry)


def _add_single(services: Services, entry: Entry) -> None:
    tenant = services.tenant
    value = entry_write(tenant, entry, services.now)
    try:
        services.store.write(value, listed_write(tenant, entry))
    except ConditionFailed as error:
        if error.condition != value.when.name or error.item is None:
            raise
        raise _already_listed(error.item) from error


def _add_range(services: Services, entry: Entry) -> None:
    """All ranges are one row, so two changes at once are one after the other."""
    tenant, now = services.tenant, services.now
    for attempt in range(RACES_MAX):
        before = services.store.get(ranges_key(tenant))
        for one in ranges_of(before, now):
            if one["value"] == entry.value:
                raise _already_listed(one)
        try:
            changed = ranges_write(tenant, before, [entry], now)
        except RangesFull as full:
            raise FarthingError(LIMIT_REACHED, f"{full}; take one off first") from full
        try:
            services.store.write(changed, listed_write(tenant, entry))
            return
        except ConditionFailed as error:
            if error.condition != changed.when.name or error.index:
                raise
        services.pause(attempt)
    raise _lost()


def _remove_single(services: Services, entry: Entry) -> None:
    tenant = services.tenant
    gone = listed_delete(tenant, entry)
    value = Delete(entry_key(tenant, entry.kind, entry.value), still_of(entry))
    try:
        services.store.write(gone, value)
    except ConditionFailed as error:
        if error.index == 0:
            raise not_found("list entry", entry.entry_id) from error
        _remove_ended(services, entry)


def _remove_range(services: Services, entry: Entry) -> None:
    tenant, now = services.tenant, services.now
    for attempt in range(RACES_MAX):
        before = services.store.get(ranges_key(tenant))
        if before is None or all(one["entry_id"] != entry.entry_id for one in before["ranges"]):
            _remove_ended(services, entry)
            return
        changed = ranges_without(tenant, before, entry.entry_id, now)
        try:
            services.store.write(listed_delete(tenant, entry), changed)
            return
        except ConditionFailed as error:
            if error.index == 0:
                raise not_found("list entry", entry.entry_id) from error
        services.pause(attempt)
    raise _lost()


def _remove_ended(services: Services, entry: Entry) -> None:
    """Its time was over, and its value is nobody's or another entry's by now."""
    try:
        services.store.write(listed_delete(services.tenant, entry))
    except ConditionFailed as error:
        raise not_found("list entry", entry.entry_id) from error


def _already_listed(item: Mapping[str, Any]) -> FarthingError:
    entry_id, action = item["entry_id"], item["action"]
    detail = f"{entry_id} has it on the {action.lower()} list: take that off first"
    return FarthingError(ALREADY_LISTED, detail, extensions={"entry_id": entry_id})


def _lost() -> FarthingError:
    return FarthingError(
        CONFLICT, "the ranges are being changed by somebody else", retry_after_seconds=1
    )


def _value(kind: Kind, given: str) -> str:
    """In the one form in which it is looked for. A range is no card number, whatever its digits:
    other kinds have forms that hold none."""
    if kind in {Kind.EMAIL, Kind.CARD} and holds_pan(given):
        problem = FieldProblem("value", "holds what looks like a card number")
        detail = "value: a card is listed by its fingerprint, never by its number"
        raise FarthingError(CARD_NUMBER_IN_TEXT, detail, fields=[problem])
    try:
        return normal(kind, given)
    except ValueError as error:
        raise invalid("value", str(error)) from error


def _reason(given: str) -> str:
    if not given.strip():
        raise invalid("reason", "is empty")
    return given


def _end(given: str | None, now: datetime) -> datetime | None:
    if given is None:
        return None
    try:
        at = from_text(given)
    except (ValueError, OverflowError) as error:
        raise invalid("expires_at", "is an RFC 3339 time, such as 2026-11-22T09:00:00Z") from error
    if to_text(at) <= to_text(now):
        raise invalid("expires_at", "is over")
    return at
