"""Lists: newest first, complete, filtered, and only one's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stack import DECLINED, Stack


def walk(stack: Stack, **query: str) -> list[dict[str, Any]]:
    """All pages of two."""
    found: list[dict[str, Any]] = []
    while True:
        answer = stack.get("payment_intents", query={"limit": "2"} | query).body
        found += answer["data"]
        if not answer["has_more"]:
            return found
        query["starting_after"] = found[-1]["intent_id"]


def test_pages_are_newest_first_and_complete(stack: Stack) -> None:
    made = []
    for _ in range(7):
        made.append(stack.post("payment_intents", {"amount_cents": 1, "currency": "eur"}).body)
        stack.advance(1)
    assert [i["intent_id"] for i in walk(stack)] == [i["intent_id"] for i in reversed(made)]


def test_filters_by_status_customer_and_time(stack: Stack) -> None:
    customer = stack.post("customers", {}).body["customer_id"]
    paid = stack.pay(customer_id=customer).body["intent_id"]
    stack.advance(3600)
    failed = stack.pay(number=DECLINED).body["payment_intent"]
    stack.advance(3600)
    new = stack.post("payment_intents", {"amount_cents": 1, "currency": "eur"}).body["intent_id"]

    def ids(**query: str) -> list[str]:
        return [intent["intent_id"] for intent in walk(stack, **query)]

    assert ids(status="SUCCEEDED") == [paid]
    assert ids(status="CANCELLED") == []
    assert ids(customer_id=customer) == [paid]
    assert ids(customer_id=customer, status="FAILED") == []
    assert ids(created_from=failed["created_at"]) == [new, failed["intent_id"]]
    assert ids(created_before=failed["created_at"]) == [paid]
    assert ids(created_from=failed["created_at"], created_before=failed["created_at"]) == []


def test_a_list_that_it_cannot_finish_is_refused(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(30):
        stack.post("payment_intents", {"amount_cents": 1, "currency": "eur"})
    monkeypatch.setattr("farthing.store.newest.PAGE_ITEMS_MAX", 1)
    monkeypatch.setattr("farthing.store.newest.PAGES_PER_PARTITION_MAX", 1)
    answer = stack.get("payment_intents", query={"status": "FAILED"})
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "created_from")
