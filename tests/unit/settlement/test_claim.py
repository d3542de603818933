"""Each entry goes into one batch, ever: whatever crashes, whoever runs beside, however late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farthing.settlement import batch, claim
from farthing.settlement.batch import (
    FULL_FROM,
    LINES_MAX,
    LINES_PER_CLAIM_MAX,
    TAKES_LINES,
    BatchName,
    Status,
)
from farthing.settlement.claim import Claims, claiming
from farthing.settlement.entry import ENTRY_UNCLAIMED, Operation, entry_key
from farthing.settlement.fan_out import RunIncomplete
from farthing.settlement.progress import progress_behind, progress_key
from farthing.store import NOT_CREATED, ConditionFailed, Put, TenantScope, Update, Write
from farthing.store.errors import StoreBusy
from farthing.store.table import TRANSACTION_WRITES_MAX
from farthing_sandbox.files import ENTRIES_MAX
from tests.unit.settlement.memory import MemoryStore
from tests.unit.settlement.steps import Crash, Steps, TurnTaking, crash_at
from tests.unit.settlement.world import (
    ACQUIRER,
    FIRST_DAY,
    TENANT,
    Clock,
    World,
    at,
    day,
)

OTHER = TenantScope("mer_01jd0000000000000000000bbb", "test")


def claims(world: World, until: int) -> Claims:
    store = MemoryStore(world.tables, TENANT, Steps())
    return Claims(TENANT, ACQUIRER, day(until), store, Clock(at(until + 1)))


def days_of(world: World) -> list[int]:
    return [(batch.name.business_day - FIRST_DAY).days for batch in world.batches()]


def test_a_days_entries_become_one_batch_for_each_currency() -> None:
    world = World()
    world.enter(0, 1000)
    world.enter(0, 400, Operation.REFUND)
    world.enter(0, 700, currency="usd")

    summary = world.run(0)

    assert summary == {"settled": 2, "exceptions": 0, "waiting": 0}
    assert {b.name.currency: (b.totals, b.paid) for b in world.batches()}.keys() == {"eur", "usd"}
    world.check()


def test_a_merchant_with_no_entries_makes_no_batch() -> None:
    world = World()

    world.run(0)

    assert world.batches() == []
    assert world.rows("settlement_unfinished") == []


def test_a_day_that_is_not_over_is_left_alone() -> None:
    world = World()
    world.enter(1)

    world.run(0)

    assert world.batches() == []


def test_missed_days_go_into_the_batch_of_the_day_that_runs() -> None:
    world = World()
    world.run(0)
    for number in range(1, 30):
        world.enter(number)

    world.run(30)

    assert days_of(world) == [30]
    assert len(world.lines()[world.batch().name.settlement_id]) == 29
    world.check()


def test_a_late_entry_goes_to_the_next_batch() -> None:
    world = World()
    world.enter(0)
    world.run(0)

    late = world.enter(0)
    world.run(0)
    assert world.lines().keys() == {world.batch().name.settlement_id}
    assert late.entry_id not in {line.entry_id for line in next(iter(world.lines().values()))}

    world.run(1)

    assert days_of(world) == [0, 1]
    world.check()


def test_a_late_entry_is_still_found_after_a_week() -> None:
    world = World()
    world.enter(0)
    for number in range(6):
        world.run(number)

    world.enter(0)
    world.run(6)

    world.check()


def test_a_late_entry_is_found_however_long_the_schedule_stood_still() -> None:
    world = World()
    world.run(0)

    world.enter(0)
    world.run(40)

    world.check()


def test_progress_waits_for_what_could_not_be_claimed() -> None:
    """Given a missed day found late by a run whose batch is closed, the day is looked at again."""
    world = World()
    world.enter(30)
    world.run(30)
    world.tables.items.pop(progress_key(TENANT, ACQUIRER))
    world.enter(2)  # far older than the days that are always looked at

    world.run(30)
    world.run(31)

    assert days_of(world) == [30, 31]
    world.check()


def test_missed_days_are_remembered_one_by_one() -> None:
    world = World()
    world.enter(0)
    world.enter(30)

    with pytest.raises(Crash):
        world.run(40, on_step=crash_at(340))
    reached = world.tables.items[progress_key(TENANT, ACQUIRER)]["through_day"]

    assert day(5).isoformat() < reached < day(34).isoformat()
    world.run(40)
    world.check()


def test_progress_never_goes_back() -> None:
    world = World()
    store = MemoryStore(world.tables, TENANT, Steps())
    key = progress_key(TENANT, ACQUIRER)
    store.write(Update(key, progress_behind(day(5)), set={"through_day": day(5).isoformat()}))

    with pytest.raises(ConditionFailed, match="PROGRESS_BEHIND"):
        store.write(Update(key, progress_behind(day(3)), set={"through_day": "x"}))
    claims(world, 3).run(FIRST_DAY)

    assert world.tables.items[key]["through_day"] == day(5).isoformat()


def test_a_run_for_an_older_day_leaves_the_progress_where_it_is() -> None:
    world = World()
    world.run(9)
    before = world.state()

    world.run(3)

    assert world.state() == before


def test_many_entries_are_claimed_in_transactions_that_dynamodb_takes() -> None:
    world = World()
    for number in range(900):
        world.enter(0, 100 + number)

    claims(world, 0).run(FIRST_DAY)
    world.run(0)

    world.check()


def test_a_second_firing_changes_nothing() -> None:
    world = World()
    world.enter(0)
    world.enter(0, 400, Operation.REFUND, "usd")
    world.run(0)
    before = world.state()

    summary = world.run(0)

    assert world.state() == before
    assert summary["settled"] == summary["waiting"] == 0
    assert set(world.bank.sent.values()) == {1}


def test_merchants_do_not_meet() -> None:
    world = World()
    world.enter(0)
    world.enter(0, tenant=OTHER)

    world.run(0, merchants=(TENANT.merchant_id, OTHER.merchant_id))

    (mine,), (theirs,) = world.batches(), world.batches(OTHER)
    assert mine.name.settlement_id != theirs.name.settlement_id
    assert mine.totals == theirs.totals


def test_an_entry_that_another_run_has_claimed_is_dropped_and_the_rest_goes_on() -> None:
    """Given entries read as unclaimed, when one is claimed by another batch before the write."""
    world = World()
    entries = [world.enter(0) for _ in range(5)]
    taken = entries[2]
    world.tables.items[entry_key(TENANT, taken)]["settlement_id"] = "st_of_another_batch"

    claims(world, 0)._claim("eur", entries)

    (lines,) = world.lines().values()
    assert {line.entry_id for line in lines} == {e.entry_id for e in entries} - {taken.entry_id}


def test_an_entry_that_is_not_there_cannot_be_claimed() -> None:
    world = World()
    entry = world.enter(0)
    del world.tables.items[entry_key(TENANT, entry)]

    claims(world, 0)._claim("eur", [entry])

    assert world.tables.items == {}


def test_a_line_without_its_claim_is_a_fault_that_keeps_no_other_entry() -> None:
    world = World()
    entry, other = world.enter(0), world.enter(0)
    _, line = claiming(entry, BatchName(TENANT, ACQUIRER, "eur", day(0)))
    assert isinstance(line, Put)
    world.tables.items[line.key] = {**line.item, **line.key.attributes()}
    mine = claims(world, 0)

    mine.run(FIRST_DAY)

    assert [str(failure) for failure in mine.failures] == [
        f"NOT_CREATED did not hold for settlement/{line.key.sk}"
    ]
    assert not mine.broke_off
    claimed = {one.entry_id for one in world.entries() if one.settlement_id is not None}
    assert claimed == {other.entry_id}
    assert progress_key(TENANT, ACQUIRER) not in world.tables.items


def test_an_entry_that_cannot_be_read_keeps_no_other_and_is_looked_at_again() -> None:
    """Given an entry without its reference, when it runs, the others settle; repaired, it does."""
    world = World()
    entry = world.enter(0)
    world.enter(0)
    row = world.tables.items[entry_key(TENANT, entry)]
    reference = row.pop("reference")
    failures: list[Exception] = []

    with pytest.raises(RunIncomplete):
        world.run(0, failures=failures)

    assert [type(failure) for failure in failures] == [KeyError]
    assert world.batch().status is Status.SETTLED
    assert "settlement_id" not in row
    row["reference"] = reference
    world.run(40)
    world.check()


def test_a_claim_that_breaks_off_keeps_no_other_and_leaves_its_batch_open() -> None:
    """Given a busy table for dollars, when it runs, euros are claimed and wait for the rest."""
    world = World()
    world.enter(1)
    world.enter(1, currency="usd")
    failures: list[Exception] = []

    def busy(*writes: Write) -> None:
        if any("usd#" in write.key.sk for write in writes):
            raise StoreBusy("throttled")

    with pytest.raises(RunIncomplete):
        world.run(1, before_write=busy, failures=failures)

    assert [type(failure) for failure in failures] == [StoreBusy]
    assert [one.status for one in world.batches()] == [Status.OPEN]
    world.enter(1)
    world.run(1)
    assert {one.name.currency for one in world.batches()} == {"eur", "usd"}
    world.check()


def test_a_listing_without_its_batch_is_a_fault_that_opens_no_batch() -> None:
    world = World()
    world.enter(0)
    name = BatchName(TENANT, ACQUIRER, "eur", day(0))
    world.tables.items[name.marker_key] = {**name.marker(), **name.marker_key.attributes()}
    mine = claims(world, 0)

    mine.run(FIRST_DAY)

    assert [str(failure)[:11] for failure in mine.failures] == ["NOT_CREATED"]
    assert mine.broke_off
    assert world.batches() == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch takes twelve lines, a claim five: full from eight on."""
    monkeypatch.setattr(claim, "LINES_PER_CLAIM_MAX", 5)
    monkeypatch.setattr(batch, "FULL_FROM", 8)
    takes = replace(TAKES_LINES, values={**TAKES_LINES.values, "full_from": 8})
    monkeypatch.setattr(claim, "TAKES_LINES", takes)


def lines_by_number(world: World) -> dict[int, int]:
    lines = world.lines()
    euros = [one.name for one in world.batches() if one.name.currency == "eur"]
    return {name.number: len(lines[name.settlement_id]) for name in euros}


def test_the_largest_claim_fits_into_a_batch_that_is_not_full() -> None:
    assert FULL_FROM - 1 + LINES_PER_CLAIM_MAX == LINES_MAX
    assert TAKES_LINES.values["full_from"] == FULL_FROM
    assert LINES_MAX <= ENTRIES_MAX
    assert 2 * LINES_PER_CLAIM_MAX + 2 <= TRANSACTION_WRITES_MAX


@pytest.mark.usefixtures("small")
def test_what_does_not_fit_into_a_batch_goes_into_the_next_number_of_the_day() -> None:
    world = World()
    for number in range(40):
        world.enter(0, 100 + number)
    world.enter(0, currency="usd")

    world.run(0)

    filled = lines_by_number(world)
    assert len(filled) > 3
    assert all(8 <= count <= 12 for number, count in filled.items() if number < len(filled))
    world.check()
    before = world.state()
    world.run(0)
    assert world.state() == before


@pytest.mark.usefixtures("small")
def test_a_run_that_died_in_a_full_batch_goes_on_in_the_next_number() -> None:
    steps = 1
    while big_day().crashing_run(0, steps):
        steps += 1
    for step in range(1, steps, 3):
        world = big_day()
        world.crashing_run(0, step)
        world.run(0)
        world.check()


def big_day() -> World:
    world = World()
    for number in range(20):
        world.enter(0, 100 + number)
    return world


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(10))
def test_two_runs_at_once_overfill_no_batch(seed: int) -> None:
    world = big_day()

    raised = TurnTaking(seed).run(
        first=lambda step: world.run(0, on_step=step),
        second=lambda step: world.run(0, on_step=step),
    )
    world.run(1)

    assert raised == []
    assert all(count <= 12 for count in lines_by_number(world).values())
    world.check(submitted_once=False)


def test_a_closed_batch_takes_no_more_lines() -> None:
    """Given a run that knows its batch as open, when another run closes it, the rest waits."""
    world = World()
    slow = claims(world, 0)
    slow._claim("eur", [world.enter(0)])
    world.run(0)

    late = world.enter(0)
    left = slow._claim("eur", [late])

    assert left == 1
    assert len(world.lines()[world.batch().name.settlement_id]) == 1
    world.run(1)
    world.check()


def test_conditions_say_what_they_guard() -> None:
    assert ENTRY_UNCLAIMED.name == "ENTRY_UNCLAIMED"
    name = BatchName(TENANT, ACQUIRER, "eur", day(0))
    world = World()
    store = MemoryStore(world.tables, TENANT, Steps())
    one_more = Update(name.key, TAKES_LINES, add={"line_count": 1})
    with pytest.raises(ConditionFailed, match="TAKES_LINES"):
        store.write(one_more)

    store.write(Put(name.key, name.opened("", FULL_FROM - 1), NOT_CREATED))
    store.write(one_more)
    with pytest.raises(ConditionFailed, match="TAKES_LINES"):
        store.write(one_more)

    closing = name.opened("", 1) | {"status": "CLOSING"}
    world.tables.items[name.key] = closing | name.key.attributes()
    with pytest.raises(ConditionFailed, match="TAKES_LINES"):
        store.write(one_more)


@pytest.mark.parametrize("seed", range(60))
def test_two_runs_at_once_claim_each_entry_once(seed: int) -> None:
    world = World()
    for number in range(12):
        world.enter(0, 100 + number, currency="eur" if number % 3 else "usd")

    raised = TurnTaking(seed).run(
        first=lambda step: world.run(0, on_step=step),
        second=lambda step: world.run(0, on_step=step),
    )

    assert raised == []
    assert {batch.status for batch in world.batches()} == {Status.SETTLED}
    world.check(submitted_once=False)


@pytest.mark.parametrize("seed", range(30))
def test_entries_that_arrive_during_two_runs_are_in_one_batch(seed: int) -> None:
    world = World()
    for number in range(6):
        world.enter(0, 100 + number)
    steps = iter(range(1, 10_000))

    def arriving(step: object) -> None:
        def go_on() -> None:
            if next(steps) % 20 == 0:
                world.enter(0)
            assert callable(step)
            step()

        world.run(0, on_step=go_on)

    raised = TurnTaking(seed).run(first=arriving, second=lambda step: world.run(0, on_step=step))
    assert raised == []

    world.run(1)
    world.check(submitted_once=False)
