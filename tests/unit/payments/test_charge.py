"""A card is charged: what the caller gets, and what the acquirer's books show."""

from __future__ import annotations

from typing import Any

import boto3

from tests.support.lambdas import call
from tests.support.rules import publish, rule
from tests.support.stack import DECLINED, Stack


def test_a_token_pays_in_one_call(stack: Stack) -> None:
    # When a payment is created and confirmed
    answer = stack.pay(1999)
    # Then it succeeded, and the acquirer's books show one charge of that amount
    assert answer.status == 201, answer.text
    assert answer.body["status"] == "SUCCEEDED"
    assert answer.body["amount_captured_cents"] == 1999
    rows = stack.books(order_id=answer.body["intent_id"])
    assert [(row["operation"], row["amount_cents"]) for row in rows] == [
        ("AUTHORIZE", 1999),
        ("CAPTURE", 1999),
    ]


def test_a_declined_card_is_402_with_the_intent(stack: Stack) -> None:
    answer = stack.pay(number=DECLINED)
    assert answer.status == 402, answer.text
    intent = answer.body["payment_intent"]
    assert (intent["status"], intent["status_detail"]) == ("FAILED", "DECLINED")
    assert intent["decline"]["reason_code"] == "DO_NOT_HONOR"
    assert intent["decline"]["acquirer_code"] == "05"


def test_held_money_is_captured_in_part_and_the_rest_released(stack: Stack) -> None:
    # Given an authorization of 1000
    held = stack.pay(1000, capture_method="MANUAL").body
    assert (held["status"], held["status_detail"]) == ("PROCESSING", "REQUIRES_CAPTURE")
    assert held["amount_capturable_cents"] == 1000
    assert held["authorization"]["code"]
    path = f"payment_intents/{held['intent_id']}/capture"
    # When more than that is captured, Then it is refused and nothing is sent
    assert stack.post(path, {"amount_cents": 1001}).body["code"] == "amount_too_large"
    # When a part is captured, Then it is final
    captured = stack.post(path, {"amount_cents": 400})
    assert captured.status == 200
    assert captured.body["status"] == "SUCCEEDED"
    assert captured.body["amount_captured_cents"] == 400
    assert captured.body["amount_capturable_cents"] == 0
    assert stack.post(path, {"amount_cents": 400}).body["code"] == "wrong_state"
    assert stack.moved(held["intent_id"], "CAPTURE") == 400


def test_cancelling_held_money_voids_it(stack: Stack) -> None:
    held = stack.pay(1000, capture_method="MANUAL").body
    cancelled = stack.post(f"payment_intents/{held['intent_id']}/cancel", {})
    assert cancelled.status == 200, cancelled.text
    assert (cancelled.body["status"], cancelled.body["outcome"]) == ("CANCELLED", "APPROVED")
    assert stack.moved(held["intent_id"], "VOID") == 1000
    again = stack.post(f"payment_intents/{held['intent_id']}/capture", {})
    assert again.body["code"] == "wrong_state"


def test_cancelling_what_was_never_confirmed_asks_nobody(stack: Stack) -> None:
    created = stack.post("payment_intents", {"amount_cents": 5, "currency": "JPY"})
    assert (created.status, created.body["currency"]) == (201, "jpy")
    assert created.body["status_detail"] == "REQUIRES_CONFIRMATION"
    cancelled = stack.post(f"payment_intents/{created.body['intent_id']}/cancel", {})
    assert cancelled.body["status"] == "CANCELLED"
    assert stack.acquirer.requests == []


def test_a_payment_is_confirmed_later_with_what_it_was_created_with(stack: Stack) -> None:
    new = {"amount_cents": 700, "currency": "eur", "token": stack.token()}
    created = stack.post("payment_intents", new).body
    path = f"payment_intents/{created['intent_id']}/confirm"
    confirmed = stack.post(path, {})
    assert (confirmed.status, confirmed.body["status"]) == (200, "SUCCEEDED")
    assert stack.post(path, {}).body["code"] == "wrong_state"
    assert stack.moved(created["intent_id"], "CAPTURE") == 700


def test_a_token_pays_once_whatever_the_keys(stack: Stack) -> None:
    token = stack.token()
    assert stack.pay(token=token).status == 201
    again = stack.pay(token=token)
    assert (again.status, again.body["code"]) == (400, "token_not_usable")
    assert sum(row["operation"] == "CAPTURE" for row in all_rows(stack)) == 1


def test_a_token_expires_after_fifteen_minutes(stack: Stack) -> None:
    token = stack.token()
    stack.advance(15 * 60 + 1)
    assert stack.pay(token=token).body["code"] == "token_not_usable"


def test_a_saved_card_is_charged_again_without_cvc(stack: Stack) -> None:
    # Given a saved card
    customer = stack.post("customers", {"email": "a@example.com"}).body["customer_id"]
    method = {"customer_id": customer, "type": "CARD", "token": stack.token()}
    method_id = stack.post("payment_methods", method).body["method_id"]
    # When it is charged twice, the second time long after the CVC was forgotten
    first = stack.pay(payment_method_id=method_id, ip_address="203.0.113.9")
    assert first.status == 201, first.text
    stack.advance(86_400)
    second = stack.pay(payment_method_id=method_id)
    assert second.status == 201, second.text
    # Then the operation carries the indicator and the first authorization's network reference
    stored = [
        operation["stored_credential"]["M"]
        for operation in sorted(stack.items("operation"), key=lambda o: o["created_at"]["S"])
    ]
    assert [s["use"]["S"] for s in stored] == ["FIRST", "SUBSEQUENT"]
    assert [s["initiator"]["S"] for s in stored] == ["CUSTOMER", "MERCHANT"]
    reference = first.body["authorization"]["network_reference"]
    assert stored[1]["network_reference"]["S"] == reference
    assert second.body["customer_id"] == customer


def test_a_method_used_first_by_another_payment_is_sent_as_used(stack: Stack) -> None:
    # Given two payments created while the card was never used
    customer = stack.post("customers", {}).body["customer_id"]
    method = {"customer_id": customer, "type": "CARD", "token": stack.token()}
    method_id = stack.post("payment_methods", method).body["method_id"]
    new = {"amount_cents": 5, "currency": "eur", "payment_method_id": method_id}
    intents = [stack.post("payment_intents", new).body["intent_id"] for _ in range(2)]
    # When both are confirmed, Then the second names the first one's network reference
    for intent_id in intents:
        answer = stack.post(f"payment_intents/{intent_id}/confirm", {})
        assert answer.status == 200, answer.text
    uses = {o["stored_credential"]["M"]["use"]["S"] for o in stack.items("operation")}
    assert uses == {"FIRST", "SUBSEQUENT"}


def test_a_deleted_method_cannot_pay(stack: Stack) -> None:
    customer = stack.post("customers", {}).body["customer_id"]
    method = {"customer_id": customer, "type": "CARD", "token": stack.token()}
    method_id = stack.post("payment_methods", method).body["method_id"]
    new = {"amount_cents": 5, "currency": "eur", "payment_method_id": method_id}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    assert call("payment_methods", "DELETE", f"/v1/payment_methods/{method_id}").status == 200
    assert stack.post(f"payment_intents/{intent_id}/confirm", {}).body["code"] == "not_found"
    assert stack.pay(payment_method_id=method_id).status == 404
    assert stack.acquirer.requests == []


def test_a_block_fails_the_payment_before_anything_is_written_to_be_sent(stack: Stack) -> None:
    publish(rule("BLOCK"))
    answer = stack.pay(key="k")
    assert (answer.status, answer.body["code"]) == (402, "blocked_by_fraud")
    assert answer.body["payment_intent"]["status_detail"] == "BLOCKED_BY_FRAUD"
    assert stack.items("operation") == [] and stack.acquirer.requests == []
    types = sorted(event["type"]["S"] for event in stack.items("event"))
    assert types == ["payment_intent.created", "payment_intent.failed"]


def test_the_cvc_is_forgotten_when_the_outcome_is_definite(stack: Stack) -> None:
    stack.pay()
    stack.pay(number=DECLINED)
    vault = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
    assert {item["sk"]["S"] for item in vault if item["entity"]["S"] != "audit"} == {"CARD"}


def test_every_fact_of_a_charge_is_written_with_it(stack: Stack) -> None:
    intent_id = stack.pay(250).body["intent_id"]
    assert [e["type"]["S"] for e in by_sequence(stack)] == [
        "payment_intent.created",
        "payment_intent.succeeded",
    ]
    (posted,) = stack.items("ledger_transaction")
    assert {p["M"]["amount_cents"]["N"] for p in posted["postings"]["L"]} == {"250"}
    (entry,) = stack.items("settlement_entry")
    assert entry["intent_id"]["S"] == intent_id
    assert entry["reference"]["S"] == stack.books(order_id=intent_id)[0]["reference"]
    (operation,) = stack.items("operation")
    assert "due_pk" not in operation


def all_rows(stack: Stack) -> list[dict[str, Any]]:
    return [
        row
        for intent in stack.items("intent")
        for row in stack.books(order_id=intent["intent_id"]["S"])
    ]


def by_sequence(stack: Stack) -> list[dict[str, Any]]:
    return sorted(stack.items("event"), key=lambda event: int(event["sequence"]["N"]))


def test_a_confirm_that_names_what_pays_is_shown_and_listed_with_it(stack: Stack) -> None:
    # Given an intent created without anything to pay with, and one created with another card
    customer = stack.post("customers", {}).body["customer_id"]
    methods = [
        stack.post(
            "payment_methods",
            {"customer_id": customer, "type": "CARD", "token": stack.token()},
        ).body["method_id"]
        for _ in range(2)
    ]
    new = {"amount_cents": 5, "currency": "eur"}
    bare = stack.post("payment_intents", new).body["intent_id"]
    other = stack.post("payment_intents", new | {"payment_method_id": methods[1]}).body["intent_id"]
    for intent_id in (bare, other):
        path = f"payment_intents/{intent_id}/confirm"
        confirmed = stack.post(path, {"payment_method_id": methods[0]}).body
        # Then it is shown with what paid, now and later, and is in the customer's list
        assert (confirmed["payment_method_id"], confirmed["customer_id"]) == (methods[0], customer)
        assert stack.get(f"payment_intents/{intent_id}").body == confirmed
    listed = stack.get("payment_intents", query={"customer_id": customer}).body["data"]
    assert {intent["intent_id"] for intent in listed} == {bare, other}
    (op1, op2) = stack.items("operation")
    assert {op1["method_id"]["S"], op2["method_id"]["S"]} == {methods[0]}


def test_a_confirm_needs_no_body(stack: Stack) -> None:
    new = {"amount_cents": 5, "currency": "eur", "token": stack.token()}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    assert stack.post(f"payment_intents/{intent_id}/confirm").body["status"] == "SUCCEEDED"
