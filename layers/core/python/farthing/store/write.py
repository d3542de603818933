"""Writes, each with the condition that it depends on. There is no write without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from farthing.store.condition import Condition
from farthing.store.item import Item, Key, Value


@dataclass(frozen=True)
class Put:
    """Write a whole item."""

    key: Key
    item: Item
    when: Condition


@dataclass(frozen=True)
class Update:
    """Change attributes: `set` replaces, `add` adds (may be negative), `remove` drops."""

    key: Key
    when: Condition
    set: Mapping[str, Value] = field(default_factory=dict)
    add: Mapping[str, int] = field(default_factory=dict)
    remove: Sequence[str] = ()


@dataclass(frozen=True)
class Delete:
    """Remove an item."""

    key: Key
    when: Condition


@dataclass(frozen=True)
class Check:
    """Write nothing, but only let the transaction pass if the condition holds."""

    key: Key
    when: Condition


Write = Put | Update | Delete | Check
