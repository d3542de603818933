"""Planted bugs of the sender: what a delivery may lose, and who may say that it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from farthing.webhooks import deliver, gate
from farthing.webhooks.delivery import Delivery
from farthing.webhooks.ports import Queue
from tests.simulation import profiles
from tests.simulation.planted import Bug, Patches, Plant
from tests.simulation.profiles import Profile

BUGS_OF_WEBHOOKS: list[Bug] = []


def bug(what: str, invariant: int, profile: Profile, limit: int = 30) -> Callable[[Plant], Plant]:
    """Put a bug on the list, under the name of its function."""

    def listed(plant: Plant) -> Plant:
        name = plant.__name__.replace("_", " ")
        BUGS_OF_WEBHOOKS.append(Bug(name, what, invariant, limit, plant, profile))
        return plant

    return listed


@bug("a delivery is said to have ended, and then copied", 4, profiles.GONE)
def copy_after_the_end(patch: Patches) -> None:
    def write_end(store: Any, exhausted: Queue, before: Delivery, after: Delivery) -> Any:
        step = deliver._write_step(store, before, after)
        if step:
            exhausted.send([after.copy_of_the_end])
        return after if step else None

    patch.attribute(deliver, "_write_end", write_end)


@bug("the place of a worker that died is kept for ever", 9, profiles.DYING)
def places_without_an_end(patch: Patches) -> None:
    """Of a gate that closes early, so that a run of minutes meets a probe that dies."""
    patch.attribute(gate, "FAILURES_MAX", 2)
    patch.attribute(gate, "PLACE_SECONDS", 10**8)


@bug("what the gate refuses leaves the due index", 4, profiles.DYING)
def held_back_in_the_queue_alone(patch: Patches) -> None:
    real = Delivery.deferred

    def deferred(self: Delivery, *about: Any) -> Delivery:
        return replace(real(self, *about), due_at=None)

    patch.attribute(Delivery, "deferred", deferred)
