"""Reading sessions, each with its newest attempt; one by itself has an unknown outcome asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from farthing.checkout.kept_card import keep_card
from farthing.checkout.session import (
    PREFIX,
    Session,
    customer_partition,
    key_of,
    list_partition,
    session_key,
    status_of,
)
from farthing.checkout.views import show
from farthing.errors import invalid, not_found
from farthing.http.page import LIMIT_MAX
from farthing.ids import is_id
from farthing.payments.checkout import SessionStatus
from farthing.payments.intent import Intent, intent_key
from farthing.payments.listing import Listing, list_ids, list_in
from farthing.payments.read import settle_open_operation
from farthing.payments.services import Services
from farthing.store import Item
from farthing.store.page import BY_CUSTOMER

PAGES_MAX = 20
"""How many pages of sessions are looked through for one page of those of a status."""


@dataclass(frozen=True)
class Found:
    """A session and its newest attempt, as they are now."""

    session: Session
    intent: Intent | None

    def status(self, now: datetime) -> SessionStatus:
        """Where the session is."""
        return status_of(self.session, self.intent, now)

    def show(self, now: datetime) -> dict[str, Any]:
        """To its merchant."""
        return show(self.session, self.intent, now)


def retrieve(session_id: str, services: Services) -> Found:
    """One session as it is now. Raises FarthingError (404)."""
    item = services.store.get(key_of(services.tenant, session_id))
    found = with_attempt(require(session_id, item), services)
    keep_card(found.intent, services)
    return found


def require(session_id: str, item: Item | None) -> Session:
    """The session of a row. Raises FarthingError (404) if there is none."""
    if item is None:
        raise not_found("checkout_session", session_id)
    return Session.from_item(item)


def with_attempt(session: Session, services: Services) -> Found:
    """The session with its newest attempt, whose outcome is looked up if its sender is gone."""
    if session.intent_id is None:
        return Found(session, None)
    item = services.store.get(intent_key(services.tenant, session.intent_id))
    if item is None:
        raise LookupError(session.intent_id)
    return Found(session, settle_open_operation(Intent.from_item(item), services))


def list_sessions(
    listing: Listing, status: SessionStatus | None, services: Services
) -> tuple[list[dict[str, Any]], bool]:
    """A page of sessions, newest first, and whether there are more. Looks nothing up.

    A session's status is its attempt's, and no index knows it: so those of one status are looked
    for among all. Raises FarthingError if there are too many to look through.
    """
    if listing.starting_after is not None:
        key = session_key(services.tenant, listing.starting_after)
        listing.require_cursor(services.store.get(key))
    if status is None:
        items, more = _page(listing, services)
        return _shown(items, services), more
    wanted: list[dict[str, Any]] = []
    part = replace(listing, limit=LIMIT_MAX)
    for _ in range(PAGES_MAX):
        items, more = _page(part, services)
        wanted += [one for one in _shown(items, services) if one["status"] == status]
        if len(wanted) > listing.limit or not more:
            return wanted[: listing.limit], len(wanted) > listing.limit
        part = replace(part, starting_after=items[-1]["session_id"])
    raise invalid("created_from", "too many sessions to look through: ask for a shorter time")


def _page(listing: Listing, services: Services) -> tuple[list[Item], bool]:
    if listing.customer_id is None:
        return list_ids(listing, services, list_partition, PREFIX)
    if not is_id("cus", listing.customer_id):
        raise invalid("customer_id", "is an id that starts with cus_")
    pk = customer_partition(services.tenant, listing.customer_id)
    return list_in(listing, services, BY_CUSTOMER, pk, PREFIX)


def _shown(items: Sequence[Item], services: Services) -> list[dict[str, Any]]:
    """The sessions with what their attempts' own rows say."""
    sessions, now = [Session.from_item(item) for item in items], services.now()
    keys = {
        one.intent_id: intent_key(services.tenant, one.intent_id)
        for one in sessions
        if one.intent_id is not None
    }
    rows = services.store.batch_get(list(keys.values())) if keys else {}
    attempts: Mapping[str | None, Intent] = {
        id_: Intent.from_item(rows[key]) for id_, key in keys.items()
    }
    return [show(one, attempts.get(one.intent_id), now) for one in sessions]
