"""What a tick queues, for when, and what it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from farthing.acquiring.port import Kind
from farthing.clock import to_text
from farthing.payments import due
from farthing.payments.address import Address
from farthing.payments.operation import Operation, OperationState
from farthing.store import Item, TenantScope
from farthing.store.page import Page

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TENANT = TenantScope("mer_a", "test")


def at(seconds: float) -> str:
    return to_text(NOW + timedelta(seconds=seconds))


def operation(number: int = 1, **more: Any) -> Operation:
    values: dict[str, Any] = {
        "tenant": TENANT,
        "intent_id": "pi_1",
        "operation_id": f"op_{number}",
        "kind": Kind.REFUND,
        "amount_cents": 1,
        "currency": "eur",
        "created_at": at(-100),
        "lease_until": at(-40),
        "idempotency_row": "",
        "success_status": 200,
        "request_id": "r",
        "state": OperationState.UNKNOWN,
        "due_at": at(0),
    }
    return Operation(**(values | more))


@dataclass
class Index:
    """The due index: rows by partition, a few on each page."""

    rows: dict[str, list[Item]]
    page_items: int = 2
    read: list[str] = field(default_factory=list)

    def query_index(self, table: str, index: Any, pk: str, **more: Any) -> Page:
        self.read.append(pk)
        before, start = more["sk_before"], more["start"] or {"at": 0}
        found = [row for row in self.rows.get(pk, []) if not before or row["due_at"] < before]
        first = start["at"]
        last = first + self.page_items
        return Page(found[first:last], {"at": last} if last < len(found) else None)


@dataclass
class Queue:
    """What was queued, and for when."""

    looks: dict[str, int] = field(default_factory=dict)
    expiries: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    methods: dict[str, int] = field(default_factory=dict)

    def look(self, address: Address, delay_seconds: int) -> None:
        self.looks[address.operation_id] = delay_seconds

    def expire(self, tenant: TenantScope, intent_id: str, delay_seconds: int) -> None:
        self.expiries[f"{tenant.merchant_id}/{intent_id}"] = delay_seconds

    def end_session(self, tenant: TenantScope, session_id: str, delay_seconds: int) -> None:
        self.sessions[f"{tenant.merchant_id}/{session_id}"] = delay_seconds

    def tend(self, tenant: TenantScope, method_id: str, delay_seconds: int) -> None:
        self.methods[f"{tenant.merchant_id}/{method_id}"] = delay_seconds


def tick(
    operations: list[Operation],
    held: dict[str, str] | None = None,
    sessions: dict[str, str] | None = None,
    *,
    spoil: Callable[[Item], None] = lambda row: None,
    seconds_left: float = 50,
) -> tuple[due.Tick, Queue, dict[str, int]]:
    rows: dict[str, list[Item]] = {"OPERATION#3": [one.to_item() for one in operations]}
    for row, one in zip(rows["OPERATION#3"], operations, strict=True):
        row["requires_decision"] = one.requires_decision
        spoil(row)
    rows["EXPIRY#5"] = [
        {"pk": f"mer_a#test#PI#{intent_id}", "intent_id": intent_id, "due_at": due_at}
        for intent_id, due_at in (held or {}).items()
    ]
    rows["SESSION#2"] = [
        {"pk": f"mer_a#test#CS#{session_id}", "session_id": session_id, "due_at": due_at}
        for session_id, due_at in (sessions or {}).items()
    ]
    queue, gauges = Queue(), dict[str, int]()
    failures: list[Exception] = []
    services = due.Services(
        Index(rows), queue, NOW, gauges.__setitem__, lambda: seconds_left, failures.append
    )
    seen = due.tick(services)
    if failures:
        gauges["failures"] = len(failures)
    return seen, queue, gauges


@pytest.mark.parametrize(
    ("due_seconds", "delay_seconds"),
    [
        (-9999, 0),
        (-1, 0),
        (0, 1),
        (0.5, 1),
        (1, 2),
        (30, 31),
        (59, 60),
        (59.9, 60),
        (60, None),
        (3600, None),
    ],
)
def test_what_is_due_before_the_next_tick_is_queued_for_its_very_second(
    due_seconds: float, delay_seconds: int | None
) -> None:
    then = at(due_seconds)
    seen, queue, _ = tick([operation(due_at=then)], {"pi_9": then}, {"cs_9": then})
    if delay_seconds is None:
        assert (queue.looks, queue.expiries, queue.sessions, seen.queued) == ({}, {}, {}, 0)
    else:
        assert queue.looks == {"op_1": delay_seconds}
        assert queue.expiries == {"mer_a/pi_9": delay_seconds}
        assert queue.sessions == {"mer_a/cs_9": delay_seconds}
        assert seen.queued == 3


def test_every_shard_is_read_and_every_page_up_to_a_bound() -> None:
    index = Index({"OPERATION#3": [operation(n).to_item() for n in range(100)]})
    found = list(due.unresolved(index))
    assert {f"OPERATION#{shard}" for shard in range(8)} == set(index.read)
    assert len(found) == index.page_items * due.PAGES_PER_SHARD_MAX
    index.rows["OPERATION#3"] = index.rows["OPERATION#3"][:5]
    assert [one.operation_id for one in due.unresolved(index)] == [f"op_{n}" for n in range(5)]


OPEN = {"state": OperationState.OPEN, "lease_until": at(1)}


@pytest.mark.parametrize(
    ("operations", "oldest_seconds", "decisions"),
    [
        ([], 0, 0),
        ([operation()], 100, 0),
        ([operation(1, created_at=at(-7)), operation(2), operation(3, created_at=at(-9))], 100, 0),
        ([operation(**OPEN)], 0, 0),
        ([operation(state=OperationState.OPEN)], 100, 0),
        ([operation(lease_until=at(1))], 100, 0),
        ([operation(1, requires_decision=True), operation(2), operation(3)], 100, 1),
        ([operation(n, requires_decision=True, due_at=at(9999)) for n in range(3)], 100, 3),
    ],
)
def test_how_bad_things_are(
    operations: list[Operation], oldest_seconds: int, decisions: int
) -> None:
    seen, _, gauges = tick([replace(one) for one in operations])
    assert (seen.oldest_unknown_seconds, seen.requiring_decision) == (oldest_seconds, decisions)
    assert gauges == {
        "OldestUnknownSeconds": oldest_seconds,
        "OperationsRequiringDecision": decisions,
    }


def test_a_row_of_another_release_holds_up_nobody_and_is_as_unknown_as_any() -> None:
    def spoil(row: Item) -> None:
        if row["operation_id"] == "op_1":
            row["state"] = "SOMETHING_NEW"

    seen, queue, gauges = tick([operation(1), operation(2)], {"pi_9": at(0)}, spoil=spoil)
    assert set(queue.looks) == {"op_2"}
    assert queue.expiries
    assert (gauges["failures"], seen.oldest_unknown_seconds) == (1, 100)


def test_what_there_is_no_time_for_is_measured_and_left_to_the_next_tick() -> None:
    seen, queue, gauges = tick([operation()], {"pi_9": at(0)}, seconds_left=4)
    assert (seen.queued, queue.looks, queue.expiries) == (0, {}, {})
    assert gauges["OldestUnknownSeconds"] == 100


def test_each_minute_begins_with_another_shard() -> None:
    index, queue = Index({}), Queue()
    for minute in (0, 3):
        now = NOW + timedelta(minutes=minute)
        due.tick(due.Services(index, queue, now, lambda *_: None, lambda: 50.0, lambda _: None))
    assert index.read[0] == "OPERATION#0"
    half = len(index.read) // 2
    assert index.read[half] == "OPERATION#3"
    assert set(index.read[:half]) == set(index.read[half:])
