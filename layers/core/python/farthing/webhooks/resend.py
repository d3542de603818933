"""Sending again because a merchant asks: one delivery, or an event to its endpoints.

It only moves the row and queues the message. Who sends is decided by the one claim that automatic
attempts go through too, so asking while one is on its way does not send twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from farthing.errors import CONFLICT, ENDPOINT_DISABLED, FarthingError, not_found
from farthing.ids import is_id
from farthing.store import ConditionFailed
from farthing.webhooks import endpoints, events
from farthing.webhooks.delivery import Delivery, Turn, new_delivery
from farthing.webhooks.delivery_row import (
    delivery_of,
    delivery_put,
    delivery_update,
    nobody_else_claimed,
)
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.endpoints import Services
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.keys import DELIVERY_PREFIX, delivery_key


def find_delivery(services: Services, endpoint_id: str, delivery_id: str) -> Delivery:
    """One delivery of an endpoint. Raises FarthingError if there is none of that id."""
    item = None
    if is_id(DELIVERY_PREFIX, delivery_id):
        item = services.store.get(delivery_key(services.tenant, delivery_id))
    if item is None or item["endpoint_id"] != endpoint_id:
        raise not_found("delivery", delivery_id)
    return delivery_of(item)


def require_enabled(endpoint: Endpoint) -> Endpoint:
    """The endpoint. Raises FarthingError if it is turned off: nothing is sent there."""
    if not endpoint.enabled:
        raise FarthingError(ENDPOINT_DISABLED, f"turn {endpoint.endpoint_id} on first")
    return endpoint


def resend_delivery(services: Services, endpoint_id: str, delivery_id: str) -> Delivery:
    """Send one delivery again, also one that had succeeded.

    Raises FarthingError if it is being sent at this moment, or the endpoint is turned off.
    """
    require_enabled(endpoints.get(services, endpoint_id))
    again = _again(services, find_delivery(services, endpoint_id, delivery_id))
    if again is None:
        raise _being_sent(delivery_id)
    _queue(services, [again])
    return again


def resend_event(
    services: Services, event_id: str, endpoint_id: str | None = None
) -> list[Delivery]:
    """Send an event again: to one endpoint, whatever it subscribes to, or to all that subscribe.

    An endpoint that never had it gets it now. Of several, those that are being sent it at this
    moment are left out; of one, it is an error.
    """
    placed = events.placed(services.store, services.tenant, event_id)
    if endpoint_id is not None:
        only = require_enabled(endpoints.get(services, endpoint_id))
        again = _made_or_again(services, placed, only.endpoint_id)
        if again is None:
            raise _being_sent(event_id)
        found = [again]
    else:
        wanting = [
            one.endpoint_id
            for one in endpoints.every(services)
            if one.enabled and one.gets(placed.event)
        ]
        moved = [_made_or_again(services, placed, one) for one in wanting]
        found = [delivery for delivery in moved if delivery is not None]
    _queue(services, found)
    return found


def _made_or_again(services: Services, placed: PlacedEvent, endpoint_id: str) -> Delivery | None:
    delivery = new_delivery(services.tenant, placed, endpoint_id, services.now)
    try:
        services.store.write(delivery_put(delivery))
    except ConditionFailed as error:
        if error.item is None:
            raise
        return _again(services, delivery_of(error.item))
    return delivery


def _again(services: Services, before: Delivery) -> Delivery | None:
    """The delivery as it waits to be sent now; None if somebody is at it."""
    if before.turn(services.now) is Turn.LEASED:
        return None
    after = before.resent(services.now)
    try:
        services.store.write(delivery_update(after, nobody_else_claimed(before)))
    except ConditionFailed:
        return None
    return after


def _being_sent(id_: str) -> FarthingError:
    return FarthingError(CONFLICT, f"{id_} is being sent at this moment: see what comes of it")


def _queue(services: Services, deliveries: Sequence[Delivery]) -> None:
    """What the queue does not take, the due index has within a minute."""
    if not deliveries:
        return
    try:
        services.queue.send([delivery.message for delivery in deliveries])
    except Exception as error:  # noqa: BLE001 - it is written; it only comes later
        services.log_failure(error)
