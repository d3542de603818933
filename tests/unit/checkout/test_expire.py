"""The end of a session that nobody paid."""

from __future__ import annotations

import json
from typing import Any

import pytest

from farthing.acquiring.sandbox import NoUsableAnswer
from farthing.checkout import expire as ending
from farthing.checkout import pay as paying
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.stack import ANSWER_NEVER_COMES, DECLINED
from tests.support.threads import at_once, one_call_at_a_time
from tests.unit.checkout.conftest import DAY, Counter

REVIEWED = "4000000000009235"
EXPIRED = ["checkout_session.expired"]
COMPLETED = ["checkout_session.completed"]


def tick(counter: Counter) -> list[dict[str, str]]:
    """The minute's tick, and what it queues, done."""
    counter.stack.looks.sent.clear()
    load("resolve_unknown").handler({}, Context(remaining_milliseconds=60_000))
    queued = [body for _, body in counter.stack.looks.sent]
    for body in queued:
        event = {"Records": [{"messageId": "m", "body": json.dumps(body)}]}
        answer = load("resolve_unknown").handler(event, Context(remaining_milliseconds=60_000))
        assert answer == {"batchItemFailures": []}
    return queued


def waits(counter: Counter) -> bool:
    """Whether the one session is in the due index."""
    (row,) = counter.stack.items("checkout_session")
    return "due_pk" in row


def expire(counter: Counter, session_id: str) -> Any:
    return counter.stack.post(f"checkout_sessions/{session_id}/expire")


def test_its_merchant_ends_it_and_is_told_once(counter: Counter) -> None:
    session_id = counter.session(metadata={"order": "17"})
    for _ in range(2):
        answer = expire(counter, session_id)
        assert (answer.status, answer.body["status"]) == (200, "EXPIRED")
    assert counter.told(session_id) == EXPIRED
    assert not waits(counter)
    refused = counter.pay(session_id, token=counter.stack.token())
    assert (refused.status, refused.body["session_status"]) == (409, "EXPIRED")
    assert counter.charges() == []


def test_it_ends_by_itself_after_a_day(counter: Counter) -> None:
    session_id = counter.session()
    counter.stack.advance(DAY - 120)
    assert tick(counter) == []
    counter.stack.advance(120)
    assert tick(counter) == [{"session": f"{MERCHANT}/test/{session_id}"}]
    assert counter.told(session_id) == EXPIRED
    assert counter.read(session_id)["status"] == "EXPIRED"
    assert not waits(counter)
    assert tick(counter) == []


def test_a_message_that_comes_early_or_twice_changes_nothing(counter: Counter) -> None:
    session_id = counter.session()
    services = load_services()
    ending.end_if_due(session_id, services)
    assert counter.told(session_id) == []
    assert waits(counter)
    counter.stack.advance(DAY)
    for _ in range(2):
        ending.end_if_due(session_id, load_services())
    assert counter.told(session_id) == EXPIRED
    ending.end_if_due("cs_00000000000000000000000000", load_services())


def load_services() -> Any:
    from farthing import runtime
    from farthing.payments.wiring import services_of
    from farthing.store import TenantScope

    runtime.begin(Context())
    return services_of(TenantScope(MERCHANT, "test"))


def test_a_paid_session_does_not_end_and_leaves_the_index(counter: Counter) -> None:
    session_id = counter.session()
    counter.pay(session_id)
    refused = expire(counter, session_id)
    assert (refused.status, refused.body["session_status"]) == (409, "PAID")
    counter.stack.advance(DAY)
    tick(counter)
    assert counter.told(session_id) == COMPLETED
    assert not waits(counter)
    assert counter.read(session_id)["status"] == "PAID"


def test_a_session_under_review_is_looked_at_each_hour_and_ends_when_its_payment_is_refused(
    counter: Counter,
) -> None:
    session_id = counter.session()
    counter.pay(session_id, REVIEWED)
    counter.stack.advance(DAY)
    assert tick(counter) and counter.told(session_id) == []
    counter.stack.advance(30 * 60)
    assert tick(counter) == []
    intent_id = counter.read(session_id)["payment_intent_id"]
    review_id = f"rev_{intent_id.split('_', 1)[1]}"
    assert counter.stack.post(f"reviews/{review_id}/decline", {}).status == 200
    counter.stack.advance(30 * 60)
    tick(counter)
    assert counter.told(session_id) == EXPIRED
    assert not waits(counter)


def test_a_declined_session_ends_as_any_other(counter: Counter) -> None:
    session_id = counter.session()
    counter.pay(session_id, DECLINED)
    counter.stack.advance(DAY)
    tick(counter)
    assert counter.told(session_id) == EXPIRED
    (event,) = [e for e in counter.stack.items("event") if "session_id" in e]
    assert event["intent_id"]["S"] == counter.read(session_id)["payment_intent_id"]


def test_an_attempt_that_was_begun_in_time_is_waited_for(counter: Counter) -> None:
    """Given a payment whose outcome is not known when the session's time is over."""

    def silence(method: str, path: str) -> None:
        raise NoUsableAnswer

    session_id = counter.session()
    counter.stack.advance(DAY - 100)
    counter.stack.acquirer.before = silence
    assert counter.pay(session_id, ANSWER_NEVER_COMES, token=counter.stack.token()).status == 202
    refused = expire(counter, session_id)
    assert (refused.status, refused.body["code"]) == (409, "operation_in_progress")
    counter.stack.advance(100)
    tick(counter)
    assert counter.told(session_id) == []
    assert waits(counter)
    # When it turns out that nothing was charged, Then the session is over at last
    counter.stack.acquirer.before = lambda method, path: None
    counter.stack.advance(15 * 60)
    for _ in range(30):
        tick(counter)
        counter.stack.advance(60)
    assert counter.told(session_id) == EXPIRED
    assert counter.read(session_id)["status"] == "EXPIRED"
    assert counter.charges() == []


def test_and_if_it_was_charged_it_is_paid_after_its_time(counter: Counter) -> None:
    session_id = counter.session()
    counter.stack.advance(DAY - 3)
    token = counter.stack.token(ANSWER_NEVER_COMES)
    assert counter.pay(session_id, token=token).status == 202
    counter.stack.advance(3600)
    tick(counter)
    assert counter.read(session_id)["status"] == "PAID"
    assert counter.told(session_id) == COMPLETED
    assert len(counter.charges()) == 1


def test_who_ends_a_session_that_is_paid_meanwhile_is_told_so(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a merchant who has read the open session, and a payer who pays before it is ended."""
    session_id = counter.session()
    shown = ending.show_expired

    def late(session: Any) -> Any:
        monkeypatch.setattr(ending, "show_expired", shown)
        assert counter.pay(session_id).status == 200
        return shown(session)

    monkeypatch.setattr(ending, "show_expired", late)
    refused = expire(counter, session_id)
    assert (refused.status, refused.body["session_status"]) == (409, "PAID")
    assert counter.told(session_id) == COMPLETED


def test_who_ends_a_session_that_somebody_begins_to_pay_meanwhile_waits_for_them(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_OTHER_ATTEMPT: an outcome that nobody knows yet has told nothing that would stand in the
    way of the end."""
    session_id = counter.session()
    shown = ending.show_expired

    def silence(method: str, path: str) -> None:
        raise NoUsableAnswer

    def late(session: Any) -> Any:
        monkeypatch.setattr(ending, "show_expired", shown)
        counter.stack.acquirer.before = silence
        assert counter.pay(session_id, ANSWER_NEVER_COMES).status == 202
        return shown(session)

    monkeypatch.setattr(ending, "show_expired", late)
    refused = expire(counter, session_id)
    assert (refused.status, refused.body["code"]) == (409, "operation_in_progress")
    assert counter.told(session_id) == []
    assert counter.read(session_id)["status"] == "PROCESSING"


def test_who_pays_a_session_that_is_ended_meanwhile_is_refused(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = counter.session()
    require = paying.require_payable

    def late(*arguments: Any) -> None:
        require(*arguments)
        monkeypatch.setattr(paying, "require_payable", require)
        assert expire(counter, session_id).status == 200

    monkeypatch.setattr(paying, "require_payable", late)
    refused = counter.pay(session_id)
    assert (refused.status, refused.body["session_status"]) == (409, "EXPIRED")
    assert counter.charges() == counter.stack.items("intent") == []
    assert counter.told(session_id) == EXPIRED


def test_payers_and_the_end_at_once(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    one_call_at_a_time(monkeypatch)
    for _ in range(4):
        session_id = counter.session()
        tokens = [counter.token(session_id).body["token"] for _ in range(3)]

        def one(number: int, session_id: str = session_id, tokens: Any = tokens) -> int:
            if number == 0:
                return int(expire(counter, session_id).status)
            return counter.pay(session_id, token=tokens[number - 1]).status

        statuses = at_once(one, range(4))
        ended = statuses[0] == 200
        assert statuses[1:].count(200) == (0 if ended else 1)
        assert counter.told(session_id) == (EXPIRED if ended else COMPLETED)


def test_at_most_one_end_is_told_whoever_finds_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    session_id = counter.session()
    counter.stack.advance(DAY)
    services = load_services()
    at_once(lambda _: ending.end_if_due(session_id, services), range(6))
    assert counter.told(session_id) == EXPIRED
