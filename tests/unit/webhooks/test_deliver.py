"""One attempt at a time: claimed, signed, sent, recorded, and again when its time has come."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import pytest
import standardwebhooks

from farthing import runtime
from farthing.clock import from_text, to_text
from farthing.store import ConditionFailed
from farthing.webhooks import deliver, endpoints, wiring
from farthing.webhooks.delivery import EndReason, Status
from farthing.webhooks.delivery_row import delivery_of, delivery_update, nobody_else_claimed
from farthing.webhooks.ports import Answer, DeliveryMessage, SendError
from farthing.webhooks.redeliver import (
    TAKES_MAX,
    GivenUp,
    RedeliveryIncomplete,
    Services,
    redeliver_due,
)
from farthing.webhooks.schedule import DELAYS_SECONDS
from farthing.webhooks.signature import SignatureRefused, verify
from tests.support.lambdas import Context, load
from tests.unit.webhooks.world import (
    START,
    TENANT,
    URL,
    Crash,
    LockedClient,
    World,
    event_row,
    raise_it,
    rows_of,
)


def tick(world: World) -> int:
    """The minute's run of redeliver_due."""
    services = Services(
        runtime.system_store(),
        world.queue,
        world.clock.now(),
        lambda: 50,
        raise_it,
        world.exhausted,
    )
    return redeliver_due(services)


def only_delivery() -> Any:
    (row,) = [one for one in rows_of("delivery") if "ping" not in one["event_type"]]
    return delivery_of(row)


def one(world: World) -> DeliveryMessage:
    world.endpoint()
    (message,) = world.publish(event_row(1, 1))
    return message


def test_a_receiver_can_check_what_it_gets(world: World) -> None:
    endpoint = world.endpoint()
    row = event_row(1, 1)
    (message,) = world.publish(row)
    delivery = world.deliver(message)
    assert delivery.status is Status.SUCCEEDED
    ((url, headers, body),) = world.sender.posts
    assert url == endpoint.url
    assert headers["webhook-id"] == row["event_id"]
    assert headers["webhook-timestamp"] == str(int(START.timestamp()))
    verify([endpoint.secret], headers, body, now_seconds=int(START.timestamp()))
    assert json.loads(body) == {
        "type": row["type"],
        "timestamp": row["created_at"],
        "data": {
            "event_id": row["event_id"],
            "sequence": 1,
            "version": 1,
            "object": row["object"],
        },
    }


def test_the_reference_library_accepts_a_real_attempt(world: World) -> None:
    from datetime import UTC, datetime

    world.wall.at = datetime.now(UTC)
    endpoint = world.endpoint()
    (message,) = world.publish(event_row(1, 1))
    world.deliver(message)
    ((_, headers, body),) = world.sender.posts
    assert standardwebhooks.Webhook(endpoint.secret).verify(body, headers)["data"]


def test_a_signature_is_dated_by_the_unmoved_clock(world: World) -> None:
    """The receiver's clock is not ours to shift: its tolerance is five minutes of its own."""
    message = one(world)
    world.clock.move(days=30)
    world.deliver(message)
    assert world.sender.posts[0][1]["webhook-timestamp"] == str(int(START.timestamp()))


def test_500_twice_and_then_200_arrives_once(world: World) -> None:
    world.sender.script = [500, 500, 200]
    message = one(world)
    world.deliver(message)
    assert world.queue.sent == [(message, 6)]
    world.queue.take()
    world.clock.move(seconds=6)
    world.deliver(message)
    assert [delay for _, delay in world.queue.sent] == [301]
    world.queue.take()
    world.clock.move(minutes=6)
    assert tick(world) == 1
    world.deliver(*world.queue.take())
    delivery = only_delivery()
    assert delivery.status is Status.SUCCEEDED
    assert [attempt.status_code for attempt in delivery.attempts] == [500, 500, 200]
    assert [attempt.number for attempt in delivery.attempts] == [1, 2, 3]
    assert len({headers["webhook-id"] for _, headers, _ in world.sender.posts}) == 1
    world.clock.move(days=9)
    assert tick(world) == 0
    world.deliver(message)
    assert len(world.sender.posts) == 3


def test_each_attempt_has_its_own_timestamp(world: World) -> None:
    world.sender.script = [500]
    message = one(world)
    world.deliver(message)
    for clock in (world.clock, world.wall):
        clock.move(seconds=10)
    world.deliver(message)
    stamps = [int(headers["webhook-timestamp"]) for _, headers, _ in world.sender.posts]
    assert stamps[1] - stamps[0] == 10


def test_a_whole_life_of_failures(world: World) -> None:
    world.sender.script = [503] * 20
    message = one(world)
    world.deliver(message)
    for _ in range(9):
        world.queue.take()
        world.clock.move(hours=30)
        assert tick(world) == 1
        world.deliver(*world.queue.take())
    delivery = only_delivery()
    assert (delivery.status, delivery.end_reason) == (
        Status.EXHAUSTED,
        EndReason.ATTEMPTS_USED_UP,
    )
    assert len(delivery.attempts) == len(world.sender.posts) == 10
    world.clock.move(days=99)
    assert tick(world) == 0


def test_a_long_wait_is_the_due_indexs_alone(world: World) -> None:
    world.sender.script = [500] * 3
    message = one(world)
    for _ in range(3):
        world.queue.take()
        world.deliver(message)
        world.clock.move(minutes=10)
    assert world.queue.sent == []
    assert only_delivery().due_at == only_delivery().next_attempt_at


def test_410_turns_the_endpoint_off(world: World) -> None:
    world.sender.script = [410]
    message = one(world)
    later_one = world.publish(event_row(2, 1))
    assert world.deliver(message).end_reason is EndReason.ENDPOINT_GONE
    (endpoint,) = endpoints.every(world.endpoint_services())
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "GONE")
    assert world.deliver(*later_one).end_reason is EndReason.ENDPOINT_DISABLED
    assert len(world.sender.posts) == 1
    assert world.publish(event_row(3, 1)) == []


def test_410_of_an_old_url_does_not_turn_off_the_new_one(world: World) -> None:
    message = one(world)
    (endpoint,) = endpoints.every(world.endpoint_services())
    moved = {"url": "https://new.example.com/"}

    def post(url: str, headers: Any, body: bytes) -> Answer:
        endpoints.update(world.endpoint_services(), endpoint.endpoint_id, moved)
        return Answer(410, None, 1)

    world.sender.instead = post
    world.deliver(message)
    assert endpoints.get(world.endpoint_services(), endpoint.endpoint_id).enabled


def test_an_endpoint_that_is_deleted_while_it_is_called(world: World) -> None:
    message = one(world)
    (endpoint,) = endpoints.every(world.endpoint_services())

    def post(url: str, headers: Any, body: bytes) -> Answer:
        endpoints.delete(world.endpoint_services(), endpoint.endpoint_id)
        return Answer(410, None, 1)

    world.sender.instead = post
    assert world.deliver(message).status is Status.EXHAUSTED
    assert endpoints.every(world.endpoint_services()) == []


def test_a_deleted_endpoint_ends_its_deliveries(world: World) -> None:
    message = one(world)
    (endpoint,) = endpoints.every(world.endpoint_services())
    endpoints.delete(world.endpoint_services(), endpoint.endpoint_id)
    assert world.deliver(message).end_reason is EndReason.ENDPOINT_DELETED
    assert world.sender.posts == []


def test_both_secrets_sign_for_a_day_after_a_rotation(world: World) -> None:
    old = world.endpoint()
    world.made = 7
    new = endpoints.rotate_secret(world.endpoint_services(), old.endpoint_id)
    (first,) = world.publish(event_row(1, 1))
    world.deliver(first)
    world.clock.move(hours=24, seconds=1)
    (second,) = world.publish(event_row(2, 1))
    world.deliver(second)
    now = int(START.timestamp())
    (_, during, body), (_, after, later_body) = world.sender.posts
    for secret in (old.secret, new.secret):
        verify([secret], during, body, now_seconds=now)
    verify([new.secret], after, later_body, now_seconds=now)
    with pytest.raises(SignatureRefused):
        verify([old.secret], after, later_body, now_seconds=now)


def test_many_workers_with_one_message_send_once(world: World) -> None:
    """All read before anyone claims: only the condition of the claim keeps them apart."""
    message = one(world)
    workers, lock = 8, threading.Lock()
    all_have_read = threading.Barrier(workers)
    base = runtime.client("dynamodb")

    class Waiting(LockedClient):
        def __getattr__(self, name: str) -> Any:
            call = super().__getattr__(name)
            if name != "batch_get_item":
                return call

            def read_and_wait(**arguments: Any) -> Any:
                answer = call(**arguments)
                all_have_read.wait(timeout=10)
                return answer

            return read_and_wait

    services = world.deliver_services(Waiting(base, lock))
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda _: deliver.deliver(services, message), range(workers)))
    assert len(world.sender.posts) == 1
    assert sum(one is not None for one in found) == 1
    assert only_delivery().status is Status.SUCCEEDED


def test_a_message_that_comes_twice_is_sent_once(world: World) -> None:
    message = one(world)
    assert world.deliver(message) is not None
    assert world.deliver(message) is None
    assert len(world.sender.posts) == 1


def test_a_message_during_an_attempt_does_nothing(world: World) -> None:
    message = one(world)
    inner: list[Any] = []

    def post(url: str, headers: Any, body: bytes) -> Answer:
        inner.append(world.deliver(message))
        return Answer(200, None, 1)

    world.sender.instead = post
    assert world.deliver(message).status is Status.SUCCEEDED
    assert inner == [None]


def test_a_worker_that_dies_while_sending_is_followed_by_another(world: World) -> None:
    message = one(world)

    def die(url: str, headers: Any, body: bytes) -> Answer:
        raise Crash

    world.sender.instead = die
    with pytest.raises(Crash):
        world.deliver(message)
    world.sender.instead = None
    assert world.deliver(message) is None
    world.clock.move(seconds=61)
    assert tick(world) == 1
    world.deliver(*world.queue.take())
    delivery = only_delivery()
    assert delivery.status is Status.SUCCEEDED
    assert [attempt.error for attempt in delivery.attempts] == [SendError.INTERRUPTED, None]


def test_a_delivery_that_kills_every_worker_ends(world: World) -> None:
    message = one(world)

    def die(url: str, headers: Any, body: bytes) -> Answer:
        raise Crash

    world.sender.instead = die
    for _ in range(10):
        with pytest.raises(Crash):
            world.deliver(message)
        world.clock.move(seconds=61)
    assert world.deliver(message).status is Status.EXHAUSTED


def test_a_worker_that_was_overtaken_records_nothing(world: World) -> None:
    """Given a worker that slept through its lease; when it wakes; then its record is refused."""
    message = one(world)
    delivery = only_delivery()
    slow = delivery.claimed(START, URL, 0)
    world.store.write(delivery_update(slow, nobody_else_claimed(delivery)))
    world.clock.move(seconds=61)
    assert world.deliver(message).status is Status.SUCCEEDED
    failed = slow.recorded(Answer(500, None, 1), DELAYS_SECONDS, world.clock.now(), 0.5)
    with pytest.raises(ConditionFailed, match="NOBODY_ELSE_CLAIMED"):
        world.store.write(delivery_update(failed, nobody_else_claimed(slow)))
    assert only_delivery().status is Status.SUCCEEDED


def test_what_has_ended_is_not_claimed(world: World) -> None:
    """The number of claims alone would let a delivery be claimed that ended without one."""
    one(world)
    delivery = only_delivery()
    ended = delivery.ended(EndReason.ENDPOINT_DELETED)
    world.store.write(delivery_update(ended, nobody_else_claimed(delivery)))
    with pytest.raises(ConditionFailed):
        claimed = delivery.claimed(START, URL, 0)
        world.store.write(delivery_update(claimed, nobody_else_claimed(delivery)))


def test_a_message_long_before_its_time_is_dropped(world: World) -> None:
    world.sender.script = [500, 500]
    message = one(world)
    world.deliver(message)
    world.clock.move(seconds=6)
    world.deliver(message)
    world.queue.take()
    assert world.deliver(message) is None
    assert world.queue.sent == []
    assert len(world.sender.posts) == 2


def test_a_message_a_moment_before_its_time_waits_that_moment(world: World) -> None:
    world.sender.script = [500]
    message = one(world)
    world.deliver(message)
    world.queue.take()
    world.clock.move(seconds=3)
    assert world.deliver(message) is None
    assert world.queue.sent == [(message, 3)]
    assert len(world.sender.posts) == 1


def test_nothing_is_claimed_with_too_little_time_left(world: World) -> None:
    message = one(world)
    with pytest.raises(deliver.OutOfTime):
        deliver.deliver(world.deliver_services(seconds_left=17.9), message)
    assert only_delivery().attempts == ()


@pytest.mark.parametrize("delay", [0, 1])
def test_a_retry_that_is_due_at_once_does_not_wait_for_the_tick(world: World, delay: int) -> None:
    endpoints.create(
        world.endpoint_services(), url=URL, event_types=["*"], retry_delays_seconds=[delay]
    )
    (message,) = world.publish(event_row(1, 1))
    world.sender.script = [500]
    world.deliver(message)
    ((again, wait_seconds),) = world.queue.sent
    world.clock.move(seconds=wait_seconds)
    assert world.deliver(again).status is Status.SUCCEEDED


def test_two_ticks_at_once_queue_once(world: World) -> None:
    one(world)
    world.clock.move(minutes=2)
    stale = only_delivery()
    assert tick(world) == 1
    from farthing.store import Update
    from farthing.webhooks.due import still_due
    from farthing.webhooks.keys import delivery_key

    key = delivery_key(TENANT, stale.delivery_id)
    with pytest.raises(ConditionFailed, match="STILL_DUE"):
        world.store.write(Update(key, still_due(stale.due_at), set={"due_at": "x"}))
    assert tick(world) == 0
    world.clock.move(minutes=6)
    assert tick(world) == 1


def test_a_row_that_nobody_can_read_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more unreadable rows than a page holds, all due first; then the others are queued."""
    monkeypatch.setattr("farthing.webhooks.redeliver.SHARD_PAGE_ITEMS", 1)
    monkeypatch.setattr("farthing.webhooks.keys.DUE_SHARDS", 1)
    monkeypatch.setattr("farthing.webhooks.delivery_row.DUE_SHARDS", 1)
    world.endpoint()
    messages = world.publish(*[event_row(n, 1) for n in range(4)])
    for message in messages[:2]:
        boto3.client("dynamodb").update_item(
            TableName="WebhooksTable",
            Key={"pk": {"S": TENANT.pk("DLV", message.delivery_id)}, "sk": {"S": "DELIVERY"}},
            UpdateExpression="REMOVE attempts SET due_at = :early",
            ExpressionAttributeValues={":early": {"S": "2026-11-22T08:00:00.000Z"}},
        )
    world.clock.move(minutes=2)
    failures: list[Exception] = []
    store, now = runtime.system_store(), world.clock.now()
    with pytest.raises(RedeliveryIncomplete):
        redeliver_due(
            Services(store, world.queue, now, lambda: 50, failures.append, world.exhausted)
        )
    assert {message.delivery_id for message in world.queue.take()} == {
        message.delivery_id for message in messages[2:]
    }
    assert [type(failure) for failure in failures] == [KeyError, KeyError]


def test_a_delivery_that_is_never_claimed_ends_after_a_day(world: World) -> None:
    """Whatever kills its workers before the claim: the merchant sees an end, and we an alarm."""
    one(world)
    taken_at, failures = [], []
    due_at: str | None = None
    for _ in range(26 * 60):
        world.clock.move(minutes=1)
        now = world.clock.now()
        services = Services(
            runtime.system_store(), world.queue, now, lambda: 50, failures.append, world.exhausted
        )
        if due_at is not None and now < from_text(due_at):
            continue
        try:
            taken_at += [now] * redeliver_due(services)
        except RedeliveryIncomplete:
            break
        due_at = only_delivery().due_at
    delivery = only_delivery()
    assert (delivery.status, delivery.end_reason) == (Status.EXHAUSTED, EndReason.NEVER_STARTED)
    assert (len(taken_at), [type(one) for one in failures]) == (TAKES_MAX, [GivenUp])
    assert (world.clock.now() - START).total_seconds() > 24 * 3600
    assert tick(world) == 0


def test_an_attempt_makes_earlier_takes_count_no_more(world: World) -> None:
    world.sender.script = [500]
    message = one(world)
    world.clock.move(minutes=2)
    assert tick(world) == 1
    assert rows_of("delivery")[0]["takes"] == 1
    world.deliver(message)
    assert rows_of("delivery")[0]["takes"] == 0


def test_an_endpoint_that_is_off_for_a_while_loses_nothing(world: World) -> None:
    """Given a failed first attempt; when the retry comes while the endpoint is off; then it
    waits, uses up no attempt, and arrives when the endpoint is on again."""
    world.sender.script = [500]
    message = one(world)
    (endpoint,) = endpoints.every(world.endpoint_services())
    world.deliver(message)
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": False})
    for minutes in (1, 2, 120, 120):
        world.clock.move(minutes=minutes)
        delivery = world.deliver(message)
        assert (delivery.status, len(delivery.attempts)) == (Status.FAILED, 1)
        assert delivery.due_at == delivery.next_attempt_at > to_text(world.clock.now())
        assert from_text(delivery.due_at) - world.clock.now() <= timedelta(hours=1)
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": True})
    world.queue.take()
    world.clock.move(hours=1, seconds=1)
    assert tick(world) == 1
    assert world.deliver(*world.queue.take()).status is Status.SUCCEEDED
    assert len(world.sender.posts) == 2


def test_a_tick_is_bounded_by_time(world: World) -> None:
    one(world)
    world.clock.move(minutes=2)
    services = Services(
        runtime.system_store(),
        world.queue,
        world.clock.now(),
        lambda: 9,
        raise_it,
        world.exhausted,
    )
    assert redeliver_due(services) == 0


def test_a_tick_is_bounded_by_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.endpoint()
    world.publish(*[event_row(n, 1) for n in range(12)])
    world.clock.move(minutes=2)
    monkeypatch.setattr("farthing.webhooks.redeliver.QUEUED_MAX", 1)
    first = tick(world)
    assert 1 <= first < 12
    monkeypatch.setattr("farthing.webhooks.redeliver.QUEUED_MAX", 2000)
    assert first + tick(world) == 12


def sqs_event(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}


def test_the_handler_sends_and_fails_only_for_us(
    world: World, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merchant's 500 is done; a message that we cannot read goes back, and to the DLQ."""
    app = load("deliver_webhooks")
    monkeypatch.setattr(wiring, "sender", lambda: world.sender)
    world.sender.script = [500]
    message = one(world)
    gone = DeliveryMessage(TENANT.merchant_id, "test", "dlv_" + "0" * 26)
    answer = app.handler(sqs_event(message.to_text(), "{}", gone.to_text()), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert only_delivery().status is Status.FAILED
    assert only_delivery().attempts[0].status_code == 500


def test_the_clock_of_the_stack_brings_a_failed_delivery_back(
    world: World, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = load("deliver_webhooks")
    monkeypatch.setattr(wiring, "sender", lambda: world.sender)
    world.sender.script = [500, 500, 200]
    message = one(world)
    for minutes in (0, 1, 20):
        boto3.client("dynamodb").put_item(
            TableName="TestClockTable",
            Item={
                "pk": {"S": "CLOCK"},
                "sk": {"S": "CLOCK"},
                "offset_seconds": {"N": str(minutes * 60)},
            },
        )
        if minutes == 20:
            assert load("redeliver_due").handler({}, Context())["queued"] == 1
        app.handler(sqs_event(message.to_text()), Context())
    assert [attempt.status_code for attempt in only_delivery().attempts] == [500, 500, 200]
    stamps = [int(headers["webhook-timestamp"]) for _, headers, _ in world.sender.posts]
    assert stamps[2] - stamps[0] < 60
