"""What came of a run is known when every merchant has said so, and every lane set to work."""

from __future__ import annotations

from dataclasses import replace

from farthing.settlement.finish import Progress
from farthing.settlement.job import Job, Lane
from farthing.settlement.outcome import Outcome, job_put, result_of, run_put
from farthing.store import SystemScope
from tests.unit.settlement.memory import MemoryStore, Tables
from tests.unit.settlement.steps import Steps
from tests.unit.settlement.world import World, at

RUN = "run_1"


def note(tables: Tables, job: Job, outcome: Outcome) -> None:
    row = job_put(replace(job, run=RUN), outcome, at(1))
    assert row is not None
    tables.write([row])


def result(tables: Tables) -> tuple[int | None, int]:
    store = MemoryStore(tables, SystemScope(), Steps(), page_items=2)  # type: ignore[arg-type]
    found = result_of(RUN, store)
    return found["jobs"], found["done"]


def test_a_lane_that_is_faster_than_its_merchant_does_not_end_the_run() -> None:
    """Given two merchants, one with lanes; its first lane says so before the merchant does."""
    tables, job = Tables(), World().job(0)
    other = replace(job, merchant_id="mer_01jd0000000000000000000bbb")
    lanes = [replace(job, lane=Lane("test", "sandbox", number)) for number in range(3)]

    assert result(tables) == (None, 0)
    tables.write([run_put(RUN, 2, at(1))])
    note(tables, other, Outcome())
    note(tables, lanes[0], Outcome())
    assert result(tables) == (2, 1)

    note(tables, job, Outcome(sent={lane.name for lane in lanes}))
    assert result(tables) == (5, 3)
    for lane in lanes:
        note(tables, lane, Outcome())
    assert result(tables) == (5, 5)


def test_a_message_that_came_again_counts_as_it_ended() -> None:
    tables, job, world = Tables(), World().job(0), World()
    world.enter(0)
    world.run(0)
    settled, failed = Outcome(), Outcome()
    settled.batch(Progress(world.batch()), at(1))
    failed.failure()
    tables.write([run_put(RUN, 1, at(1))])

    note(tables, job, failed)
    note(tables, job, settled)

    store = MemoryStore(tables, SystemScope(), Steps())  # type: ignore[arg-type]
    counts = {"settled": 1, "exceptions": 0, "waiting": 0, "failed": 0}
    assert result_of(RUN, store) == {"run": RUN, "jobs": 1, "done": 1, **counts}


def test_nobody_waits_for_the_schedules_messages() -> None:
    assert job_put(World().job(0), Outcome(), at(1)) is None
