"""Payments as their counters see them: begun with their operation, ended with their outcome."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from farthing.fraud.counter_row import RACES_MAX, card_key, counter_of, counter_write
from farthing.fraud.window import (
    FAILURES_KEPT,
    HOUR_SECONDS,
    TEN_MINUTES_SECONDS,
    Attempt,
    Counter,
    milliseconds,
)
from farthing.ids import instant_of, make_id
from farthing.store import NOT_CREATED, ConditionFailed, Key, Put, StoreBusy, TenantScope
from farthing.store.port import Store
from tests.support.threads import at_once


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


def arrive(till: Till, key: Key, noon: datetime, seed: int) -> None:
    """Payments of two hours, told by six at once, in no order, some of them twice and thrice, each
    looked at from a clock of its own: then the counter says of any window what counting does."""
    chance = random.Random(seed)
    told = []
    for n in range(48):
        at = noon + timedelta(seconds=chance.randrange(7200))
        told.append(Attempt.of(make_id("op", at, seed.to_bytes(5, "big") + n.to_bytes(5, "big"))))
    fails = {one for one in told if chance.random() < 1 / 3}
    let_in: list[Attempt] = []

    def tries(one: Attempt) -> None:
        if till.begin(one, [key], instant_of(one.operation_id)):
            let_in.append(one)
            for _ in range(chance.randrange(1, 4)):
                till.end(one, [key], failed=one in fails)

    at_once(tries, told, 6)
    failed = sorted(fails & set(let_in))
    counter = till.read(key)
    assert counter.failed == tuple(failed[-FAILURES_KEPT:]) and counter.in_flight == ()
    for seconds in range(0, 3 * 3600, 37):
        now = noon + timedelta(seconds=seconds)
        for window in (TEN_MINUTES_SECONDS, HOUR_SECONDS):
            since_ms = milliseconds(now) - window * 1000
            counted = sum(one.at_ms > since_ms for one in failed)
            found = counter.within(window, now).total
            assert min(found, FAILURES_KEPT) == min(counted, FAILURES_KEPT), (seed, now, window)
    assert failed, seed


def a_card(tenant: TenantScope, name: str) -> Key:
    return card_key(tenant, f"fingerprint-{name}")
