"""The bugs of the gate that are about what acquirers tell us: see planted_bugs.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from farthing.acquiring import apply as applying
from farthing.acquiring import inbox, receive
from farthing.acquiring.inbox import ItemAddress, Kept, Turn, kept_put
from farthing.store import ConditionFailed, Update
from tests.simulation import profiles
from tests.simulation.planted import Patches
from tests.simulation.planted_bugs import bug


@bug(
    "what was received before is acknowledged, whatever became of it",
    invariant=9,
    profile=profiles.TOLD,
)
def deduped_on_received(patch: Patches) -> None:
    def keep(address: ItemAddress, item: Any, services: Any) -> None:
        try:
            services.store.write(kept_put(address, item, services.now))
        except ConditionFailed:
            return
        services.queue.send(address)

    patch.attribute(receive, "_keep", keep)


@bug("an item is marked before it is applied", invariant=9, profile=profiles.TOLD)
def marked_before_applied(patch: Patches) -> None:
    real = applying.apply

    def apply(address: ItemAddress, services: Any, work: Callable[[Kept], None]) -> Turn | None:
        seen: list[Kept] = []
        turn = real(address, services, seen.append)
        for kept in seen:
            work(kept)
        return turn

    patch.everywhere(real, apply)


@bug(
    "what waits for hours is in no index, because its message will come",
    invariant=9,
    profile=profiles.TOLD_OF_NOTHING,
)
def waiting_in_no_index(patch: Patches) -> None:
    real = applying.step

    def step(before: Kept, after: Kept) -> Update:
        write, marks = real(before, after), {"due_pk", "due_at"}
        kept = {name: value for name, value in write.set.items() if name not in marks}
        return replace(write, set=kept, remove=[*{*write.remove, *marks}])

    patch.attribute(applying, "step", step)


@bug(
    "a claim lasts longer than its message is away, and who meets it lets the message go",
    invariant=9,
    profile=profiles.TOLD,
)
def dropped_in_other_hands(patch: Patches) -> None:
    real = applying.apply

    def apply(address: ItemAddress, services: Any, work: Callable[[Kept], None]) -> Turn | None:
        try:
            return real(address, services, work)
        except applying.InOtherHands:
            return Turn.IN_OTHER_HANDS

    patch.everywhere(real, apply)
    patch.attribute(inbox, "LEASE_SECONDS", 10 * 60)
