"""Refunds: reserved first, given back on a definite no and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from tests.support.stack import Exchanged, Stack
from tests.support.threads import at_once, one_call_at_a_time


def test_half_and_then_the_rest(stack: Stack) -> None:
    intent_id = stack.pay(1000).body["intent_id"]
    half = stack.refund(intent_id, 500)
    assert (half.status, half.body["status"]) == (201, "SUCCEEDED")
    rest = stack.refund(intent_id)
    assert (rest.status, rest.body["amount_cents"]) == (201, 500)
    assert stack.refund(intent_id).body["code"] == "amount_too_large"
    intent = stack.get(f"payment_intents/{intent_id}").body
    assert (intent["status"], intent["amount_refunded_cents"]) == ("SUCCEEDED", 1000)
    assert stack.moved(intent_id, "REFUND") == 1000
    listed = stack.get("refunds", query={"payment_intent_id": intent_id}).body["data"]
    assert [r["refund_id"] for r in listed] == [rest.body["refund_id"], half.body["refund_id"]]
    assert stack.get(f"refunds/{half.body['refund_id']}").body == half.body
    types = sorted(e["type"]["S"] for e in stack.items("event"))
    assert types.count("refund.succeeded") == 2
    assert len(stack.items("ledger_transaction")) == len(stack.items("settlement_entry")) == 3


def test_many_refunds_at_once_never_give_back_more(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    intent_id = stack.pay(100).body["intent_id"]
    answers = at_once(lambda _: stack.refund(intent_id, 30), range(16))
    assert sum(a.status == 201 for a in answers) == 3
    assert {a.status for a in answers} <= {201, 409}
    assert stack.moved(intent_id, "REFUND") == 90
    # The database said no to the others, not the acquirer
    assert sum(path == "/v1/refunds" for _, path in stack.acquirer.requests) == 3
    sequences = sorted(int(e["sequence"]["N"]) for e in stack.items("event"))
    assert sequences == [1, 2, 3, 4, 5]
    assert stack.get(f"payment_intents/{intent_id}").body["amount_refunded_cents"] == 90


def test_an_unknown_refund_keeps_its_reservation_until_it_is_found(stack: Stack) -> None:
    intent_id = stack.pay(100).body["intent_id"]

    def lose(method: str, path: str, answer: Exchanged) -> Exchanged:
        stack.acquirer.after = lambda method, path, answer: answer
        raise NoUsableAnswer

    stack.acquirer.after = lose
    first = stack.refund(intent_id, 60, key="k")
    assert (first.status, first.body["status"]) == (202, "PENDING")
    assert stack.refund(intent_id, 60).body["code"] == "amount_too_large"
    found = stack.get(f"refunds/{first.body['refund_id']}").body
    assert found["status"] == "SUCCEEDED"
    again = stack.refund(intent_id, 60, key="k")
    assert (again.status, again.body) == (201, found)
    assert stack.moved(intent_id, "REFUND") == 60


def test_a_declined_refund_gives_the_reservation_back(stack: Stack) -> None:
    # Given a charge that the acquirer's books already show as refunded, behind our back
    intent_id = stack.pay(100).body["intent_id"]
    reference = stack.books(order_id=intent_id)[0]["reference"]
    behind = {
        "reference": "BEHIND",
        "order_id": intent_id,
        "original_reference": reference,
        "amount_cents": 100,
        "currency": "eur",
    }
    stack.acquirer.ask("POST", "/v1/refunds", json.dumps(behind).encode(), "Bearer acquirer-secret")
    # When we refund, Then it is declined, and the amount is ours to refund again
    declined = stack.refund(intent_id, 100)
    assert declined.status == 402
    assert declined.body["refund"]["status"] == "FAILED"
    assert stack.refund(intent_id, 100).status == 402
    assert stack.get(f"payment_intents/{intent_id}").body["amount_refunded_cents"] == 0


def test_a_refund_that_was_not_sent_gives_the_reservation_back(stack: Stack) -> None:
    intent_id = stack.pay(100).body["intent_id"]

    def refuse(method: str, path: str) -> None:
        raise NoByteSent

    stack.acquirer.before = refuse
    assert stack.refund(intent_id, 100, key="k").status == 503
    stack.acquirer.before = lambda method, path: None
    assert stack.refund(intent_id, 100, key="k").status == 201
    assert stack.moved(intent_id, "REFUND") == 100


def test_what_was_not_captured_cannot_be_refunded(stack: Stack) -> None:
    held = stack.pay(100, capture_method="MANUAL").body["intent_id"]
    assert stack.refund(held, 10).body["code"] == "wrong_state"
    unknown = "pi_" + "0" * 26
    assert stack.refund(unknown, 10).status == 404


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    capture=st.integers(1, 100),
    refunds=st.lists(
        st.tuples(st.integers(1, 60), st.sampled_from(["ok", "lost", "refused"])), max_size=6
    ),
)
def test_books_and_counters_agree_whatever_happens(
    stack: Stack, capture: int, refunds: list[tuple[int, str]]
) -> None:
    # Given a partial capture and refunds of which some answers are lost and some never leave
    intent_id = stack.pay(100, capture_method="MANUAL").body["intent_id"]
    stack.post(f"payment_intents/{intent_id}/capture", {"amount_cents": capture})
    for amount, fate in refunds:

        def before(method: str, path: str, fate: str = fate) -> None:
            if fate == "refused":
                raise NoByteSent

        def after(method: str, path: str, answer: Exchanged, fate: str = fate) -> Exchanged:
            if fate == "lost":
                raise NoUsableAnswer
            return answer

        stack.acquirer.before, stack.acquirer.after = before, after
        stack.refund(intent_id, amount)
    # When everything can be looked up again
    stack.acquirer.before = lambda method, path: None
    stack.acquirer.after = lambda method, path, answer: answer
    listed = stack.get("refunds", query={"payment_intent_id": intent_id}).body["data"]
    ended = [stack.get(f"refunds/{r['refund_id']}").body for r in listed]
    # Then the acquirer's books equal ours
    intent = stack.get(f"payment_intents/{intent_id}").body
    assert all(r["status"] != "PENDING" for r in ended)
    returned = sum(r["amount_cents"] for r in ended if r["status"] == "SUCCEEDED")
    assert stack.moved(intent_id, "CAPTURE") == intent["amount_captured_cents"] == capture
    assert stack.moved(intent_id, "REFUND") == intent["amount_refunded_cents"] == returned
    assert returned <= capture
