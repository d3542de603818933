"""The card of a paid session, kept for its customer."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from farthing.checkout import kept_card
from farthing.store import StoreBusy
from tests.support.lambdas import Context, call, load
from tests.support.stack import ANSWER_NEVER_COMES, DECLINED
from tests.unit.checkout.conftest import DAY, Counter
from tests.unit.checkout.test_expire import tick


@pytest.fixture
def customer(counter: Counter) -> str:
    customer_id: str = counter.stack.post("customers", {}).body["customer_id"]
    return customer_id


def methods(counter: Counter, customer_id: str) -> list[dict[str, Any]]:
    answer = counter.stack.get("payment_methods", query={"customer_id": customer_id})
    data: list[dict[str, Any]] = answer.body["data"]
    return data


def test_what_paid_is_the_customers_method_and_pays_again(counter: Counter, customer: str) -> None:
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    assert counter.seen(session_id)["save_payment_method"] is True
    assert counter.pay(session_id).status == 200
    (method,) = methods(counter, customer)
    assert (method["last_four"], method["is_default"]) == ("4242", True)
    # Then the first payment said that the card is to be kept, and later ones refer to it
    (first,) = counter.stack.items("operation")
    assert first["stored_credential"]["M"]["use"]["S"] == "FIRST"
    again = counter.stack.pay(700, payment_method_id=method["method_id"], customer_id=customer)
    assert again.status == 201, again.text
    uses = [o["stored_credential"]["M"] for o in counter.stack.items("operation")]
    (later,) = [one for one in uses if one["use"]["S"] == "SUBSEQUENT"]
    (intent,) = [i for i in counter.stack.items("intent") if "checkout" in i]
    reference = intent["authorization"]["M"]["network_reference"]["S"]
    assert later["network_reference"]["S"] == reference


def test_a_declined_card_is_not_kept_and_the_next_one_is(counter: Counter, customer: str) -> None:
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    counter.pay(session_id, DECLINED)
    assert methods(counter, customer) == []
    counter.pay(session_id, "5555555555554444")
    assert [one["last_four"] for one in methods(counter, customer)] == ["4444"]


def test_without_being_asked_nothing_is_kept(counter: Counter, customer: str) -> None:
    counter.pay(counter.session(customer_id=customer))
    assert methods(counter, customer) == []
    (operation,) = counter.stack.items("operation")
    assert "NULL" in operation["stored_credential"]


def test_it_is_kept_once_whoever_sees_it_paid(counter: Counter, customer: str) -> None:
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    counter.pay(session_id)
    for _ in range(2):
        counter.seen(session_id)
    assert len(methods(counter, customer)) == 1


def test_a_card_whose_outcome_came_late_is_kept_by_who_reads(
    counter: Counter, customer: str
) -> None:
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    assert counter.pay(session_id, ANSWER_NEVER_COMES).status == 202
    assert counter.seen(session_id)["status"] == "PAID"
    assert len(methods(counter, customer)) == 1


def test_or_by_the_tick_at_the_sessions_end(
    counter: Counter, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a process that died after the payment was written, and nobody who ever reads."""
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    with monkeypatch.context() as patch:
        patch.setattr("farthing.checkout.pay.keep_card", lambda *_: None)
        counter.pay(session_id)
    assert methods(counter, customer) == []
    counter.stack.advance(DAY)
    tick(counter)
    assert len(methods(counter, customer)) == 1


def test_the_broom_leaves_it_until_then(
    counter: Counter, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given what the vault's purge does every minute, hours before the session's end."""
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    thrown_away = counter.session()
    with monkeypatch.context() as patch:
        patch.setattr("farthing.checkout.pay.keep_card", lambda *_: None)
        counter.pay(session_id)
    counter.pay(thrown_away)
    counter.stack.advance(12 * 3600)
    load("vault_purge").handler({}, Context(remaining_milliseconds=60_000))
    assert len(counter.stack.items("card_face")) == 1
    counter.seen(session_id)
    (method,) = methods(counter, customer)
    paid = counter.stack.pay(100, payment_method_id=method["method_id"], customer_id=customer)
    assert paid.body["status"] == "SUCCEEDED"


def test_a_card_that_is_gone_fails_no_read(
    counter: Counter, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a session that nobody looked at for days, on a stack whose tick stood still."""
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    with monkeypatch.context() as patch:
        patch.setattr("farthing.checkout.pay.keep_card", lambda *_: None)
        counter.pay(session_id)
    counter.stack.advance(3 * DAY)
    load("vault_purge").handler({}, Context(remaining_milliseconds=60_000))
    assert counter.stack.items("card_face") == []
    assert counter.read(session_id)["status"] == "PAID"
    assert methods(counter, customer) == []


def test_a_deleted_method_does_not_come_back(counter: Counter, customer: str) -> None:
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    counter.pay(session_id)
    (method,) = methods(counter, customer)
    call("payment_methods", "DELETE", f"/v1/payment_methods/{method['method_id']}")
    counter.seen(session_id)
    assert methods(counter, customer) == []


def test_a_customer_with_as_many_as_may_be_still_pays(
    counter: Counter, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farthing.payments.customer_methods.METHODS_PER_CUSTOMER_MAX", 0)
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    assert counter.pay(session_id).status == 200
    assert methods(counter, customer) == []


def test_a_customer_who_is_changed_meanwhile_is_read_again(
    counter: Counter, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given another card that is saved between the read of the customer and the write."""
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    attach = kept_card.change_methods

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(kept_card, "change_methods", attach)
        body = {"customer_id": customer, "token": counter.stack.token("5555555555554444")}
        assert counter.stack.post("payment_methods", body).status == 201
        return attach(*arguments)

    monkeypatch.setattr(kept_card, "change_methods", late)
    assert counter.pay(session_id).status == 200
    assert {one["last_four"] for one in methods(counter, customer)} == {"4242", "4444"}


def test_a_token_that_went_elsewhere_is_not_kept(
    counter: Counter, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PAID_WITH: the method is made of what this payment spent."""
    session_id = counter.session(customer_id=customer, save_payment_method=True)
    with monkeypatch.context() as patch:
        patch.setattr("farthing.checkout.pay.keep_card", lambda *_: None)
        counter.pay(session_id)
    (face,) = counter.stack.items("card_face")
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable",
        Key={"pk": face["pk"], "sk": face["sk"]},
        UpdateExpression="SET claimed_by = :other",
        ExpressionAttributeValues={":other": {"S": "pi_00000000000000000000000000"}},
    )
    counter.seen(session_id)
    assert methods(counter, customer) == []


def test_a_busy_store_fails_no_answer(
    counter: Counter, customer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = counter.session(customer_id=customer, save_payment_method=True)

    def busy(*_: Any) -> bool:
        raise StoreBusy

    with monkeypatch.context() as patch:
        patch.setattr(kept_card, "_keep", busy)
        assert counter.pay(session_id).status == 200
