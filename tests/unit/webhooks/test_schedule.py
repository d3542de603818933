"""When a failed delivery is tried again, and what each answer leads to."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.clock import to_text
from farthing.ids import is_id
from farthing.webhooks.delivery import (
    ATTEMPTS_KEPT_MAX,
    Delivery,
    EndReason,
    Status,
    Turn,
    delivery_id,
    new_delivery,
)
from farthing.webhooks.event import Event
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.gate import Refusal
from farthing.webhooks.ports import Answer, SendError
from farthing.webhooks.schedule import (
    DELAYS_SECONDS,
    after_answer,
    delay_seconds,
    held_back_seconds,
    span_seconds,
)
from tests.unit.webhooks.world import START, TENANT, an_id, event_row

OK = Answer(200, None, 5)
NO = Answer(500, None, 5)
URL = "https://hooks.example.com/"
ATTEMPTS = len(DELAYS_SECONDS)


def claim(delivery: Delivery, now: datetime = START) -> Delivery:
    return delivery.claimed(now, URL, int(now.timestamp()))


def attempt(
    answer: Answer, delivery: Delivery | None = None, now: datetime = START, chance: float = 0.5
) -> Delivery:
    """A delivery after an attempt that was answered so."""
    claimed = claim(delivery or fresh(), now)
    return claimed.recorded(answer, DELAYS_SECONDS, now, chance)


def fresh() -> Delivery:
    placed = PlacedEvent(Event.of(event_row(1, 1)), 0, 1, "")
    return new_delivery(TENANT, placed, an_id("we", 1), START)


def test_the_schedule_is_the_one_of_the_specification() -> None:
    assert timedelta(seconds=sum(DELAYS_SECONDS)) == timedelta(hours=75, minutes=35, seconds=5)
    assert ATTEMPTS == 10


@pytest.mark.parametrize("made", range(ATTEMPTS))
def test_each_delay_moves_by_a_fifth_at_most(made: int) -> None:
    delay = DELAYS_SECONDS[made]
    found = [delay_seconds(DELAYS_SECONDS, made, chance) for chance in (0.0, 0.5, 0.999999)]
    assert found[0] == delay * 8 // 10
    assert found[1] == delay
    assert found[2] is not None
    assert delay <= found[2] <= delay * 12 // 10


def test_after_the_last_attempt_there_is_no_other() -> None:
    assert delay_seconds(DELAYS_SECONDS, ATTEMPTS, 0.5) is None


def test_the_first_attempt_may_be_made_at_once() -> None:
    delivery = fresh()
    assert delivery.turn(START) is Turn.READY
    assert delivery.due_at == to_text(START + timedelta(seconds=60))


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_runs_out() -> None:
    claimed = claim(fresh())
    assert claimed.turn(START + timedelta(seconds=59)) is Turn.LEASED
    assert claimed.turn(START + timedelta(seconds=60)) is Turn.READY
    again = claim(claimed, START + timedelta(seconds=60))
    assert [one.error for one in again.attempts] == [SendError.INTERRUPTED.value, None]


def test_ten_failures_and_it_is_exhausted() -> None:
    delivery, now, waits = fresh(), START, []
    for _ in range(ATTEMPTS):
        assert delivery.turn(now) is Turn.READY
        delivery = attempt(NO, delivery, now)
        waits.append(delivery.seconds_to_wait(now))
        if delivery.status is Status.FAILED:
            assert delivery.turn(now) is Turn.NOT_DUE
            now += timedelta(seconds=waits[-1])
    assert delivery.status is Status.EXHAUSTED
    assert delivery.end_reason is EndReason.ATTEMPTS_USED_UP
    assert delivery.due_at is None
    assert [wait - 1 for wait in waits[:-1]] == list(DELAYS_SECONDS[1:])
    assert delivery.turn(now + timedelta(days=99)) is Turn.OVER


def test_success_ends_it() -> None:
    delivery = attempt(OK)
    assert (delivery.status, delivery.due_at) == (Status.SUCCEEDED, None)
    assert delivery.turn(START + timedelta(days=1)) is Turn.OVER
    (only,) = delivery.attempts
    assert (only.number, only.status_code, only.duration_ms) == (1, 200, 5)
    assert (only.url, only.signed_at) == (URL, int(START.timestamp()))


@pytest.mark.parametrize(
    "answer",
    [Answer(status, None, 1) for status in (199, 300, 302, 400, 404, 429, 500, 502, 503, 504)]
    + [Answer(None, error, 1) for error in SendError],
)
def test_everything_else_is_tried_again(answer: Answer) -> None:
    delivery = attempt(answer)
    assert delivery.status is Status.FAILED
    overloaded = answer.status_code in (429, 502, 504) or answer.error is SendError.TIMED_OUT
    wait = 60 if overloaded else 5
    assert delivery.next_attempt_at == to_text(START + timedelta(seconds=wait))


def test_410_ends_it() -> None:
    delivery = attempt(Answer(410, None, 1))
    assert (delivery.status, delivery.end_reason) == (Status.EXHAUSTED, EndReason.ENDPOINT_GONE)


def test_a_delivery_has_one_id_for_an_event_and_an_endpoint() -> None:
    one, other = Event.of(event_row(1, 1)), Event.of(event_row(1, 2))
    ids = {delivery_id(event, an_id("we", n)) for event in (one, other) for n in (1, 2, 1, 2)}
    assert len(ids) == 4
    assert all(is_id("dlv", id_) for id_ in ids)
    assert delivery_id(one, an_id("we", 2)) < delivery_id(other, an_id("we", 1))


@given(
    delay=st.sampled_from(DELAYS_SECONDS),
    asked=st.integers(0, 10**9),
    status=st.sampled_from([429, 500, 503]),
)
def test_what_a_receiver_asks_for_is_honoured_within_bounds(
    delay: int, asked: int, status: int
) -> None:
    """Never sooner than the schedule says, never later than twice that or an hour."""
    wait = after_answer(delay, Answer(status, None, 1, retry_after_seconds=asked))
    least = max(delay, 60) if status == 429 else delay
    assert least <= wait <= max(2 * least, 3600)
    assert wait == asked or asked < least or asked > max(2 * least, 3600)


def test_an_endpoint_has_a_schedule_of_its_own() -> None:
    once = claim(fresh()).recorded(NO, (0, 7), START, 0.5)
    assert once.seconds_to_wait(START) - 1 == 7
    assert once.may_be_claimed((0, 7))
    twice = claim(once).recorded(NO, (0, 7), START, 0.5)
    assert twice.end_reason is EndReason.ATTEMPTS_USED_UP
    assert not twice.may_be_claimed((0, 7))


@given(times=st.integers(0, 10**6), closed=st.floats(0, 60), chance=st.floats(0, 1))
@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_gate_is_asked_again_later_each_time_and_within_what_a_queue_can_hold(
    refusal: Refusal, times: int, closed: float, chance: float
) -> None:
    wait = held_back_seconds(refusal, times, closed, chance)
    assert closed < wait <= 900
    assert wait <= held_back_seconds(refusal, times + 3, closed, chance)


def test_held_back_for_longer_than_its_schedule_it_ends() -> None:
    """Given a gate that is closed for days; then a delivery ends after the time of its schedule."""
    delivery, now = fresh(), START
    while not delivery.over:
        delivery = delivery.deferred(890, DELAYS_SECONDS, now)
        now += timedelta(seconds=890)
    assert delivery.end_reason is EndReason.HELD_BACK_TOO_LONG
    assert delivery.attempts == ()
    assert (
        timedelta(0)
        <= now - START - timedelta(seconds=span_seconds(DELAYS_SECONDS))
        < timedelta(seconds=890)
    )


@pytest.mark.parametrize("waited", ["its endpoint was off", "it failed and was to wait"])
def test_what_it_waited_for_otherwise_does_not_count_as_held_back(waited: str) -> None:
    """Given a delivery that is older than its schedule, and was held back once before it waited;
    then a gate that happens to be full does not end it."""
    held, week = fresh().deferred(60, DELAYS_SECONDS, START), START + timedelta(days=7)
    delivery = held.paused(START) if waited == "its endpoint was off" else attempt(NO, held)
    assert delivery.deferred(1, DELAYS_SECONDS, week).end_reason is None


def test_being_held_back_uses_up_no_attempt_and_keeps_its_place_in_the_schedule() -> None:
    delivery = attempt(NO).deferred(60, DELAYS_SECONDS, START)
    assert (delivery.status, delivery.claims, delivery.deferrals) == (Status.FAILED, 1, 1)
    now = START + timedelta(seconds=60)
    assert delivery.turn(now - timedelta(seconds=1)) is Turn.NOT_DUE
    assert delivery.turn(now) is Turn.READY
    assert attempt(NO, delivery, now).seconds_to_wait(now) - 1 == DELAYS_SECONDS[2]


def exhausted() -> Delivery:
    delivery = fresh()
    while not delivery.over:
        delivery = attempt(NO, delivery)
    return delivery


@pytest.mark.parametrize("over", [attempt(OK), exhausted()], ids=["succeeded", "exhausted"])
def test_sent_again_by_hand_it_has_all_its_attempts_anew(over: Delivery) -> None:
    now = START + timedelta(days=9)
    again = over.resent(now)
    assert (again.status, again.end_reason, again.turn(now)) == (Status.PENDING, None, Turn.READY)
    made = 0
    while not again.over:
        again, made = attempt(NO, again, now), made + 1
    assert made == ATTEMPTS
    assert again.claims == over.claims + ATTEMPTS


def test_what_waits_is_sent_now_and_goes_on_with_its_schedule() -> None:
    again = attempt(NO).resent(START)
    assert (again.status, again.turn(START)) == (Status.FAILED, Turn.READY)
    assert attempt(NO, again).seconds_to_wait(START) - 1 == DELAYS_SECONDS[2]


def test_what_is_being_sent_stays_as_it_is() -> None:
    claimed = claim(fresh())
    assert claimed.resent(START) is claimed


def test_the_attempts_that_are_kept_are_bounded() -> None:
    delivery = fresh()
    for _ in range(ATTEMPTS_KEPT_MAX + 5):
        delivery = attempt(OK, delivery).resent(START)
    assert len(delivery.attempts) == ATTEMPTS_KEPT_MAX
    assert delivery.claims == ATTEMPTS_KEPT_MAX + 5
