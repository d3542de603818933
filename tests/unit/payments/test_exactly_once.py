"""One key, one effect, one answer."""

from __future__ import annotations

import pytest

from tests.support.lambdas import OTHER_MERCHANT, Context
from tests.support.stack import DECLINED, Exchanged, NoUsableAnswer, Stack
from tests.support.threads import at_once, one_call_at_a_time

DAY = 86_400


def payment(stack: Stack, **more: object) -> dict[str, object]:
    return {"amount_cents": 100, "currency": "EUR", "confirm": True, "token": stack.token()} | more


def test_the_same_key_and_body_get_the_same_answer_to_the_byte(stack: Stack) -> None:
    for more in ({}, {"token": stack.token(DECLINED)}, {"confirm": False}):
        body, key = payment(stack, **more), stack.new_key()
        first = stack.post("payment_intents", body, key=key)
        again = stack.post("payment_intents", body | {"currency": "eur"}, key=f'"{key}"')
        assert (again.status, again.text) == (first.status, first.text)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert len(stack.items("intent")) == 3
    assert sum(path == "/v1/authorizations" for _, path in stack.acquirer.requests) == 2


def test_another_body_is_422_and_names_the_fields(stack: Stack) -> None:
    body, key = payment(stack), stack.new_key()
    stack.post("payment_intents", body, key=key)
    other = stack.post(
        "payment_intents", body | {"amount_cents": 101, "metadata": {"a": "b"}}, key=key
    )
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")
    assert [f["field"] for f in other.body["fields"]] == ["amount_cents", "metadata.a"]
    assert len(stack.items("intent")) == 1


@pytest.mark.parametrize("key", [None, "", '""', "x" * 256, "caf\u00e9"])
def test_what_moves_money_needs_a_usable_key(stack: Stack, key: str | None) -> None:
    from tests.support.lambdas import call

    for function, path in (
        ("payment_intents", "/v1/payment_intents"),
        ("payment_intents", "/v1/payment_intents/pi_0/confirm"),
        ("payment_intents", "/v1/payment_intents/pi_0/capture"),
        ("payment_intents", "/v1/payment_intents/pi_0/cancel"),
        ("refunds", "/v1/refunds"),
    ):
        answer = call(function, "POST", path, payment(stack), key=key)
        assert answer.status == 400
        assert answer.body["code"].startswith("idempotency_key_")
    assert stack.items("intent") == []


def test_keys_of_two_merchants_know_nothing_of_each_other(stack: Stack) -> None:
    first = stack.post("payment_intents", payment(stack), key="k")
    body = payment(stack, token=stack.token(merchant_id=OTHER_MERCHANT), amount_cents=7)
    other = stack.post("payment_intents", body, key="k", merchant_id=OTHER_MERCHANT)
    assert (first.status, other.status) == (201, 201)
    assert other.body["intent_id"] != first.body["intent_id"]


def test_a_key_lives_24_hours_from_the_outcome(stack: Stack) -> None:
    body, key = {"amount_cents": 5, "currency": "eur"}, stack.new_key()
    first = stack.post("payment_intents", body, key=key).body["intent_id"]
    stack.advance(DAY - 60)
    assert stack.post("payment_intents", body, key=key).body["intent_id"] == first
    stack.advance(120)
    assert stack.post("payment_intents", body, key=key).body["intent_id"] != first


def test_a_key_of_unknown_outcome_never_expires(stack: Stack) -> None:
    # Given a charge whose answer never came, at an acquirer that cannot be asked either
    def silence(method: str, path: str) -> None:
        raise NoUsableAnswer

    body, key = payment(stack), stack.new_key()
    stack.acquirer.before = silence
    first = stack.post("payment_intents", body, key=key)
    assert first.status == 202
    # When the key comes again after 30 days, Then it is still the same payment
    stack.advance(30 * DAY)
    again = stack.post("payment_intents", body, key=key)
    assert (again.status, again.body["intent_id"]) == (202, first.body["intent_id"])
    assert again.body["status_detail"] == "REQUIRES_DECISION"
    assert len(stack.items("operation")) == 1


def test_a_request_at_work_makes_the_others_wait(stack: Stack) -> None:
    # Given a request that is waiting for the acquirer
    body, key = payment(stack), stack.new_key()
    seen = []

    def meanwhile(method: str, path: str) -> None:
        stack.acquirer.before = lambda method, path: None
        seen.append(stack.post("payment_intents", body, key=key))

    stack.acquirer.before = meanwhile
    first = stack.post("payment_intents", body, key=key)
    # Then the same key is told to come back, and comes back to the same answer
    assert seen[0].status == 409
    assert seen[0].body["code"] == "request_in_progress"
    assert seen[0].headers["Retry-After"] == "2"
    assert stack.post("payment_intents", body, key=key).text == first.text


def test_many_with_one_key_make_one_charge(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call_at_a_time(monkeypatch)
    body = payment(stack)
    answers = at_once(lambda _: stack.post("payment_intents", body, key="k"), range(12))
    assert {a.status for a in answers} <= {201, 409}
    again = {stack.post("payment_intents", body, key="k").text for _ in range(3)}
    assert len(again) == 1 and {a.text for a in answers if a.status == 201} <= again
    (intent,) = stack.items("intent")
    assert stack.moved(intent["intent_id"]["S"], "CAPTURE") == 100


def test_two_keys_on_one_payment_make_one_charge(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    new = {"amount_cents": 100, "currency": "eur", "token": stack.token()}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    path = f"payment_intents/{intent_id}/confirm"
    answers = at_once(lambda i: stack.post(path, {}, key=f"k{i}"), range(8))
    assert sorted(a.status for a in answers)[0] == 200
    assert {a.status for a in answers[1:]} <= {200, 409}
    assert sum(a.status == 200 for a in answers) == 1
    assert stack.moved(intent_id, "CAPTURE") == 100


def test_capture_and_cancel_do_not_race(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call_at_a_time(monkeypatch)
    for _ in range(3):
        intent_id = stack.pay(100, capture_method="MANUAL").body["intent_id"]
        verbs = ["capture", "cancel"] * 3
        answers = at_once(
            lambda verb, i=intent_id: stack.post(f"payment_intents/{i}/{verb}", {}), verbs
        )
        assert sum(a.status == 200 for a in answers) == 1
        done = stack.moved(intent_id, "CAPTURE") + stack.moved(intent_id, "VOID")
        assert done == 100


def test_with_too_little_time_left_nothing_is_written_or_sent(stack: Stack) -> None:
    body, key = payment(stack), stack.new_key()
    late = Context(remaining_milliseconds=21_000)
    answer = stack.post("payment_intents", body, key=key, context=late)
    assert (answer.status, answer.body["retry"]) == (503, "SAME_KEY")
    assert answer.body["outcome"] == "NONE"
    assert stack.items("intent") == [] and stack.charge.invocations == []
    assert stack.post("payment_intents", body, key=key).status == 201


def test_confirm_and_cancel_do_not_race(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call_at_a_time(monkeypatch)
    for _ in range(3):
        new = {"amount_cents": 100, "currency": "eur", "token": stack.token()}
        intent_id = stack.post("payment_intents", new).body["intent_id"]
        answers = at_once(
            lambda verb, i=intent_id: stack.post(f"payment_intents/{i}/{verb}", {}),
            ["confirm", "cancel"] * 3,
        )
        assert sum(a.status == 200 for a in answers) == 1
        ended = stack.get(f"payment_intents/{intent_id}").body["status"]
        charged = stack.moved(intent_id, "CAPTURE")
        assert (ended, charged) in {("SUCCEEDED", 100), ("CANCELLED", 0)}


def test_a_cancel_that_read_before_a_confirm_changes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a cancel that has read the payment and is about to write
    from farthing.payments import followups

    new = {"amount_cents": 100, "currency": "eur", "token": stack.token()}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    real = followups.settle_open_operation

    def confirm_first(intent: object, services: object) -> object:
        monkeypatch.setattr(followups, "settle_open_operation", real)
        assert stack.post(f"payment_intents/{intent_id}/confirm", {}).status == 200
        return intent

    # When the payment is charged in between, Then the cancel is refused
    monkeypatch.setattr(followups, "settle_open_operation", confirm_first)
    assert stack.post(f"payment_intents/{intent_id}/cancel", {}).status == 409
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "SUCCEEDED"


def test_a_trailing_slash_is_the_same_request(stack: Stack) -> None:
    body = payment(stack)
    first = stack.post("payment_intents", body, key="k")
    assert stack.post("payment_intents/", body, key="k").text == first.text
    assert len(stack.items("intent")) == 1


def test_a_keys_24_hours_count_from_when_the_outcome_was_known(stack: Stack) -> None:
    # Given a charge that was made, and whose outcome nobody could find out for 23 hours
    def lose(method: str, path: str, answer: Exchanged) -> Exchanged:
        raise NoUsableAnswer

    body, key = payment(stack), stack.new_key()
    stack.acquirer.after = lose
    assert stack.post("payment_intents", body, key=key).status == 202
    stack.advance(23 * 3600)
    stack.acquirer.after = lambda method, path, answer: answer
    known = stack.post("payment_intents", body, key=key)
    assert known.status == 201
    # When the key comes again 23 hours after that, Then it is still the same payment
    stack.advance(23 * 3600)
    assert stack.post("payment_intents", body, key=key).text == known.text
    stack.advance(3600 + 60)
    assert stack.post("payment_intents", body, key=key).status != 201


def test_a_version_never_goes_back(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a cancel that has read the payment, and a confirm that fails to send in between
    from farthing.acquiring.sandbox import NoByteSent
    from farthing.payments import followups

    new = {"amount_cents": 100, "currency": "eur", "token": stack.token()}
    intent_id = stack.post("payment_intents", new).body["intent_id"]
    real = followups.settle_open_operation

    def refuse(method: str, path: str) -> None:
        raise NoByteSent

    def confirm_first(intent: object, services: object) -> object:
        monkeypatch.setattr(followups, "settle_open_operation", real)
        stack.acquirer.before = refuse
        assert stack.post(f"payment_intents/{intent_id}/confirm", {}).status == 503
        return intent

    monkeypatch.setattr(followups, "settle_open_operation", confirm_first)
    # When the cancel writes, Then it is refused, and may be tried again
    assert stack.post(f"payment_intents/{intent_id}/cancel", {}).status == 409
    assert stack.items("intent")[0]["version"]["N"] == "3"
    cancelled = stack.post(f"payment_intents/{intent_id}/cancel", {})
    assert cancelled.body["status"] == "CANCELLED"
