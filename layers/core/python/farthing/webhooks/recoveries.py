"""What a merchant does with recoveries: count, begin, watch, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from farthing.clock import from_text, to_text
from farthing.errors import CONFLICT, RECOVERY_RUNNING, FarthingError, invalid, not_found
from farthing.http.page import page_request, unknown_cursor
from farthing.ids import is_id, lowest_id
from farthing.store import ConditionFailed
from farthing.webhooks import endpoints
from farthing.webhooks.endpoints import Services
from farthing.webhooks.keys import (
    ENDPOINT_PREFIX,
    EVENT_PREFIX,
    RECOVERY_PREFIX,
    TABLE,
    recoveries_pk,
    recovery_key,
)
from farthing.webhooks.missed import Range, count_missed
from farthing.webhooks.recover import page
from farthing.webhooks.recovery import NOBODY_RECOVERS, Count, Recovery, State
from farthing.webhooks.resend import require_enabled

Document = dict[str, Any]

CANCEL_TRIES_MAX = 20
"""How often the work may take a step between the reading and the writing of a cancellation."""


@dataclass(frozen=True)
class Wanted:
    """What is to be recovered: all that `endpoint_id` missed from `since` to `until`, or till now.

    The times are RFC 3339, with a zone.
    """

    endpoint_id: str
    since: str
    until: str | None
    per_second: int

    def times(self, now: datetime) -> tuple[datetime, datetime]:
        """Both ends. Raises FarthingError unless they lie in the past, in their order."""
        first = from_text(self.since)
        last = now if self.until is None else from_text(self.until)
        if last > now:
            raise invalid("until", "lies in the future")
        if first >= last:
            raise invalid("since", "is before until, and in the past")
        return first, last

    def stretch(self, now: datetime) -> Range:
        """The events of that time. Raises FarthingError as `times` does."""
        first, last = self.times(now)
        return Range(lowest_id(EVENT_PREFIX, first), lowest_id(EVENT_PREFIX, last))


def count(services: Services, wanted: Wanted) -> Count:
    """How many events a recovery would send. Writes nothing.

    Raises FarthingError if the times are wrong, or the endpoint is not there, or turned off.
    """
    endpoint = require_enabled(endpoints.get(services, wanted.endpoint_id))
    stretch = wanted.stretch(services.now)
    return count_missed(services.store, services.tenant, endpoint, stretch)


def begin(services: Services, wanted: Wanted) -> Recovery:
    """Begin to send what an endpoint missed; the first page is given out at once.

    Raises FarthingError as `count` does, and if a recovery of the endpoint is under way.
    """
    recovery = _new(services, wanted, count(services, wanted))
    try:
        services.store.write(*recovery.begin())
    except ConditionFailed as error:
        if error.condition != NOBODY_RECOVERS.name:
            raise
        running = error.item["recovery_id"] if error.item else "it"
        raise FarthingError(
            RECOVERY_RUNNING, f"wait for the end of {running}, or cancel it"
        ) from error
    return _first_page(services, recovery)


def _new(services: Services, wanted: Wanted, counted: Count) -> Recovery:
    first, last = wanted.times(services.now)
    stretch, now_text = wanted.stretch(services.now), to_text(services.now)
    return Recovery(
        tenant=services.tenant,
        recovery_id=services.new_id(RECOVERY_PREFIX),
        endpoint_id=wanted.endpoint_id,
        since=to_text(first),
        until=to_text(last),
        per_second=wanted.per_second,
        created_at=now_text,
        count=counted,
        after=stretch.after,
        before=stretch.before,
        paced_until=now_text,
    )


def get(services: Services, endpoint_id: str, recovery_id: str) -> Recovery:
    """One recovery. Raises FarthingError if this merchant's endpoint has none of that id."""
    item = None
    if is_id(ENDPOINT_PREFIX, endpoint_id) and is_id(RECOVERY_PREFIX, recovery_id):
        item = services.store.get(recovery_key(services.tenant, endpoint_id, recovery_id))
    if item is None:
        raise not_found("recovery", recovery_id)
    return Recovery.of(item)


def list_page(services: Services, endpoint_id: str, query: Mapping[str, str]) -> Document:
    """A page of an endpoint's recoveries, newest first."""
    endpoints.get(services, endpoint_id)
    asked = page_request(query, RECOVERY_PREFIX)
    before = asked.starting_after
    if before is not None:
        key = recovery_key(services.tenant, endpoint_id, before)
        if services.store.get(key) is None:
            raise unknown_cursor(before)
    found = services.store.query(
        TABLE,
        recoveries_pk(services.tenant, endpoint_id),
        sk_after=f"{RECOVERY_PREFIX}_",
        sk_before=before,
        newest_first=True,
        limit=asked.limit + 1,
    ).items
    shown = [Recovery.of(item).view() for item in found[: asked.limit]]
    return {"data": shown, "has_more": len(found) > asked.limit}


def cancel(services: Services, endpoint_id: str, recovery_id: str) -> Recovery:
    """End a recovery early. What was given out is sent; one that is over stays as it is."""
    for _ in range(CANCEL_TRIES_MAX):
        before = get(services, endpoint_id, recovery_id)
        if not before.running:
            return before
        after = before.ended(State.CANCELLED, services.now)
        try:
            services.store.write(*before.step_to(after))
        except ConditionFailed:
            continue
        return after
    raise FarthingError(CONFLICT, "it moves on too fast; ask again")


def _first_page(services: Services, recovery: Recovery) -> Recovery:
    """What goes wrong with it does not undo the recovery: the tick goes on with it."""
    try:
        after = page(services.store, services.queue, services.now, recovery)
    except Exception as error:  # noqa: BLE001 - it has begun, whatever comes of its first page
        services.log_failure(error)
        after = None
    return after or get(services, recovery.endpoint_id, recovery.recovery_id)
