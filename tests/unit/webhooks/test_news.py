"""What is told of endpoints: a ping when one is made, a word when one is turned off."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.store import ConditionFailed
from farthing.webhooks import endpoints, events, news, opening
from farthing.webhooks.endpoint import DisabledReason, Endpoint
from farthing.webhooks.endpoint_news import disabling
from farthing.webhooks.news import NewsIncomplete, tell_due
from farthing.webhooks.notices import Notice
from farthing.webhooks.signature import verify
from farthing.webhooks.sns import SnsNotices
from tests.support.lambdas import Context, load
from tests.unit.webhooks.world import (
    START,
    TENANT,
    URL,
    Crash,
    Doom,
    DoomedClient,
    DoomedQueue,
    World,
    event_row,
    rows_of,
)


def opened(world: World, *event_types: str) -> Endpoint:
    return opening.open_endpoint(
        world.endpoint_services(), url=URL, event_types=list(event_types or ("*",))
    )


def turn_off(world: World, endpoint: Endpoint, reason: DisabledReason) -> None:
    world.store.write(*disabling(TENANT, endpoint, reason, world.clock.now()))


def told(world: World) -> list[str]:
    """The types of the feed's events, in its order."""
    page = events.feed(world.store, TENANT, after="start", limit=100)
    return [event.type for event in page.events]


def test_a_new_endpoint_gets_a_signed_ping_whatever_it_subscribed_to(world: World) -> None:
    other = opened(world)
    world.queue.take()
    endpoint = opened(world, "refund.*")
    (message,) = world.queue.take()
    world.deliver(message)
    (url, headers, body) = world.sender.posts[0]
    verify([endpoint.secret], headers, body, now_seconds=int(START.timestamp()))
    document = json.loads(body)
    assert (url, document["type"]) == (URL, "webhook_endpoint.ping")
    assert document["data"]["object"] == endpoint.view()
    assert "whsec_" not in body.decode()
    receivers = [(row["endpoint_id"], row["status"]) for row in rows_of("delivery")]
    assert sorted(receivers) == sorted(
        [(other.endpoint_id, "PENDING"), (endpoint.endpoint_id, "SUCCEEDED")]
    )
    assert rows_of("endpoint_news") == []


def test_a_ping_that_could_not_be_sent_does_not_cost_the_secret(world: World) -> None:
    """Given a queue that refuses; when an endpoint is made; then it is, and the tick pings it."""
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
    endpoint = opening.open_endpoint(services, url=URL, event_types=["*"])
    assert endpoint.secret.startswith("whsec_")
    assert [type(failure) for failure in failures] == [OSError]
    world.clock.move(minutes=1)
    assert tell_due(world.news_services()) == 1
    assert len(world.queue.take()) == 1
    assert tell_due(world.news_services()) == 0


@pytest.mark.parametrize("fate", ["before", "after"])
@pytest.mark.parametrize("call", range(10))
def test_wherever_the_process_dies_the_ping_comes_once(world: World, call: int, fate: str) -> None:
    """Given an endpoint's row; when its teller dies at any call; then the tick tells, once."""
    world.endpoint()
    world.clock.move(minutes=1)
    doom = Doom({call: fate})
    services = world.news_services(DoomedClient(runtime.client("dynamodb"), doom))
    doomed = news.Services(**{**vars(services), "queue": DoomedQueue(world.queue, doom)})
    try:
        tell_due(doomed)
    except Crash:
        world.clock.move(minutes=6)
        tell_due(world.news_services())
    assert told(world) == ["webhook_endpoint.ping"]
    assert len(rows_of("delivery")) == 1
    assert {message.delivery_id for message in world.queue.take()} == {
        row["delivery_id"] for row in rows_of("delivery")
    }
    assert rows_of("endpoint_news") == []


def test_an_endpoint_that_is_turned_off_is_told_to_the_others_and_to_people(
    world: World,
) -> None:
    off, subscribed, _ = opened(world), opened(world), opened(world, "refund.*")
    world.queue.take()
    turn_off(world, off, DisabledReason.FAILING)
    world.clock.move(minutes=1)
    assert tell_due(world.news_services()) == 1
    (message,) = world.queue.take()
    assert message.endpoint_id == subscribed.endpoint_id
    world.deliver(message)
    document = json.loads(world.sender.posts[0][2])
    shown, shown_type = document["data"]["object"], document["type"]
    assert shown["endpoint_id"] == off.endpoint_id
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "FAILING")
    assert shown["url"] == "https://hooks.example.com/…"
    at = shown["disabled_at"]
    assert world.notices.published == [
        Notice(TENANT.merchant_id, "test", off.endpoint_id, "FAILING", at)
    ]
    stored = endpoints.get(world.endpoint_services(), off.endpoint_id)
    assert (stored.enabled, stored.disabled_at) == (False, at)
    deliveries = [row for row in rows_of("delivery") if row["event_type"] == shown_type]
    assert [row["endpoint_id"] for row in deliveries] == [subscribed.endpoint_id]


def test_each_time_that_it_is_turned_off_is_one_event(world: World) -> None:
    """Given one that is turned on again before the first end was told; then both ends are told."""
    endpoint = opened(world)
    for _ in range(2):
        turn_off(world, endpoint, DisabledReason.GONE)
        endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": True})
        world.clock.move(seconds=5)
    world.clock.move(minutes=1)
    tell_due(world.news_services())
    assert told(world) == ["webhook_endpoint.ping", *["webhook_endpoint.disabled"] * 2]
    found = events.feed(world.store, TENANT, after="start", limit=100).events
    assert [event.sequence for event in found] == [1, 2, 3]
    assert len(world.notices.published) == 2


def test_two_tellers_at_once_tell_one_event(world: World) -> None:
    """Given a teller that has read how far the feed is; when another tells first; then once."""
    world.endpoint()
    (row,) = rows_of("endpoint_news")
    ping = news.EndpointNews.of(row)
    base = runtime.client("dynamodb")

    class Overtaken:
        """The other one tells between this one's first read and its next."""

        reads = 0

        def __getattr__(self, name: str) -> Any:
            if name == "get_item":
                self.reads += 1
                if self.reads == 2:
                    news.tell(runtime.system_store(), world.queue, world.clock.now(), ping)
            return getattr(base, name)

    store = world.news_services(Overtaken()).store
    news.tell(store, world.queue, world.clock.now(), ping)
    assert told(world) == ["webhook_endpoint.ping"]
    assert len(rows_of("delivery")) == 1


def test_what_another_url_said_turns_nothing_off_and_is_not_told(world: World) -> None:
    endpoint = opened(world)
    moved = {"url": "https://new.example.com/"}
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, moved)
    with pytest.raises(ConditionFailed, match="STILL_SENDS_TO"):
        turn_off(world, endpoint, DisabledReason.GONE)
    assert rows_of("endpoint_news") == []


def test_what_is_off_is_not_turned_off_again(world: World) -> None:
    endpoint = opened(world)
    turn_off(world, endpoint, DisabledReason.FAILING)
    world.clock.move(seconds=1)
    with pytest.raises(ConditionFailed, match="IS_ENABLED"):
        turn_off(world, endpoint, DisabledReason.GONE)
    assert len(rows_of("endpoint_news")) == 1


def test_two_ends_at_one_instant_do_not_become_one(world: World) -> None:
    """Given one that was turned off and on; when it is turned off in the same millisecond; then
    that waits for the next failure, because the first end is still to be told."""
    endpoint = opened(world)
    turn_off(world, endpoint, DisabledReason.GONE)
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"enabled": True})
    with pytest.raises(ConditionFailed, match="NOT_CREATED"):
        turn_off(world, endpoint, DisabledReason.FAILING)
    assert endpoints.get(world.endpoint_services(), endpoint.endpoint_id).enabled
    (row,) = rows_of("endpoint_news")
    assert row["shown"]["disabled_reason"] == "GONE"


def test_news_that_cannot_be_told_stops_no_other_and_comes_again(world: World) -> None:
    world.endpoint()
    world.endpoint()
    (broken, _) = rows_of("endpoint_news")
    boto3.client("dynamodb").update_item(
        TableName="WebhooksTable",
        Key={"pk": {"S": broken["pk"]}, "sk": {"S": broken["sk"]}},
        UpdateExpression="REMOVE shown",
    )
    world.clock.move(minutes=1)
    failures: list[Exception] = []
    services = world.news_services()
    with pytest.raises(NewsIncomplete, match="1 beside 1"):
        tell_due(news.Services(**{**vars(services), "log_failure": failures.append}))
    assert [type(failure) for failure in failures] == [KeyError]
    assert [row["sk"] for row in rows_of("endpoint_news")] == [broken["sk"]]
    assert tell_due(world.news_services()) == 0


def test_a_tick_ends_before_its_time_is_over(world: World) -> None:
    world.endpoint()
    world.clock.move(minutes=1)
    services = world.news_services()
    hurried = news.Services(**{**vars(services), "seconds_left": lambda: 9})
    assert tell_due(hurried) == 0
    assert len(rows_of("endpoint_news")) == 1


def test_events_of_payments_and_of_endpoints_share_the_feed(world: World) -> None:
    opened(world)
    world.publish(event_row(1, 1), event_row(1, 2))
    assert sorted(told(world)) == [
        "payment_intent.created",
        "payment_intent.succeeded",
        "webhook_endpoint.ping",
    ]


def test_a_notice_on_the_topic_names_ids_alone(aws: None) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="people")["TopicArn"]
    url = sqs.create_queue(QueueName="mail")["QueueUrl"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:mail"
    )
    notice = Notice(TENANT.merchant_id, "test", "we_1", "FAILING", "2026-11-22T09:00:00.000Z")
    SnsNotices(lambda: sns, topic).publish(notice)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    envelope = json.loads(message["Body"])
    assert envelope["Subject"] == "Webhook endpoint we_1 was turned off: FAILING"
    assert json.loads(envelope["Message"]) == vars(notice)


def test_one_job_of_the_tick_that_fails_does_not_stop_the_others(
    world: World, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deliveries are queued although no news can be told; the alarm of the schedule goes."""
    from farthing.webhooks.tick import TickIncomplete

    def broken(services: Any) -> int:
        raise OSError

    monkeypatch.setattr(news, "tell_due", broken)
    world.endpoint()
    world.publish(event_row(1, 1))
    with pytest.raises(TickIncomplete, match="told"):
        load("redeliver_due").handler({}, Context())
    messages = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
    assert len(messages) == 1
