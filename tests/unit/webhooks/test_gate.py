"""The gate before an endpoint: five at once, ten failures, a minute, one probe, five days."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.clock import to_text
from farthing.store import ConditionFailed, Put
from farthing.webhooks import endpoints
from farthing.webhooks.delivery import EndReason, Status
from farthing.webhooks.delivery_row import delivery_of
from farthing.webhooks.endpoint import DisabledReason
from farthing.webhooks.gate import (
    FAILURES_MAX,
    HOPELESS_ATTEMPTS,
    HOPELESS_SECONDS,
    IN_FLIGHT_MAX,
    OPEN_SECONDS,
    PLACE_SECONDS,
    Gate,
    Refusal,
)
from farthing.webhooks.gate_row import change_gate, gate_is_still
from farthing.webhooks.keys import gate_key
from farthing.webhooks.ports import Answer, DeliveryMessage
from tests.unit.webhooks.world import (
    START,
    TENANT,
    URL,
    HandClock,
    LockedClient,
    World,
    event_row,
    rows_of,
)

# --- the gate by itself --------------------------------------------------------------------------


def entered(gate: Gate, holder: str, clock: HandClock) -> Gate:
    after = gate.entered(holder, clock.now())
    assert isinstance(after, Gate)
    return after


def failed(gate: Gate, clock: HandClock, times: int = 1) -> Gate:
    for number in range(times):
        gate = entered(gate, f"f{number}", clock)
        gate = gate.left(f"f{number}", clock.now(), succeeded=False)
    return gate


def test_five_are_let_through_and_a_sixth_when_one_has_left() -> None:
    clock, gate = HandClock(), Gate()
    for number in range(IN_FLIGHT_MAX):
        gate = entered(gate, f"h{number}", clock)
    assert gate.entered("sixth", clock.now()) is Refusal.FULL
    gate = gate.left("h3", clock.now(), succeeded=True)
    assert isinstance(gate.entered("sixth", clock.now()), Gate)


def test_the_place_of_a_worker_that_died_is_free_again() -> None:
    clock, gate = HandClock(), Gate()
    for number in range(IN_FLIGHT_MAX):
        gate = entered(gate, f"h{number}", clock)
    clock.move(seconds=PLACE_SECONDS)
    assert len(entered(gate, "next", clock).places) == 1


def test_ten_failures_in_a_row_close_it_for_a_minute_and_then_one_is_let_through() -> None:
    clock = HandClock()
    gate = failed(Gate(), clock, FAILURES_MAX - 1)
    assert gate.open_until is None
    gate = failed(gate, clock)
    assert gate.entered("next", clock.now()) is Refusal.OPEN
    clock.move(seconds=OPEN_SECONDS - 0.001)
    assert gate.entered("next", clock.now()) is Refusal.OPEN
    clock.move(seconds=0.001)
    gate = entered(gate, "probe", clock)
    assert gate.entered("another", clock.now()) is Refusal.OPEN
    again = gate.left("probe", clock.now(), succeeded=False)
    assert again.seconds_closed(clock.now()) == OPEN_SECONDS
    closed = gate.left("probe", clock.now(), succeeded=True)
    assert (closed.failures, closed.open_until, closed.failing_since) == (0, None, None)


def test_a_success_between_failures_counts_from_the_beginning() -> None:
    clock = HandClock()
    gate = failed(Gate(), clock, FAILURES_MAX - 1)
    gate = entered(gate, "well", clock).left("well", clock.now(), succeeded=True)
    gate = failed(gate, clock, FAILURES_MAX - 1)
    assert gate.open_until is None


def test_a_probe_that_dies_is_followed_by_another() -> None:
    clock = HandClock()
    gate = failed(Gate(), clock, FAILURES_MAX)
    clock.move(seconds=OPEN_SECONDS)
    gate = entered(gate, "probe", clock)
    clock.move(seconds=PLACE_SECONDS)
    assert isinstance(gate.entered("second probe", clock.now()), Gate)


def test_who_has_no_place_any_more_counts_for_nothing() -> None:
    clock = HandClock()
    gate = failed(Gate(), clock)
    assert gate.left("f0", clock.now(), succeeded=False) is gate


def test_hopeless_is_days_of_nothing_but_failures_and_enough_of_them() -> None:
    clock = HandClock()
    gate = Gate(failing_since=None)
    for _ in range(HOPELESS_ATTEMPTS):
        assert not gate.hopeless(clock.now() + timedelta(seconds=HOPELESS_SECONDS))
        gate = failed(gate, clock)
        clock.move(seconds=OPEN_SECONDS)
    since = START + timedelta(seconds=HOPELESS_SECONDS)
    assert not gate.hopeless(since - timedelta(milliseconds=1))
    assert gate.hopeless(since)
    assert not gate.forgiven().hopeless(since)
    assert gate.forgiven().entered("x", clock.now()) is not Refusal.OPEN


steps = st.lists(
    st.tuples(
        st.sampled_from(["enter", "well", "ill", "die"]), st.integers(0, 9), st.integers(0, 40)
    ),
    max_size=120,
)


@given(steps)
def test_never_more_than_five_and_nobody_but_a_probe_while_it_is_not_closed(
    script: list[tuple[str, int, int]],
) -> None:
    """Against a model that keeps the whole history."""
    clock, gate = HandClock(), Gate()
    living: dict[str, Any] = {}
    in_a_row, shut_until = 0, None
    for number, (step, who, pause) in enumerate(script):
        clock.move(seconds=pause)
        living = {h: at for h, at in living.items() if clock.now() < at}
        if step == "enter":
            after = gate.entered(f"h{number}", clock.now())
            if shut_until is not None and (clock.now() < shut_until or living):
                assert after is Refusal.OPEN
            elif len(living) == IN_FLIGHT_MAX:
                assert after is Refusal.FULL
            else:
                assert isinstance(after, Gate)
                gate = after
                living[f"h{number}"] = clock.now() + timedelta(seconds=PLACE_SECONDS)
        elif living and step != "die":
            holder = list(living)[who % len(living)]
            del living[holder]
            gate = gate.left(holder, clock.now(), succeeded=step == "well")
            in_a_row = 0 if step == "well" else in_a_row + 1
            if step == "well":
                shut_until = None
            elif in_a_row >= FAILURES_MAX:
                shut_until = clock.now() + timedelta(seconds=OPEN_SECONDS)
        assert Gate.of(gate.item()) == gate
        assert len(gate.places) <= IN_FLIGHT_MAX


# --- before real deliveries ----------------------------------------------------------------------


def messages(world: World, count: int) -> list[DeliveryMessage]:
    """So many events for one endpoint, queued."""
    world.endpoint()
    return world.publish(*(event_row(number, 1) for number in range(1, count + 1)))


def deliveries() -> list[Any]:
    return [delivery_of(row) for row in rows_of("delivery")]


def the_gate() -> Gate:
    (row,) = rows_of("webhook_gate")
    return Gate.of(row)


def test_no_more_than_five_are_on_their_way_to_one_endpoint(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given twelve workers at once; then five send, and the others wait without an attempt."""
    queued = messages(world, 12)
    lock = threading.Lock()
    locked = LockedClient(runtime.client("dynamodb"), lock)
    monkeypatch.setattr(runtime, "client", lambda service: locked)
    all_there, now_sending, most = threading.Event(), [0], [0]

    def hang(url: str, headers: Any, body: bytes) -> Answer:
        with lock:
            now_sending[0] += 1
            most[0] = max(most[0], now_sending[0])
        all_there.wait(10)
        with lock:
            now_sending[0] -= 1
        return Answer(200, None, 1)

    world.sender.instead = hang
    with ThreadPoolExecutor(12) as pool:
        futures = [pool.submit(world.deliver, message) for message in queued]
        until = time.monotonic() + 9
        while time.monotonic() < until and (
            sum(future.done() for future in futures) < 7 or now_sending[0] < IN_FLIGHT_MAX
        ):
            time.sleep(0.01)
        all_there.set()
        results = [future.result() for future in futures]
    assert most[0] == IN_FLIGHT_MAX
    assert sum(result.status is Status.SUCCEEDED for result in results) == IN_FLIGHT_MAX
    waiting = [result for result in results if result.status is Status.PENDING]
    assert [result.claims for result in waiting] == [0] * 7
    assert sorted(message.delivery_id for message, _ in world.queue.sent) == sorted(
        result.delivery_id for result in waiting
    )
    assert the_gate().places == ()


def test_a_dead_endpoint_costs_ten_attempts_and_then_one_a_minute(world: World) -> None:
    world.sender.script = [500] * 30
    queued = messages(world, 15)
    for message in queued:
        world.deliver(message)
    assert len(world.sender.posts) == FAILURES_MAX
    held_back = [one for one in deliveries() if not one.attempts]
    assert len(held_back) == 5
    assert all(one.seconds_to_wait(START) > OPEN_SECONDS for one in held_back)
    late = {message.delivery_id: delay for message, delay in world.queue.sent}
    assert all(late[one.delivery_id] >= OPEN_SECONDS for one in held_back)
    world.clock.move(seconds=2 * OPEN_SECONDS)
    for one in held_back:
        world.deliver(one.message)
    assert len(world.sender.posts) == FAILURES_MAX + 1


def test_an_endpoint_that_is_well_again_gets_everything(world: World) -> None:
    world.sender.script = [500] * FAILURES_MAX
    for message in messages(world, 12):
        world.deliver(message)
    for _ in range(3):
        world.clock.move(minutes=15)
        for message in world.queue.take():
            world.deliver(message)
    assert {one.status for one in deliveries()} == {Status.SUCCEEDED}


def test_one_endpoint_does_not_close_the_gate_of_another(world: World) -> None:
    world.sender.instead = lambda url, *_: Answer(500 if "dead" in url else 200, None, 1)
    for name in ("dead", "living"):
        world.endpoint(url=f"https://{name}.example.com/")
    for message in world.publish(*(event_row(number, 1) for number in range(1, 13))):
        world.deliver(message)
    urls = [url for url, _, _ in world.sender.posts]
    assert urls.count("https://dead.example.com/") == FAILURES_MAX
    assert urls.count("https://living.example.com/") == 12


def test_a_worker_that_lost_its_claim_gives_its_place_back(world: World) -> None:
    """Given two workers with one message; then the second has no place left behind."""
    (message,) = messages(world, 1)
    second: list[Any] = []

    def meanwhile(url: str, headers: Any, body: bytes) -> Answer:
        world.sender.instead = None
        second.append(world.deliver(message))
        return Answer(200, None, 1)

    world.sender.instead = meanwhile
    world.deliver(message)
    assert second == [None]
    assert the_gate().places == ()
    assert len(world.sender.posts) == 1


def test_days_of_nothing_but_failures_turn_the_endpoint_off_and_say_so(world: World) -> None:
    endpoint = world.endpoint()
    world.sender.script = [500] * 99
    number = 0
    while True:
        number += 1
        message = world.publish(event_row(number, 1))[-1]
        world.deliver(message)
        found = endpoints.get(world.endpoint_services(), endpoint.endpoint_id)
        if not found.enabled:
            break
        world.clock.move(hours=4)
    assert found.disabled_reason is DisabledReason.FAILING
    assert world.clock.now() - START == timedelta(days=5)
    assert len(world.sender.posts) >= HOPELESS_ATTEMPTS
    (news,) = [row for row in rows_of("endpoint_news") if row["what"].endswith("disabled")]
    assert news["endpoint_id"] == endpoint.endpoint_id


def test_turned_on_again_it_has_its_five_days_anew(world: World) -> None:
    endpoint = world.endpoint()
    gate = Gate(7, (), 30, None, "2026-01-01T00:00:00.000Z", 30)
    at = gate_key(TENANT, endpoint.endpoint_id)
    world.store.write(Put(at, gate.item(), gate_is_still(0)))
    services = world.endpoint_services()
    endpoints.update(services, endpoint.endpoint_id, {"enabled": False})
    endpoints.update(services, endpoint.endpoint_id, {"enabled": True})
    world.sender.script = [500]
    (message,) = world.publish(event_row(1, 1))
    world.deliver(message)
    assert endpoints.get(services, endpoint.endpoint_id).enabled
    assert the_gate().failed_attempts == 1


@pytest.mark.parametrize(("url", "anew"), [("https://new.example.com/", True), (URL, False)])
def test_elsewhere_it_has_its_five_days_anew(world: World, url: str, anew: bool) -> None:
    endpoint = world.endpoint()
    gate = Gate(7, (), 30, to_text(START), "2026-01-01T00:00:00.000Z", 30)
    world.store.write(Put(gate_key(TENANT, endpoint.endpoint_id), gate.item(), gate_is_still(0)))
    services = world.endpoint_services()
    endpoints.update(services, endpoint.endpoint_id, {"url": url})
    world.sender.script = [500]
    (message,) = world.publish(event_row(1, 1))
    world.deliver(message)
    assert endpoints.get(services, endpoint.endpoint_id).enabled is anew


# --- its row -------------------------------------------------------------------------------------


def test_two_steps_from_one_gate_are_both_taken(world: World) -> None:
    """Given somebody who entered in between; then the second enters after him, not instead."""
    at = gate_key(TENANT, "we_x")

    def enter(holder: str) -> Callable[[Gate], Gate | Refusal]:
        return lambda gate: gate.entered(holder, START)

    change_gate(world.store, at, Gate(), enter("a"))
    change_gate(world.store, at, Gate(), enter("b"))
    stale = Gate.of(world.store.get(at))
    change_gate(world.store, at, stale, enter("c"))
    change_gate(world.store, at, stale, enter("d"))
    assert [place.holder for place in the_gate().places] == ["a", "b", "c", "d"]


def test_a_gate_is_written_by_whoever_read_it_last_and_by_nobody_else(world: World) -> None:
    at, gate = gate_key(TENANT, "we_x"), Gate()
    first = gate.entered("a", START)
    assert isinstance(first, Gate)
    world.store.write(Put(at, first.item(), gate_is_still(0)))
    for stale in (0, 2):
        with pytest.raises(ConditionFailed):
            world.store.write(Put(at, replace(first, version=9).item(), gate_is_still(stale)))
    assert boto3.client("dynamodb").scan(TableName="WebhooksTable")["Count"] == 1


# --- the end of a delivery -----------------------------------------------------------------------


def exhaust(world: World) -> DeliveryMessage:
    """One delivery that used up its attempts. The copy of its end."""
    world.sender.script = [400] * 10
    (message,) = messages(world, 1)
    for _ in range(10):
        world.deliver(message)
        world.clock.move(hours=30)
    world.queue.take()
    (copy,) = world.exhausted.take()
    return copy


def test_a_copy_of_what_did_not_arrive_begins_it_anew_and_only_once(world: World) -> None:
    """Given the copy, put into the queue twice; then the merchant gets the event once."""
    copy = exhaust(world)
    assert DeliveryMessage.of(copy.to_text()) == copy
    (delivery,) = deliveries()
    world.deliver(delivery.message)
    assert len(world.sender.posts) == 10, "an ordinary message does not begin it anew"
    world.deliver(copy)
    world.deliver(copy)
    (delivery,) = deliveries()
    assert (delivery.status, len(world.sender.posts)) == (Status.SUCCEEDED, 11)


def test_an_old_copy_does_not_begin_what_ended_again_since(world: World) -> None:
    copy = exhaust(world)
    world.deliver(world.publish(event_row(2, 1))[-1])  # so that the endpoint stays on
    sent = len(world.sender.posts)
    world.sender.script = [400] * 10
    for _ in range(10):
        world.deliver(copy)
        world.clock.move(hours=30)
    world.deliver(copy)
    assert len(world.sender.posts) == sent + 10
    (newer,) = world.exhausted.take()
    world.deliver(newer)
    assert {one.status for one in deliveries()} == {Status.SUCCEEDED}


def test_there_is_a_copy_before_the_row_says_that_it_ended(world: World) -> None:
    """Who dies in between leaves a delivery that is tried again, and no end that nobody knows."""
    world.sender.script = [410]
    (message,) = messages(world, 1)
    seen: list[str] = []
    world.exhausted.send = lambda sent, *, delay_seconds=0: seen.append(  # type: ignore[method-assign]
        deliveries()[0].status
    )
    world.deliver(message)
    assert seen == [Status.PENDING]
    assert deliveries()[0].status is Status.EXHAUSTED


def test_of_a_deleted_endpoint_there_is_no_copy(world: World) -> None:
    endpoint = world.endpoint()
    (message,) = world.publish(event_row(1, 1))
    endpoints.delete(world.endpoint_services(), endpoint.endpoint_id)
    assert world.deliver(message).end_reason is EndReason.ENDPOINT_DELETED
    assert world.exhausted.take() == []
