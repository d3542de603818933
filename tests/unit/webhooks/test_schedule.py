"""When a failed delivery is tried again, and what each answer leads to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from farthing.clock import to_text
from farthing.ids import is_id
from farthing.webhooks.delivery import (
    Attempt,
    Delivery,
    EndReason,
    Status,
    Turn,
    delivery_id,
    new_delivery,
)
from farthing.webhooks.event import Event
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.ports import Answer, SendError
from farthing.webhooks.schedule import ATTEMPTS_MAX, DELAYS_SECONDS, delay_seconds
from tests.unit.webhooks.world import START, TENANT, an_id, event_row

OK = Answer(200, None, 5)
NO = Answer(500, None, 5)


def fresh() -> Delivery:
    placed = PlacedEvent(Event.of(event_row(1, 1)), 0, 1, "")
    return new_delivery(TENANT, placed, an_id("we", 1), START)


def test_the_schedule_is_the_one_of_the_specification() -> None:
    assert timedelta(seconds=sum(DELAYS_SECONDS)) == timedelta(hours=75, minutes=35, seconds=5)
    assert ATTEMPTS_MAX == 10


@pytest.mark.parametrize("made", range(ATTEMPTS_MAX))
def test_each_delay_moves_by_a_fifth_at_most(made: int) -> None:
    delay = DELAYS_SECONDS[made]
    found = [delay_seconds(made, chance) for chance in (0.0, 0.5, 0.999999)]
    assert found[0] == delay * 8 // 10
    assert found[1] == delay
    assert found[2] is not None
    assert delay <= found[2] <= delay * 12 // 10


def test_after_the_last_attempt_there_is_no_other() -> None:
    assert delay_seconds(ATTEMPTS_MAX, 0.5) is None


def test_the_first_attempt_may_be_made_at_once() -> None:
    delivery = fresh()
    assert delivery.turn(START) is Turn.READY
    assert delivery.due_at == to_text(START + timedelta(seconds=60))


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_runs_out() -> None:
    claimed = fresh().claimed(START)
    assert claimed.turn(START + timedelta(seconds=59)) is Turn.LEASED
    assert claimed.turn(START + timedelta(seconds=60)) is Turn.READY
    again = claimed.claimed(START + timedelta(seconds=60))
    assert [attempt.error for attempt in again.attempts] == [SendError.INTERRUPTED.value, None]


def test_ten_failures_and_it_is_exhausted() -> None:
    delivery, now, waits = fresh(), START, []
    for _ in range(ATTEMPTS_MAX):
        assert delivery.turn(now) is Turn.READY
        delivery = delivery.claimed(now).recorded(NO, now, 0.5)
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
    delivery = fresh().claimed(START).recorded(OK, START, 0.5)
    assert (delivery.status, delivery.due_at) == (Status.SUCCEEDED, None)
    assert delivery.turn(START + timedelta(days=1)) is Turn.OVER
    assert delivery.attempts == (Attempt(1, to_text(START), 200, None, 5),)


@pytest.mark.parametrize(
    "answer",
    [Answer(status, None, 1) for status in (199, 300, 302, 400, 404, 429, 500, 503)]
    + [Answer(None, error, 1) for error in SendError],
)
def test_everything_else_is_tried_again(answer: Answer) -> None:
    delivery = fresh().claimed(START).recorded(answer, START, 0.5)
    assert delivery.status is Status.FAILED
    assert delivery.next_attempt_at == to_text(START + timedelta(seconds=5))


def test_410_ends_it() -> None:
    delivery = fresh().claimed(START).recorded(Answer(410, None, 1), START, 0.5)
    assert (delivery.status, delivery.end_reason) == (Status.EXHAUSTED, EndReason.ENDPOINT_GONE)


def test_a_delivery_has_one_id_for_an_event_and_an_endpoint() -> None:
    one, other = Event.of(event_row(1, 1)), Event.of(event_row(1, 2))
    ids = {delivery_id(event, an_id("we", n)) for event in (one, other) for n in (1, 2, 1, 2)}
    assert len(ids) == 4
    assert all(is_id("dlv", id_) for id_ in ids)
    assert delivery_id(one, an_id("we", 2)) < delivery_id(other, an_id("we", 1))
