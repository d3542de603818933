"""GET requests about sessions: what the query says, and what who asks is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from farthing.access.principal import KeyKind, Principal
from farthing.checkout.read import Found, list_sessions
from farthing.checkout.session import PREFIX
from farthing.checkout.views import show_to_anybody, show_to_payer
from farthing.http.page import choice_filter, page_request, time_filter
from farthing.payments.checkout import SessionStatus
from farthing.payments.listing import Listing
from farthing.payments.services import Services

FILTERS = ("status", "customer_id", "created_from", "created_before")


def show_to(principal: Principal, found: Found, now: datetime) -> dict[str, Any]:
    """The session as who asks may see it."""
    match principal.kind:
        case KeyKind.SECRET:
            return found.show(now)
        case KeyKind.CHECKOUT:
            return show_to_payer(found.session, found.intent, principal.settings, now)
        case KeyKind.PUBLISHABLE:
            return show_to_anybody(found.session, found.intent, now)


def list_page(query: Mapping[str, str], services: Services) -> tuple[list[dict[str, Any]], bool]:
    """A page of the merchant's sessions, newest first, and whether there are more."""
    asked = page_request(query, PREFIX, *FILTERS)
    status = choice_filter(query, "status", [status.value for status in SessionStatus])
    listing = Listing(
        limit=asked.limit,
        starting_after=asked.starting_after,
        created_from=time_filter(query, "created_from"),
        created_before=time_filter(query, "created_before"),
        customer_id=query.get("customer_id"),
    )
    return list_sessions(listing, SessionStatus(status) if status else None, services)
