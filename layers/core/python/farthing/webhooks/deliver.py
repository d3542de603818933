"""One attempt of one delivery: claim it, sign it, send it, record what came of it.

    worker A   claim ──── send ──── record
    worker B        ╳ leased             ╳ not due, or over

A crash after the claim leaves an open attempt; when its lease has run out, the due index brings
the delivery back and the next claim marks that attempt as interrupted. So a merchant may get an
event twice, under the same webhook-id, and never not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from farthing.clock import Clock, epoch_seconds
from farthing.store import ConditionFailed, Item, TenantScope, Update
from farthing.store.port import Store
from farthing.webhooks.delivery import Delivery, EndReason, Turn
from farthing.webhooks.delivery_row import delivery_of, delivery_update, nobody_else_claimed
from farthing.webhooks.endpoint import DisabledReason, Endpoint, Payload, still_sends_to
from farthing.webhooks.event import Event
from farthing.webhooks.keys import delivery_key, endpoint_key, feed_key
from farthing.webhooks.ports import Answer, Chance, DeliveryMessage, Queue, Sender
from farthing.webhooks.signature import signed_headers

SEND_SECONDS = 18
"""Less time than this left, and nothing is claimed: sending may take 15 s, the record its own."""

QUEUE_DELAY_SECONDS_MAX = 900
"""What SQS can wait. Longer waits are the due index's alone."""

EARLY_SECONDS_MAX = 10
"""A message that comes earlier than this before its time is dropped: the due index has it."""

USER_AGENT = "Farthing-Webhooks/1"


class OutOfTime(Exception):
    """Too little of the invocation is left to send. The queue brings the message again."""


@dataclass(frozen=True)
class Services:
    """One merchant's view of the world, for one message.

    `wall` is the unshifted system clock: it dates signatures. A receiver refuses a timestamp that
    is minutes off its own clock, which a test stack cannot move.
    """

    store: Store
    queue: Queue
    sender: Sender
    clock: Clock
    wall: Clock
    chance: Chance
    seconds_left: Callable[[], float]


def deliver(services: Services, message: DeliveryMessage) -> Delivery | None:
    """Make the delivery's next attempt, if it is due and nobody else makes it.

    Returns the delivery after the attempt, or None if there was none to make. To an endpoint that
    the merchant has turned off nothing is sent, and no attempt is used up.
    """
    item = services.store.get(delivery_key(message.tenant, message.delivery_id))
    if item is None:
        return None
    delivery, now = delivery_of(item), services.clock.now()
    if not _may_send(services, delivery, delivery.turn(now)):
        return None
    facts = _facts(services.store, delivery)
    if facts is None:
        return _stepped(services, delivery, delivery.paused(now))
    if isinstance(facts, EndReason):
        return _stepped(services, delivery, delivery.ended(facts))
    claimed = delivery.claimed(now)
    if not _write_step(services.store, delivery, claimed):
        return None
    answer = _send(services, *facts)
    if answer.gone:
        _disable(services.store, message.tenant, facts[0])
    return _record(services, claimed, answer)


def body_of(event: Event, payload: Payload) -> bytes:
    """The bytes that are signed and sent."""
    document = event.payload(thin=payload is Payload.THIN)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _facts(store: Store, delivery: Delivery) -> tuple[Endpoint, Event] | EndReason | None:
    """The endpoint as it is now and the event; or why there is nothing to send any more.

    None while the merchant has the endpoint turned off.
    """
    endpoint_at = endpoint_key(delivery.tenant, delivery.endpoint_id)
    event_at = feed_key(delivery.tenant, delivery.feed_shard, delivery.position)
    found = store.batch_get([endpoint_at, event_at])
    if endpoint_at not in found:
        return EndReason.ENDPOINT_DELETED
    if not delivery.may_be_claimed():
        return EndReason.ATTEMPTS_USED_UP
    endpoint = Endpoint.of(found[endpoint_at])
    if not endpoint.enabled:
        by_merchant = endpoint.disabled_reason is DisabledReason.MERCHANT
        return None if by_merchant else EndReason.ENDPOINT_DISABLED
    return endpoint, Event.of(found[event_at])


def _send(services: Services, endpoint: Endpoint, event: Event) -> Answer:
    body = body_of(event, endpoint.payload)
    secrets = endpoint.signing_secrets(services.clock.now())
    signed_at = epoch_seconds(services.wall.now())
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **signed_headers(secrets, event.event_id, signed_at, body),
    }
    return services.sender.post(endpoint.url, headers, body)


def _record(services: Services, claimed: Delivery, answer: Answer) -> Delivery | None:
    now = services.clock.now()
    after = claimed.recorded(answer, now, services.chance())
    if not _write_step(services.store, claimed, after):
        return None
    wait_seconds = after.seconds_to_wait(now)
    if 0 < wait_seconds <= QUEUE_DELAY_SECONDS_MAX:
        services.queue.send([after.message], delay_seconds=wait_seconds)
    return after


def _stepped(services: Services, before: Delivery, after: Delivery) -> Delivery | None:
    return after if _write_step(services.store, before, after) else None


def _write_step(store: Store, before: Delivery, after: Delivery) -> bool:
    """Write a step, unless another worker took one."""
    try:
        store.write(delivery_update(after, nobody_else_claimed(before)))
    except ConditionFailed:
        return False
    return True


def _disable(store: Store, tenant: TenantScope, endpoint: Endpoint) -> None:
    off: Item = {"enabled": False, "disabled_reason": DisabledReason.GONE.value}
    try:
        key = endpoint_key(tenant, endpoint.endpoint_id)
        store.write(Update(key, still_sends_to(endpoint.url), set=off))
    except ConditionFailed:
        return  # it was deleted, or moved to another URL while the old one answered


def _may_send(services: Services, delivery: Delivery, turn: Turn) -> bool:
    """Whether to go on. A message that came a moment early waits that moment in the queue."""
    if turn is Turn.NOT_DUE:
        wait_seconds = delivery.seconds_to_wait(services.clock.now())
        if 0 < wait_seconds <= EARLY_SECONDS_MAX:
            services.queue.send([delivery.message], delay_seconds=wait_seconds)
    if turn is Turn.READY and services.seconds_left() < SEND_SECONDS:
        raise OutOfTime
    return turn is Turn.READY
