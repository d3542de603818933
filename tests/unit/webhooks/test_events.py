"""GET /v1/events: one, the list, the feed."""

from __future__ import annotations

from typing import Any

import pytest

from farthing.store import TenantScope
from farthing.webhooks.feed import Cursor
from tests.support.lambdas import OTHER_MERCHANT, Answer, call
from tests.unit.webhooks.world import TENANT, World, an_id, event_row

OTHER = TenantScope(OTHER_MERCHANT, "test")
ROWS = [event_row(intent, n) for intent in range(6) for n in (1, 2, 3)]


@pytest.fixture
def told(world: World) -> World:
    """Eighteen events of six payments, and one of somebody else."""
    world.publish(*ROWS, event_row(99, 1, OTHER))
    return world


def api(path: str = "/v1/events", **more: Any) -> Answer:
    return call("events", "GET", path, **more)


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.text
    return [event["event_id"] for event in answer.body["data"]]


def test_one_event(told: World) -> None:
    row = ROWS[4]
    answer = api(f"/v1/events/{row['event_id']}")
    assert (answer.status, answer.body) == (
        200,
        {
            "event_id": row["event_id"],
            "type": row["type"],
            "created_at": row["created_at"],
            "sequence": 2,
            "payment_intent_id": row["intent_id"],
            "version": 2,
            "data": {"object": row["object"]},
            "livemode": False,
        },
    )


def test_another_merchants_event_looks_like_none(told: World) -> None:
    theirs = event_row(99, 1, OTHER)["event_id"]
    none = "evt_" + "0" * 26
    assert api(f"/v1/events/{theirs}", merchant_id=OTHER_MERCHANT).status == 200
    there, nowhere = api(f"/v1/events/{theirs}"), api(f"/v1/events/{none}")
    assert there.status == nowhere.status == 404
    assert there.text.replace(theirs, none) == nowhere.text
    assert api("/v1/events/evt_1").status == 404
    assert theirs not in api(query={"limit": "100"}).text
    assert api(query={"starting_after": theirs}).status == 400


def test_the_list_is_newest_first_in_pages(told: World) -> None:
    newest = sorted((row["event_id"] for row in ROWS), reverse=True)
    seen: list[str] = []
    query = {"limit": "5"}
    while True:
        answer = api(query=query)
        seen += ids(answer)
        if not answer.body["has_more"]:
            break
        query = {"limit": "5", "starting_after": seen[-1]}
    assert seen == newest


def test_the_list_of_a_type(told: World) -> None:
    wanted = [row["event_id"] for row in ROWS if row["type"] == "refund.succeeded"]
    first = api(query={"type": "refund.succeeded", "limit": "4"})
    assert ids(first) == sorted(wanted, reverse=True)[:4]
    assert first.body["has_more"] is True
    rest = api(query={"type": "refund.succeeded", "starting_after": ids(first)[-1]})
    assert ids(first) + ids(rest) == sorted(wanted, reverse=True)


def test_a_list_that_it_cannot_finish_is_refused_and_not_cut_short(
    told: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given more events than are looked through; then no page says that there are no more."""
    monkeypatch.setattr("farthing.store.newest.PAGE_ITEMS_MAX", 1)
    monkeypatch.setattr("farthing.store.newest.PAGES_PER_PARTITION_MAX", 2)
    answer = api(query={"type": "refund.succeeded", "limit": "4"})
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "type")
    assert len(ids(api(query={"limit": "4"}))) == 4


def test_the_list_of_a_payment(told: World) -> None:
    intent_id = an_id("pi", 3)
    wanted = [row["event_id"] for row in ROWS if row["intent_id"] == intent_id]
    assert ids(api(query={"payment_intent_id": intent_id})) == sorted(wanted, reverse=True)
    both = api(query={"payment_intent_id": intent_id, "type": "refund.succeeded"})
    assert ids(both) == [wanted[2]]
    assert ids(api(query={"payment_intent_id": an_id("pi", 99)})) == []


WRONG_QUERIES = [
    {"limit": "0"},
    {"limit": "101"},
    {"limit": "0100999"},
    {"limit": "0001" + "0" * 5000},
    {"limit": "007"},
    {"type": "nothing"},
    {"payment_intent_id": "x"},
    {"starting_after": "x"},
    {"starting_after": "evt_" + "0" * 26},
    {"unknown": "1"},
    {"after": "start", "limit": "x"},
    {"after": "start", "type": "refund.failed"},
    {"after": "start", "starting_after": "evt_" + "0" * 26},
    {"after": "x"},
    {"after": "=" * 56},
    {"after": Cursor((1, 2, 3, 4)).to_text(OTHER)},
    {"after": Cursor((1, 2, 3, 4)).to_text(TenantScope(TENANT.merchant_id, "live"))},
]


def test_a_wrong_query(told: World) -> None:
    for query in WRONG_QUERIES:
        assert api(query=query).status == 400, query


@pytest.mark.parametrize(("start", "limit"), [("", "1"), ("start", "4"), ("start", "100")])
def test_the_feed_has_no_gaps_and_keeps_each_payments_order(
    told: World, start: str, limit: str
) -> None:
    seen: list[dict[str, Any]] = []
    after = start
    while True:
        answer = api(query={"after": after, "limit": limit})
        assert answer.status == 200, answer.text
        seen += answer.body["data"]
        after = answer.body["next"]
        if not answer.body["has_more"]:
            break
    assert sorted(one["event_id"] for one in seen) == sorted(row["event_id"] for row in ROWS)
    for intent in range(6):
        mine = [one["sequence"] for one in seen if one["payment_intent_id"] == an_id("pi", intent)]
        assert mine == [1, 2, 3]
    again = api(query={"after": "start", "limit": "100"}).body["data"]
    assert again == seen
    waiting = api(query={"after": after})
    assert waiting.body == {"data": [], "has_more": False, "next": after}
    told.publish(event_row(50, 1))
    assert ids(api(query={"after": after})) == [event_row(50, 1)["event_id"]]


def test_the_feed_from_now_on(told: World) -> None:
    """Given a feed with events; when it is begun at its end; then only what comes later is in it,
    of a merchant whose feed is empty all of it."""
    answer = api(query={"after": "end"})
    assert (answer.body["data"], answer.body["has_more"]) == ([], False)
    told.publish(event_row(50, 1), event_row(51, 1, OTHER))
    assert ids(api(query={"after": answer.body["next"]})) == [event_row(50, 1)["event_id"]]
    assert ids(api(query={"after": "start", "limit": "1"})) != [event_row(50, 1)["event_id"]]


def test_the_end_of_an_empty_feed_is_its_start(world: World) -> None:
    answer = api(query={"after": "end"})
    assert answer.body == {"data": [], "has_more": False, "next": answer.body["next"]}
    world.publish(event_row(1, 1))
    assert ids(api(query={"after": answer.body["next"]})) == [event_row(1, 1)["event_id"]]


def test_an_empty_feed(world: World) -> None:
    answer = api(query={"after": ""})
    assert (answer.body["data"], answer.body["has_more"]) == ([], False)
    assert api().body == {"data": [], "has_more": False}
