"""Payments as their counters see them: begun with their operation, ended with their outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from farthing.fraud.counter_row import RACES_MAX, card_key, counter_of, counter_write
from farthing.fraud.window import HOUR_SECONDS, Attempt, Counter
from farthing.store import NOT_CREATED, ConditionFailed, Key, Put, StoreBusy, TenantScope
from farthing.store.port import Store


@dataclass
class Till:
    """Tries cards at one merchant, and keeps to a limit as the rules do."""

    store: Store
    tenant: TenantScope
    limit: int = 3

    def read(self, key: Key) -> Counter:
        return counter_of(self.store.get(key))

    def begin(self, attempt: Attempt, keys: Sequence[Key], now: datetime) -> bool:
        """Whether it was let in: Tx-1 with the operation and every counter, or nothing."""
        for _ in range(RACES_MAX):
            before = {key: self.read(key) for key in keys}
            if any(one.trips(HOUR_SECONDS, self.limit, now) for one in before.values()):
                return False
            writes = [counter_write(k, one, one.begun(attempt)) for k, one in before.items()]
            operation = Key("risk", self.tenant.pk("OP", attempt.operation_id), "OP")
            put = Put(operation, {"entity": "operation"}, NOT_CREATED)
            try:
                self.store.write(put, *(write for write in writes if write is not None))
            except (ConditionFailed, StoreBusy):
                continue
            return True
        raise AssertionError(f"{RACES_MAX} races lost")

    def end(self, attempt: Attempt, keys: Sequence[Key], *, failed: bool) -> None:
        """Tx-2, until it is written: a counter a transaction, whoever is at it."""
        for key in keys:
            while True:
                before = self.read(key)
                after = before.failed_with(attempt) if failed else before.ended_otherwise(attempt)
                write = counter_write(key, before, after)
                if write is None:
                    break
                try:
                    self.store.write(write)
                except (ConditionFailed, StoreBusy):
                    continue
                break


def a_card(tenant: TenantScope, name: str) -> Key:
    return card_key(tenant, f"fingerprint-{name}")
