"""EventBridge: what starts by the clock, late, twice or not at all.

A tick that finds nothing changes nothing, so only those are run that have something to find: the
rows that wait for a tick are watched as they are written, and a schedule sleeps until the first of
them is due. That is what lets eight days pass in a moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from farthing.payments.due import AHEAD_SECONDS
from tests.simulation.aws.dynamo import Tables, WriteRecord
from tests.simulation.faults import SKEW_SECONDS_MAX, Fault
from tests.simulation.functions import Result
from tests.simulation.invariants import waits_for_a_tick
from tests.simulation.stack import Schedule

if TYPE_CHECKING:
    from tests.simulation.world import World

DUE: Mapping[tuple[str, str], str] = {
    ("payments", "CARD"): "vault_purge",
    ("payments", "EVENT"): "outbox",
    ("payments", "OPERATION"): "resolve_unknown",
    ("payments", "DEBIT"): "resolve_unknown",
    ("payments", "DISPUTE"): "dispute_deadlines",
    ("payments", "EXPIRY"): "resolve_unknown",
    ("payments", "SESSION"): "resolve_unknown",
    ("payments", "NETWORK_TOKEN"): "resolve_unknown",
    ("webhooks", "DELIVERY"): "redeliver_due",
    ("webhooks", "ENDPOINT_NEWS"): "redeliver_due",
    ("webhooks", "RECOVERY"): "redeliver_due",
    ("webhooks", "INBOX"): "redeliver_due",
}
"""Table and first part of `due_pk` → the function whose tick such a row waits for."""

AHEAD: Mapping[str, float] = {"resolve_unknown": float(AHEAD_SECONDS)}
"""A tick that sees to what is due before the next one comes: it finds a row so much earlier."""

ANY_TIME = ""
LATE_SECONDS = (1.0, 900.0)
ASYNC_RETRY_SECONDS = (60.0, 120.0)
"""How long Lambda waits before it repeats an asynchronous invocation that failed."""
TICK = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}

Mark = tuple[str, str]
"""A function, and from when on its tick finds the row."""


def mark_of(table: str, item: Mapping[str, Any] | None) -> Mark | None:
    """Whose tick an item waits for."""
    if item is None:
        return None
    if waits_for_a_tick(item):
        return DUE[table, item["due_pk"]["S"].partition("#")[0]], item["due_at"]["S"]
    if table == "payments":
        waits = item.get("entity") == {"S": "settlement_entry"} and "settlement_id" not in item
        return ("settle", ANY_TIME) if waits else None
    if table == "settlement" and "#UNFINISHED#" in item["pk"]["S"]:
        return "settle", ANY_TIME
    return None


class Waiting:
    """The rows that wait for a tick."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[str, Any], str]] = defaultdict(dict)

    def copy(self) -> Waiting:
        """For a snapshot."""
        new = Waiting()
        for function, rows in self._rows.items():
            new._rows[function] = rows.copy()
        return new

    @classmethod
    def of(cls, tables: Tables) -> Waiting:
        """What the tables hold, after they were filled without telling anybody."""
        new = cls()
        for name, table in tables.tables.items():
            new.follow(WriteRecord(name, key, None, item) for key, item in table.rows.items())
        return new

    def follow(self, records: Iterable[WriteRecord]) -> list[str]:
        """Take note of a write. For which functions something new waits."""
        changed = []
        for table, key, old, new in records:
            before, after = mark_of(table, old), mark_of(table, new)
            if before == after:
                continue
            if before is not None:
                self._rows[before[0]].pop((table, key), None)
            if after is not None:
                self._rows[after[0]][table, key] = after[1]
                changed.append(after[0])
        return changed

    def first(self, function: str) -> float | None:
        """When the first row is due; None if nothing waits."""
        rows = self._rows.get(function)
        if not rows:
            return None
        first = min(rows.values())
        return datetime.fromisoformat(first).timestamp() if first != ANY_TIME else 0.0

    def count(self, function: str) -> int:
        """How many rows wait for a function's tick."""
        return len(self._rows.get(function, ()))


class Clockwork:
    """All schedules of a world."""

    def __init__(self, world: World, waiting: Waiting, off: Collection[str]) -> None:
        self.waiting = waiting
        self._ticks = {
            one.function: Ticks(world, one, waiting)
            for one in world.stack.schedules
            if one.function not in off
        }
        for ticks in self._ticks.values():
            ticks.arm()

    def follow(self, records: Iterable[WriteRecord]) -> None:
        """A write: does something wait for a tick now?"""
        for function in self.waiting.follow(records):
            if function in self._ticks:
                self._ticks[function].arm()

    def look_again(self, tables: Tables) -> None:
        """The tables hold something else than before."""
        self.waiting = Waiting.of(tables)
        for ticks in self._ticks.values():
            ticks.waiting = self.waiting
            ticks.arm()


class Ticks:
    """One schedule."""

    def __init__(self, world: World, schedule: Schedule, waiting: Waiting) -> None:
        self._world, self._schedule, self.waiting = world, schedule, waiting
        every = schedule.every_seconds
        self._offset = schedule.at_seconds
        if self._offset is None:
            self._offset = 30.0 if world.faults.fixed else world.dice.between(0, every)
        self._armed_at: float | None = None
        self._running = 0

    def arm(self) -> None:
        """Fire at the first moment of the schedule at which there is something to find."""
        if self._running:
            return  # it sees to what there is; if it takes too long, the next one begins beside it
        first = self.waiting.first(self._schedule.function)
        if first is None:
            return
        world = self._world
        first -= AHEAD.get(self._schedule.function, 0.0)
        if world.faults.strikes(Fault.SKEW) and world.faults.dice.chance(0.2):
            first -= SKEW_SECONDS_MAX  # a function whose clock is ahead finds it early
        at = self._moment_after(max(first, world.scheduler.now + 0.001))
        if self._armed_at is not None and self._armed_at <= at:
            return
        self._armed_at = at
        world.scheduler.at(at, lambda: self._fire(at))

    def _moment_after(self, at: float) -> float:
        every, offset = self._schedule.every_seconds, self._offset or 0.0
        return ceil((at - offset) / every) * every + offset

    def _fire(self, at: float) -> None:
        if self._armed_at != at:
            return
        self._armed_at = None
        self._begin(at)

    def _begin(self, at: float) -> None:
        faults, dice = self._world.faults, self._world.faults.dice
        if self.waiting.first(self._schedule.function) is None:
            return
        if faults.strikes(Fault.SCHEDULE_MISSING):
            self._note(Fault.SCHEDULE_MISSING)
            self.arm()
            return
        late = 0.0
        if faults.strikes(Fault.SCHEDULE_LATE):
            self._note(Fault.SCHEDULE_LATE)
            late = dice.spread(*LATE_SECONDS)
        if faults.strikes(Fault.SCHEDULE_TWICE):
            self._note(Fault.SCHEDULE_TWICE)
            again = self._world.scheduler.now + late + dice.between(0, 90)
            self._world.scheduler.at(again, lambda: self._invoke(0, counted=False))
        self._running += 1
        after = at + self._schedule.every_seconds
        self._world.scheduler.at(after, lambda: self._beside(after))
        self._world.scheduler.at(self._world.scheduler.now + late, lambda: self._invoke(0))

    def _beside(self, at: float) -> None:
        """The next moment has come, and an earlier tick may still be at work."""
        first = self.waiting.first(self._schedule.function)
        ahead = AHEAD.get(self._schedule.function, 0.0)
        if self._running and first is not None and first - ahead <= at:
            self._begin(at)

    def _invoke(self, failures: int, *, counted: bool = True) -> None:
        promise = self._world.functions.start(self._schedule.function, dict(TICK))
        promise.then(lambda result: self._ended(result, failures, counted=counted))

    def _ended(self, result: Result, failures: int, *, counted: bool) -> None:
        world = self._world
        function = world.stack.functions[self._schedule.function]
        if result.error and failures < function.async_retries_max:
            wait = ASYNC_RETRY_SECONDS[min(failures, len(ASYNC_RETRY_SECONDS) - 1)]
            again = world.scheduler.now + wait
            world.scheduler.at(again, lambda: self._invoke(failures + 1, counted=counted))
            return
        if result.error and function.async_failures:
            world.put_into(function.async_failures, {"function": function.name})
        self._running -= counted
        self.arm()

    def _note(self, fault: Fault) -> None:
        self._world.struck(f"schedule {self._schedule.function}", fault)
