"""A session is paid once, whatever its payers do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from farthing.checkout import pay as paying
from farthing.store.item import item_from_wire
from tests.support import methods
from tests.support.lambdas import Context, load
from tests.support.rules import publish, rule
from tests.support.stack import ANSWER_NEVER_COMES, DECLINED, Exchanged
from tests.support.threads import at_once, one_call_at_a_time
from tests.unit.checkout.conftest import DAY, Counter

LEASE = 61


def test_a_payer_pays_and_the_merchant_is_told_once(counter: Counter) -> None:
    session_id = counter.session(metadata={"order": "17"}, customer_email="ada@example.com")
    answer = counter.pay(session_id)
    assert (answer.status, answer.body["status"]) == (200, "PAID")
    # Then the payment is the session's, of its amount, from the payer's address
    session = counter.read(session_id)
    intent_id = session["payment_intent_id"]
    assert session["status"] == "PAID"
    intent = counter.stack.get(f"payment_intents/{intent_id}").body
    assert (intent["status"], intent["amount_cents"]) == ("SUCCEEDED", 900)
    assert intent["checkout_session_id"] == session_id
    assert intent["metadata"] == {"order": "17"}
    (row,) = counter.stack.items("intent")
    assert row["ip_address"]["S"] == "203.0.113.7"
    assert counter.charges() == [(intent_id, 900)]
    # And there is one event of the session, beside the payment's own
    assert counter.told(session_id) == ["checkout_session.completed"]
    types = sorted(event["type"]["S"] for event in counter.stack.items("event"))
    assert types == [
        "checkout_session.completed",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]


def test_the_completed_event_shows_the_session_but_for_items_and_addresses(
    counter: Counter,
) -> None:
    session_id = counter.session(metadata={"order": "17"}, customer_email="ada@example.com")
    counter.pay(session_id)
    (event,) = [e for e in counter.stack.items("event") if "session_id" in e]
    told = item_from_wire(event)["object"]
    shown = counter.read(session_id)
    assert told == {name: shown[name] for name in told}
    assert set(shown) - set(told) == {
        *("line_items", "success_url", "cancel_url", "attempts", "decline"),
        "save_payment_method",
    }


def test_a_declined_payer_is_told_why_and_takes_another_card(counter: Counter) -> None:
    session_id = counter.session()
    declined = counter.pay(session_id, DECLINED)
    assert (declined.status, declined.body["code"]) == (402, "card_declined")
    inside = declined.body["checkout_session"]
    assert inside["status"] == "OPEN"
    assert inside["decline"] == {
        "reason_code": "DO_NOT_HONOR",
        "message": "The issuer declined without a reason.",
        "advice": "USE_ANOTHER_CARD",
    }
    seen = counter.seen(session_id)
    assert (seen["status"], seen["decline"]) == ("OPEN", inside["decline"])
    # When another card pays, Then it is another payment, and the first stays as it ended
    assert counter.pay(session_id).status == 200
    intents = counter.stack.items("intent")
    assert sorted(i["status"]["S"] for i in intents) == ["FAILED", "SUCCEEDED"]
    session = counter.read(session_id)
    assert (session["status"], session["attempts"], session["decline"]) == ("PAID", 2, None)
    assert counter.charges() == [(session["payment_intent_id"], 900)]
    assert counter.told(session_id) == ["checkout_session.completed"]


def test_an_unknown_outcome_is_asked_for_and_meanwhile_nobody_pays_again(
    counter: Counter,
) -> None:
    session_id = counter.session()
    answer = counter.pay(session_id, ANSWER_NEVER_COMES)
    assert (answer.status, answer.body["status"]) == (202, "PROCESSING")
    assert int(answer.headers["Retry-After"]) > 0
    # When the payer tries another card, Then that is refused and no token is spent
    token = counter.token(session_id).body["token"]
    refused = counter.pay(session_id, token=token)
    # (the refusal itself looks the outcome up: it is known by now)
    assert refused.status == 409
    seen = counter.seen(session_id)
    assert seen["status"] == "PAID"
    assert len(counter.charges()) == 1
    assert counter.told(session_id) == ["checkout_session.completed"]
    faces = counter.stack.items("card_face")
    assert [f["token"]["S"] for f in faces if "claimed_by" not in f] == [token]


def test_while_it_is_unknown_reading_says_so_and_paying_is_refused(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an acquirer that cannot be asked either."""

    def silence(method: str, path: str) -> None:
        raise NoUsableAnswer

    session_id = counter.session()
    counter.stack.acquirer.before = silence
    assert counter.pay(session_id).status == 202
    counter.stack.advance(3 * DAY)
    assert counter.seen(session_id)["status"] == "PROCESSING"
    refused = counter.pay(session_id)
    assert (refused.status, refused.body["code"]) == (409, "operation_in_progress")
    assert refused.body["retry"] == "AFTER_RESOLUTION"
    assert len(counter.stack.items("operation")) == 1


def test_what_was_never_sent_can_be_tried_again_with_the_same_card_or_another(
    counter: Counter,
) -> None:
    def unreachable(method: str, path: str) -> None:
        raise NoByteSent

    for again_with_the_same in (True, False):
        session_id = counter.session()
        token = counter.token(session_id).body["token"]
        counter.stack.acquirer.before = unreachable
        answer = counter.pay(session_id, token=token)
        assert (answer.status, answer.body["retry"]) == (503, "SAME_KEY")
        assert answer.body["checkout_session"]["status"] == "OPEN"
        counter.stack.acquirer.before = lambda method, path: None
        again = counter.pay(session_id, token=token if again_with_the_same else None)
        assert again.status == 200
        session = counter.read(session_id)
        # Then it is still the first attempt, for nothing was asked of anybody before
        assert (session["status"], session["attempts"]) == ("PAID", 1)
        assert (session["payment_intent_id"], 900) in counter.charges()
    assert len(counter.stack.items("intent")) == len(counter.charges()) == 2


def test_the_same_request_is_answered_the_same_to_the_byte(counter: Counter) -> None:
    for number in ("4242424242424242", DECLINED):
        session_id = counter.session()
        token = counter.token(session_id, number).body["token"]
        first = counter.pay(session_id, token=token)
        again = counter.pay(session_id, token=token)
        assert (again.status, again.text) == (first.status, first.text)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert len(counter.stack.items("operation")) == 2


def test_a_first_answer_is_the_same_when_others_have_paid_since(counter: Counter) -> None:
    session_id = counter.session()
    token = counter.token(session_id, DECLINED).body["token"]
    first = counter.pay(session_id, token=token)
    counter.pay(session_id)
    assert counter.pay(session_id, token=token).text == first.text


def test_paid_is_paid(counter: Counter) -> None:
    session_id = counter.session()
    token = counter.token(session_id).body["token"]
    counter.pay(session_id)
    refused = counter.pay(session_id, token=token)
    assert (refused.status, refused.body["code"]) == (409, "wrong_state")
    assert refused.body["session_status"] == "PAID"
    assert len(counter.charges()) == 1


def test_no_key_no_payment(counter: Counter) -> None:
    session_id = counter.session()
    path = f"/v1/checkout_sessions/{session_id}/pay"
    body = {"token": counter.token(session_id).body["token"]}
    answer = counter.as_payer("checkout_sessions", "POST", path, body, of=session_id)
    assert (answer.status, answer.body["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("body", [{}, {"token": "tok_1"}, {"token": None}, {"token": "x", "a": 1}])
def test_bad_input_changes_nothing(counter: Counter, body: dict[str, Any]) -> None:
    session_id = counter.session()
    path = f"/v1/checkout_sessions/{session_id}/pay"
    answer = counter.as_payer("checkout_sessions", "POST", path, body, of=session_id, key="k")
    assert answer.status == 400
    assert counter.read(session_id)["attempts"] == 0


def test_a_token_that_is_none_begins_nothing(counter: Counter) -> None:
    session_id = counter.session()
    unknown = "tok_00000000000000000000000000"
    assert counter.pay(session_id, token=unknown).body["code"] == "token_not_usable"
    late = counter.token(session_id).body["token"]
    counter.stack.advance(16 * 60)
    assert counter.pay(session_id, token=late).body["code"] == "token_not_usable"
    assert counter.stack.items("intent") == []
    assert counter.read(session_id)["status"] == "OPEN"


def test_a_session_is_paid_by_card(counter: Counter) -> None:
    """Given a token of a bank account, whose debit would be pending for days."""
    session_id = counter.session()
    token = methods.token(methods.sepa())
    refused = counter.pay(session_id, token=token)
    assert (refused.status, refused.body["fields"][0]["field"]) == (400, "token")
    assert counter.stack.items("intent") == []


def test_a_used_token_begins_nothing(counter: Counter) -> None:
    session_id = counter.session()
    token = counter.token(session_id, DECLINED).body["token"]
    counter.pay(session_id, token=token)
    again = counter.pay(session_id, token=token, key="another")
    assert (again.status, again.body["code"]) == (400, "token_not_usable")
    assert counter.read(session_id)["attempts"] == 1


def test_held_money_pays_a_session_once_whatever_becomes_of_it(counter: Counter) -> None:
    for then in ("capture", "cancel"):
        session_id = counter.session(capture_method="MANUAL")
        assert counter.pay(session_id).body["status"] == "PAID"
        session = counter.read(session_id)
        assert counter.told(session_id) == ["checkout_session.completed"]
        path = f"payment_intents/{session['payment_intent_id']}"
        assert counter.stack.get(path).body["status_detail"] == "REQUIRES_CAPTURE"
        assert counter.stack.post(f"{path}/{then}").status == 200
        # Then it stays paid, also where its merchant gave the money back
        assert counter.read(session_id)["status"] == "PAID"
        assert counter.pay(session_id, token=counter.stack.token()).status == 409
        assert counter.told(session_id) == ["checkout_session.completed"]
    assert len(counter.charges()) == 1


def test_the_merchants_answer_about_a_captured_session_is_the_payment(counter: Counter) -> None:
    session_id = counter.session(capture_method="MANUAL")
    counter.pay(session_id)
    intent_id = counter.read(session_id)["payment_intent_id"]
    captured = counter.stack.post(f"payment_intents/{intent_id}/capture", {})
    assert captured.body["intent_id"] == intent_id
    assert captured.body["status"] == "SUCCEEDED"


def test_what_is_blocked_ends_the_attempt_and_names_no_rule(counter: Counter) -> None:
    session_id = counter.session()
    publish(rule("BLOCK"))
    blocked = counter.pay(session_id)
    publish()
    assert (blocked.status, blocked.body["code"]) == (402, "blocked_by_fraud")
    assert "fraud" not in blocked.body["checkout_session"]
    assert counter.stack.items("operation") == []
    assert counter.read(session_id)["attempts"] == 1
    assert counter.pay(session_id).status == 200
    assert len(counter.charges()) == 1


def test_ten_cards_are_tried_and_no_more(counter: Counter) -> None:
    session_id = counter.session()
    for left in range(paying.ATTEMPTS_MAX, 0, -1):
        assert counter.seen(session_id)["attempts_left"] == left
        assert counter.pay(session_id, DECLINED).status == 402
    refused = counter.pay(session_id)
    assert (refused.status, refused.body["code"]) == (409, "limit_reached")
    assert counter.charges() == []


def test_nobody_confirms_a_sessions_payment_past_the_session(counter: Counter) -> None:
    """Given an attempt that sent nothing, and so waits as any payment that was only created."""

    def unreachable(method: str, path: str) -> None:
        raise NoByteSent

    session_id = counter.session()
    counter.stack.acquirer.before = unreachable
    counter.pay(session_id)
    counter.stack.acquirer.before = lambda method, path: None
    intent_id = counter.read(session_id)["payment_intent_id"]
    path = f"payment_intents/{intent_id}/confirm"
    refused = counter.stack.post(path, {"token": counter.stack.token()})
    assert (refused.status, refused.body["code"]) == (409, "wrong_state")
    assert "checkout session" in refused.body["detail"]
    # And if its merchant cancels it, the next card begins another one
    assert counter.stack.post(f"payment_intents/{intent_id}/cancel").status == 200
    assert counter.pay(session_id).status == 200
    assert counter.read(session_id)["payment_intent_id"] != intent_id
    assert len(counter.charges()) == 1


# --- races ---------------------------------------------------------------------------------------


def test_fifty_payments_of_one_session_at_once_make_one_charge(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    session_id = counter.session()
    tokens = [counter.token(session_id).body["token"] for _ in range(50)]
    answers = at_once(lambda token: counter.pay(session_id, token=token), tokens, 10)
    assert {a.status for a in answers} <= {200, 409}
    assert sum(a.status == 200 for a in answers) == 1
    assert {a.body["code"] for a in answers if a.status == 409} <= {
        "operation_in_progress",
        "wrong_state",
    }
    session = counter.read(session_id)
    assert session["status"] == "PAID"
    assert counter.charges() == [(session["payment_intent_id"], 900)]
    # And the cards of the others are spent on nothing
    faces = counter.stack.items("card_face")
    assert sum("claimed_by" in face for face in faces) == 1
    assert counter.told(session_id) == ["checkout_session.completed"]


def test_a_double_click_with_one_token_makes_one_charge(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    session_id = counter.session()
    token = counter.token(session_id).body["token"]
    answers = at_once(lambda _: counter.pay(session_id, token=token), range(6))
    assert {a.status for a in answers} <= {200, 409}
    assert len(counter.charges()) == 1
    assert counter.pay(session_id, token=token).status == 200


def test_who_read_before_another_attempt_began_is_refused_by_the_database(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a tab that has read the open session, and another one that pays before it writes."""
    session_id = counter.session()
    require = paying.require_payable

    def late(*arguments: Any) -> None:
        require(*arguments)
        monkeypatch.setattr(paying, "require_payable", require)
        assert counter.pay(session_id).status == 200

    monkeypatch.setattr(paying, "require_payable", late)
    refused = counter.pay(session_id)
    assert (refused.status, refused.body["code"]) == (409, "operation_in_progress")
    assert len(counter.charges()) == len(counter.stack.items("operation")) == 1


def test_two_tabs_that_try_what_was_never_sent_again_make_one_charge(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an attempt that sent nothing: the next one is the same payment, not a new one."""

    def unreachable(method: str, path: str) -> None:
        raise NoByteSent

    session_id = counter.session()
    counter.stack.acquirer.before = unreachable
    counter.pay(session_id)
    counter.stack.acquirer.before = lambda method, path: None
    require = paying.require_payable

    def late(*arguments: Any) -> None:
        require(*arguments)
        monkeypatch.setattr(paying, "require_payable", require)
        assert counter.pay(session_id).status == 200

    monkeypatch.setattr(paying, "require_payable", late)
    assert counter.pay(session_id).status == 409
    assert len(counter.charges()) == len(counter.stack.items("operation")) - 1 == 1


def test_the_last_second_is_the_databases_to_say(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a payer who was in time when the session was read, and not when it is written."""
    session_id = counter.session()
    counter.stack.advance(DAY - 5)
    fresh = counter.stack.token()
    require = paying.require_payable

    def late(found: Any, services: Any) -> None:
        require(found, services)
        slow = timedelta(seconds=6)
        object.__setattr__(services, "now", lambda now=services.now: now() + slow)

    monkeypatch.setattr(paying, "require_payable", late)
    refused = counter.pay(session_id, token=fresh)
    assert (refused.status, refused.body["session_status"]) == (409, "EXPIRED")
    monkeypatch.setattr(paying, "require_payable", require)
    assert counter.stack.items("intent") == counter.charges() == []
    # And a second earlier it would have been paid
    assert counter.pay(session_id, token=fresh).status == 200


def test_after_its_time_a_session_is_not_paid(counter: Counter) -> None:
    session_id = counter.session()
    counter.stack.advance(DAY)
    assert counter.seen(session_id)["status"] == "EXPIRED"
    refused = counter.pay(session_id, token=counter.stack.token())
    assert (refused.status, refused.body["session_status"]) == (409, "EXPIRED")


# --- crashes -------------------------------------------------------------------------------------


def crash_after_the_charge(counter: Counter) -> None:
    """The process dies between the acquirer's answer and the writing of it."""

    class Died(BaseException):
        pass

    def die(moment: str) -> None:
        if moment == "after":
            counter.stack.charge.fail = lambda moment: None
            raise Died

    counter.stack.charge.fail = die
    session_id = next(iter(counter.sessions))
    with pytest.raises(Died):
        counter.pay(session_id, token=counter.stack.token(), key="k")


def test_a_payment_whose_process_died_is_found_by_who_reads_the_session(counter: Counter) -> None:
    session_id = counter.session()
    crash_after_the_charge(counter)
    # While its sender may still be at work nobody pays again
    assert counter.seen(session_id)["status"] == "PROCESSING"
    refused = counter.pay(session_id)
    assert (refused.status, refused.body["code"]) == (409, "operation_in_progress")
    # Then the payer's page, which goes on asking, finds what became of it
    counter.stack.advance(LEASE)
    assert counter.seen(session_id)["status"] == "PAID"
    assert len(counter.charges()) == 1
    assert counter.told(session_id) == ["checkout_session.completed"]


def test_or_by_the_queue_if_nobody_reads(counter: Counter) -> None:
    session_id = counter.session()
    crash_after_the_charge(counter)
    counter.stack.advance(LEASE)
    (operation,) = counter.stack.items("operation")
    names = ("merchant_id", "mode", "intent_id", "operation_id")
    address = "/".join(operation[name]["S"] for name in names)
    load("resolve_unknown").handler({"operation": address}, Context())
    assert counter.told(session_id) == ["checkout_session.completed"]
    assert counter.read(session_id)["status"] == "PAID"


def test_a_declined_answer_that_got_lost_leaves_the_session_open(counter: Counter) -> None:
    def lose(method: str, path: str, answer: Exchanged) -> Exchanged:
        counter.stack.acquirer.after = lambda method, path, answer: answer
        raise NoUsableAnswer

    session_id = counter.session()
    counter.stack.acquirer.after = lose
    answer = counter.pay(session_id, DECLINED)
    assert answer.status == 202
    counter.stack.advance(LEASE)
    seen = counter.seen(session_id)
    assert (seen["status"], seen["decline"]["reason_code"]) == ("OPEN", "DO_NOT_HONOR")
    assert counter.pay(session_id).status == 200
    assert len(counter.charges()) == 1


def test_the_stored_answer_is_of_the_session_and_not_of_the_payment(counter: Counter) -> None:
    """What a payer's request left in its idempotency row is what a payer may see."""
    session_id = counter.session(metadata={"margin": "40 %"})
    counter.pay(session_id, key="k")
    done = [i for i in counter.stack.items("idempotency") if i["path"]["S"].endswith("/pay")]
    body = json.loads(done[0]["body"]["S"])
    assert body["session_id"] == session_id
    assert not {"metadata", "fraud", "intent_id", "customer_id"} & set(body)
