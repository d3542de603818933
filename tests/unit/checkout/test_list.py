"""A merchant's sessions, newest first."""

from __future__ import annotations

import pytest

from farthing.checkout import read
from tests.support.stack import DECLINED
from tests.unit.checkout.conftest import DAY, Counter


def listed(counter: Counter, **query: str) -> list[str]:
    answer = counter.stack.get("checkout_sessions", query=query)
    assert answer.status == 200, answer.text
    return [one["session_id"] for one in answer.body["data"]]


def test_newest_first_by_pages(counter: Counter) -> None:
    made = [counter.session() for _ in range(5)]
    assert listed(counter) == made[::-1]
    first = counter.stack.get("checkout_sessions", query={"limit": "2"}).body
    assert first["has_more"] is True
    assert [one["session_id"] for one in first["data"]] == made[:2:-1]
    rest = {"starting_after": made[3]}
    assert listed(counter, **rest) == made[2::-1]
    assert "url" not in first["data"][0]


def test_by_status_which_no_index_knows(counter: Counter) -> None:
    old = counter.session()
    counter.stack.advance(DAY)
    opened, declined, paid, ended = (counter.session() for _ in range(4))
    counter.pay(declined, DECLINED)
    counter.pay(paid)
    counter.stack.post(f"checkout_sessions/{ended}/expire")
    assert listed(counter, status="OPEN") == [declined, opened]
    assert listed(counter, status="PAID") == [paid]
    assert listed(counter, status="EXPIRED") == [ended, old]
    assert listed(counter, status="PROCESSING") == []
    assert listed(counter, status="OPEN", limit="1", starting_after=declined) == [opened]
    page = counter.stack.get("checkout_sessions", query={"status": "OPEN", "limit": "1"}).body
    assert page["has_more"] is True


def test_by_customer_and_by_time(counter: Counter) -> None:
    customer_id = counter.stack.post("customers", {}).body["customer_id"]
    counter.session()
    theirs = counter.session(customer_id=customer_id)
    created_at = counter.read(theirs)["created_at"]
    later = counter.session(customer_id=customer_id)
    assert listed(counter, customer_id=customer_id) == [later, theirs]
    assert theirs in listed(counter, created_from=created_at)
    assert theirs not in listed(counter, created_before=created_at)
    assert listed(counter, customer_id=customer_id, status="PAID") == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"status": "SUCCEEDED"},
        {"customer_id": "nobody"},
        {"created_from": "yesterday"},
        {"starting_after": "cs_00000000000000000000000000"},
        {"starting_after": "pi_00000000000000000000000000"},
        {"amount": "1"},
    ],
)
def test_a_bad_question_is_400(counter: Counter, query: dict[str, str]) -> None:
    assert counter.stack.get("checkout_sessions", query=query).status == 400


def test_too_many_to_look_through_is_said(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "PAGES_MAX", 1)
    monkeypatch.setattr(read, "LIMIT_MAX", 2)
    made = [counter.session() for _ in range(3)]
    assert listed(counter, status="OPEN", limit="1") == [made[2]]
    answer = counter.stack.get("checkout_sessions", query={"status": "PAID"})
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "created_from")
