"""A run may die before or after any call to the outside. The next one ends as if it had not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.settlement.entry import Operation
from tests.unit.settlement.world import World

LAST_DAY = 4


def story() -> World:
    world = World()
    for number in (0, 1):
        world.enter(number, 1000)
        world.enter(number, 300, Operation.REFUND)
        world.enter(number, 700, currency="usd")
    return world


def steps_of_a_run() -> int:
    step = 1
    while story().crashing_run(1, step):
        step += 1
    return step


def test_a_crash_at_each_single_step_changes_nothing_in_the_end() -> None:
    expected = story()
    expected.run(1)
    steps = steps_of_a_run()
    assert steps > 100

    for step in range(1, steps):
        world = story()
        assert world.crashing_run(1, step)
        world.run(1)
        world.check()
        assert world.state() == expected.state(), step


def test_two_crashes_one_after_the_other_change_nothing_in_the_end() -> None:
    steps = steps_of_a_run()

    for first in range(1, steps, 7):
        for second in range(1, steps, 11):
            world = story()
            world.crashing_run(1, first)
            world.crashing_run(1, second)
            world.run(1)
            world.check()


def test_a_crash_before_the_next_day_leaves_a_batch_that_the_next_day_finishes() -> None:
    for step in range(1, steps_of_a_run(), 3):
        world = story()
        world.crashing_run(0, step)
        world.run(1)
        world.check()


money = st.tuples(
    st.integers(0, LAST_DAY),  # business day
    st.integers(0, 2),  # how many days late it is written
    st.integers(1, 99_999_999),
    st.sampled_from(Operation),
    st.sampled_from(["eur", "usd", "jpy"]),
)
runs = st.lists(st.tuples(st.integers(0, LAST_DAY + 2), st.integers(0, 260)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(moved=st.lists(money, max_size=25), crashes=runs)
def test_whatever_moves_and_crashes_each_entry_settles_once(
    moved: list[tuple[int, int, int, Operation, str]], crashes: list[tuple[int, int]]
) -> None:
    """Given money on several days, some written late, and runs that die anywhere (0: nowhere)."""
    world = World()
    waiting = sorted(moved, key=lambda one: one[0] + one[1])
    for until, step in sorted(crashes):
        while waiting and waiting[0][0] + waiting[0][1] <= until:
            number, _, cents, operation, currency = waiting.pop(0)
            world.enter(number, cents, operation, currency)
        world.crashing_run(until, step)
    for number, _, cents, operation, currency in waiting:
        world.enter(number, cents, operation, currency)

    world.run(LAST_DAY + 3)
    before = world.state()
    world.run(LAST_DAY + 3)

    world.check()
    assert world.state() == before
