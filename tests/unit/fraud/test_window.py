"""The counter against a list of all that ever happened, in whatever order it is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farthing.fraud.model.history import CARDS_MAX
from farthing.fraud.window import (
    FAILURES_KEPT,
    HOUR_SECONDS,
    IN_FLIGHT_KEPT,
    LIMIT_MAX,
    TEN_MINUTES_SECONDS,
    Attempt,
    Counter,
    milliseconds,
)
from farthing.ids import make_id

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_MS = milliseconds(NOON)
DAY_SECONDS = 4 * HOUR_SECONDS


def attempt(seconds: float, number: int = 0) -> Attempt:
    at = NOON + timedelta(seconds=seconds)
    return Attempt.of(make_id("op", at, number.to_bytes(10, "big")))


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Everything:
    """What the counter stands for, with a memory without end."""

    def __init__(self) -> None:
        self.in_flight: set[Attempt] = set()
        self.failed: set[Attempt] = set()

    def count(self, window_seconds: int, now: datetime) -> int:
        since = milliseconds(now) - window_seconds * 1000
        return sum(one.at_ms > since for one in self.failed | self.in_flight)


ATTEMPTS = st.lists(
    # Each with the time that its sender's clock told, which need not be in order
    st.tuples(st.integers(0, DAY_SECONDS), st.sampled_from(["failed", "otherwise", "never"])),
    min_size=1,
    max_size=40,
)


@given(attempts=ATTEMPTS, data=st.data())
def test_it_trips_when_a_list_of_all_attempts_would(
    attempts: list[tuple[int, str]], data: st.DataObject
) -> None:
    # Given attempts of which each begins and then ends, some more than once, some never,
    # and not in the order of their times
    all_, counter = Everything(), Counter()
    waiting = [(attempt(seconds, n), ends) for n, (seconds, ends) in enumerate(attempts)]
    steps = data.draw(st.permutations([*range(len(waiting))] * 3))
    begun: set[int] = set()
    for n in steps:
        one, ends = waiting[n]
        if n not in begun:
            if len(all_.in_flight) == IN_FLIGHT_KEPT:
                continue
            begun.add(n)
            all_.in_flight.add(one)
            counter = counter.begun(one)
        elif ends == "failed":
            all_.in_flight.discard(one)
            all_.failed.add(one)
            counter = counter.failed_with(one)
        elif ends == "otherwise":
            all_.in_flight.discard(one)
            counter = counter.ended_otherwise(one)
        # Then at no moment after it, and for no window and limit, is there a difference
        latest = max(one.at_ms for one, _ in waiting) - NOON_MS
        now = at(latest / 1000 + data.draw(st.integers(0, HOUR_SECONDS)))
        for window in (TEN_MINUTES_SECONDS, HOUR_SECONDS):
            count = all_.count(window, now)
            for limit in range(LIMIT_MAX + 1):
                assert counter.trips(window, limit, now) is (count > limit)


@given(st.lists(st.integers(0, DAY_SECONDS), min_size=1, max_size=9), st.randoms())
def test_failures_are_the_same_in_whatever_order_and_however_often_they_are_told(
    seconds: list[int], chance: object
) -> None:
    told = [attempt(second, n) for n, second in enumerate(seconds)]
    again = told + told
    chance.shuffle(again)  # type: ignore[attr-defined]
    one, other = Counter(), Counter()
    for each in told:
        one = one.begun(each).failed_with(each)
    for each in again:
        other = other.failed_with(each).begun(each)
    assert one == other
    assert one.failed == tuple(sorted(told)[-FAILURES_KEPT:])


@given(
    st.lists(st.tuples(st.integers(0, DAY_SECONDS), st.integers(0, 24)), max_size=60),
    st.sampled_from(["begun", "failed", "ended"]),
)
@example([(n, n) for n in range(CARDS_MAX + 2)], "failed")
def test_the_newest_cards_that_were_tried_each_by_its_last_time(
    tries: list[tuple[int, int]], ends: str
) -> None:
    # Given tries of some cards from one address, not in the order of their times
    address, last = Counter(), dict[str, int]()
    for n, (seconds, card) in enumerate(tries):
        one = attempt(seconds, n)
        address = address.begun(one, f"card{card}")
        last[f"card{card}"] = max(one.at_ms, last.get(f"card{card}", 0))
        if ends == "failed":
            address = address.failed_with(one)
        elif ends == "ended":
            address = address.ended_otherwise(one)
    # Then it knows when the newest were tried last, whatever became of them
    assert [one.at_ms for one in address.cards] == sorted(last.values())[-CARDS_MAX:]
    assert all(last[one.fingerprint] == one.at_ms for one in address.cards)
    # And no window counts them
    plain = Counter()
    for n, (seconds, _) in enumerate(tries):
        plain = plain.begun(attempt(seconds, n))
    if ends == "begun":
        assert replace(address, cards=()) == plain


def test_after_four_in_any_hour_the_fifth_is_declined() -> None:
    # Given four failures around the turn of an hour, which no hour of the clock has together
    counter = Counter()
    for n, minutes in enumerate((20, 40, 65, 79)):
        assert not counter.trips(HOUR_SECONDS, 3, at(60 * minutes))
        counter = counter.failed_with(attempt(60 * minutes, n))
    # When an hour after the first has just not passed, or has
    just_not, just = at(60 * 80 - 0.001), at(60 * 80)
    # Then
    assert counter.trips(HOUR_SECONDS, 3, just_not)
    assert not counter.trips(HOUR_SECONDS, 3, just)
    assert not counter.trips(TEN_MINUTES_SECONDS, 3, just_not)


def test_what_is_in_flight_counts_until_its_end_is_known() -> None:
    four = [attempt(n, n) for n in range(4)]
    counter = Counter()
    for one in four:
        assert not counter.trips(HOUR_SECONDS, 3, at(5))
        counter = counter.begun(one)
    assert counter.trips(HOUR_SECONDS, 3, at(5))
    assert counter.within(HOUR_SECONDS, at(5)).operation_ids == tuple(o.operation_id for o in four)
    assert counter.failed_with(four[1]).trips(HOUR_SECONDS, 3, at(5))
    assert not counter.ended_otherwise(four[1]).trips(HOUR_SECONDS, 3, at(5))


def test_an_end_that_is_never_told_counts_for_an_hour_and_is_swept_up_later() -> None:
    lost = attempt(0)
    counter = Counter().begun(lost)
    assert counter.trips(HOUR_SECONDS, 0, at(3599))
    assert not counter.trips(HOUR_SECONDS, 0, at(3600))
    # A clock that is an hour fast does not sweep up what still counts
    assert lost in counter.begun(attempt(7199, 1)).in_flight
    assert lost not in counter.begun(attempt(7200, 1)).in_flight


def test_where_nothing_blocks_the_oldest_in_flight_are_dropped() -> None:
    counter = Counter()
    for n in range(IN_FLIGHT_KEPT + 5):
        counter = counter.begun(attempt(n, n))
    assert counter.in_flight == tuple(attempt(n, n) for n in range(5, IN_FLIGHT_KEPT + 5))
    # And one of them counts again if it fails
    assert counter.failed_with(attempt(0, 0)).failed == (attempt(0, 0),)


@pytest.mark.parametrize(
    ("window", "limit"), [(HOUR_SECONDS + 1, 3), (0, 3), (HOUR_SECONDS, 4), (HOUR_SECONDS, -1)]
)
def test_it_answers_for_what_it_keeps_and_nothing_else(window: int, limit: int) -> None:
    with pytest.raises(ValueError, match="kept"):
        replace(Counter(), version=1).trips(window, limit, NOON)
