"""GET requests about events: what the query says, and the answer's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farthing.errors import invalid
from farthing.http.page import choice_filter, page_request, unknown_cursor
from farthing.ids import is_id
from farthing.store import TenantScope
from farthing.store.port import Store
from farthing.webhooks import events
from farthing.webhooks.event import Event
from farthing.webhooks.event_types import EVENT_TYPES
from farthing.webhooks.keys import EVENT_PREFIX

Document = dict[str, Any]


def one(store: Store, tenant: TenantScope, event_id: str) -> Document:
    """One event."""
    return events.get(store, tenant, event_id).view(livemode=tenant.mode == "live")


def list_page(store: Store, tenant: TenantScope, query: Mapping[str, str]) -> Document:
    """A page of the list, newest first, by `type` and `payment_intent_id` if asked."""
    asked = page_request(query, EVENT_PREFIX, "type", "payment_intent_id")
    only = events.EventFilter(
        type=choice_filter(query, "type", EVENT_TYPES), intent_id=query.get("payment_intent_id")
    )
    if only.intent_id is not None and not is_id("pi", only.intent_id):
        raise invalid("payment_intent_id", "is not the id of a payment")
    before = asked.starting_after
    if before is not None and not events.exists(store, tenant, before):
        raise unknown_cursor(before)
    found, has_more = events.newest_first(store, tenant, only, before=before, limit=asked.limit)
    return {"data": _views(found, tenant), "has_more": has_more}


def feed_page(store: Store, tenant: TenantScope, query: Mapping[str, str]) -> Document:
    """A page of the feed after a cursor; `after=start`, or an empty one, begins it, and
    `after=end` is behind all that there is."""
    limit = page_request({k: v for k, v in query.items() if k != "after"}, EVENT_PREFIX).limit
    if "starting_after" in query:
        raise invalid("starting_after", "goes with the list; the feed has after")
    found = events.feed(store, tenant, after=query["after"], limit=limit)
    return {
        "data": _views(found.events, tenant),
        "has_more": found.has_more,
        "next": found.next,
    }


def _views(found: list[Event], tenant: TenantScope) -> list[Document]:
    return [event.view(livemode=tenant.mode == "live") for event in found]
