"""The tables in memory, with conditions and transactions that behave as DynamoDB's."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from farthing.store import (
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    TenantScope,
    Update,
    Write,
)
from farthing.store.page import Page
from tests.unit.settlement.steps import Steps

TRANSACTION_WRITES_MAX = 100


def holds(condition: Condition, item: Item | None) -> bool:
    """DynamoDB's answer to a condition: comparisons with what is missing are false."""
    facts = item or {}
    text = condition.expression
    text = re.sub(r"attribute_not_exists\(#(\w+)\)", r"('\1' not in facts)", text)
    text = re.sub(r"attribute_exists\(#(\w+)\)", r"('\1' in facts)", text)
    text = re.sub(
        r"#(\w+) (=|<) :(\w+)",
        lambda m: (
            f"('{m[1]}' in facts and facts['{m[1]}'] "
            f"{'==' if m[2] == '=' else m[2]} values['{m[3]}'])"
        ),
        text,
    )
    text = text.replace(" AND ", " and ").replace(" OR ", " or ")
    return bool(eval(text, {"facts": facts, "values": condition.values}))


@dataclass
class Tables:
    """What is stored. One lock makes each write all or nothing."""

    items: dict[Key, Item] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, writes: Sequence[Write]) -> None:
        assert len(writes) <= TRANSACTION_WRITES_MAX
        assert len({write.key for write in writes}) == len(writes)
        with self.lock:
            for index, write in enumerate(writes):
                item = self.items.get(write.key)
                if not holds(write.when, item):
                    raise ConditionFailed(index, write.when.name, write.key, item)
            for write in writes:
                self._apply(write)

    def _apply(self, write: Write) -> None:
        match write:
            case Put():
                self.items[write.key] = {**write.item, **write.key.attributes()}
            case Update():
                old = self.items.get(write.key, write.key.attributes())
                added = {name: old.get(name, 0) + more for name, more in write.add.items()}
                new = {**old, **write.set, **added}
                kept = {name: value for name, value in new.items() if name not in write.remove}
                self.items[write.key] = kept
            case Delete():
                del self.items[write.key]
            case Check():
                pass


@dataclass
class MemoryStore:
    """The tables as one merchant's store, in short pages."""

    tables: Tables
    scope: TenantScope
    steps: Steps
    before_write: Callable[..., None] = lambda *writes: None
    page_items: int = 3

    def get(self, key: Key) -> Item | None:
        self.scope.check(key.pk)
        return self.steps.around(lambda: self.tables.items.get(key))  # type: ignore[no-any-return]

    def batch_get(self, keys: Sequence[Key]) -> dict[Key, Item]:
        for key in keys:
            self.scope.check(key.pk)
        found = ((key, self.tables.items.get(key)) for key in keys)
        return self.steps.around(  # type: ignore[no-any-return]
            lambda: {key: dict(item) for key, item in found if item is not None}
        )

    def query(
        self,
        table: str,
        pk: str,
        *,
        sk_prefix: str = "",
        sk_before: str | None = None,
        sk_after: str | None = None,
        newest_first: bool = False,
        limit: int = 1000,
        start: Item | None = None,
    ) -> Page:
        assert (sk_before, sk_after, newest_first) == (None, None, False)
        self.scope.check(pk)
        after = start["sk"] if start else ""
        limit = min(limit, self.page_items)

        def read() -> Page:
            found = sorted(
                (key.sk, item)
                for key, item in list(self.tables.items.items())
                if (key.table, key.pk) == (table, pk)
                and key.sk.startswith(sk_prefix)
                and key.sk > after
            )
            items = [dict(item) for _, item in found[:limit]]
            return Page(items, items[-1] if len(found) > limit else None)

        return self.steps.around(read)  # type: ignore[no-any-return]

    def write(self, *writes: Write) -> None:
        for write in writes:
            self.scope.check(write.key.pk)
        self.before_write(*writes)
        self.steps.around(lambda: self.tables.write(writes))


@dataclass
class MemoryFiles:
    """Where files are."""

    kept: dict[str, bytes]
    steps: Steps

    def put(self, key: str, content: bytes, content_type: str) -> None:
        assert content_type == "text/csv"
        self.steps.around(lambda: self.kept.__setitem__(key, content))

    def get(self, key: str) -> bytes:
        return self.kept[key]
