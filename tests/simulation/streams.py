"""A table's stream, as Lambda reads it for a function.

Records of one partition key come in their order, in one shard; a batch that failed comes again, cut
in half, from its first failed record on, and holds up what is behind it. What the filter does not
want is not brought. A shard may be read twice, or stand still for longer than the stream keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from tests.simulation.faults import Fault
from tests.simulation.functions import Result
from tests.simulation.stack import StreamSource

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARDS = 2
POLL_SECONDS = (0.05, 1.0)
STALL_SECONDS = (60.0, 25 * 3600.0)
RETRY_SECONDS_MAX = 60.0

Record = Mapping[str, Any]


def wants(pattern: Mapping[str, Any]) -> list[tuple[tuple[str, ...], frozenset[str]]]:
    """An event pattern as paths and the values wanted there: lists of exact texts, in objects."""
    found: list[tuple[tuple[str, ...], frozenset[str]]] = []
    for name, wanted in pattern.items():
        if isinstance(wanted, Mapping):
            found += [((name, *path), values) for path, values in wants(wanted)]
        elif all(isinstance(value, str) for value in wanted):
            found.append(((name,), frozenset(wanted)))
        else:
            raise NotImplementedError(f"a pattern with {wanted}")
    return found


def matches(pattern: Sequence[tuple[tuple[str, ...], frozenset[str]]], about: Any) -> bool:
    """Whether a pattern (of `wants`) wants it."""
    for path, values in pattern:
        at = about
        for name in path:
            at = at.get(name)
            if at is None:
                return False
        if at not in values:
            return False
    return True


class Shard:
    """Records in order, read by one invocation at a time."""

    def __init__(self, world: World, source: StreamSource, number: int) -> None:
        self._world, self._source = world, source
        self._name = f"stream {source.table}[{number}]"
        self._records: list[Record] = []
        self._limit = source.batch_size
        self._failures = 0
        self._reading = False

    def add(self, record: Record) -> None:
        """A record that the filter wants."""
        self._records.append(record)
        if not self._reading:
            self._reading = True
            self._again(self._wait())

    def _wait(self) -> float:
        faults = self._world.faults
        if faults.strikes(Fault.STREAM_STALL):
            self._world.struck(self._name, Fault.STREAM_STALL)
            return faults.dice.spread(*STALL_SECONDS)
        return 0.2 if faults.fixed else faults.dice.between(*POLL_SECONDS)

    def _again(self, seconds: float) -> None:
        self._world.scheduler.at(self._world.scheduler.now + seconds, self._read)

    def _read(self) -> None:
        self._drop_the_old()
        batch = self._records[: self._limit]
        if not batch:
            self._reading = False
            return
        promise = self._world.functions.start(self._source.function, {"Records": batch})
        promise.then(lambda result: self._ended(batch, result))

    def _ended(self, batch: Sequence[Record], result: Result) -> None:
        done = 0 if result.error else _done(batch, result.value)
        if done == len(batch):
            self._failures, self._limit = 0, self._source.batch_size
            if self._world.faults.strikes(Fault.STREAM_TWICE):
                self._world.struck(self._name, Fault.STREAM_TWICE)
                done = 0
            del self._records[:done]
            self._again(self._wait())
            return
        del self._records[:done]
        self._failures += 1
        if result.error and self._source.bisects:
            self._limit = max(1, len(batch) // 2)
        if 0 <= self._source.retries_max < self._failures:
            self._give_up(len(batch) - done)
        wait = min(RETRY_SECONDS_MAX, 0.1 * 2 ** min(self._failures, 20))
        self._again(wait)

    def _drop_the_old(self) -> None:
        oldest = self._world.scheduler.now - self._source.age_seconds_max
        old = 0
        for record in self._records:
            if record["dynamodb"]["ApproximateCreationDateTime"] >= oldest:
                break
            old += 1
        if old:
            self._give_up(old)

    def _give_up(self, count: int) -> None:
        first = self._records[0]["dynamodb"]["SequenceNumber"]
        del self._records[:count]
        self._failures, self._limit = 0, self._source.batch_size
        if self._source.failures:
            self._world.put_into(self._source.failures, {"position": first, "records": count})


def _done(batch: Sequence[Record], answer: Any) -> int:
    """How many records from the front are done: those before the first that failed."""
    failed = {one["itemIdentifier"] for one in (answer or {}).get("batchItemFailures", [])}
    for number, record in enumerate(batch):
        if record["dynamodb"]["SequenceNumber"] in failed:
            return number
    return len(batch)


class Stream:
    """One event source: from a table's stream to a function."""

    def __init__(self, world: World, source: StreamSource) -> None:
        self._world, self._source = world, source
        self._shards = [Shard(world, source, number) for number in range(SHARDS)]
        self._seen = len(world.tables.stream(source.table))
        self._wanted = [wants(pattern) for pattern in source.filters]

    def follow(self) -> None:
        """There may be new records."""
        records = self._world.tables.stream(self._source.table)
        if len(records) == self._seen:
            return
        new, self._seen = records[self._seen :], len(records)
        for record in new:
            if not self._wanted or any(matches(pattern, record) for pattern in self._wanted):
                pk = record["dynamodb"]["Keys"]["pk"]["S"]
                self._shards[crc32(pk.encode()) % SHARDS].add(record)
