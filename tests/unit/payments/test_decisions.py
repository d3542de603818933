"""What is kept of a decision: all that it was made on, so that it can be made again."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import pytest

from farthing.fraud.decide import replay
from farthing.fraud.model.features import unpack_row
from farthing.fraud.rule_row import default_rules
from farthing.fraud.signals import Decision
from farthing.store.item import item_from_wire
from tests.support.lambdas import call
from tests.support.mmdb import mmdb
from tests.support.rules import publish, rule
from tests.support.stack import DECLINED, Stack


def decisions(stack: Stack) -> list[Decision]:
    rows = [*stack.items("operation"), *stack.items("fraud_decision")]
    found = (item_from_wire(row)["decision"] for row in rows)
    return [Decision.from_item(one) for one in found if one]


def test_any_decision_can_be_made_again_from_what_was_kept(stack: Stack) -> None:
    # Given payments that were let through, declined, blocked and held, of one customer and many
    customer = stack.post("customers", {"email": "ada@mailinator.com"}).body["customer_id"]
    for amount in (100, 200, 300, 100, 150, 9000, 600_000):
        stack.pay(amount, customer_id=customer, ip_address="203.0.113.7")
    for _ in range(5):
        stack.pay(number=DECLINED, ip_address="203.0.113.8")
    stack.pay(number="4100000000000019")
    kept = decisions(stack)
    assert {one.action.value for one in kept} == {"ALLOW", "REVIEW", "BLOCK"}
    # When each is decided anew by the same rules, Then the same comes out, to the last signal
    for one in kept:
        assert replay(one, default_rules()).to_item() == one.to_item()
        assert one.scored is not None and one.scored.shadow
        assert unpack_row(one.known.features)[0] == one.known.values["amount_cents"]


def test_what_is_known_of_a_payment_is_what_its_rows_say(stack: Stack) -> None:
    customer = stack.post("customers", {"email": "Ada@Example.com"}).body["customer_id"]
    address = {"line1": "1 Main St", "country": "DE"}
    for amount in (100, 200, 300, 400, 500):
        stack.pay(amount, customer_id=customer)
    method = {"customer_id": customer, "type": "CARD", "token": stack.token(DECLINED)}
    method_id = stack.post("payment_methods", method | {"billing_address": address}).body[
        "method_id"
    ]
    stack.pay(1200, payment_method_id=method_id, ip_address="203.0.113.7")
    stack.pay(1500, payment_method_id=method_id, ip_address="203.0.113.7")
    last = max(decisions(stack), key=lambda one: int(one.known.values["amount_cents"] or 0))
    known = last.known.values
    assert (known["customer_payments"], known["amount_percent_of_median"]) == (5, 500)
    assert (known["email_domain"], known["billing_country"]) == ("example.com", "DE")
    assert (known["card_failures_10m"], known["ip_failures_10m"]) == (1, 1)
    assert (known["card_is_new"], known["ip_country"]) == (True, None)


def test_the_country_is_that_of_the_file(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "countries.mmdb"
    file.write_bytes(mmdb({"203.0.113.0/24": {"country": {"iso_code": "NO"}}}))
    monkeypatch.setenv("COUNTRY_DATABASE", str(file))
    publish(rule("BLOCK", {"field": "ip_country", "operator": "in", "value": ["NO"]}))
    assert stack.pay(ip_address="203.0.113.7").status == 402
    assert stack.pay(ip_address="198.51.100.7").status == 201
    assert stack.pay().status == 201


@pytest.mark.parametrize(
    ("kind", "value", "paying"),
    [
        ("IP", "203.0.113.7", {"ip_address": "203.0.113.7"}),
        ("RANGE", "203.0.113.0/24", {"ip_address": "203.0.113.7"}),
        ("BIN", "424242", {}),
        ("EMAIL", "ada@example.com", {"customer_id": "ada"}),
        ("CUSTOMER", "ada", {"customer_id": "ada"}),
        ("CARD", "4242424242424242", {}),
    ],
)
@pytest.mark.parametrize("created_first", [False, True], ids=["at once", "confirmed later"])
def test_a_list_decides_whatever_it_names(
    stack: Stack, kind: str, value: str, paying: dict[str, str], created_first: bool
) -> None:
    customer = stack.post("customers", {"email": "Ada@Example.com"}).body["customer_id"]
    named = {"ada": customer}
    if kind == "CARD":
        method = {"customer_id": customer, "type": "CARD", "token": stack.token(value)}
        named[value] = stack.post("payment_methods", method).body["fingerprint"]

    def listed(action: str) -> str:
        entry = {"kind": kind, "value": named.get(value, value), "action": action, "reason": "why"}
        answer = call("fraud", "POST", "/v1/fraud/list_entries", entry)
        assert answer.status == 201, answer.text
        entry_id: str = answer.body["entry_id"]
        return entry_id

    def pay() -> int:
        more = {name: named.get(one, one) for name, one in paying.items()}
        if not created_first:
            return stack.pay(**more).status
        new = {"amount_cents": 100, "currency": "eur", "token": stack.token(), **more}
        intent_id = stack.post("payment_intents", new).body["intent_id"]
        return stack.post(f"payment_intents/{intent_id}/confirm", {}).status

    fine = 200 if created_first else 201
    assert pay() == fine
    entry_id = listed("BLOCK")
    assert pay() == 402
    assert call("fraud", "DELETE", f"/v1/fraud/list_entries/{entry_id}").status == 200
    # And the allow list lets through what a rule would block
    publish(rule("BLOCK"))
    assert pay() == 402
    listed("ALLOW")
    assert pay() == fine


def test_a_model_that_decides_blocks_what_it_scores_high_enough(stack: Stack) -> None:
    """Given thresholds at which every score is too high, a model that watches changes nothing."""
    thresholds = {"review_from": 0, "block_above": 0}
    publish(thresholds=thresholds)
    assert stack.pay().status == 201
    path = "/v1/fraud/models/default/activate"
    assert call("fraud", "POST", path, {"mode": "DECIDE"}).status == 200
    blocked = stack.pay()
    assert (blocked.status, blocked.body["code"]) == (402, "blocked_by_fraud")
    publish(thresholds={"review_from": 0, "block_above": 1})
    assert stack.pay().status == 202
    # And what cannot be read stops nobody
    assert call("fraud", "POST", "/v1/fraud/models/deactivate", {}).status == 200
    assert stack.pay().status == 201


def test_the_signals_of_a_payment_are_shown_to_its_merchant_alone(stack: Stack) -> None:
    blocked = stack.pay(number="4100000000000019").body["payment_intent"]["intent_id"]
    path = f"payment_intents/{blocked}/fraud_signals"
    shown = stack.get(path).body["data"]
    assert [one["signal_type"] for one in shown] == ["LIST", "MODEL"]
    assert (shown[0]["action"], shown[0]["score"]) == ("BLOCK", 100)
    assert len({one["signal_id"] for one in shown}) == 2
    assert all(one["payment_intent_id"] == blocked for one in shown)
    assert stack.get(path).body["data"] == shown
    assert stack.get(path, merchant_id="mer_01jd0000000000000000000bbb").status == 404
    assert "4100" not in json.dumps(shown)


def test_who_was_held_is_not_known_by_that(stack: Stack) -> None:
    """Given a first payment by a card that is too large for one that never paid here."""
    large = 150_000
    held = [stack.pay(large) for _ in range(2)]
    assert [one.status for one in held] == [202, 202]
    # When one is refused, the next is held all the same
    assert stack.post(f"reviews/{held[0].body['review_id']}/decline", {}).status == 200
    assert stack.pay(large).status == 202
    # And when the other is approved, the card has paid
    assert stack.post(f"reviews/{held[1].body['review_id']}/approve", {}).status == 200
    assert stack.pay(large).status == 201


def test_who_is_let_pay_by_a_merchant_who_captures_has_paid(stack: Stack) -> None:
    held = stack.pay(150_000, capture_method="MANUAL").body
    assert stack.post(f"reviews/{held['review_id']}/approve", {}).status == 200
    assert stack.pay(150_000).status == 201


def test_rows_of_the_first_release_are_shown_and_concluded(stack: Stack) -> None:
    """Given a held payment whose decision and score are as they were before there were rules."""
    held = stack.pay(capture_method="MANUAL").body["intent_id"]
    dynamo = boto3.client("dynamodb")
    old = {"score": {"N": "0"}, "action": {"S": "ALLOW"}}
    decision = {"M": old | {"signals": {"L": []}}}
    for item in [*stack.items("intent"), *stack.items("operation")]:
        is_intent = item["entity"]["S"] == "intent"
        name, value = ("fraud", {"M": old}) if is_intent else ("decision", decision)
        dynamo.update_item(
            TableName="PaymentsTable",
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression="SET #n = :v" + ("" if is_intent else " REMOVE counted, review"),
            ExpressionAttributeNames={"#n": name},
            ExpressionAttributeValues={":v": value},
        )
    assert stack.get(f"payment_intents/{held}").body["fraud"] == {"score": 0, "action": "ALLOW"}
    assert stack.get(f"payment_intents/{held}/fraud_signals").body["data"] == []
    assert stack.get("payment_intents").body["data"]
    captured = stack.post(f"payment_intents/{held}/capture", {})
    assert (captured.status, captured.body["status"]) == (200, "SUCCEEDED")


def test_each_signal_is_shown_once(stack: Stack) -> None:
    publish(rule("REVIEW"), reviews={"hold": "NOT_SENT", "days": 3})
    held = stack.pay().body
    path = f"payment_intents/{held['intent_id']}/fraud_signals"
    before = stack.get(path).body["data"]
    assert stack.post(f"reviews/{held['review_id']}/approve", {}).status == 200
    assert stack.get(path).body["data"] == before != []
