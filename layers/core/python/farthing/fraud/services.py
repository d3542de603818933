"""What the use cases need by which a merchant says what fraud is: its rules, lists and model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farthing.ids import IdSource
from farthing.store import TenantScope
from farthing.store.port import Gets, Queries, Writes


class Rows(Gets, Queries, Writes, Protocol):
    """What is needed of the risk table."""


@dataclass(frozen=True)
class Services:
    """One merchant's view of the world, for one request. `pause` waits before a next attempt."""

    tenant: TenantScope
    store: Rows
    now: datetime
    new_id: IdSource
    pause: Callable[[int], None]
