"""What is to be looked into in the next minute, out of the due index; and how bad things are.

An index may lag and a message may come twice or never. Both cost time and nothing else: whoever
gets a message reads the row itself, and what stays due is found again a minute later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from farthing.clock import from_text, to_text
from farthing.payments import operation as operations
from farthing.payments.intent import EXPIRY_SHARDS, expiry_pk
from farthing.payments.operation import DUE_SHARDS, Operation, OperationState
from farthing.payments.services import Later
from farthing.store import Item, TenantScope
from farthing.store.page import DUE
from farthing.store.port import Lists

AHEAD_SECONDS = 60
"""A tick sees to what is due until the next one."""

PAGE_ITEMS = 200
PAGES_PER_SHARD_MAX = 5


@dataclass(frozen=True)
class Services:
    """What a tick needs of the world."""

    store: Lists
    later: Later
    now: datetime
    gauge: Callable[[str, int], None]


@dataclass
class Tick:
    """What a tick saw: how many were queued, the age of the oldest unknown, how many wait for a
    person."""

    queued: int = 0
    oldest_unknown_seconds: int = 0
    requiring_decision: int = 0


OLDEST_METRIC = "OldestUnknownSeconds"
DECISIONS_METRIC = "OperationsRequiringDecision"


def tick(services: Services) -> Tick:
    """Queue what is due, each for its very second, and measure what is unknown."""
    seen = Tick()
    for operation in unresolved(services.store):
        _measure(seen, operation, services.now)
        if delay := _delay_seconds(operation.due_at, services.now):
            services.later.look(operation.address, delay - 1)
            seen.queued += 1
    for item in _held(services.store, to_text(services.now + timedelta(seconds=AHEAD_SECONDS))):
        if delay := _delay_seconds(item["due_at"], services.now):
            tenant = TenantScope(item["merchant_id"], item["mode"])
            services.later.expire(tenant, item["intent_id"], delay - 1)
            seen.queued += 1
    services.gauge(OLDEST_METRIC, seen.oldest_unknown_seconds)
    services.gauge(DECISIONS_METRIC, seen.requiring_decision)
    return seen


def unresolved(store: Lists) -> Iterator[Operation]:
    """Operations without an outcome, those that are due first, up to a bound for each shard."""
    for shard in range(DUE_SHARDS):
        yield from map(Operation.from_item, _rows(store, operations.due_pk(shard), None))


def _held(store: Lists, before: str) -> Iterator[Item]:
    """Payments whose authorization runs out before an instant."""
    for shard in range(EXPIRY_SHARDS):
        yield from _rows(store, expiry_pk(shard), before)


def _rows(store: Lists, pk: str, before: str | None) -> Iterator[Item]:
    start: Item | None = None
    for _ in range(PAGES_PER_SHARD_MAX):
        page = store.query_index(
            "payments", DUE, pk, sk_before=before, limit=PAGE_ITEMS, start=start
        )
        yield from page.items
        start = page.next_start
        if start is None:
            return


def _measure(seen: Tick, operation: Operation, now: datetime) -> None:
    unknown = operation.state is OperationState.UNKNOWN or operation.may_be_taken_over(now)
    if unknown:
        age = now - from_text(operation.created_at)
        seen.oldest_unknown_seconds = max(seen.oldest_unknown_seconds, int(age.total_seconds()))
    seen.requiring_decision += operation.requires_decision


def _delay_seconds(due_at: str | None, now: datetime) -> int:
    """How long until it is due, plus one; 0 if that is not before the next tick."""
    if due_at is None:
        return 0
    wait_seconds = max(0, int((from_text(due_at) - now).total_seconds()) + 1)
    return wait_seconds + 1 if wait_seconds <= AHEAD_SECONDS else 0
