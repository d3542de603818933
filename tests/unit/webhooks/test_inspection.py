"""Looking into deliveries: by status and type, and one with its request and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from farthing.store import newest
from farthing.webhooks import endpoints
from farthing.webhooks.ports import Answer, Reply, SendError
from farthing.webhooks.signature import verify
from tests.support.lambdas import OTHER_MERCHANT, call
from tests.support.lambdas import Answer as HttpAnswer
from tests.unit.webhooks.world import START, URL, World, event_row

PATH = "/v1/webhook_endpoints"


@pytest.fixture(autouse=True)
def _stack(queue_url: str) -> None:
    """Tables and a queue."""


def get(path: str, **query: str) -> HttpAnswer:
    return call("webhook_endpoints", "GET", path, query=query or None)


def found(path: str, **query: str) -> list[tuple[str, str]]:
    answer = get(path, **query)
    assert answer.status == 200, answer.text
    return [(one["status"], one["event_type"]) for one in answer.body["data"]]


def test_deliveries_are_found_by_status_and_by_type(world: World) -> None:
    endpoint = world.endpoint()
    world.sender.script = [500, 200, 200]
    for message in world.publish(event_row(1, 1), event_row(1, 2), event_row(2, 1)):
        world.deliver(message)
    path = f"{PATH}/{endpoint.endpoint_id}/deliveries"
    created, succeeded = "payment_intent.created", "payment_intent.succeeded"
    assert found(path, status="SUCCEEDED") == [("SUCCEEDED", created), ("SUCCEEDED", succeeded)]
    assert found(path, event_type=created) == [("SUCCEEDED", created), ("FAILED", created)]
    assert found(path, event_type=created, status="FAILED") == [("FAILED", created)]
    assert found(path, status="EXHAUSTED") == []
    page = get(path, status="SUCCEEDED", limit="1").body
    assert page["has_more"] is True
    rest = found(path, status="SUCCEEDED", starting_after=page["data"][0]["delivery_id"])
    assert rest == [("SUCCEEDED", succeeded)]


@pytest.mark.parametrize("query", [{"status": "LOST"}, {"event_type": "refund.*"}, {"x": "1"}])
def test_a_wrong_filter_is_named(world: World, query: dict[str, str]) -> None:
    path = f"{PATH}/{world.endpoint().endpoint_id}/deliveries"
    answer = get(path, **query)
    assert answer.status == 400
    assert [problem["field"] for problem in answer.body["fields"]] == list(query)


def test_too_much_to_look_through_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = world.endpoint()
    world.publish(*[event_row(n, 1) for n in range(8)])
    monkeypatch.setattr(newest, "PAGES_PER_PARTITION_MAX", 1)
    monkeypatch.setattr(newest, "PAGE_ITEMS_MAX", 1)
    answer = get(f"{PATH}/{endpoint.endpoint_id}/deliveries", status="SUCCEEDED")
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "status")
    assert "starting_after" in answer.body["fields"][0]["message"]


def test_what_did_not_arrive_is_found_among_however_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given three exhausted deliveries among many; then they are a list of their own, in pages, and
    one that is sent again is in it no more."""
    endpoint, other = world.endpoint(), world.endpoint(url="https://other.example.com/")
    messages = world.publish(*[event_row(n, 1) for n in range(8)])
    ours = [one for one in messages if one.endpoint_id == endpoint.endpoint_id]
    world.sender.script = [200, 400] * 3
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"retry_delays_seconds": [1]})
    for message in ours[:6]:
        world.deliver(message)
    world.clock.move(seconds=9)
    world.sender.script = [400] * 3
    for message in ours[1:6:2]:
        world.deliver(message)
    monkeypatch.setattr(newest, "PAGES_PER_PARTITION_MAX", 1)
    path = f"{PATH}/{endpoint.endpoint_id}/deliveries"
    page = get(path, status="EXHAUSTED", limit="2").body
    last = page["data"][-1]["delivery_id"]
    rest = get(path, status="EXHAUSTED", starting_after=last).body
    ids = [one["delivery_id"] for one in (*page["data"], *rest["data"])]
    assert ids == [one.delivery_id for one in reversed(ours[1:6:2])]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert {one["next_attempt_at"] for one in page["data"]} == {None}
    assert found(f"{PATH}/{other.endpoint_id}/deliveries", status="EXHAUSTED") == []
    call("webhook_endpoints", "POST", f"{path}/{last}/resend")
    left = get(path, status="EXHAUSTED").body["data"]
    assert [one["delivery_id"] for one in left] == [id_ for id_ in ids if id_ != last]


def test_one_is_shown_with_its_request_and_each_answer(world: World) -> None:
    endpoint = world.endpoint()
    reply = Reply({"content-type": "text/plain"}, "no room")
    answers = [Answer(503, None, 9, None, reply), Answer(None, SendError.TIMED_OUT, 15_000)]
    world.sender.instead = lambda url, headers, body: answers.pop(0)
    (message,) = world.publish(event_row(1, 1))
    world.deliver(message)
    world.clock.move(minutes=2)
    world.deliver(message)
    path = f"{PATH}/{endpoint.endpoint_id}/deliveries/{message.delivery_id}"
    shown = get(path).body
    (_, headers, body) = world.sender.posts[-1]
    assert shown["request"] == {
        "method": "POST",
        "url": URL,
        "headers": {**headers, "webhook-signature": "v1,…"},
        "body": body.decode(),
    }
    verify([endpoint.secret], headers, shown["request"]["body"].encode(), now_seconds=at())
    first, second = shown["attempts"]
    assert first["response"] == {"headers": {"content-type": "text/plain"}, "body": "no room"}
    assert (first["status_code"], first["url"], first["webhook_timestamp"]) == (503, URL, at())
    assert (second["error"], second["response"]) == ("TIMED_OUT", None)
    assert "whsec_" not in json.dumps(shown)


def at() -> int:
    return int(START.timestamp())


def test_one_that_was_never_tried_shows_what_will_be_sent(world: World) -> None:
    endpoint = world.endpoint()
    (message,) = world.publish(event_row(1, 1))
    endpoints.update(world.endpoint_services(), endpoint.endpoint_id, {"payload": "THIN"})
    request = get(f"{PATH}/{endpoint.endpoint_id}/deliveries/{message.delivery_id}").body["request"]
    assert (request["url"], request["headers"]["webhook-timestamp"]) == (URL, None)
    assert json.loads(request["body"])["data"]["object_type"] == "payment_intent"


def test_one_of_somebody_else_looks_like_none(world: World) -> None:
    endpoint, other = world.endpoint(), world.endpoint("refund.*")
    (message,) = world.publish(event_row(1, 1))
    path = f"{PATH}/{endpoint.endpoint_id}/deliveries/{message.delivery_id}"
    strange: list[tuple[str, dict[str, Any]]] = [
        (path, {"merchant_id": OTHER_MERCHANT}),
        (path.replace(endpoint.endpoint_id, other.endpoint_id), {}),
        (path.replace(message.delivery_id, "dlv_" + "0" * 26), {}),
        (path.replace(message.delivery_id, "%00"), {}),
    ]
    for there, more in strange:
        assert call("webhook_endpoints", "GET", there, **more).status == 404
