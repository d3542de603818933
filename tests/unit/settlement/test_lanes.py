"""A merchant with much money is worked on by lanes: beside each other, twice, late or never."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.settlement import batch as batch_module
from farthing.settlement import claim
from farthing.settlement import work as work_module
from farthing.settlement.batch import TAKES_LINES, Status, lane_of
from farthing.settlement.claim import Claims
from farthing.settlement.entry import SHARDS, Operation, entry_key
from farthing.settlement.fan_out import RunIncomplete
from farthing.settlement.finish import Wait
from farthing.settlement.job import Job, Lane
from farthing.settlement.progress import EVERY_LANE, move, progress_key, reached
from farthing.settlement.work import SECONDS_TO_END, TURNS_MAX, UNKNOWN_IN_A_ROW_MAX, work
from tests.unit.settlement.bank import silence
from tests.unit.settlement.memory import MemoryStore
from tests.unit.settlement.steps import Crash, Steps, TurnTaking, crash_at
from tests.unit.settlement.world import ACQUIRER, FIRST_DAY, TENANT, Clock, World, at, day

NARROW = 5
LANES = [Lane("test", ACQUIRER, number) for number in range(SHARDS)]


@pytest.fixture(autouse=True)
def narrow() -> Iterator[None]:
    """A merchant with more than five entries is worked on by lanes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work_module, "NARROW_CLAIMS_MAX", NARROW)
        yield


def wide_world(entries: int = 40) -> World:
    world = World()
    for number in range(entries):
        operation = Operation.CAPTURE if number % 5 else Operation.REFUND
        world.enter(0, 100 + number, operation, "eur" if number % 4 else "usd")
    return world


def lane_job(number: int, until: int = 0) -> Job:
    return replace(World().job(until), lane=LANES[number])


def do(world: World, job: Job, until: int = 0, **more: object) -> None:
    work(job, world.services(now=at(until + 1, hour=1), **more))  # type: ignore[arg-type]


def lanes_of_batches(world: World) -> dict[str, int]:
    return {batch.name.settlement_id: lane_of(batch.name.number) for batch in world.batches()}


# --- one merchant, one day -----------------------------------------------------------------------


def test_a_small_merchant_has_one_batch_and_one_message() -> None:
    world = wide_world(NARROW - 1)

    world.run(0)

    assert world.jobs == []
    assert {batch.name.number for batch in world.batches()} == {1}
    assert [key.sk for key in world.tables.items if "#PROGRESS#" in key.pk] == ["PROGRESS"]
    world.check()


def test_a_large_merchant_is_settled_by_eight_lanes_that_share_no_batch() -> None:
    world = wide_world()

    summary = world.run(0)

    assert [job.lane for job in world.jobs] == LANES
    lanes = lanes_of_batches(world)
    assert len(set(lanes.values())) > 4
    assert summary["settled"] == len(lanes)
    for entry in world.entries():
        assert entry.settlement_id is not None
        shard = int(entry_key(TENANT, entry).pk.rpartition("#")[2])
        assert lanes[entry.settlement_id] in {shard, 0}  # the merchant's own message fills lane 0's
    world.check()


def test_a_second_firing_finds_nothing_left_to_do() -> None:
    world = wide_world()
    world.run(0)
    before, sent = world.state(), len(world.jobs)

    world.run(0)

    assert world.state() == before
    assert len(world.jobs) == sent


def test_every_message_twice_changes_nothing() -> None:
    once, twice = wide_world(), wide_world()
    once.run(0)

    do(twice, twice.job(0))
    for job in twice.jobs * 2:
        do(twice, job)
    twice.run(0)

    twice.check()
    assert twice.state() == once.state()


def test_the_totals_of_all_lanes_are_those_of_the_entries() -> None:
    world = wide_world()
    world.run(0)

    for currency in ("eur", "usd"):
        gross = sum(
            batch.totals.gross_cents
            for batch in world.batches()
            if batch.totals is not None and batch.name.currency == currency
        )
        assert gross == sum(
            entry.operation.sign * entry.amount_cents
            for entry in world.entries()
            if entry.currency == currency
        )


def test_a_lane_whose_batch_is_full_goes_on_in_its_own_next_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claim, "LINES_PER_CLAIM_MAX", 2)
    monkeypatch.setattr(batch_module, "FULL_FROM", 2)
    takes = replace(TAKES_LINES, values={**TAKES_LINES.values, "full_from": 2})
    monkeypatch.setattr(claim, "TAKES_LINES", takes)
    world = wide_world(120)

    claims_of_lane(world, 3)

    numbers = sorted({batch.name.number for batch in world.batches()})
    assert len(numbers) > 2
    assert numbers == [4 + SHARDS * one for one in range(len(numbers))]


def test_a_merchants_own_message_claims_little_more_than_it_may() -> None:
    """Given more than it takes on each of several days, it leaves all days to the lanes."""
    world = World()
    for number in (0, 1, 2):
        for _ in range(40):
            world.enter(number)

    do(world, world.job(2), 2)

    claimed = [entry for entry in world.entries() if entry.settlement_id is not None]
    assert NARROW < len(claimed) < 2 * NARROW
    through = [item["through_day"] for item in world.rows("settlement_progress")]
    assert all(reached < day(0).isoformat() for reached in through)


# --- lost, late, again ---------------------------------------------------------------------------


def test_lanes_that_were_never_worked_on_are_made_up_for_by_the_next_day() -> None:
    """Given a merchant's message whose lanes are lost, when the next day fires, all is settled."""
    world = wide_world()
    do(world, world.job(0))
    assert {batch.status for batch in world.batches()} == {Status.OPEN}

    world.run(1)

    world.check()


def test_a_lane_that_died_after_it_opened_a_batch_is_set_to_work_again_on_the_same_day() -> None:
    """Given an open batch of lane 3, when the merchant's message comes again, lane 3's is sent."""
    world = wide_world(40)
    keys = [entry_key(TENANT, entry) for entry in world.entries()]
    for key in {*keys} - {*[key for key in keys if key.pk.endswith("#3")][:NARROW]}:
        del world.tables.items[key]
    claims_of_lane(world, 3)
    assert {batch.status for batch in world.batches()} == {Status.OPEN}

    world.run(0)

    assert [job.lane for job in world.jobs] == [LANES[3]]
    world.check()


def claims_of_lane(world: World, number: int) -> None:
    store = MemoryStore(world.tables, TENANT, Steps())
    claims = Claims(TENANT, ACQUIRER, day(0), store, Clock(at(1)), lanes=(number,))
    claims.run(FIRST_DAY)


def test_batches_of_lanes_of_an_earlier_day_are_finished_by_the_merchants_own_message() -> None:
    world = wide_world()
    world.bank.report_ready = False
    world.run(0)
    world.bank.report_ready = True
    world.jobs.clear()

    world.run(1)

    assert world.jobs == []
    world.check()


def test_a_lane_leaves_the_batches_of_the_others_alone() -> None:
    world = wide_world()
    do(world, world.job(0))
    claims_of_lane(world, 2)

    do(world, lane_job(5))

    others = {batch.status for batch in world.batches() if lane_of(batch.name.number) != 5}
    assert others == {Status.OPEN}


def test_what_moves_while_lanes_are_at_work_is_settled_then_or_with_the_next_day() -> None:
    world = wide_world()
    do(world, world.job(0))
    for job in list(world.jobs):
        world.enter(0)
        do(world, job)

    world.run(1)

    world.check()


# --- time ----------------------------------------------------------------------------------------


def test_a_lane_without_time_sends_itself_again_and_goes_on() -> None:
    """Given time for three writes in each message, when all are worked off, all is settled."""
    world = wide_world(120)
    do(world, world.job(0))

    turns = Counter[Lane | None]()
    waiting = list(world.jobs)
    while waiting:
        job = waiting.pop(0)
        turns[job.lane] += 1
        assert job.turn == turns[job.lane]
        world.jobs.clear()
        hurried(world, job)
        waiting += world.jobs

    assert max(turns.values()) > 2
    world.run(1)
    world.check()


def hurried(world: World, job: Job) -> None:
    """Work a message off that is out of time after three writes."""
    writes = Counter[str]()

    def count(*_: object) -> None:
        writes["done"] += 1

    do(
        world,
        job,
        before_write=count,
        seconds_left=lambda: 300.0 if writes["done"] < 3 else 0.0,
    )


def test_batches_that_there_is_no_time_to_finish_are_left_to_their_lanes() -> None:
    """Given a merchant's batches in two currencies, when time is up after the first, lane 0 goes
    on."""
    world = World()
    world.enter(0)
    world.enter(0, currency="usd")

    do(world, world.job(0), seconds_left=lambda: 0.0 if world.logged else 300.0)

    assert len(world.logged) == 1
    assert [job.lane for job in world.jobs] == [LANES[0]]
    do(world, world.jobs[0])
    world.check()


def test_a_merchant_without_time_leaves_all_to_lanes() -> None:
    world = wide_world(3)

    do(world, world.job(0), seconds_left=lambda: SECONDS_TO_END - 1)

    assert [job.lane for job in world.jobs] == LANES
    world.run(0)
    world.check()


def test_a_lane_that_never_comes_to_an_end_fails_at_last() -> None:
    world = wide_world()
    job = replace(lane_job(0), turn=TURNS_MAX)

    with pytest.raises(RunIncomplete, match="turns"):
        do(world, job, seconds_left=lambda: 0.0)

    assert world.jobs == []


def test_an_acquirer_that_does_not_answer_is_left_alone_after_three_batches() -> None:
    world = World()
    for currency in ("eur", "usd", "gbp", "jpy", "chf"):
        world.enter(0, currency=currency)
    asked = Counter[str]()

    def unheard() -> None:
        asked["submitted"] += 1
        silence()

    with pytest.raises(RunIncomplete, match="1 of 1"):
        world.run(0, arrives=False, hear=unheard)

    assert asked["submitted"] == UNKNOWN_IN_A_ROW_MAX
    assert {one.wait for one in world.logged} == {Wait.OUTCOME_UNKNOWN}
    world.run(0)
    world.check()


def test_a_batch_waits_as_long_as_its_acquirer_takes_for_a_report() -> None:
    world = World()
    world.enter(0)
    world.bank.report_ready = False
    world.run(0)

    (progress,) = world.logged
    assert progress.reports_within == timedelta(hours=20)


# --- progress ------------------------------------------------------------------------------------


def test_a_day_is_reached_when_every_lane_has_reached_it() -> None:
    world = World()
    store = MemoryStore(world.tables, TENANT, Steps())

    def through() -> int | None:
        found = reached(store, TENANT, ACQUIRER, EVERY_LANE)
        return None if found is None else (found - FIRST_DAY).days

    assert through() is None
    for lane in range(SHARDS - 1):
        move(store, TENANT, ACQUIRER, (lane,), day(4))
    assert through() is None
    move(store, TENANT, ACQUIRER, EVERY_LANE, day(2))
    assert through() == 2
    move(store, TENANT, ACQUIRER, (SHARDS - 1,), day(3))
    assert through() == 3
    move(store, TENANT, ACQUIRER, (SHARDS - 1,), day(1))
    assert through() == 3
    move(store, TENANT, ACQUIRER, EVERY_LANE, day(9))
    assert through() == 9
    assert reached(store, TENANT, ACQUIRER, (0,)) == day(9)


def test_lanes_remember_how_far_they_came_each_by_itself() -> None:
    world = wide_world()
    do(world, world.job(0))
    do(world, lane_job(2))

    through = {
        key.sk: item["through_day"]
        for key, item in world.tables.items.items()
        if key.pk == progress_key(TENANT, ACQUIRER).pk
    }
    assert through == {"PROGRESS#2": day(0).isoformat()}


# --- many workers at once ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_lanes_and_merchants_at_once_put_each_entry_into_one_batch(seed: int) -> None:
    """Given eight lanes, two of them twice, and the merchant's message again, all at once."""
    world = wide_world(24)
    do(world, world.job(0))
    jobs = [*(lane_job(number) for number in (0, 1, 2, 3, 4, 5, 6, 7, 0, 3)), world.job(0)]

    def worker(job: Job) -> Callable[[Callable[[], None]], object]:
        return lambda step: do(world, job, on_step=step)

    raised = TurnTaking(seed).run(
        **{f"worker {number}": worker(job) for number, job in enumerate(jobs)}
    )

    assert raised == []
    world.run(1)
    world.check(submitted_once=False)


def test_a_crash_of_a_lane_at_each_single_step_changes_nothing_in_the_end() -> None:
    def begun() -> World:
        world = wide_world(30)
        do(world, world.job(0))
        return world

    def crashing(world: World, step: int) -> bool:
        try:
            do(world, lane_job(3), on_step=crash_at(step))
        except Crash:
            return True
        return False

    expected = begun()
    do(expected, lane_job(3))
    expected.run(0)
    step = 1
    while crashing(world := begun(), step):
        do(world, lane_job(3))
        world.run(0)
        world.check()
        assert world.state() == expected.state(), step
        step += 1
    assert step > 30


messages = st.lists(
    st.tuples(
        st.integers(0, 2),  # the day that it settles
        st.one_of(st.none(), st.integers(0, SHARDS - 1)),  # a merchant's, or a lane's
        st.integers(0, 150),  # the step at which it dies; 0: nowhere
        st.booleans(),  # whether the lanes that it sets to work are
    ),
    max_size=12,
)
money = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(1, 99_999_999),
        st.sampled_from(Operation),
        st.sampled_from(["eur", "jpy"]),
    ),
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(money, messages, money)
def test_whatever_messages_come_and_die_each_entry_settles_once(
    moved: list[tuple[int, int, Operation, str]],
    sent: list[tuple[int, int | None, int, bool]],
    late: list[tuple[int, int, Operation, str]],
) -> None:
    world = World()
    for number, cents, operation, currency in moved:
        world.enter(number, cents, operation, currency)
    for until, lane, step, heard in sent:
        job = world.job(until) if lane is None else lane_job(lane, until)
        world.jobs.clear()
        try:
            do(world, job, until, on_step=crash_at(step))
        except Crash:
            continue
        for more in list(world.jobs) if heard else ():
            do(world, more, until)
    for number, cents, operation, currency in late:
        world.enter(number, cents, operation, currency)

    world.run(4)
    world.run(5)
    before = world.state()
    world.run(5)

    world.check()
    assert world.state() == before
