"""All tables together, as the simulated world sees them: made, watched, kept and brought back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.aws.index import Key
from tests.simulation.aws.table import State, Table, WriteRecord
from tests.simulation.aws.values import Item
from tests.simulation.aws.writing import KEY_SCHEMA, Change, Tokens

Hook = Callable[[Sequence[WriteRecord]], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What all tables held at one moment."""

    tables: Mapping[str, State]
    tokens: Tokens
    records: int


class Storage:
    """Tables by name, and everything that is done to them without asking any condition."""

    def __init__(
        self,
        now: Callable[[], float],
        index_lag: Callable[[], float] = lambda: 0.0,
        stale: Callable[[], bool] = lambda: False,
    ) -> None:
        self.now = now
        self.index_lag = index_lag
        self.stale = stale
        self.on_write: list[Hook] = []
        """Called after each write with all items that it changed; not called if it changed none."""
        self.tables: dict[str, Table] = {}
        self.tokens = Tokens()
        self._records = 0

    def create_table(
        self,
        name: str,
        indexes: Mapping[str, tuple[str, str]] | None = None,
        stream: bool = False,
        ttl: str = "ttl",
    ) -> None:
        """A new table. `indexes` names each one's partition and sort attribute."""
        self.tables[name] = Table(name, indexes or {}, has_stream=stream, ttl=ttl)

    def create_declared(self, name: str, properties: Mapping[str, Any]) -> None:
        """A table as a template's AWS::DynamoDB::Table declares it."""
        if _schema(properties) != KEY_SCHEMA:
            raise NotImplementedError(f"{name} has other keys than pk and sk")
        self.create_table(
            name,
            {
                one["IndexName"]: _schema(one)
                for one in properties.get("GlobalSecondaryIndexes", ())
            },
            stream="StreamSpecification" in properties,
            ttl=properties.get("TimeToLiveSpecification", {}).get("AttributeName", "ttl"),
        )

    def items(self, name: str) -> Iterable[Item]:
        """Every item of a table, for looking only."""
        return self.tables[name].rows.values()

    def item(self, name: str, pk: str, sk: str) -> Item | None:
        """One item, for looking only."""
        return self.tables[name].rows.get((pk, sk))

    def stream(self, name: str) -> list[dict[str, Any]]:
        """The table's stream, oldest first, each record as Lambda gets it. It only ever grows."""
        return self.tables[name].records

    def snapshot(self) -> Snapshot:
        """What all tables hold now, streams and tokens included."""
        states = {name: table.snapshot() for name, table in self.tables.items()}
        return Snapshot(states, self.tokens.copy(), self._records)

    def restore(self, snapshot: Snapshot) -> None:
        """Hold again what a snapshot holds. Hooks are not called."""
        for name, state in snapshot.tables.items():
            self.tables[name].restore(state)
        self.tokens = snapshot.tokens.copy()
        self._records = snapshot.records

    def restore_items(self, snapshot: Snapshot, names: Iterable[str]) -> None:
        """Hold a backup's items, as after a point-in-time recovery: streams know nothing of it."""
        for name in names:
            self.tables[name].restore_items(snapshot.tables[name])

    def expire(
        self, now: float, chosen: Callable[[str, Key], bool] = lambda table, key: True
    ) -> int:
        """Delete the items whose time to live is over (those `chosen`). How many there were."""
        deleted = 0
        for table in self.tables.values():
            for key, item in list(table.expired(now)):
                if chosen(table.name, key):
                    self.commit([(table, key, item, None, 0)], expired=True)
                    deleted += 1
        return deleted

    def commit(self, changes: Iterable[Change], *, expired: bool = False) -> None:
        """Make the changes, all at one moment; then tell the hooks."""
        now = self.now()
        records = []
        for table, place, old, new, size in changes:
            # A write that changes nothing leaves no trace, in the stream neither.
            if new is old or new == old:
                continue
            lag = self.index_lag() if table.schemas else 0.0
            table.write(place, old, new, size, now, lag)
            record = WriteRecord(table.name, place, old, new)
            records.append(record)
            if table.has_stream:
                self._records += 1
                table.record(record, self._records, now, expired=expired)
        if records:
            for hook in self.on_write:
                hook(records)


def _schema(declared: Mapping[str, Any]) -> tuple[str, str]:
    by_type = {key["KeyType"]: key["AttributeName"] for key in declared["KeySchema"]}
    return by_type["HASH"], by_type["RANGE"]
