"""The row of an endpoint's gate, changed by whoever has read it last."""

from __future__ import annotations

from collections.abc import Callable

from farthing.store import NOT_CREATED, Condition, ConditionFailed, Key, Put
from farthing.store.port import Writes
from farthing.webhooks.gate import Gate, Refusal

TRIES_MAX = 20
"""How often a worker may lose the race for the row. Few race: as many as there are places."""


def gate_is_still(version: int) -> Condition:
    """Nobody took a place or gave one back since the gate was read."""
    if version == 0:
        return NOT_CREATED
    return Condition("GATE_IS_STILL", "#version = :gate_read", {"gate_read": version})


def change_gate(
    store: Writes, key: Key, read: Gate, step: Callable[[Gate], Gate | Refusal]
) -> Gate | Refusal:
    """Take a step from the gate as it was read, or as others have left it meanwhile.

    A refusal writes nothing, and neither does a step that changes nothing. After too many lost
    races it is FULL: others are at it.
    """
    for _ in range(TRIES_MAX):
        after = step(read)
        if isinstance(after, Refusal) or after == read:
            return after
        try:
            store.write(Put(key, after.item(), gate_is_still(read.version)))
        except ConditionFailed as failed:
            read = Gate.of(failed.item)
            continue
        return after
    return Refusal.FULL
