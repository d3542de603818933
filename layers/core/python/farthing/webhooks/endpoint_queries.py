"""Lists of endpoints and of their deliveries: what the query says, and the answer's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farthing.errors import invalid
from farthing.http.page import choice_filter, page_request, unknown_cursor
from farthing.store import Condition
from farthing.store.newest import Stretch, TooMuchToLookThrough, newest
from farthing.store.page import BY_TIME, DUE
from farthing.webhooks import endpoints
from farthing.webhooks.delivery import Status
from farthing.webhooks.delivery_row import delivery_of
from farthing.webhooks.event_types import EVENT_TYPES
from farthing.webhooks.keys import (
    DELIVERY_PREFIX,
    ENDPOINT_PREFIX,
    LIST_SHARDS,
    TABLE,
    delivery_key,
    delivery_list_pk,
    exhausted_pk,
)

Document = dict[str, Any]


def list_page(services: endpoints.Services, query: Mapping[str, str]) -> Document:
    """A page of the endpoints, newest first."""
    asked = page_request(query, ENDPOINT_PREFIX)
    found = endpoints.every(services)
    ids = [endpoint.endpoint_id for endpoint in found]
    first = 0
    if asked.starting_after is not None:
        if asked.starting_after not in ids:
            raise unknown_cursor(asked.starting_after)
        first = ids.index(asked.starting_after) + 1
    page = found[first : first + asked.limit]
    return {
        "data": [endpoint.view() for endpoint in page],
        "has_more": len(found) > first + asked.limit,
    }


def deliveries_page(
    services: endpoints.Services, endpoint_id: str, query: Mapping[str, str]
) -> Document:
    """A page of an endpoint's deliveries with their attempts, newest event first; by `status` and
    `event_type` if asked. Raises FarthingError if there is too much to look through for these."""
    endpoints.get(services, endpoint_id)
    asked = page_request(query, DELIVERY_PREFIX, "status", "event_type")
    status = choice_filter(query, "status", [status.value for status in Status])
    event_type = choice_filter(query, "event_type", EVENT_TYPES)
    before = asked.starting_after
    if before is not None:
        seen = services.store.get(delivery_key(services.tenant, before))
        if seen is None or seen["endpoint_id"] != endpoint_id:
            raise unknown_cursor(before)
    if status == Status.EXHAUSTED:
        index, pks = DUE, [exhausted_pk(services.tenant, endpoint_id)]
        only = _filter(event_type=event_type)
    else:
        index = BY_TIME
        pks = [delivery_list_pk(services.tenant, endpoint_id, n) for n in range(LIST_SHARDS)]
        only = _filter(status=status, event_type=event_type)
    stretch = Stretch(asked.limit, before, only=only)
    try:
        items, has_more = newest(services.store, TABLE, index, pks, stretch)
    except TooMuchToLookThrough as error:
        raise invalid(
            "status" if "status" in query else "event_type",
            "too many deliveries to look through: begin after one of that time (starting_after)",
        ) from error
    return {"data": [delivery_of(item).view() for item in items], "has_more": has_more}


def _filter(**wanted: str | None) -> Condition | None:
    """The deliveries with these attributes, or None for all."""
    given = {name: value for name, value in wanted.items() if value is not None}
    if not given:
        return None
    compared = " AND ".join(f"#{name} = :{name}" for name in given)
    return Condition("AS_ASKED_FOR", compared, given)
