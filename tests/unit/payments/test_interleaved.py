"""Two requests, the second in the worst moment of the first: between its read and its Tx-1."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from farthing.payments import confirm, followups, refunds, reviews
from tests.support.lambdas import MERCHANT, Answer, Context, load
from tests.support.rules import publish, rule
from tests.support.stack import Stack


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], list[Any]]:
    """Runs something once, when the next request has read and has not written yet."""

    def arrange(second: Callable[[], Any]) -> list[Any]:
        results: list[Any] = []

        def once() -> None:
            if not results:
                results.append(None)
                results[0] = second()

        scored = confirm.scoring_of

        def score(*args: Any) -> Any:
            once()
            return scored(*args)

        monkeypatch.setattr(confirm, "scoring_of", score)
        for module in (followups, refunds, reviews):
            real = module.settle_open_operation

            def settle(intent: Any, services: Any, real: Any = real) -> Any:
                found = real(intent, services)
                once()
                return found

            monkeypatch.setattr(module, "settle_open_operation", settle)
        return results

    return arrange


Between = Callable[[Callable[[], Any]], list[Any]]


def posts(stack: Stack, path: str) -> int:
    return sum(asked == path for _, asked in stack.acquirer.requests)


def test_one_key_creates_once(stack: Stack, between: Between) -> None:
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    second = between(lambda: stack.post("payment_intents", body, key="k"))
    first = stack.post("payment_intents", body, key="k")
    assert (first.status, second[0].status) == (201, 201)
    assert first.text == second[0].text and first.headers["Idempotent-Replayed"] == "true"
    assert posts(stack, "/v1/authorizations") == 1


def test_one_key_creates_once_without_confirming(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from farthing.payments import create

    body, real, seen = {"amount_cents": 100, "currency": "eur"}, create.show_intent, []

    def show(intent: Any) -> Any:
        if not seen:
            seen.append(None)
            seen[0] = stack.post("payment_intents", body, key="k")
        return real(intent)

    monkeypatch.setattr(create, "show_intent", show)
    first = stack.post("payment_intents", body, key="k")
    assert first.text == seen[0].text
    assert len(stack.items("intent")) == 1


def test_one_key_with_two_bodies_does_the_first(stack: Stack, between: Between) -> None:
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    other = body | {"amount_cents": 200}
    between(lambda: stack.post("payment_intents", body, key="k"))
    assert stack.post("payment_intents", other, key="k").status == 422
    assert posts(stack, "/v1/authorizations") == 1


def test_one_token_pays_once(stack: Stack, between: Between) -> None:
    token = stack.token()
    second = between(lambda: stack.pay(token=token))
    first = stack.pay(token=token)
    assert (first.body["code"], second[0].status) == ("token_not_usable", 201)
    assert posts(stack, "/v1/authorizations") == 1


@pytest.mark.parametrize("verb", ["confirm", "cancel"])
def test_an_intent_is_confirmed_once_or_cancelled(
    stack: Stack, between: Between, verb: str
) -> None:
    new = {"amount_cents": 100, "currency": "eur", "token": stack.token()}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    second = between(lambda: stack.post(f"payment_intents/{intent_id}/{verb}", {}))
    first = stack.post(f"payment_intents/{intent_id}/confirm", {})
    assert (first.status, second[0].status) == (409, 200)
    assert posts(stack, "/v1/authorizations") == (1 if verb == "confirm" else 0)


def test_a_cancel_does_not_undo_a_confirm(stack: Stack, between: Between) -> None:
    new = {"amount_cents": 100, "currency": "eur", "token": stack.token()}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    second = between(lambda: stack.post(f"payment_intents/{intent_id}/confirm", {}))
    first = stack.post(f"payment_intents/{intent_id}/cancel", {})
    assert (first.status, second[0].status) == (409, 200)
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "SUCCEEDED"


@pytest.mark.parametrize("first_verb", ["capture", "cancel"])
@pytest.mark.parametrize("second_verb", ["capture", "cancel"])
def test_held_money_is_taken_once_or_given_back(
    stack: Stack, between: Between, first_verb: str, second_verb: str
) -> None:
    intent_id = stack.pay(100, capture_method="MANUAL").body["intent_id"]
    path = f"payment_intents/{intent_id}"
    second = between(lambda: stack.post(f"{path}/{second_verb}", {}))
    first: Answer = stack.post(f"{path}/{first_verb}", {})
    assert (first.status, second[0].status) == (409, 200)
    assert stack.moved(intent_id, "CAPTURE") + stack.moved(intent_id, "VOID") == 100


def test_no_more_is_refunded_than_is_left(stack: Stack, between: Between) -> None:
    intent_id = stack.pay(100).body["intent_id"]
    second = between(lambda: stack.refund(intent_id, 60))
    first = stack.refund(intent_id, 60)
    assert (first.body["code"], second[0].status) == ("amount_too_large", 201)
    assert posts(stack, "/v1/refunds") == 1
    assert stack.refund(intent_id, 40).status == 201


def test_a_method_that_is_deleted_meanwhile_does_not_pay(stack: Stack, between: Between) -> None:
    from tests.support.lambdas import call

    customer = stack.post("customers", {}).body["customer_id"]
    method = {"customer_id": customer, "type": "CARD", "token": stack.token()}
    method_id = stack.post("payment_methods", method).body["method_id"]
    between(lambda: call("payment_methods", "DELETE", f"/v1/payment_methods/{method_id}"))
    assert stack.pay(payment_method_id=method_id).status == 404
    assert stack.acquirer.requests == []


ANSWERS = ("approve", "decline", "cancel")


def answer(stack: Stack, intent_id: str, verb: str) -> Answer:
    """What ends a review: its answer, a cancel of its payment, or its time."""
    if verb == "cancel":
        return stack.post(f"payment_intents/{intent_id}/cancel", {})
    if verb == "expire":
        stack.advance(6 * 24 * 60 * 60)
        body = json.dumps({"expiry": f"{MERCHANT}/test/{intent_id}"})
        event = {"Records": [{"messageId": "m", "body": body}]}
        load("resolve_unknown").handler(event, Context())
        return stack.get(f"payment_intents/{intent_id}")
    return stack.post(f"reviews/{intent_id.replace('pi_', 'rev_')}/{verb}", {})


@pytest.mark.parametrize("hold", ["AUTHORIZED", "NOT_SENT"])
@pytest.mark.parametrize("first_verb", ANSWERS)
@pytest.mark.parametrize("second_verb", [*ANSWERS, "expire"])
def test_a_review_has_one_answer(
    stack: Stack, between: Between, hold: str, first_verb: str, second_verb: str
) -> None:
    publish(rule("REVIEW"), reviews={"hold": hold, "days": 5})
    intent_id = stack.pay(100).body["intent_id"]
    second = between(lambda: answer(stack, intent_id, second_verb))
    first = answer(stack, intent_id, first_verb)
    assert (first.status, second[0].status) == (409, 200), first.text
    # Then the money moved as the second one said, and once
    taken = second_verb == "approve"
    assert stack.moved(intent_id, "CAPTURE") == (100 if taken else 0)
    given_back = hold == "AUTHORIZED" and not taken
    assert stack.moved(intent_id, "VOID") == (100 if given_back else 0)
    assert posts(stack, "/v1/authorizations") == (hold == "AUTHORIZED" or taken)


def test_what_was_kept_for_a_payment_pays_no_other(stack: Stack) -> None:
    """Given a token that is somebody else's by the time at which its payment is approved."""
    publish(rule("REVIEW"), reviews={"hold": "NOT_SENT", "days": 5})
    intent_id = stack.pay(100).body["intent_id"]
    (face,) = stack.items("card_face")
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable",
        Key={"pk": face["pk"], "sk": face["sk"]},
        UpdateExpression="SET claimed_by = :other",
        ExpressionAttributeValues={":other": {"S": "pi_01jd0000000000000000000aaa"}},
    )
    assert answer(stack, intent_id, "approve").body["code"] == "token_not_usable"
    assert stack.acquirer.requests == [] and stack.items("operation") == []
