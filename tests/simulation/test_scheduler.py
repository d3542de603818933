"""The clock, the order of things, and what dies with a process."""

from __future__ import annotations

from math import inf

import pytest

from tests.simulation.dice import Dice
from tests.simulation.faults import Fault, Kind, Point, Script, Swarm, every_crash
from tests.simulation.scheduler import Crash, Process, Promise, Scheduler, TimedOut, TooManySteps


def scheduler(seed: int = 1, *, steps_max: int = 1000, fixed: bool = False) -> Scheduler:
    return Scheduler(Dice(seed), start=0.0, steps_max=steps_max, fixed=fixed)


def test_time_passes_only_by_waiting_and_in_its_order() -> None:
    here, seen = scheduler(), []

    def work(name: str, seconds: float) -> None:
        here.sleep(seconds)
        seen.append((name, here.now))

    here.spawn(Process("slow"), lambda: work("slow", 3600.0))
    here.spawn(Process("quick"), lambda: work("quick", 1.0), after=2.0)
    here.run()

    assert seen == [("quick", 3.0), ("slow", 3600.0)]


def test_a_run_stops_at_its_end_and_goes_on_from_there() -> None:
    here, seen = scheduler(), []

    def work() -> None:
        for _ in range(3):
            here.sleep(10)
            seen.append(here.now)

    here.spawn(Process("p"), work)
    here.run(until=15)

    assert (seen, here.now) == ([10], 15)
    here.run()
    assert seen == [10, 20, 30]


def interleaved(seed: int) -> str:
    here, seen = scheduler(seed), []

    def work(name: str) -> None:
        for _ in range(5):
            here.sleep(1)
            seen.append(name)

    for name in "abc":
        here.spawn(Process(name), lambda name=name: work(name))
    here.run()
    return "".join(seen)


def test_the_seed_alone_says_who_comes_first() -> None:
    orders = [interleaved(seed) for seed in range(20)]

    assert orders == [interleaved(seed) for seed in range(20)]
    assert len(set(orders)) == 20


def test_without_chance_it_is_first_come_first_served() -> None:
    here, seen = scheduler(fixed=True), []
    for name in "abc":
        here.spawn(Process(name), lambda name=name: seen.append(name))
    here.run()
    assert seen == ["a", "b", "c"]


def test_nothing_of_a_killed_process_has_an_effect_any_more() -> None:
    here, done = scheduler(), []
    process = Process("p")

    def call(what: str) -> None:
        here.sleep(1)
        done.append(what)

    def work() -> None:
        try:
            try:
                call("first")
                call("never")
            except Exception:  # noqa: BLE001 - as the product's entry does it
                done.append("swallowed")
        finally:
            done.append("finally")
            call("cleaned up")

    here.spawn(process, work)
    here.at(1.5, lambda: here.kill(process))
    here.run()

    assert done == ["first", "finally"]


def test_a_crash_takes_the_other_tasks_of_its_process_and_nobody_else() -> None:
    here, done = scheduler(), []
    process = Process("p")

    def worker() -> None:
        here.sleep(10)
        done.append("worker")

    def crashing() -> None:
        here.sleep(5)
        here.kill(process)
        raise Crash("p")

    here.spawn(process, worker)
    here.spawn(process, crashing)
    here.spawn(process, lambda: done.append("too late"), after=6)
    here.spawn(Process("other"), worker)
    here.run()

    assert done == ["worker"]


def test_who_sleeps_past_the_deadline_is_ended_at_the_deadline() -> None:
    here, seen = scheduler(), []

    def work() -> None:
        try:
            here.sleep(60)
        except TimedOut:
            seen.append(here.now)
            raise

    here.spawn(Process("p", deadline=20.0), work)
    here.run()

    assert seen == [20.0]


def test_a_promise_wakes_who_waits_and_counts_once() -> None:
    here, seen = scheduler(), []
    promise = Promise(here)

    def wait(patience: float) -> None:
        seen.append((promise.wait(patience), here.now, promise.value))

    here.spawn(Process("patient"), lambda: wait(inf))
    here.spawn(Process("impatient"), lambda: wait(2.0))
    here.at(5.0, lambda: promise.set("first"))
    here.at(6.0, lambda: promise.set("second"))
    promise.then(lambda value: seen.append(value))
    here.run()

    assert seen == [(False, 2.0, None), "first", (True, 5.0, "first")]


def test_a_wait_that_is_over_wakes_nobody() -> None:
    here, seen = scheduler(), []
    promise = Promise(here)

    def work() -> None:
        promise.wait(1.0)
        here.sleep(100)
        seen.append(here.now)

    here.spawn(Process("p"), work)
    here.at(50.0, lambda: promise.set(None))
    here.run()

    assert seen == [101.0]


def test_what_does_not_come_to_rest_fails_loudly() -> None:
    here = scheduler(steps_max=50)

    def work() -> None:
        while True:
            try:
                here.sleep(1)
            except Exception:  # noqa: BLE001 - no code of the product may swallow it
                continue

    here.spawn(Process("p"), work)
    with pytest.raises(TooManySteps):
        here.run()
    here.close()


def test_an_error_of_a_task_is_an_error_of_the_run() -> None:
    here = scheduler()

    def work() -> None:
        raise ValueError("of the test")

    here.spawn(Process("p"), work)
    with pytest.raises(ValueError, match="of the test"):
        here.run()


def test_closing_leaves_nothing_waiting() -> None:
    here, ended = scheduler(), []

    def work() -> None:
        try:
            here.sleep(1000)
        finally:
            ended.append(True)

    here.spawn(Process("p"), work)
    here.run(until=1.0)
    here.close()

    assert ended == [True]


# --- faults ----------------------------------------------------------------------------------

WRITE = Point("f dynamodb.put_item(t)", Kind.WRITE)


def test_each_seed_draws_its_own_classes_and_each_class_is_drawn() -> None:
    swarms = [Swarm(seed) for seed in range(60)]
    assert {fault for swarm in swarms for fault in swarm.rates} == set(Fault)
    assert len({frozenset(swarm.rates) for swarm in swarms}) == 60


def test_what_is_drawn_strikes_about_as_often_as_drawn() -> None:
    swarm = Swarm(1, only=[Fault.LOST])
    rate = swarm.rates[Fault.LOST]
    struck = sum(swarm.at(WRITE) is Fault.LOST for _ in range(20_000))
    assert struck == pytest.approx(20_000 * rate, rel=0.2)


def test_in_the_second_phase_nothing_goes_wrong() -> None:
    swarm = Swarm(1, only=list(Fault))
    swarm.heal()
    assert {swarm.at(WRITE) for _ in range(1000)} == {None}
    assert not any(swarm.strikes(fault) for fault in Fault)
    assert swarm.skew() == 0.0


def test_every_single_crash_and_every_pair_is_run() -> None:
    calls, crashes = 3, []

    def run(script: Script) -> None:
        for _ in range(2):  # a crash, and the recovery begins anew
            for _ in range(calls):
                if script.at(WRITE) is not None:
                    break
            else:
                break
        crashes.append(dict(script.faults))

    assert every_crash(run) == 1 + 2 * calls
    assert [next(iter(each.items())) for each in crashes[1:3]] == [
        (1, Fault.CRASH_BEFORE),
        (1, Fault.CRASH_AFTER),
    ]

    crashes.clear()
    every_crash(run, pairs=True)
    pairs = [each for each in crashes if len(each) == 2]
    assert len(pairs) == 3 * 2 * (3 * 2)
