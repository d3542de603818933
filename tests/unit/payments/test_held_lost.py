"""Payments under review, and a backup that is older than what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from farthing import runtime
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.rules import publish, rule
from tests.support.stack import Stack

REVIEWED = "4000000000009235"
TABLES = ("PaymentsTable", "RiskTable")
DAY = 24 * 60 * 60


@pytest.fixture
def back() -> Callable[[Callable[[], Any]], Any]:
    """Does something, and then the tables are as they were before it."""

    def do(something: Callable[[], Any]) -> Any:
        dynamo = boto3.client("dynamodb")
        kept = {table: dynamo.scan(TableName=table)["Items"] for table in TABLES}
        done = something()
        for table, items in kept.items():
            for item in dynamo.scan(TableName=table)["Items"]:
                key = {name: item[name] for name in ("pk", "sk")}
                dynamo.delete_item(TableName=table, Key=key)
            for item in items:
                dynamo.put_item(TableName=table, Item=item)
        return done

    return do


Back = Callable[[Callable[[], Any]], Any]


def restore(stack: Stack) -> list[str]:
    """Go through the acquirer's books, as after a restore; the verdicts on what was lost."""
    stack.advance(600)
    since = runtime.platform().now().strftime("%Y-%m-%dT00:00:00.000Z")
    event = {"since": since, "after": None, "apply": True}
    page: dict[str, Any] = load("resolve_unknown").handler(event, Context())
    return [row["verdict"] for row in page["rows"]]


def saved(stack: Stack) -> str:
    customer = stack.post("customers", {}).body["customer_id"]
    method = {"customer_id": customer, "type": "CARD", "token": stack.token()}
    method_id: str = stack.post("payment_methods", method).body["method_id"]
    return method_id


def shown(stack: Stack, intent_id: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.get(f"payment_intents/{intent_id}").body
    return found


def charges(stack: Stack, intent_id: str) -> list[str]:
    return [row["operation"] for row in stack.books(order_id=intent_id)]


def test_an_approval_that_was_lost_is_not_sent_again(stack: Stack, back: Back) -> None:
    # Given what was held unsent, approved and charged, and then a backup from before that
    publish(rule("REVIEW"), reviews={"hold": "NOT_SENT", "days": 3})
    held = stack.pay(payment_method_id=saved(stack)).body
    review = f"reviews/{held['review_id']}"
    assert back(lambda: stack.post(f"{review}/approve", {})).status == 200
    # When the books are gone through, Then it is known again, and nobody can send it once more
    assert restore(stack) == ["ADOPTED"]
    assert shown(stack, held["intent_id"])["status"] == "SUCCEEDED"
    found = stack.get(review).body
    assert (found["status"], found["closed_by"]) == ("APPROVED", "restore")
    assert stack.post(f"{review}/approve", {}).status == 409
    assert charges(stack, held["intent_id"]) == ["AUTHORIZE", "CAPTURE"]


@pytest.mark.parametrize(
    ("verb", "status", "closed"),
    [("approve", "SUCCEEDED", "APPROVED"), ("decline", "CANCELLED", "CANCELLED")],
)
def test_a_capture_or_void_of_a_review_that_was_lost_closes_it(
    stack: Stack, back: Back, verb: str, status: str, closed: str
) -> None:
    held = stack.pay(number=REVIEWED).body
    assert back(lambda: stack.post(f"reviews/{held['review_id']}/{verb}", {})).status == 200
    assert "ADOPTED" in restore(stack)
    assert shown(stack, held["intent_id"])["status"] == status
    assert stack.get(f"reviews/{held['review_id']}").body["status"] == closed


def test_an_authorization_that_was_held_for_a_review_is_held_again(
    stack: Stack, back: Back
) -> None:
    new = {"amount_cents": 100, "currency": "eur", "token": stack.token(REVIEWED)}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    confirmed = back(lambda: stack.post(f"payment_intents/{intent_id}/confirm", {}))
    assert confirmed.status == 202
    assert restore(stack) == ["ADOPTED"]
    # Then nobody can take it but by looking at it
    found = shown(stack, intent_id)
    assert found["status_detail"] == "REQUIRES_REVIEW"
    assert stack.post(f"payment_intents/{intent_id}/capture", {}).status == 409
    assert stack.post(f"reviews/{found['review_id']}/approve", {}).status == 200
    assert charges(stack, intent_id) == ["AUTHORIZE", "CAPTURE"]


def test_a_review_is_open_for_its_days_from_when_it_opens(stack: Stack) -> None:
    # Given an authorization of which nobody knew for longer than its review may take
    publish(rule("REVIEW"), reviews={"hold": "AUTHORIZED", "days": 1})
    stack.acquirer.after = lambda *_: (500, b"", "")
    held = stack.pay().body
    stack.advance(DAY + DAY // 2)
    stack.acquirer.after = lambda method, path, answer: answer
    review = shown(stack, held["intent_id"])["review_id"]
    found = stack.get(f"reviews/{review}").body
    assert found["status"] == "OPEN" and found["expires_at"] > found["opened_at"]
    body = {"expiry": f"{MERCHANT}/test/{held['intent_id']}"}
    record = {"messageId": "m", "body": json.dumps(body)}
    load("resolve_unknown").handler({"Records": [record]}, Context())
    assert stack.get(f"reviews/{review}").body["status"] == "OPEN"
