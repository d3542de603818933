"""What the stream lost is found in the due index and sent, whatever dies on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from farthing import runtime
from farthing.payments.event import STREAM_SECONDS
from farthing.store import Item
from farthing.webhooks import outbox, sweep
from farthing.webhooks.due import Run, take
from tests.support.lambdas import Context, event_of, load
from tests.support.stack import Stack
from tests.unit.webhooks.world import (
    START,
    Crash,
    World,
    event_row,
    raise_it,
    rows_of,
    waiting_events,
    write_events,
)

LONG_AFTER = START + timedelta(hours=30)
"""Later than the stream keeps anything."""


def run(world: World, failures: list[Exception] | None = None, seconds_left: float = 30) -> int:
    services = Run(
        store=runtime.system_store(),
        queue=world.queue,
        now=world.clock.now(),
        seconds_left=lambda: seconds_left,
        log_failure=raise_it if failures is None else failures.append,
    )
    return sweep.sweep(services)


def test_an_event_whose_record_never_came_is_sent_and_a_second_sweep_changes_nothing(
    world: World,
) -> None:
    world.endpoint()
    rows = [event_row(1, 1), event_row(1, 2), event_row(2, 1)]
    write_events(rows)
    world.clock.at = LONG_AFTER
    assert run(world) >= 2
    assert sorted(row["event_id"] for row in rows_of("feed_event")) == sorted(
        row["event_id"] for row in rows
    )
    messages = world.queue.take()
    assert len({message.delivery_id for message in messages}) == len(messages) == 3
    for message in messages:
        assert world.deliver(message).status == "SUCCEEDED"
    assert waiting_events() == []
    before = rows_of("feed_event"), rows_of("delivery")
    world.clock.move(hours=1)
    assert run(world) == 0
    assert (rows_of("feed_event"), rows_of("delivery"), world.queue.take()) == (*before, [])


def test_an_event_of_the_real_charge_path_waits_for_its_fan_out(
    stack: Stack, queue_url: str
) -> None:
    """Given a payment and no stream at all; when the minute's sweep fires; then it is told."""
    intent_id = stack.pay().body["intent_id"]
    waiting = waiting_events()
    assert waiting
    stack.advance(STREAM_SECONDS + 1)
    answer = load("outbox").handler(event_of("outbox.sweep"), Context())
    assert answer["published"] >= 1
    found = stack.get("events", query={"payment_intent_id": intent_id}).body["data"]
    assert sorted(event["event_id"] for event in found) == sorted(waiting)
    assert waiting_events() == []


def test_the_stream_has_its_time_first(world: World) -> None:
    write_events([event_row(1, 1)])
    world.clock.at = START + timedelta(seconds=101 + STREAM_SECONDS - 1)
    assert run(world) == 0
    world.clock.move(seconds=2)
    assert run(world) == 1


def test_what_the_stream_brought_is_not_swept(world: World) -> None:
    world.endpoint()
    world.publish(event_row(1, 1))
    world.clock.at = LONG_AFTER
    assert run(world) == 0
    assert world.queue.take() == []


@pytest.mark.parametrize("last", ["fan_out", "_fanned_out"])
def test_an_event_that_was_placed_and_not_sent_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Given events 1 and 2 placed at once, and a worker that dies over them; then both are sent,
    although event 2's record never comes again."""
    world.endpoint()
    rows = [event_row(1, 1), event_row(1, 2)]
    write_events(rows)

    def die(*_: Any) -> int:
        raise Crash

    with monkeypatch.context() as dying:
        dying.setattr(outbox.Outbox, last, die)
        with pytest.raises(Crash):
            world.outbox().publish(rows[1])
    world.clock.at = LONG_AFTER
    run(world)
    assert [row["event_id"] for row in rows_of("delivery")] == [row["event_id"] for row in rows]
    assert waiting_events() == []


def test_an_event_that_cannot_be_published_stops_no_other_and_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SHARD_PAGE_ITEMS", 1)
    world.endpoint()
    bad: list[Item] = [event_row(n, 2) for n in range(40)]  # nowhere an event 1
    good = [event_row(n, 1) for n in range(50, 60)]
    write_events([*bad, *good])
    world.clock.at = LONG_AFTER
    failures: list[Exception] = []
    with pytest.raises(sweep.SweepIncomplete, match="40 of 50"):
        run(world, failures)
    assert {type(failure) for failure in failures} == {ValueError}
    assert len(world.queue.take()) == len(good)
    assert run(world) == 0
    write_events([event_row(n, 1) for n in range(40)])
    world.clock.move(seconds=sweep.AGAIN_SECONDS + 1)
    run(world)
    assert waiting_events() == []
    assert len(rows_of("delivery")) == len(good) + 2 * len(bad)


def test_of_two_sweeps_at_once_one_takes_the_event(world: World) -> None:
    row, store = event_row(1, 1), runtime.system_store()
    write_events([row])
    assert take(store, "payments", row, LONG_AFTER, 60)
    assert not take(store, "payments", row, LONG_AFTER, 60)


def test_a_sweep_is_bounded_by_time(world: World) -> None:
    write_events([event_row(1, 1)])
    world.clock.at = LONG_AFTER
    assert run(world, seconds_left=9) == 0
