"""The list of all operations: whole, in order, and as things stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from farthing_sandbox import cursor

if TYPE_CHECKING:
    from tests.unit.sandbox.conftest import Client

DAY = 24 * 3600


def pages(client: Client, limit: int, between: Any = lambda: None) -> list[list[dict[str, Any]]]:
    """All pages, with something happening between them."""
    found, query = [], {"limit": str(limit)}
    while True:
        page = client.list_operations(**query)
        found.append(page["data"])
        if page["next"] is None:
            return found
        query["after"] = page["next"]
        between()


def test_every_operation_is_listed_once_and_as_it_stands(client: Client) -> None:
    # Given one of each
    held = client.authorize(merchant_reference="mer-1")
    taken = client.authorize(capture=True)
    declined = client.authorize("4000000000000002")
    capture = client.follow("capture", held, amount_cents=600, merchant_reference="mer-2")
    refund = client.follow("refund", held, amount_cents=100)
    reversal = client.reversal(taken, merchant_reference="mer-3")
    client.ask("/v1/reversals", reversal)
    # Then the list has each reference once, oldest first
    page = client.list_operations()
    rows = page["data"]
    shown = [(r["reference"], r["operation"], r["status"], r["amount_cents"]) for r in rows]
    assert shown == [
        (held["reference"], "AUTHORIZE", "APPROVED", 1000),
        (taken["reference"], "AUTHORIZE", "REVERSED", 1000),
        (declined["reference"], "AUTHORIZE", "DECLINED", 1000),
        (capture["reference"], "CAPTURE", "APPROVED", 600),
        (refund["reference"], "REFUND", "APPROVED", 100),
        (reversal["reference"], "VOID", "APPROVED", 1000),
    ]
    assert [r["capture"] for r in rows] == [False, True, False, False, False, False]
    assert [r["captured_cents"] for r in rows] == [0, 1000, 0, 0, 0, 0]
    assert [r["merchant_reference"] for r in rows] == ["mer-1", None, None, "mer-2", None, "mer-3"]
    assert [r["original_reference"] for r in rows] == [
        *[None] * 3,
        held["reference"],
        held["reference"],
        taken["reference"],
    ]
    assert rows[2]["decline_code"] == "05"
    assert rows[0]["network_reference"] == held["network_reference"]
    assert rows[0]["expires_at"] == held["expires_at"]
    assert set(rows[0]) == {
        "reference",
        "order_id",
        "merchant_reference",
        "operation",
        "capture",
        "original_reference",
        "amount_cents",
        "captured_cents",
        "currency",
        "method",
        "status",
        "returned",
        "authorization_code",
        "network_reference",
        "expires_at",
        "decline_code",
        "created_at",
    }
    assert page["next"] is None and page["as_of"] >= rows[-1]["created_at"]


def test_for_whom_an_operation_was_is_no_part_of_what_it_was(client: Client) -> None:
    body = client.authorization(merchant_reference="mer-1")
    first = client.ask("/v1/authorizations", body)
    assert client.ask("/v1/authorizations", body | {"merchant_reference": "mer-2"}) == first
    assert "merchant_reference" not in first
    assert client.list_operations()["data"][0]["merchant_reference"] == "mer-1"


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_are_whole_and_in_order_while_more_comes_in(client: Client, limit: int) -> None:
    # Given operations of three days
    there = []
    for days in (0, 0, 2, 2, 3):
        client.move_clock(days * DAY)
        there.append(client.authorize()["reference"])
    # When they are paged through while others arrive
    arrived: list[str] = []

    def arrive() -> None:
        if len(arrived) < 4:
            arrived.append(client.authorize()["reference"])

    found = pages(client, limit, arrive)
    # Then each is seen once, in order, and no page is longer than was asked
    assert [row["reference"] for page in found for row in page] == there + arrived
    assert all(1 <= len(page) <= limit for page in found)
    created = [row["created_at"] for page in found for row in page]
    assert created == sorted(created)


def test_operations_of_one_moment_are_not_lost_between_pages(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from farthing_sandbox import runtime

    now = datetime.now(UTC)
    monkeypatch.setattr(runtime.Surroundings, "now", lambda self: now)
    there = {client.authorize()["reference"] for _ in range(5)}
    found = [row["reference"] for page in pages(client, 2) for row in page]
    assert len(found) == 5 and set(found) == there
    since = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert len(client.list_operations(since=since)["data"]) == 5


def test_the_list_begins_where_it_is_asked_to(client: Client) -> None:
    old = client.authorize()
    client.authorize()
    client.move_clock(60)
    new = client.authorize()
    since = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    page = client.list_operations(since=since)
    assert [row["reference"] for row in page["data"]] == [new["reference"]]
    page = client.list_operations(since=new["created_at"])
    assert [row["reference"] for row in page["data"]] == [new["reference"]]
    # a cursor behind the beginning does not bring back what came before it
    first = client.list_operations(limit="1")
    assert [row["reference"] for row in first["data"]] == [old["reference"]]
    page = client.list_operations(since=since, after=first["next"])
    assert [row["reference"] for row in page["data"]] == [new["reference"]]
    far = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert client.list_operations(since=far)["data"] == []


def test_a_charge_that_landed_late_is_where_a_pager_finds_it(client: Client) -> None:
    # Given a charge on its way, and a later one that a pager has seen
    body = client.authorization("4000009900000046")
    client.send("POST", "/v1/authorizations", body)
    client.move_clock(10)
    seen = client.authorize()
    client.authorize()
    page = client.list_operations(limit="1")
    assert [row["reference"] for row in page["data"]] == [seen["reference"]]
    # When it lands, then it is among what the pager has not seen
    client.move_clock(31)
    rest = client.list_operations(after=page["next"])
    assert [row["reference"] for row in rest["data"]][-1] == body["reference"]


def test_each_booking_of_an_acquirer_that_is_not_idempotent_is_listed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_IDEMPOTENT", "false")
    body = client.authorization()
    for _ in range(2):
        client.ask("/v1/authorizations", body)
    client.follow("void", body)
    statuses = [row["status"] for row in client.list_operations()["data"]]
    assert statuses == ["APPROVED", "REVERSED", "APPROVED"]


LONG_AGO = (datetime.now(UTC) - timedelta(days=37)).strftime("%Y-%m-%dT%H:%M:%SZ")
SINCE = {"since": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"since": "yesterday"},
        {"since": "2026-13-40T00:00:00Z"},
        {"since": "2026-11-22T00:00:00+01:00"},
        {"since": LONG_AGO},
        SINCE | {"limit": "0"},
        SINCE | {"limit": "101"},
        SINCE | {"limit": "ten"},
        SINCE | {"after": "%"},
        SINCE | {"after": "abc"},
        SINCE | {"after": "gICA"},
        SINCE | {"after": cursor.write("2026-11-22T00:00:00.000Z")},
        SINCE | {"order_id": "x"},
    ],
)
def test_a_bad_question_is_refused(client: Client, query: dict[str, str]) -> None:
    answer = client.send("GET", "/v1/operations", query=query)
    assert answer["statusCode"] == 400
    assert "MALFORMED" in answer["body"]
