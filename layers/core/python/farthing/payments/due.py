"""What is to be looked into in the next minute, out of the due index; and how bad things are.

An index may lag and a message may come twice or never. Both cost time and nothing else: whoever
gets a message reads the row itself, and what stays due is found again a minute later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from farthing.checkout import session as sessions
from farthing.clock import from_text, to_text
from farthing.network_tokens import due as tokens
from farthing.payments import operation as operations
from farthing.payments.debit import DEBIT_SHARDS, debit_pk
from farthing.payments.intent import EXPIRY_SHARDS, expiry_pk
from farthing.payments.operation import DUE_SHARDS, Operation, OperationState
from farthing.payments.services import Later
from farthing.store import Item, TenantScope
from farthing.store.page import DUE
from farthing.store.port import Lists

AHEAD_SECONDS = 60
"""A tick sees to what is due until the next one."""

STOP_SECONDS = 5
"""With less time left, nothing more is queued."""

PAGE_ITEMS = 200
PAGES_PER_SHARD_MAX = 5


@dataclass(frozen=True)
class Services:
    """What a tick needs of the world."""

    store: Lists
    later: Later
    now: datetime
    gauge: Callable[[str, int], None]
    seconds_left: Callable[[], float]
    log_failure: Callable[[Exception], None]


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
    """Measure what is unknown, and queue what is due, each for its very second.

    What there is no time for is due at the next tick, which begins with another shard.
    """
    seen, due = Tick(), []
    for item in _rows_of_all(services.store, operations.due_pk, DUE_SHARDS, services.now, None):
        operation = _read(item, services)
        _measure(seen, operation, item, services.now)
        if operation is not None:
            due.append(operation)
    services.gauge(OLDEST_METRIC, seen.oldest_unknown_seconds)
    services.gauge(DECISIONS_METRIC, seen.requiring_decision)
    for operation in due:
        if delay := _delay_seconds(operation.due_at, services):
            services.later.look(operation.address, delay - 1)
            seen.queued += 1
    until = to_text(services.now + timedelta(seconds=AHEAD_SECONDS))
    _queue_debits(seen, until, services)
    for pk_of, shards, id_name, end in (
        (expiry_pk, EXPIRY_SHARDS, "intent_id", services.later.expire),
        (sessions.due_pk, sessions.DUE_SHARDS, "session_id", services.later.end_session),
        (tokens.due_pk, tokens.DUE_SHARDS, "method_id", services.later.tend),
    ):
        seen.queued += _queue_ends(pk_of, shards, id_name, end, services)
    return seen


def _queue_debits(seen: Tick, until: str, services: Services) -> None:
    """Debits that are pending, or that may have come back: known, and looked into at their time."""
    for item in _rows_of_all(services.store, debit_pk, DEBIT_SHARDS, services.now, until):
        operation = _read(item, services)
        if operation is not None and (delay := _delay_seconds(operation.due_at, services)):
            services.later.look(operation.address, delay - 1)
            seen.queued += 1


def _queue_ends(
    pk_of: Callable[[int], str],
    shards: int,
    id_name: str,
    end: Callable[[TenantScope, str, int], None],
    services: Services,
) -> int:
    """Queue what comes to its time before the next tick: holds and sessions, which end by
    themselves, and network tokens that somebody is to see to. How many."""
    queued = 0
    until = to_text(services.now + timedelta(seconds=AHEAD_SECONDS))
    for item in _rows_of_all(services.store, pk_of, shards, services.now, until):
        if delay := _delay_seconds(item["due_at"], services):
            merchant_id, mode, *_ = item["pk"].split("#")
            end(TenantScope(merchant_id, mode), item[id_name], delay - 1)
            queued += 1
    return queued


def unresolved(store: Lists) -> Iterator[Operation]:
    """Operations without an outcome, those that are due first, up to a bound for each shard."""
    for shard in range(DUE_SHARDS):
        yield from map(Operation.from_item, _rows(store, operations.due_pk(shard), None))


def _read(item: Item, services: Services) -> Operation | None:
    """The operation; None for a row of another release, which must not hold up the others."""
    try:
        return Operation.from_item(item)
    except (KeyError, TypeError, ValueError) as error:
        services.log_failure(error)
        return None


def _rows_of_all(
    store: Lists,
    pk_of: Callable[[int], str],
    shards: int,
    now: datetime,
    before: str | None,
) -> Iterator[Item]:
    """Every shard's rows, beginning with another shard each minute."""
    for shard in range(shards):
        yield from _rows(store, pk_of((now.minute + shard) % shards), before)


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


def _measure(seen: Tick, operation: Operation | None, item: Item, now: datetime) -> None:
    if _is_unknown(operation, now):
        age = now - from_text(item["created_at"])
        seen.oldest_unknown_seconds = max(seen.oldest_unknown_seconds, int(age.total_seconds()))
    seen.requiring_decision += operation is not None and operation.requires_decision


def _is_unknown(operation: Operation | None, now: datetime) -> bool:
    """Whether nobody knows what became of it. A row that nobody can read is as unknown as any.

    Of a pending debit that is known, also where a person is asked: they ask the bank.
    """
    if operation is None:
        return True
    if operation.state is OperationState.PENDING:
        return False
    return operation.state is OperationState.UNKNOWN or operation.may_be_taken_over(now)


def _delay_seconds(due_at: str | None, services: Services) -> int:
    """How long until it is due, plus one; 0 if that is not before the next tick, or time is up."""
    if due_at is None or services.seconds_left() < STOP_SECONDS:
        return 0
    wait_seconds = max(0, int((from_text(due_at) - services.now).total_seconds()) + 1)
    return wait_seconds + 1 if wait_seconds <= AHEAD_SECONDS else 0
