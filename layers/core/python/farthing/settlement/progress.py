"""How far a merchant's entries at one acquirer are claimed: through which day, lane by lane.

One row speaks for all lanes, and a lane that was worked on by itself has one of its own: the later
day counts. So lanes never wait for each other, and a day is done when the last of them has said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date

from farthing.settlement.batch import TABLE
from farthing.settlement.entry import SHARDS
from farthing.settlement.ports import Store
from farthing.store.condition import Condition
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Update

ENTITY = "settlement_progress"
ALL_SK, LANE_SK = "PROGRESS", "PROGRESS#"
EVERY_LANE: Sequence[int] = range(SHARDS)


def progress_key(tenant: TenantScope, acquirer: str, lanes: Sequence[int] = EVERY_LANE) -> Key:
    """The row that says through which day all of `lanes` are claimed: all, or one."""
    sk = ALL_SK if len(lanes) == SHARDS else f"{LANE_SK}{lanes[0]}"
    return Key(TABLE, tenant.pk("PROGRESS", acquirer), sk)


def reached(store: Store, tenant: TenantScope, acquirer: str, lanes: Sequence[int]) -> date | None:
    """Through which day every one of `lanes` is claimed; None if one of them never was."""
    pk = progress_key(tenant, acquirer).pk
    days = {item["sk"]: date.fromisoformat(item["through_day"]) for item in _rows(store, pk)}
    found = [_later(days, lane) for lane in lanes]
    known = [day for day in found if day is not None]
    return min(known) if len(known) == len(found) else None


def move(store: Store, tenant: TenantScope, acquirer: str, lanes: Sequence[int], day: date) -> None:
    """Every one of `lanes` is claimed through `day`, unless somebody is further."""
    further = Update(
        progress_key(tenant, acquirer, lanes),
        when=progress_behind(day),
        set={"entity": ENTITY, "through_day": day.isoformat()},
    )
    with suppress(ConditionFailed):  # another run is further, and its word is as good as ours
        store.write(further)


def progress_behind(day: date) -> Condition:
    """The recorded day is earlier than `day`, or there is none: progress never goes back."""
    return Condition(
        "PROGRESS_BEHIND",
        "attribute_not_exists(#pk) OR #through_day < :day",
        {"day": day.isoformat()},
    )


def _rows(store: Store, pk: str) -> Iterator[Item]:
    """One row for all lanes, and one for each that was ever worked on by itself."""
    start: Item | None = None
    while True:
        page = store.query(TABLE, pk, start=start)
        yield from page.items
        start = page.next_start
        if start is None:
            return


def _later(days: Mapping[str, date], lane: int) -> date | None:
    known = [days[sk] for sk in (ALL_SK, f"{LANE_SK}{lane}") if sk in days]
    return max(known, default=None)
