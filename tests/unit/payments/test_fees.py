"""Our fee of a capture is the one of the plan that held when it was begun, whoever concludes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from farthing.access.account import Settings
from farthing.access.fees import FeePlan, Rate
from farthing.store.item import item_from_wire
from tests.support.lambdas import Answer, Context, load
from tests.support.stack import ANSWER_NEVER_COMES, APPROVED, Stack
from tests.support.stripe.stack import EXTERNAL, OnDouble, start_on

AMEX = "378282246310005"
PLAN = FeePlan().changed(
    {"eur": Rate(14_000, 25), "eur/amex": Rate(29_000, 25), "usd": Rate(0, 0, 50)}
)
SETTINGS = Settings({"*": "sandbox"}, fees=PLAN)
DEARER = replace(SETTINGS, fees=PLAN.changed({"eur": Rate(500_000)}))


def rows(stack: Stack, entity: str) -> list[dict[str, Any]]:
    return [item_from_wire(wire) for wire in stack.items(entity)]


def posted(stack: Stack, kind: str = "CAPTURE") -> dict[str, int]:
    """Account → amount of the only transaction of a kind."""
    [one] = [row for row in rows(stack, "ledger_transaction") if row["kind"] == kind]
    return {posting["account"]: posting["amount_cents"] for posting in one["postings"]}


def entries(stack: Stack) -> list[tuple[str, int, int]]:
    found = rows(stack, "settlement_entry")
    return sorted((row["operation"], row["amount_cents"], row["fee_cents"]) for row in found)


def pay(
    stack: Stack,
    amount_cents: int = 1000,
    number: str = APPROVED,
    settings: Settings = SETTINGS,
    **more: Any,
) -> Answer:
    cvc = "1234" if number == AMEX else "123"
    body = {"amount_cents": amount_cents, "currency": "eur", "confirm": True} | more
    body["token"] = stack.token(number, cvc=cvc)
    return stack.post("payment_intents", body, settings=settings)


@pytest.mark.parametrize(
    ("more", "fee"),
    [({}, 39), ({"number": AMEX}, 54), ({"currency": "usd"}, 50), ({"currency": "gbp"}, 0)],
)
def test_a_charge_has_the_fee_of_its_currency_and_brand(
    stack: Stack, more: dict[str, str], fee: int
) -> None:
    # When
    assert pay(stack, **more).status == 201  # type: ignore[arg-type]
    # Then the books and the settlement say the same
    income = {"processing_fee_income": fee} if fee else {}
    rest = {"acquirer_receivable:sandbox": 1000, "merchant_pending": 1000 - fee}
    assert posted(stack) == rest | income
    assert entries(stack) == [("CAPTURE", 1000, fee)]


def test_the_fee_of_a_part_is_of_what_was_captured_and_by_the_plan_of_then(stack: Stack) -> None:
    # Given money that is held, and a plan that changes before it is captured
    intent_id = pay(stack, capture_method="MANUAL").body["intent_id"]
    assert entries(stack) == []
    # When
    path = f"payment_intents/{intent_id}/capture"
    assert stack.post(path, {"amount_cents": 600}, settings=DEARER).status == 200
    # Then
    assert entries(stack) == [("CAPTURE", 600, 300)]


def test_who_learns_of_a_charge_later_posts_the_fee_that_was_agreed_to(stack: Stack) -> None:
    """Nobody knows the merchant's plan where an unknown outcome is looked into, and by then it may
    be another one."""
    answer = pay(stack, number=ANSWER_NEVER_COMES)
    assert answer.status == 202

    stack.advance(120)
    load("resolve_unknown").handler({}, Context(remaining_milliseconds=60_000))
    for _, body in stack.looks.sent:
        event = {"Records": [{"messageId": "1", "body": json.dumps(body)}]}
        load("resolve_unknown").handler(event, Context(remaining_milliseconds=60_000))

    assert entries(stack) == [("CAPTURE", 1000, 39)]
    assert posted(stack)["processing_fee_income"] == 39


def test_a_read_under_a_dearer_plan_posts_the_fee_that_was_agreed_to(stack: Stack) -> None:
    answer = pay(stack, number=ANSWER_NEVER_COMES)

    read = stack.get(f"payment_intents/{answer.body['intent_id']}", settings=DEARER)

    assert read.body["status"] == "SUCCEEDED"
    assert entries(stack) == [("CAPTURE", 1000, 39)]


def test_a_fee_that_is_more_than_the_amount_is_owed_by_the_merchant(stack: Stack) -> None:
    assert pay(stack, amount_cents=10).status == 201

    [one] = rows(stack, "ledger_transaction")
    sides = {posting["account"]: posting["side"] for posting in one["postings"]}
    assert posted(stack)["merchant_pending"] == 15
    assert sides["merchant_pending"] == "DEBIT"


def test_a_refund_gives_no_fee_back(stack: Stack) -> None:
    intent_id = pay(stack).body["intent_id"]

    answer = stack.refund(intent_id, settings=SETTINGS)

    assert answer.status == 201
    refunded = {"merchant_pending": 1000, "acquirer_receivable:sandbox": 1000}
    assert posted(stack, "REFUND") == refunded
    assert entries(stack) == [("CAPTURE", 1000, 39), ("REFUND", 1000, 0)]


def test_the_brand_of_a_card_in_the_acquirers_fields_is_told_with_the_approval(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a card that we never see, and rates by brand
    shop = OnDouble(stack, None)  # type: ignore[arg-type]
    shop.wire = start_on(stack, shop.stripe, monkeypatch).wire
    plan = FeePlan().changed({"eur/visa": Rate(10_000), "eur": Rate(90_000)})
    settings = replace(EXTERNAL, fees=plan)
    # When
    body = {"amount_cents": 1000, "currency": "eur", "confirm": True, "token": shop.token()}
    answer = shop.post("payment_intents", body, settings=settings)
    # Then
    assert answer.status == 201, answer.text
    [intent] = rows(stack, "intent")
    assert intent["instrument"]["card_brand"] == "visa"
    assert entries(stack) == [("CAPTURE", 1000, 10)]
