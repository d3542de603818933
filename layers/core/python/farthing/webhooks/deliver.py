"""One attempt of one delivery: claim it, sign it, send it, record what came of it.

    worker A   enter the gate ── claim ──── send ──── record ── leave
    worker B                           ╳ leased             ╳ not due, or over
    worker C   ╳ the gate is full, or closed: wait in the queue, no attempt used

A crash after the claim leaves an open attempt; when its lease has run out, the due index brings
the delivery back and the next claim marks that attempt as interrupted. So a merchant may get an
event twice, under the same webhook-id, and never not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from farthing.clock import Clock, epoch_seconds
from farthing.ids import IdSource
from farthing.store import ConditionFailed, TenantScope
from farthing.store.port import Store
from farthing.webhooks.delivery import Delivery, EndReason, Status, Turn
from farthing.webhooks.delivery_row import delivery_of, delivery_update, nobody_else_claimed
from farthing.webhooks.endpoint import DisabledReason, Endpoint, Payload
from farthing.webhooks.endpoint_news import disabling
from farthing.webhooks.event import Event
from farthing.webhooks.gate import Gate, Refusal
from farthing.webhooks.gate_row import change_gate
from farthing.webhooks.keys import delivery_key, endpoint_key, feed_key, gate_key
from farthing.webhooks.ports import Answer, Chance, DeliveryMessage, Queue, Sender
from farthing.webhooks.schedule import DELAYS_SECONDS, held_back_seconds
from farthing.webhooks.signature import signed_headers

SEND_SECONDS = 18
"""Less time than this left, and nothing is claimed: sending may take 15 s, the record its own."""

QUEUE_DELAY_SECONDS_MAX = 900
"""What SQS can wait. Longer waits are the due index's alone."""

EARLY_SECONDS_MAX = 10
"""A message that comes earlier than this before its time is dropped: the due index has it."""

PLACE_PREFIX = "pl"
"""Of the ids of places at a gate: two workers with one message are two."""

USER_AGENT = "Farthing-Webhooks/1"


class OutOfTime(Exception):
    """Too little of the invocation is left to send. The queue brings the message again."""


@dataclass(frozen=True)
class Services:
    """One merchant's view of the world, for one message.

    `wall` is the unshifted system clock: it dates signatures. A receiver refuses a timestamp that
    is minutes off its own clock, which a test stack cannot move.
    """

    tenant: TenantScope
    store: Store
    queue: Queue
    exhausted: Queue
    sender: Sender
    clock: Clock
    wall: Clock
    chance: Chance
    new_id: IdSource
    seconds_left: Callable[[], float]


@dataclass(frozen=True)
class _Facts:
    """What an attempt depends on, as it is now."""

    endpoint: Endpoint
    event: Event
    delays: Sequence[int]
    gate: Gate


def deliver(services: Services, message: DeliveryMessage) -> Delivery | None:
    """Make the delivery's next attempt, if it is due and nobody else makes it.

    Returns the delivery after the attempt, or None if there was none to make. To an endpoint that
    the merchant has turned off nothing is sent, and no attempt is used up; nor is one while the
    gate before the endpoint lets nobody through.
    """
    item = services.store.get(delivery_key(message.tenant, message.delivery_id))
    if item is None:
        return None
    delivery, now = _begun_anew(services, delivery_of(item), message), services.clock.now()
    if not _may_send(services, delivery, delivery.turn(now)):
        return None
    facts = _facts(services.store, delivery)
    if facts is None:
        return _stepped(services, delivery, delivery.paused(now))
    if isinstance(facts, EndReason):
        return end(services.store, services.exhausted, delivery, facts)
    return _attempt(services, delivery, facts)


def end(store: Store, exhausted: Queue, before: Delivery, reason: EndReason) -> Delivery | None:
    """End a delivery that did not arrive, unless another worker took a step.

    The copy comes first: who dies in between leaves one too many, which says nothing once the
    delivery is in another round. A deleted endpoint can be sent nothing again, so there is none.
    """
    return _write_end(store, exhausted, before, before.ended(reason))


def body_of(event: Event, payload: Payload) -> bytes:
    """The bytes that are signed and sent."""
    document = event.payload(thin=payload is Payload.THIN)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _begun_anew(services: Services, delivery: Delivery, message: DeliveryMessage) -> Delivery:
    """The delivery in a new round, if the message is the copy of its end, put back by a person."""
    ended_here = message.ended_round == delivery.round_began_at
    if delivery.status is not Status.EXHAUSTED or not ended_here:
        return delivery
    again = delivery.resent(services.clock.now())
    return again if _write_step(services.store, delivery, again) else delivery


def _facts(store: Store, delivery: Delivery) -> _Facts | EndReason | None:
    """What the attempt depends on; or why there is nothing to send any more.

    None while the merchant has the endpoint turned off.
    """
    tenant = delivery.tenant
    endpoint_at = endpoint_key(tenant, delivery.endpoint_id)
    event_at = feed_key(tenant, delivery.feed_shard, delivery.position)
    gate_at = gate_key(tenant, delivery.endpoint_id)
    found = store.batch_get([endpoint_at, event_at, gate_at])
    if endpoint_at not in found:
        return EndReason.ENDPOINT_DELETED
    endpoint = Endpoint.of(found[endpoint_at])
    delays = endpoint.retry_delays or DELAYS_SECONDS
    if not delivery.may_be_claimed(delays):
        return EndReason.ATTEMPTS_USED_UP
    if not endpoint.enabled:
        by_merchant = endpoint.disabled_reason is DisabledReason.MERCHANT
        return None if by_merchant else EndReason.ENDPOINT_DISABLED
    return _Facts(endpoint, Event.of(found[event_at]), delays, Gate.of(found.get(gate_at)))


def _attempt(services: Services, delivery: Delivery, facts: _Facts) -> Delivery | None:
    """Take a place at the gate, claim, send, record, give the place back."""
    holder = services.new_id(PLACE_PREFIX)
    gate_at = gate_key(delivery.tenant, delivery.endpoint_id)
    now = services.clock.now()
    entered = change_gate(
        services.store, gate_at, facts.gate, lambda gate: gate.entered(holder, now)
    )
    if isinstance(entered, Refusal):
        return _held_back(services, delivery, facts, entered)
    signed_at = epoch_seconds(services.wall.now())
    claimed = delivery.claimed(now, facts.endpoint.url, signed_at)
    answer = None
    after = None
    if _write_step(services.store, delivery, claimed):
        answer = _send(services, facts, signed_at)
        after = _record(services, claimed, facts.delays, answer)
    _leave(services, replace(facts, gate=entered), holder, answer)
    return after


def _held_back(
    services: Services, delivery: Delivery, facts: _Facts, refusal: Refusal
) -> Delivery | None:
    """Wait in the queue for the gate."""
    now = services.clock.now()
    closed = facts.gate.seconds_closed(now) if refusal is Refusal.OPEN else 0
    seconds = held_back_seconds(refusal, delivery.deferrals, closed, services.chance())
    later = delivery.deferred(seconds, facts.delays, now)
    if later.over:
        return _write_end(services.store, services.exhausted, delivery, later)
    if not _write_step(services.store, delivery, later):
        return None
    services.queue.send([later.message], delay_seconds=seconds)
    return later


def _leave(services: Services, facts: _Facts, holder: str, answer: Answer | None) -> None:
    """Give the place back with what came of it; turn off an endpoint that is beyond hope."""
    now, endpoint = services.clock.now(), facts.endpoint
    succeeded = answer.succeeded if answer else None
    gate = change_gate(
        services.store,
        gate_key(services.tenant, endpoint.endpoint_id),
        facts.gate,
        lambda gate: gate.left(holder, now, succeeded=succeeded),
    )
    if answer is not None and answer.gone:
        _disable(services, endpoint, DisabledReason.GONE)
    elif isinstance(gate, Gate) and gate.hopeless(now):
        _disable(services, endpoint, DisabledReason.FAILING)


def _send(services: Services, facts: _Facts, signed_at: int) -> Answer:
    endpoint, event = facts.endpoint, facts.event
    body = body_of(event, endpoint.payload)
    secrets = endpoint.signing_secrets(services.clock.now())
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        **signed_headers(secrets, event.event_id, signed_at, body),
    }
    return services.sender.post(endpoint.url, headers, body)


def _record(
    services: Services, claimed: Delivery, delays: Sequence[int], answer: Answer
) -> Delivery | None:
    now = services.clock.now()
    after = claimed.recorded(answer, delays, now, services.chance())
    if after.status is Status.EXHAUSTED:
        return _write_end(services.store, services.exhausted, claimed, after)
    if not _write_step(services.store, claimed, after):
        return None
    wait_seconds = after.seconds_to_wait(now)
    if not after.over and wait_seconds <= QUEUE_DELAY_SECONDS_MAX:
        services.queue.send([after.message], delay_seconds=wait_seconds)
    return after


def _write_end(
    store: Store, exhausted: Queue, before: Delivery, after: Delivery
) -> Delivery | None:
    if after.end_reason is not EndReason.ENDPOINT_DELETED:
        exhausted.send([after.copy_of_the_end])
    return after if _write_step(store, before, after) else None


def _stepped(services: Services, before: Delivery, after: Delivery) -> Delivery | None:
    return after if _write_step(services.store, before, after) else None


def _write_step(store: Store, before: Delivery, after: Delivery) -> bool:
    """Write a step, unless another worker took one."""
    try:
        store.write(delivery_update(after, nobody_else_claimed(before)))
    except ConditionFailed:
        return False
    return True


def _disable(services: Services, endpoint: Endpoint, reason: DisabledReason) -> None:
    try:
        services.store.write(*disabling(services.tenant, endpoint, reason, services.clock.now()))
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
