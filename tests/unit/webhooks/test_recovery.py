"""Recovering what an endpoint missed: which events, how fast, and whoever dies over it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import boto3
import pytest

from farthing import runtime
from farthing.clock import later, to_text
from farthing.errors import FarthingError
from farthing.store import EXISTS, ConditionFailed, Update
from farthing.store.port import Store
from farthing.webhooks import endpoints, recover, recoveries
from farthing.webhooks import missed as found
from farthing.webhooks.due import Run
from farthing.webhooks.endpoint import Endpoint
from farthing.webhooks.keys import running_key
from farthing.webhooks.recover import RecoveriesIncomplete, recover_due
from farthing.webhooks.recovery import Recovery, State
from farthing.webhooks.resend import resend_event
from tests.support.lambdas import OTHER_MERCHANT, Answer, call
from tests.unit.webhooks.world import (
    START,
    Crash,
    Doom,
    DoomedClient,
    DoomedQueue,
    World,
    an_id,
    event_row,
    raise_it,
    rows_of,
)

SINCE = to_text(START)
PAGE_EVENTS = found.PAGE_EVENTS


@pytest.fixture(autouse=True)
def _small_pages_a_day_later(world: World, queue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "PAGE_EVENTS", 5)
    world.clock.move(days=1)


def missed(world: World, events: int) -> Endpoint:
    """An endpoint that was made after so many events of as many payments."""
    world.publish(*[event_row(n, 1) for n in range(1, events + 1)])
    endpoint = world.endpoint()
    world.queue.take()
    return endpoint


def wanted(endpoint: Endpoint, **more: Any) -> recoveries.Wanted:
    return recoveries.Wanted(
        **{
            "endpoint_id": endpoint.endpoint_id,
            "since": SINCE,
            "until": None,
            "per_second": 10,
            **more,
        }
    )


def begin(world: World, endpoint: Endpoint, **more: Any) -> Recovery:
    return recoveries.begin(world.endpoint_services(), wanted(endpoint, **more))


def tick_services(world: World, **more: Any) -> Run:
    given = {
        "store": runtime.system_store(),
        "queue": world.queue,
        "now": world.clock.now(),
        "seconds_left": lambda: 50,
        "log_failure": raise_it,
    }
    return Run(**{**given, **more})


def stored(recovery: Recovery) -> Recovery:
    item = runtime.system_store().get(recovery.key)
    assert item is not None
    return Recovery.of(item)


def to_the_end(world: World, recovery: Recovery) -> Recovery:
    """Minute after minute."""
    for _ in range(20):
        if not stored(recovery).running:
            break
        world.clock.move(minutes=1)
        recover_due(tick_services(world))
    return stored(recovery)


def delivered_events() -> list[str]:
    return sorted(row["event_id"] for row in rows_of("delivery"))


def events(*numbers: int) -> list[str]:
    return sorted(event_row(n, 1)["event_id"] for n in numbers)


def test_what_was_missed_is_sent_and_what_arrived_or_waits_is_left(world: World) -> None:
    """Given one that arrived, one that has given up, one that waits, one of another type, and one
    of which there is no delivery; then two are sent: the second, and the last."""
    endpoint = world.endpoint("payment_intent.created", "webhook_endpoint.*")
    rows = [event_row(n, 1) for n in range(1, 4)]
    arrived, exhausted, waiting = world.publish(*rows)
    world.deliver(arrived)
    world.sender.script = [500] * 11
    for _ in range(10):
        world.deliver(exhausted)
        world.clock.move(days=1)
    world.deliver(waiting)
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": False})
    world.publish(event_row(4, 1), event_row(5, 1, type_="refund.failed"))
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": True})
    world.queue.take()
    counted = recoveries.count(world.endpoint_services(), wanted(endpoint))
    assert counted.view() == {"count": 2, "complete": True}
    recovery = begin(world, endpoint)
    messages = world.queue.take()
    assert (recovery.recovered, recovery.count.events, recovery.looked_at) == (2, 2, 5)
    assert messages[0] == exhausted
    for message in messages:
        world.clock.move(seconds=61)
        assert world.deliver(message).status == "SUCCEEDED"
    assert to_the_end(world, recovery).state is State.DONE
    assert delivered_events() == events(1, 2, 3, 4)
    assert recoveries.count(world.endpoint_services(), wanted(endpoint)).events == 0


def test_counting_writes_nothing(world: World) -> None:
    endpoint = missed(world, 3)
    before = boto3.client("dynamodb").scan(TableName="WebhooksTable")["Items"]
    assert recoveries.count(world.endpoint_services(), wanted(endpoint)).events == 3
    assert boto3.client("dynamodb").scan(TableName="WebhooksTable")["Items"] == before
    assert world.queue.sent == []


def test_the_range_begins_with_its_first_moment_and_ends_before_its_last(world: World) -> None:
    endpoint = missed(world, 4)
    times = {"since": event_row(2, 1)["created_at"], "until": event_row(4, 1)["created_at"]}
    recovery = begin(world, endpoint, **times)
    assert delivered_events() == events(2, 3)
    assert (recovery.since, recovery.until) == (times["since"], times["until"])


def test_events_that_fill_a_page_of_the_index_by_their_size_are_not_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more than a megabyte of events in each shard; then each one is counted, and given out
    after those that are older."""
    monkeypatch.setattr(found, "PAGE_EVENTS", 50)
    rows = [event_row(n, 1) for n in range(1, 49)]
    for row in rows:
        row["object"] = {"metadata": {"label": "x" * 100_000}}
    world.publish(*rows)
    endpoint = world.endpoint()
    recovery = begin(world, endpoint)
    assert (recovery.count.events, recovery.recovered, recovery.state) == (48, 48, State.DONE)


def test_an_endpoint_id_that_is_none_asks_for_no_row(world: World) -> None:
    """A key of three thousand characters is an error of DynamoDB, and would be one of ours."""
    nobody = replace(world.endpoint_services(), store=cast(Store, None))
    with pytest.raises(FarthingError) as refused:
        recoveries.get(nobody, "x" * 3000, an_id("rcv", 1))
    assert refused.value.code.status == 404


def test_it_goes_no_faster_than_was_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given 150 events and one a second; then each minute's tick gives out what that minute bears,
    oldest first, and each message waits for its second."""
    monkeypatch.setattr(found, "PAGE_EVENTS", PAGE_EVENTS)
    endpoint = missed(world, 150)
    began = world.clock.now()
    recovery = begin(world, endpoint, per_second=1)
    given_out = [(world.clock.now(), message, wait) for message, wait in world.queue.sent]
    world.queue.take()
    while stored(recovery).running:
        world.clock.move(minutes=1)
        recover_due(tick_services(world))
        given_out += [(world.clock.now(), message, wait) for message, wait in world.queue.sent]
        world.queue.take()
    sent_at = [(at - began).total_seconds() + wait for at, _, wait in given_out]
    assert sent_at == [*map(float, range(40)), *map(float, range(60, 170))]
    rows = {row["delivery_id"]: row for row in rows_of("delivery")}
    order = [rows[message.delivery_id]["event_id"] for _, message, _ in given_out]
    assert order == sorted(order)
    for second, (_, message, _) in zip(sent_at, given_out, strict=True):
        row = rows[message.delivery_id]
        assert row["next_attempt_at"] == later(began, seconds=int(second))
        assert row["due_at"] == later(began, seconds=int(second) + 60)
    assert stored(recovery).recovered == 150


@pytest.mark.parametrize("fate", ["before", "after"])
@pytest.mark.parametrize("call_number", range(16))
def test_wherever_the_process_dies_each_event_is_given_out_once(
    world: World, call_number: int, fate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "PAGE_EVENTS", 2)
    endpoint = missed(world, 6)
    recovery = begin(world, endpoint)
    doom = Doom({call_number: fate})
    client = DoomedClient(runtime.client("dynamodb"), doom)
    store = type(runtime.system_store())(
        **{**vars(runtime.system_store()), "client": client, "sleep": lambda _: None}
    )
    world.clock.move(minutes=1)
    services = tick_services(world, store=store, queue=DoomedQueue(world.queue, doom))
    with contextlib.suppress(Crash):
        recover_due(services)
    ended = to_the_end(world, recovery)
    assert ended.state is State.DONE
    assert (ended.recovered, ended.looked_at) == (6, 6)
    assert delivered_events() == events(*range(1, 7))
    assert rows_of("running_recovery") == []
    due = {row["delivery_id"] for row in rows_of("delivery") if "due_pk" in row}
    assert len(due) == 6


def test_two_that_work_at_the_same_page_give_it_out_once(world: World) -> None:
    endpoint = missed(world, 6)
    recovery = begin(world, endpoint, per_second=100)
    store, now = runtime.system_store(), world.clock.now()
    world.queue.take()
    assert recover.page(store, world.queue, now, recovery) is not None
    assert recover.page(store, world.queue, now, recovery) is None
    assert len(world.queue.take()) == 1
    assert stored(recovery).recovered == 6


def test_after_a_cancellation_nothing_more_is_given_out(world: World) -> None:
    """Given a worker that has read a running recovery; when it is cancelled before it writes; then
    its page is not given out."""
    endpoint = missed(world, 6)
    recovery = begin(world, endpoint, per_second=100)
    world.queue.take()
    services = world.endpoint_services()
    cancelled = recoveries.cancel(services, endpoint.endpoint_id, recovery.recovery_id)
    assert (cancelled.state, cancelled.recovered) == (State.CANCELLED, 5)
    store, now = runtime.system_store(), world.clock.now()
    assert recover.page(store, world.queue, now, recovery) is None
    world.clock.move(minutes=5)
    assert recover_due(tick_services(world)) == 0
    assert len(rows_of("delivery")) == 5
    again = recoveries.cancel(services, endpoint.endpoint_id, recovery.recovery_id)
    assert again == cancelled
    assert to_the_end(world, begin(world, endpoint)).recovered == 1


@dataclass
class Overtaken:
    """A client of whose process another is faster: `first` happens before a page is written."""

    first: Callable[[], object]
    done: bool = False

    def __getattr__(self, name: str) -> Any:
        real = getattr(runtime.client("dynamodb"), name)

        def late(**arguments: Any) -> Any:
            if not self.done and "running_recovery" not in str(arguments):
                self.done = True
                self.first()
            return real(**arguments)

        return late if name == "transact_write_items" else real


def begin_overtaken(world: World, endpoint: Endpoint, first: Callable[[], object]) -> Recovery:
    services = world.endpoint_services()
    store = replace(world.store, client=Overtaken(first), sleep=lambda _: None)
    return recoveries.begin(
        endpoints.Services(**{**vars(services), "store": store}), wanted(endpoint)
    )


def test_an_event_that_gets_its_delivery_meanwhile_is_left_to_it(world: World) -> None:
    """Given a page that was read; when one of its events gets its delivery before the page is
    written; then nothing of the page is, and the next tick leaves that one alone."""
    endpoint = missed(world, 3)
    event_id = event_row(2, 1)["event_id"]
    recovery = begin_overtaken(
        world, endpoint, lambda: resend_event(world.endpoint_services(), event_id)
    )
    assert (recovery.recovered, delivered_events()) == (0, events(2))
    ended = to_the_end(world, recovery)
    assert (ended.state, ended.recovered) == (State.DONE, 2)
    assert delivered_events() == events(1, 2, 3)


def test_a_delivery_that_is_sent_by_hand_meanwhile_is_left_to_that(world: World) -> None:
    """Given one that has given up; when it is sent again by hand, and arrives, before the page is
    written; then it stays where it is."""
    endpoint = world.endpoint()
    (message,) = world.publish(event_row(1, 1))
    world.sender.script = [500] * 10
    for _ in range(10):
        world.deliver(message)
        world.clock.move(days=1)
    world.queue.take()

    def by_hand() -> None:
        resend_event(world.endpoint_services(), event_row(1, 1)["event_id"])
        world.deliver(message)

    recovery = begin_overtaken(world, endpoint, by_hand)
    assert to_the_end(world, recovery).recovered == 0
    assert [row["status"] for row in rows_of("delivery")] == ["SUCCEEDED"]


def test_a_worker_that_was_overtaken_takes_no_step_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given pages of which nothing was missed; when one that read the first comes last; then the
    recovery stays where the others have brought it."""
    endpoint = missed(world, 6)
    for number in range(1, 7):
        resend_event(world.endpoint_services(), event_row(number, 1)["event_id"])
    monkeypatch.setattr(found, "PAGE_EVENTS", 2)
    first = begin(world, endpoint)
    store, now = runtime.system_store(), world.clock.now()
    second = recover.page(store, world.queue, now, first)
    assert second is not None and second.looked_at == 4
    assert recover.page(store, world.queue, now, first) is None
    assert stored(first) == second


def test_a_recovery_gives_free_what_it_holds_itself_and_nothing_else(world: World) -> None:
    endpoint = missed(world, 6)
    recovery = begin(world, endpoint)
    key = running_key(recovery.tenant, recovery.endpoint_id)
    runtime.system_store().write(Update(key, EXISTS, set={"recovery_id": "rcv_another"}))
    with pytest.raises(ConditionFailed, match="HOLDS_THE_ENDPOINT"):
        runtime.system_store().write(*recovery.step_to(recovery.ended(State.DONE, START)))
    assert stored(recovery).running


def test_one_recovery_of_an_endpoint_at_a_time(world: World) -> None:
    endpoint = missed(world, 6)
    first = begin(world, endpoint, per_second=1)
    with pytest.raises(FarthingError) as error:
        begin(world, endpoint)
    assert error.value.code.code == "recovery_running"
    assert first.recovery_id in error.value.detail
    assert len(rows_of("recovery")) == 1
    assert to_the_end(world, first).state is State.DONE
    assert begin(world, endpoint).recovery_id != first.recovery_id


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "turned off"])
def test_an_endpoint_that_goes_stops_its_recovery(world: World, deleted: bool) -> None:
    endpoint = missed(world, 6)
    recovery = begin(world, endpoint, per_second=1)
    services = world.endpoint_services()
    if deleted:
        endpoints.delete(services, endpoint.endpoint_id)
    else:
        endpoints.update(services, endpoint.endpoint_id, {"enabled": False})
    ended = to_the_end(world, recovery)
    assert (ended.state, ended.recovered) == (State.STOPPED, 5)
    assert rows_of("running_recovery") == []
    assert "due_pk" not in rows_of("recovery")[0]


def test_one_recovery_that_cannot_be_read_stops_no_other(world: World) -> None:
    first, second = missed(world, 6), world.endpoint()
    broken = begin(world, first, per_second=10)
    whole = begin(world, second, per_second=10)
    boto3.client("dynamodb").update_item(
        TableName="WebhooksTable",
        Key={"pk": {"S": broken.key.pk}, "sk": {"S": broken.key.sk}},
        UpdateExpression="REMOVE paced_until",
    )
    world.clock.move(minutes=1)
    failures: list[Exception] = []
    with pytest.raises(RecoveriesIncomplete, match="1 failed"):
        recover_due(tick_services(world, log_failure=failures.append))
    assert [type(failure) for failure in failures] == [KeyError]
    assert stored(whole).state is State.DONE


def test_a_tick_leaves_time_for_deliveries(world: World) -> None:
    endpoint = missed(world, 6)
    recovery = begin(world, endpoint)
    world.clock.move(minutes=1)
    assert recover_due(tick_services(world, seconds_left=lambda: 24)) == 0
    assert stored(recovery).recovered == 5


def test_counting_ends_somewhere_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "PAGE_EVENTS", 2)
    monkeypatch.setattr(found, "COUNT_PAGES_MAX", 2)
    endpoint = missed(world, 5)
    counted = recoveries.count(world.endpoint_services(), wanted(endpoint))
    assert counted.view() == {"count": 4, "complete": False}


def test_a_first_page_that_fails_is_the_ticks(world: World) -> None:
    endpoint = missed(world, 3)
    failures: list[Exception] = []

    class Refusing:
        def send(self, *messages: Any, **more: Any) -> None:
            raise OSError

    services = endpoints.Services(
        **{
            **vars(world.endpoint_services()),
            "queue": Refusing(),
            "log_failure": failures.append,
        }
    )
    recovery = recoveries.begin(services, wanted(endpoint))
    assert [type(failure) for failure in failures] == [OSError]
    assert recovery.recovered == 3
    assert to_the_end(world, recovery).state is State.DONE


def test_what_has_ended_moves_no_more(world: World) -> None:
    endpoint = missed(world, 1)
    recovery = begin(world, endpoint)
    done = to_the_end(world, recovery)
    with pytest.raises(ConditionFailed, match="RECOVERY_IS_STILL"):
        runtime.system_store().write(*done.step_to(done.ended(State.CANCELLED, START)))


# Over the API


def api(method: str, path: str, body: Any = None, **more: Any) -> Answer:
    return call("webhook_endpoints", method, f"/v1/webhook_endpoints/{path}", body, **more)


def test_over_the_api_it_is_counted_begun_watched_and_cancelled(world: World) -> None:
    world.publish(*[event_row(n, 1) for n in range(1, 7)])
    we = world.endpoint().endpoint_id
    asked = {"since": "2026-11-22T10:00:00+01:00", "per_second": 1}
    counted = api("POST", f"{we}/recover", {**asked, "dry_run": True})
    assert (counted.status, counted.body) == (200, {"count": 6, "complete": True})
    begun = api("POST", f"{we}/recover", asked)
    assert begun.status == 201
    assert (
        begun.body.items()
        >= {
            "state": "RUNNING",
            "since": SINCE,
            "per_second": 1,
            "count": 6,
            "recovered": 5,
            "ended_at": None,
        }.items()
    )
    one = f"{we}/recoveries/{begun.body['recovery_id']}"
    assert api("GET", one).body == begun.body
    refused = api("POST", f"{we}/recover", asked)
    assert (refused.status, refused.body["code"]) == (409, "recovery_running")
    cancelled = api("POST", f"{one}/cancel")
    assert (cancelled.status, cancelled.body["state"]) == (200, "CANCELLED")
    second = api("POST", f"{we}/recover", {**asked, "per_second": 100}).body
    listed = api("GET", f"{we}/recoveries").body
    ids = [begun.body["recovery_id"], second["recovery_id"]]
    assert sorted(one["recovery_id"] for one in listed["data"]) == sorted(ids)
    assert listed["data"][0]["recovery_id"] == max(ids)
    page = api("GET", f"{we}/recoveries", query={"limit": "1"}).body
    assert page["has_more"] is True
    rest = api("GET", f"{we}/recoveries", query={"starting_after": max(ids)}).body
    assert [one["recovery_id"] for one in rest["data"]] == [min(ids)]
    assert rest["has_more"] is False


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "since"),
    ({"since": "yesterday"}, "since"),
    ({"since": "2026-11-22T09:00:00"}, "since"),
    ({"since": 1}, "since"),
    ({"since": "9999-12-31T00:00:00Z"}, "since"),
    ({"since": "0001-01-01T00:00:00+14:00"}, "since"),
    ({"since": SINCE, "until": SINCE}, "since"),
    ({"since": SINCE, "until": "9999-12-31T00:00:00Z"}, "until"),
    ({"since": SINCE, "per_second": 0}, "per_second"),
    ({"since": SINCE, "per_second": 101}, "per_second"),
    ({"since": SINCE, "per_second": 1.5}, "per_second"),
    ({"since": SINCE, "dry_run": "yes"}, "dry_run"),
    ({"since": SINCE, "speed": 1}, "speed"),
]


def test_a_wrong_wish_is_named_and_nothing_begins(world: World) -> None:
    we = world.endpoint().endpoint_id
    for body, field in WRONG:
        answer = api("POST", f"{we}/recover", body)
        assert answer.status == 400, body
        assert [problem["field"] for problem in answer.body["fields"]] == [field]
    assert rows_of("recovery") == []


def test_an_endpoint_that_is_off_is_not_recovered(world: World) -> None:
    endpoint = world.endpoint()
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": False})
    for more in ({}, {"dry_run": True}):
        answer = api("POST", f"{endpoint.endpoint_id}/recover", {"since": SINCE, **more})
        assert (answer.status, answer.body["code"]) == (409, "endpoint_disabled")


def test_what_is_somebody_elses_looks_like_none(world: World) -> None:
    endpoint = missed(world, 1)
    recovery = begin(world, endpoint)
    we, one = endpoint.endpoint_id, f"{endpoint.endpoint_id}/recoveries/{recovery.recovery_id}"
    for method, path in (
        ("POST", f"{we}/recover"),
        ("GET", f"{we}/recoveries"),
        ("GET", one),
        ("POST", f"{one}/cancel"),
    ):
        body = {"since": SINCE} if path.endswith("recover") else None
        assert api(method, path, body, merchant_id=OTHER_MERCHANT).status == 404
    other = world.endpoint().endpoint_id
    assert api("GET", one.replace(we, other)).status == 404
    assert api("GET", f"{we}/recoveries/x").status == 404
    strange = {"starting_after": "rcv_" + "0" * 26}
    assert api("GET", f"{we}/recoveries", query=strange).status == 400
    assert stored(recovery) == recovery
