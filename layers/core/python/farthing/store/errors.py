"""What a store can answer besides success."""

from __future__ import annotations

from farthing.store.item import Item, Key


class ConditionFailed(Exception):
    """A write's condition did not hold, so nothing of its transaction was written.

    `index` is the place of the write in the call, `condition` its name, `item` what was there.
    """

    def __init__(self, index: int, condition: str, key: Key, item: Item | None) -> None:
        super().__init__(f"{condition} did not hold for {key.table}/{key.sk}")
        self.index = index
        self.condition = condition
        self.key = key
        self.item = item


class StoreBusy(Exception):
    """Conflicts or throttling outlasted the bounded retries. Nothing was read, nothing written."""


class KeyOutsideScope(Exception):
    """Code asked for a key of another merchant. A bug of ours: refused before any call."""
