"""A wallet's payload pays once, by the rails of the card that is in it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from farthing.acquiring.sandbox import NoUsableAnswer
from tests.support import methods
from tests.support.methods import look, operation_of
from tests.support.stack import Exchanged, Stack


def vault(entity: str = "wallet") -> list[dict[str, Any]]:
    rows = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
    return [row for row in rows if row["entity"]["S"] == entity]


@pytest.mark.parametrize("name", ["APPLE_PAY", "GOOGLE_PAY"])
def test_it_is_approved_and_captured_at_once(stack: Stack, name: str) -> None:
    answer = stack.pay(900, token=methods.token(methods.wallet(name=name)))
    assert (answer.status, answer.body["status"]) == (201, "SUCCEEDED")
    assert stack.moved(answer.body["intent_id"], "CAPTURE") == 900


def test_it_may_be_held_and_captured_later_and_refunded(stack: Stack) -> None:
    answer = stack.pay(900, token=methods.token(methods.wallet()), capture_method="MANUAL")
    intent_id = answer.body["intent_id"]
    assert answer.body["status_detail"] == "REQUIRES_CAPTURE"
    captured = stack.post(f"payment_intents/{intent_id}/capture", {"amount_cents": 400})
    assert captured.body["status"] == "SUCCEEDED"
    assert stack.refund(intent_id).body["amount_cents"] == 400


@pytest.mark.parametrize(
    ("word", "reason", "advice"),
    [
        ("declined", "DO_NOT_HONOR", "USE_ANOTHER_CARD"),
        ("expired", "WALLET_EXPIRED", "AUTHORIZE_AGAIN"),
        ("nonsense", "WALLET_UNREADABLE", "USE_ANOTHER_METHOD"),
    ],
)
def test_it_is_declined_and_the_answer_says_why(
    stack: Stack, word: str, reason: str, advice: str
) -> None:
    answer = stack.pay(token=methods.token(methods.wallet(word)))
    decline = answer.body["payment_intent"]["decline"]
    assert answer.status == 402
    assert (decline["reason_code"], decline["advice"]) == (reason, advice)


@pytest.mark.parametrize("word", ["approved", "declined"])
def test_the_payload_is_gone_when_the_outcome_is_known(stack: Stack, word: str) -> None:
    token = methods.token(methods.wallet(word))
    assert len(vault()) == 1
    stack.pay(token=token)
    assert vault() == []


def test_it_is_gone_when_a_look_up_finds_the_outcome(stack: Stack) -> None:
    # Given a payment of which no answer came
    def lose(method: str, path: str, answer: Exchanged) -> Exchanged:
        if method == "POST":
            raise NoUsableAnswer
        return answer

    stack.acquirer.after = lose
    answer = stack.pay(token=methods.token(methods.wallet()))
    assert (answer.status, len(vault())) == (202, 1)
    # When
    look(methods.address_of(operation_of(stack, answer.body["intent_id"])))
    # Then
    assert vault() == []


def test_a_lost_first_request_is_sent_again_with_the_same_payload(stack: Stack) -> None:
    posted: list[Any] = []
    real = stack.acquirer.ask

    def ask(method: str, path: str, body: bytes | None = None, *more: Any, **named: Any) -> Any:
        if method == "POST":
            posted.append(json.loads(body or b"{}"))
        return real(method, path, body, *more, **named)

    def lose(method: str, path: str) -> None:
        if method == "POST" and not posted:
            posted.append(None)
            raise NoUsableAnswer

    stack.acquirer.before = lose
    stack.acquirer.ask = ask  # type: ignore[method-assign]
    answer = stack.pay(token=methods.token(methods.wallet()))
    look(methods.address_of(operation_of(stack, answer.body["intent_id"])))
    assert posted[1]["wallet"]["payload"] == methods.wallet()["payload"]
    assert stack.get(f"payment_intents/{answer.body['intent_id']}").body["status"] == "SUCCEEDED"


def test_it_pays_once(stack: Stack) -> None:
    token = methods.token(methods.wallet())
    assert stack.pay(token=token).status == 201
    again = stack.pay(token=token)
    assert (again.status, again.body["code"]) == (400, "token_not_usable")


def test_it_cannot_be_saved(stack: Stack) -> None:
    customer = stack.post("customers", {}).body["customer_id"]
    token = methods.token(methods.wallet())
    answer = stack.post("payment_methods", {"customer_id": customer, "token": token})
    assert (answer.status, answer.body["fields"][0]["field"]) == (400, "token")
    assert "pays once" in answer.body["fields"][0]["message"]
    # and it may still pay
    assert stack.pay(token=token).status == 201


def test_an_account_is_forgotten_by_nobody(stack: Stack) -> None:
    methods.debit(stack)
    assert len(vault("bank_account")) == 1
