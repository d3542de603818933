"""From the stream to the feed and the deliveries: each once, whatever comes and dies."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing import runtime
from farthing.store import ConditionFailed, Delete, Item, Key, TenantScope
from farthing.store.condition import EXISTS
from farthing.webhooks import events
from farthing.webhooks.event import Event
from farthing.webhooks.feed import FeedState, place, placement_writes
from farthing.webhooks.keys import event_key, feed_key, feed_shard, placed_key
from farthing.webhooks.outbox import FeedAhead, Outbox, place_event
from tests.support.aws import create_table
from tests.support.lambdas import Context, load
from tests.support.template import resources
from tests.unit.webhooks.world import (
    START,
    TENANT,
    Crash,
    Doom,
    DoomedClient,
    DoomedQueue,
    LockedClient,
    MemoryQueue,
    World,
    an_id,
    event_row,
    raise_it,
    rows_of,
    stream_record,
    waiting_events,
    write_events,
)


def empty_tables() -> None:
    """Both tables anew."""
    tables = resources("AWS::DynamoDB::Table")
    for name in ("PaymentsTable", "WebhooksTable"):
        boto3.client("dynamodb").delete_table(TableName=name)
        create_table(name, tables[name]["Properties"])


def whole_feed(tenant: TenantScope, limit: int = 3) -> list[Event]:
    """The feed from its start, page by page."""
    store, after, seen = runtime.store(tenant), "start", []
    for _ in range(1000):
        page = events.feed(store, tenant, after=after, limit=limit)
        seen += page.events
        after = page.next
        if not page.has_more:
            return seen
    raise AssertionError("the feed does not end")


def of_tenant(entity: str, tenant: TenantScope) -> list[Item]:
    return [row for row in rows_of(entity) if row["pk"].startswith(tenant.prefix)]


def check_feed(tenant: TenantScope, rows: list[Item]) -> None:
    """Every event once, per payment in order, positions 1, 2, 3, … in each shard."""
    seen = whole_feed(tenant)
    assert sorted(event.event_id for event in seen) == sorted(row["event_id"] for row in rows)
    for intent_id in {row["intent_id"] for row in rows}:
        sequences = [event.sequence for event in seen if event.subject_id == intent_id]
        assert sequences == list(range(1, len(sequences) + 1))
    placed = of_tenant("feed_event", tenant)
    for shard in {row["feed_shard"] for row in placed}:
        positions = sorted(row["position"] for row in placed if row["feed_shard"] == shard)
        assert positions == list(range(1, len(positions) + 1))


def test_an_event_reaches_the_feed_and_every_endpoint_that_wants_it(world: World) -> None:
    everything = world.endpoint()
    refunds = world.endpoint("refund.*")
    world.endpoint("payment_intent.failed")
    row = event_row(1, 1, type_="refund.succeeded")
    messages = world.publish(row)
    deliveries = rows_of("delivery")
    assert {one["endpoint_id"] for one in deliveries} == {
        everything.endpoint_id,
        refunds.endpoint_id,
    }
    assert {m.delivery_id for m in messages} == {one["delivery_id"] for one in deliveries}
    assert [event.event_id for event in whole_feed(TENANT)] == [row["event_id"]]
    assert all(one["due_pk"].startswith("DELIVERY#") for one in deliveries)


def test_an_endpoint_that_is_off_gets_nothing(world: World) -> None:
    from farthing.webhooks import endpoints

    off = world.endpoint()
    endpoints.update(world.endpoint_services(), off.endpoint_id, {"enabled": False})
    assert world.publish(event_row(1, 1)) == []
    assert rows_of("delivery") == []
    assert len(whole_feed(TENANT)) == 1


def test_a_record_that_comes_again_changes_nothing(world: World) -> None:
    world.endpoint()
    row = event_row(1, 1)
    world.publish(row)
    before = rows_of("feed_event"), rows_of("delivery")
    world.clock.move(hours=1)
    world.outbox().publish(row)
    assert (rows_of("feed_event"), rows_of("delivery")) == before
    assert world.queue.take() == []


def test_a_record_that_comes_after_the_attempt_queues_nothing(world: World) -> None:
    world.endpoint()
    row = event_row(1, 1)
    (message,) = world.publish(row)
    world.deliver(message)
    world.outbox().publish(row)
    assert world.queue.take() == []


def test_an_event_before_its_predecessors_brings_them_along(world: World) -> None:
    world.endpoint()
    rows = [event_row(1, n) for n in (1, 2, 3)]
    write_events(rows)
    world.outbox().publish(rows[2])
    check_feed(TENANT, rows)
    assert len(rows_of("delivery")) == 3
    assert len(world.queue.take()) == 3


def test_many_predecessors_come_in_several_transactions(world: World) -> None:
    rows = [event_row(1, n) for n in range(1, 48)]
    write_events(rows)
    world.outbox().publish(rows[-1])
    check_feed(TENANT, rows)


def test_a_predecessor_that_is_nowhere_is_an_error_and_no_hole(world: World) -> None:
    rows = [event_row(1, n) for n in (1, 2, 3)]
    write_events([rows[0], rows[2]])
    with pytest.raises(ValueError, match="not all there"):
        world.outbox().publish(rows[2])
    assert rows_of("feed_event") == []


def test_a_feed_that_is_ahead_of_the_payments_says_so(world: World) -> None:
    """As after a restore of `payments` alone: the place has been told as another event."""
    told, retold = event_row(1, 1), {**event_row(1, 1), "event_id": an_id("evt", 999)}
    write_events([told])
    world.outbox().publish(told)
    key = Key("payments", told["pk"], told["sk"])
    runtime.system_store().write(Delete(key, EXISTS))
    write_events([retold])
    with pytest.raises(FeedAhead):
        world.outbox().publish(retold)


def test_a_row_under_another_merchants_key_is_refused(world: World) -> None:
    row = event_row(1, 1) | {"merchant_id": "mer_01jd0000000000000000000bbb"}
    with pytest.raises(ValueError, match="another merchant"):
        world.outbox().publish(row)


orders = st.permutations([(intent, n) for intent, last in ((1, 3), (2, 1), (3, 2))
                          for n in range(1, last + 1)])  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    order=orders,
    again=st.lists(st.integers(0, 5), max_size=3),
    crashes=st.dictionaries(st.integers(0, 60), st.sampled_from(["before", "after"]), max_size=6),
)
def test_duplicates_reorderings_and_crashes_end_in_each_once(
    world: World,
    order: list[tuple[int, int]],
    again: list[int],
    crashes: dict[int, str],
) -> None:
    """Given any order of the stream's records, some twice, and a process that dies anywhere;
    when every record has been brought until it succeeded; then all is there once, and no event
    waits for its fan-out any more."""
    empty_tables()  # moto copies them whole for each transaction
    tenant, mine = TENANT, World()
    endpoints = [mine.endpoint("*"), mine.endpoint("refund.*")]
    rows = {(i, n): event_row(i, n, tenant) for i, n in order}
    write_events(rows.values())
    doom = Doom(crashes)
    base = runtime.system_store()
    client = DoomedClient(base.client, doom)
    pending = [*order, *(order[index] for index in again)]
    while pending:
        outbox = Outbox(
            replace(base, client=client, sleep=lambda _: None),
            DoomedQueue(mine.queue, doom),
            START,
        )
        try:
            outbox.publish(rows[pending[0]])
        except Crash:
            pending.append(pending[0])
        pending.pop(0)
    check_feed(tenant, list(rows.values()))
    assert waiting_events() == []
    wanted = {
        (row["event_id"], endpoint.endpoint_id)
        for row in rows.values()
        for endpoint in endpoints
        if endpoint.gets(Event.of(row))
    }
    deliveries = of_tenant("delivery", tenant)
    assert len(deliveries) == len(wanted)
    assert {(row["event_id"], row["endpoint_id"]) for row in deliveries} == wanted
    assert {m.delivery_id for m in mine.queue.take()} == {row["delivery_id"] for row in deliveries}


def test_concurrent_workers_leave_no_gap_and_a_reader_misses_nothing(world: World) -> None:
    """Four workers write while a reader follows the feed by its cursor."""
    rows = [event_row(intent, n) for intent in range(24) for n in (1, 2)]
    write_events(rows)
    base, lock = runtime.system_store(), threading.Lock()
    client = LockedClient(base.client, lock)
    store = replace(base, client=client, sleep=lambda _: None)
    done, seen = threading.Event(), []

    def read() -> None:
        after = "start"
        while True:
            last_round = done.is_set()
            page = events.feed(store, TENANT, after=after, limit=5)
            seen.extend(page.events)
            after = page.next
            if last_round and not page.has_more:
                return

    def write(part: int) -> None:
        outbox = Outbox(store, MemoryQueue(), START)
        for row in rows[part::4] + rows[(part + 1) % 4 :: 4]:  # every record is seen by two
            outbox.publish(row)

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(read)
        writers = [pool.submit(write, part) for part in range(4)]
        wait(writers)
        done.set()
        for worker in (*writers, reader):
            worker.result()
    check_feed(TENANT, rows)
    assert sorted(event.event_id for event in seen) == sorted(row["event_id"] for row in rows)
    for intent_id in {row["intent_id"] for row in rows}:
        assert [event.sequence for event in seen if event.subject_id == intent_id] == [1, 2]


def test_merchants_have_feeds_of_their_own(world: World) -> None:
    other = TenantScope("mer_01jd0000000000000000000bbb", "test")
    live = TenantScope(TENANT.merchant_id, "live")
    world.endpoint()
    mine = [event_row(1, 1)]
    theirs = [event_row(2, 1, other), event_row(3, 1, live)]
    messages = world.publish(*mine, *theirs)
    assert [m.tenant for m in messages] == [TENANT]
    for tenant, rows in ((TENANT, mine), (other, theirs[:1]), (live, theirs[1:])):
        check_feed(tenant, rows)


def refused(world: World, state: FeedState, row: Item) -> str:
    event = Event.of(row)
    placed = place([event], feed_shard(event.subject_id), state, "2026")
    with pytest.raises(ConditionFailed) as error:
        world.store.write(*placement_writes(TENANT, placed, state))
    return error.value.condition


def test_each_condition_of_a_placement_holds_by_itself(world: World) -> None:
    first, second = event_row(1, 1), event_row(1, 2)
    write_events([first, second])
    shard = feed_shard(first["intent_id"])
    place_event(world.store, TENANT, Event.of(first), START)
    remove(world, feed_key(TENANT, shard, 1))
    assert refused(world, FeedState(0, "", 0), first) == "FEED_STILL_EMPTY"
    assert refused(world, FeedState(1, "", 0), first) == "NONE_PLACED"
    place_event(world.store, TENANT, Event.of(second), START)
    remove(world, event_key(TENANT, second["event_id"]))
    assert refused(world, FeedState(1, "", 2), event_row(1, 3)) == "FEED_STILL_ENDS_THERE"
    assert refused(world, FeedState(2, "", 1), second) == "PLACED_UP_TO"
    remove(world, placed_key(TENANT, first["intent_id"]))
    assert refused(world, FeedState(2, "", 0), first) == "NOT_CREATED"  # the event's place


def test_a_position_that_is_taken_is_not_given_out_again(world: World) -> None:
    write_events([event_row(1, 1), event_row(1, 2)])
    place_event(world.store, TENANT, Event.of(event_row(1, 1)), START)
    end = FeedState(0, "", 1)
    from farthing.webhooks.keys import feed_end_key

    remove(world, feed_end_key(TENANT, feed_shard(an_id("pi", 1))))
    assert refused(world, end, event_row(1, 2)) == "NOT_CREATED"


def remove(world: World, key: Any) -> None:
    world.store.write(Delete(key, EXISTS))


def test_the_handler_takes_what_a_real_stream_says(world: World, queue_url: str) -> None:
    endpoint = world.endpoint()
    rows = [event_row(1, 1), event_row(2, 1), event_row(1, 2)]
    write_events(rows)
    answer = load("outbox").handler({"Records": real_records()}, Context())
    assert answer == {"batchItemFailures": []}
    check_feed(TENANT, rows)
    received = boto3.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
    ids = {json.loads(message["Body"])["delivery_id"] for message in received["Messages"]}
    assert ids == {row["delivery_id"] for row in rows_of("delivery")}
    assert len(ids) == 3
    assert {row["endpoint_id"] for row in rows_of("delivery")} == {endpoint.endpoint_id}


def real_records() -> list[dict[str, Any]]:
    """The payments table's stream in moto, as Lambda would hand it over."""
    streams = boto3.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName="PaymentsTable")["Streams"]
    arn = stream["StreamArn"]
    records = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += streams.get_records(ShardIterator=iterator)["Records"]
    return records


def test_a_record_that_can_never_succeed_holds_up_nobody(world: World, queue_url: str) -> None:
    """A failed record would hold its shard of the stream: this one is the sweep's."""
    good, bad = event_row(1, 1), event_row(2, 2)
    write_events([good, bad])
    torn = stream_record(event_row(3, 1), 3)
    del torn["dynamodb"]["NewImage"]["event_id"]
    records = [stream_record(bad, 1), stream_record(good, 2), torn]
    answer = load("outbox").handler({"Records": records}, Context())
    assert answer == {"batchItemFailures": []}
    check_feed(TENANT, [good])
    assert waiting_events() == [bad["event_id"]]


def test_a_record_that_met_passing_trouble_comes_again(
    world: World, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = event_row(1, 1)
    write_events([row])
    monkeypatch.setattr("farthing.webhooks.outbox.PLACE_TRIES_MAX", 0)
    answer = load("outbox").handler({"Records": [stream_record(row, 7)]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"{7:021d}"}]}


def test_a_predecessor_that_was_placed_by_a_worker_that_died_is_sent_too(world: World) -> None:
    """Given events 1 and 2 in the feed and a crash before any fan-out; when 2 comes again."""
    world.endpoint()
    rows = [event_row(1, 1), event_row(1, 2)]
    write_events(rows)
    place_event(world.store, TENANT, Event.of(rows[1]), START)
    world.outbox().publish(rows[1])
    assert [row["event_id"] for row in rows_of("delivery")] == [row["event_id"] for row in rows]
    assert len(world.queue.take()) == 2
    assert waiting_events() == []


def test_other_rows_are_no_events(world: World, queue_url: str) -> None:
    record = stream_record(event_row(1, 1) | {"entity": "intent"})
    assert load("outbox").handler({"Records": [record]}, Context()) == {"batchItemFailures": []}
    assert rows_of("feed_event") == []


def test_a_lost_message_is_found_again(world: World) -> None:
    """Given a crash before the send; when the minute's tick comes; then it is queued."""
    from farthing.webhooks.redeliver import Services, redeliver_due

    world.endpoint()
    row = event_row(1, 1)
    write_events([row])
    base = runtime.system_store()
    outbox = Outbox(base, DoomedQueue(world.queue, Doom({0: "before"})), START)
    with pytest.raises(Crash):
        outbox.publish(row)
    world.clock.move(seconds=61)
    services = Services(base, world.queue, world.clock.now(), lambda: 50, raise_it, world.exhausted)
    assert redeliver_due(services) == 1
    (message,) = world.queue.take()
    assert world.deliver(message).status == "SUCCEEDED"
