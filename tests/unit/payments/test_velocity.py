"""Failures of a card and of an address, counted by the payments that make them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from farthing import runtime
from farthing.access.principal import KeyKind
from farthing.acquiring.sandbox import NoUsableAnswer
from farthing.fraud import counter_row
from farthing.payments import confirm, counted
from farthing.payments.operation import Operation
from farthing.payments.wiring import services_of
from farthing.store import EXISTS, Check, ConditionFailed, Put, StoreBusy, Update
from farthing.store.item import item_from_wire
from farthing.store.table import DynamoStore
from tests.support.lambdas import Answer, call
from tests.support.methods import CLOSED, PAYS, sepa
from tests.support.rules import publish, rule
from tests.support.stack import ANSWER_NEVER_COMES, DECLINED, FIRST_IS_LOST, Stack

TEN_MINUTES = 600
HOUR = 3600
ADDRESS = "203.0.113.7"
CODES = {201: "paid", 202: "unknown"}


def ended(answer: Answer) -> str:
    """How a payment ended, in a word."""
    return CODES.get(answer.status) or str(answer.body["code"])


def fail(stack: Stack, times: int, **more: Any) -> None:
    for _ in range(times):
        assert ended(stack.pay(number=DECLINED, **more)) == "card_declined"


def counters(stack: Stack) -> list[dict[str, Any]]:
    rows = boto3.client("dynamodb").scan(TableName="RiskTable")["Items"]
    return [row for row in rows if row["entity"]["S"] == "attempts"]


def in_flight(stack: Stack) -> int:
    return sum(name.startswith("op_") for row in counters(stack) for name in row)


def test_after_four_failures_of_a_card_the_fifth_attempt_is_not_sent(stack: Stack) -> None:
    fail(stack, 4)
    sent = len(stack.acquirer.requests)
    # When a fifth one is asked for, Then nothing is sent, and the payer learns no rule
    fifth = stack.pay(number=DECLINED)
    assert (fifth.status, fifth.body["code"]) == (402, "blocked_by_fraud")
    assert "10 minutes" not in fifth.text and "card_tried" not in fifth.text
    assert len(stack.acquirer.requests) == sent and len(stack.items("operation")) == 4
    # And its decision is kept, with what it was decided on
    (kept,) = stack.items("fraud_decision")
    signals = kept["decision"]["M"]["signals"]["L"]
    evidence = {id_["S"] for id_ in signals[0]["M"]["evidence"]["L"]}
    assert evidence == {row["operation_id"]["S"] for row in stack.items("operation")}


@pytest.mark.parametrize(
    ("address", "window"), [(ADDRESS, TEN_MINUTES), (None, HOUR)], ids=["address", "card"]
)
def test_a_window_opens_again_when_its_first_failure_is_old_enough(
    stack: Stack, address: str | None, window: int
) -> None:
    """An address is blocked for ten minutes, a card for an hour."""
    more = {} if address is None else {"ip_address": address}
    fail(stack, 4, **more)
    good = {**more} if address else {**more, "number": DECLINED}
    for seconds in (1, window - 30):
        stack.advance(seconds)
        assert ended(stack.pay(**good)) == "blocked_by_fraud"
    stack.advance(60)
    assert ended(stack.pay(**good)) == ("paid" if address else "card_declined")


def test_another_card_and_another_address_are_not_counted_with_them(stack: Stack) -> None:
    fail(stack, 4, ip_address=ADDRESS)
    assert ended(stack.pay(ip_address="203.0.113.8")) == "paid"
    assert ended(stack.pay(number="5555555555554444", ip_address=ADDRESS)) == "blocked_by_fraud"


def test_an_ipv6_address_counts_with_its_network(stack: Stack) -> None:
    numbers = (DECLINED, "4000000000009995", "4000000000000069", "4000000000000127")
    for last, number in enumerate(numbers, 1):
        tried = stack.pay(number=number, ip_address=f"2001:db8::{last}")
        assert ended(tried) == "card_declined"
    assert ended(stack.pay(ip_address="2001:db8::ffff")) == "blocked_by_fraud"
    assert ended(stack.pay(ip_address="2001:db8:0:1::1")) == "paid"


def test_what_is_no_decline_of_the_issuers_is_not_counted(stack: Stack) -> None:
    # Given a card that was approved often, blocked often, and not sent often
    for _ in range(6):
        assert ended(stack.pay(ip_address=ADDRESS)) == "paid"
    publish(rule("BLOCK"))
    for _ in range(6):
        assert ended(stack.pay(ip_address=ADDRESS)) == "blocked_by_fraud"
    publish(velocity())

    def unreachable(moment: str) -> None:
        if moment == "before":
            raise EndpointConnectionError(endpoint_url="https://lambda")

    stack.charge.fail = unreachable
    unsent = [stack.pay(ip_address=ADDRESS).status for _ in range(6)]
    stack.charge.fail = lambda moment: None
    # Then it pays, and nothing is left in flight
    assert ended(stack.pay(ip_address=ADDRESS)) == "paid"
    assert set(unsent) == {503} and in_flight(stack) == 0


def test_a_system_that_failed_is_no_failure_of_the_card(stack: Stack) -> None:
    for _ in range(6):
        assert ended(stack.pay(number="4000000000000119", ip_address=ADDRESS)) == "card_declined"
    assert in_flight(stack) == 0 and all("failed" not in row for row in counters(stack))


def velocity() -> dict[str, Any]:
    counts = {"field": "card_failures_1h", "operator": "gt", "value": 3}
    return rule("BLOCK", counts)


def test_what_is_unknown_counts_until_its_outcome_is_known(stack: Stack) -> None:
    # Given four payments of which nobody knows whether they were approved
    publish(velocity())
    unknown = [stack.pay(number=ANSWER_NEVER_COMES) for _ in range(4)]
    assert [ended(one) for one in unknown] == ["unknown"] * 4
    assert ended(stack.pay(number=ANSWER_NEVER_COMES)) == "blocked_by_fraud"
    # When one of them is found approved, Then another one is let in
    stack.advance(90)
    found = stack.get(f"payment_intents/{unknown[0].body['intent_id']}")
    assert found.body["status"] == "SUCCEEDED"
    assert ended(stack.pay(number=ANSWER_NEVER_COMES)) == "unknown"
    assert in_flight(stack) == 4


def test_what_was_proved_absent_counts_no_more(stack: Stack) -> None:
    stack.acquirer.after = lambda method, path, answer: (_ for _ in ()).throw(NoUsableAnswer)
    assert ended(stack.pay(number=FIRST_IS_LOST)) == "unknown"
    assert in_flight(stack) == 1
    stack.acquirer.after = lambda method, path, answer: answer
    (operation,) = stack.items("operation")
    for _ in range(4):
        stack.advance(120)
        stack.get(f"payment_intents/{operation['intent_id']['S']}")
    assert in_flight(stack) == 0


def test_attempts_that_are_all_in_flight_do_not_slip_through(stack: Stack) -> None:
    """Given as many at once as there may be failures, each begun while the others are at work."""
    answers: list[Answer] = []
    tokens = [stack.token(DECLINED) for _ in range(8)]

    def another(moment: str) -> None:
        while moment == "before" and tokens:
            answers.append(stack.pay(token=tokens.pop()))

    stack.charge.fail = another
    answers.append(stack.pay(token=tokens.pop()))
    assert sorted(map(ended, answers)) == ["blocked_by_fraud"] * 4 + ["card_declined"] * 4
    assert in_flight(stack) == 0


def test_whoever_loses_a_race_for_a_counter_is_decided_about_anew(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a payment that has read its counter, and then four that fail before it is written
    tokens = [stack.token(DECLINED) for _ in range(5)]
    scored, answers = confirm.scoring_of, []

    def score(*args: Any) -> Any:
        scoring = scored(*args)
        if len(tokens) == 4:
            answers.extend(stack.pay(token=tokens.pop()) for _ in range(4))
        return scoring

    monkeypatch.setattr(confirm, "scoring_of", score)
    assert ended(stack.pay(token=tokens.pop())) == "blocked_by_fraud"
    assert [ended(one) for one in answers] == ["card_declined"] * 4


def test_an_operation_that_is_concluded_twice_is_counted_once(stack: Stack) -> None:
    fail(stack, 1, ip_address=ADDRESS)
    (row,) = stack.items("operation")
    operation = Operation.from_item(item_from_wire(row))
    assert len(operation.counted) == 2
    services = services_of(operation.tenant)
    runtime.begin(None)
    for _ in range(3):
        counted.write_outcome(operation, [Check(operation.address.key, EXISTS)], services)
    assert [len(row["failed"]["L"]) for row in counters(stack)] == [1, 1]
    assert [int(row["version"]["N"]) for row in counters(stack)] == [2, 2]


@pytest.mark.parametrize("number", ["4242424242424242", DECLINED], ids=["approved", "declined"])
@pytest.mark.parametrize("error", ["moved", "busy"])
def test_a_counter_keeps_no_payment_from_being_tried_or_concluded(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, error: str, number: str
) -> None:
    """Given a counter that somebody else always changes first, or that is always too busy."""
    real, raced = DynamoStore.write, []

    def write(store: DynamoStore, *writes: Any) -> None:
        for place, one in enumerate(writes):
            if isinstance(one, Update) and one.key.sk == counter_row.ATTEMPTS:
                raced.append(place)
                if error == "busy":
                    raise StoreBusy("others")
                raise ConditionFailed(place, one.when.name, one.key, store.get(one.key))
        real(store, *writes)

    monkeypatch.setattr(DynamoStore, "write", write)
    answer = stack.pay(number=number, ip_address=ADDRESS)
    assert ended(answer) == ("paid" if number != DECLINED else "card_declined")
    (operation,) = stack.items("operation")
    assert operation["state"]["S"] == ("DECLINED" if number == DECLINED else "APPROVED")
    assert counters(stack) == []
    assert 1 <= len(raced) <= 2 * counter_row.RACES_MAX


def test_an_attempt_that_was_let_in_uncounted_is_counted_if_it_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DynamoStore.write

    def write(store: DynamoStore, *writes: Any) -> None:
        is_first = any(isinstance(one, Put) and "/OP#" in f"/{one.key.sk}" for one in writes)
        if is_first and any(one.key.sk == counter_row.ATTEMPTS for one in writes):
            raise StoreBusy("others")
        real(store, *writes)

    monkeypatch.setattr(DynamoStore, "write", write)
    fail(stack, 4)
    assert ended(stack.pay(number=DECLINED)) == "blocked_by_fraud"


def test_an_attempt_that_a_person_let_in_is_counted_if_it_fails(stack: Stack) -> None:
    publish(rule("REVIEW"), reviews={"hold": "NOT_SENT", "days": 3})
    for _ in range(4):
        review_id = stack.pay(number=DECLINED, ip_address=ADDRESS).body["review_id"]
        assert ended(stack.post(f"reviews/{review_id}/approve", {})) == "card_declined"
    publish(velocity())
    assert ended(stack.pay(number=DECLINED)) == "blocked_by_fraud"
    # And one that is approved leaves nothing behind
    publish(rule("REVIEW"), reviews={"hold": "NOT_SENT", "days": 3})
    review_id = stack.pay().body["review_id"]
    assert stack.post(f"reviews/{review_id}/approve", {}).status == 200
    assert len(counters(stack)) == 2 and in_flight(stack) == 0


def test_a_failure_is_written_although_its_counter_cannot_be_read(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*args: Any) -> Any:
        raise StoreBusy("throttled")

    real = stack.acquirer.after
    with monkeypatch.context() as patch:
        # From the moment of the acquirer's answer on
        stack.acquirer.after = lambda method, path, answer: (
            patch.setattr(DynamoStore, "batch_get", busy),
            answer,
        )[1]
        assert ended(stack.pay(number=DECLINED)) == "card_declined"
    stack.acquirer.after = real
    # And it is in flight still, which counts the same
    assert in_flight(stack) == 1


def test_an_address_that_is_let_through_in_any_case_is_not_counted(stack: Stack) -> None:
    entry = {"kind": "IP", "value": ADDRESS, "action": "ALLOW", "reason": "our own shop"}
    assert stack.post("fraud/list_entries", entry).status == 201
    for _ in range(6):
        assert ended(stack.pay(number=DECLINED, ip_address=ADDRESS)) == "card_declined"
    # Then it has no counter, and its cards have theirs
    assert [row["pk"]["S"].split("#")[3] for row in counters(stack)] == ["CARD"]
    assert ended(stack.pay(number=DECLINED)) == "blocked_by_fraud"


def test_what_the_acquirer_has_of_a_debit_is_no_failure(stack: Stack) -> None:
    def debit(iban: str = PAYS) -> str:
        token = call("tokens", "POST", "/v1/tokens", sepa(iban), kind=KeyKind.PUBLISHABLE)
        return ended(stack.pay(token=token.body["token"], ip_address=ADDRESS))

    assert [debit() for _ in range(6)] == ["unknown"] * 6
    assert in_flight(stack) == 0
    # And what is declined at once is one
    assert [debit(CLOSED) for _ in range(5)] == ["card_declined"] * 4 + ["blocked_by_fraud"]


def test_what_was_held_unsent_and_then_declined_is_a_failure(stack: Stack) -> None:
    publish(rule("REVIEW"), velocity() | {"id": "often"}, reviews={"hold": "NOT_SENT", "days": 3})
    for _ in range(4):
        held = stack.pay(number=DECLINED, ip_address=ADDRESS)
        assert held.status == 202
        approved = stack.post(f"reviews/{held.body['review_id']}/approve", {})
        assert approved.body["code"] == "card_declined"
    assert ended(stack.pay(number=DECLINED)) == "blocked_by_fraud"


def test_who_cannot_be_counted_is_decided_about_by_what_is_true_now(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a payment that read its counters before the fourth failure, in a burst in which nothing
    can be counted."""
    real, tokens = DynamoStore.write, [stack.token(DECLINED) for _ in range(5)]
    scored = confirm.scoring_of

    def score(*args: Any) -> Any:
        scoring = scored(*args)
        if len(tokens) == 4:
            while tokens:
                stack.pay(token=tokens.pop())
            monkeypatch.setattr(DynamoStore, "write", busy)
        return scoring

    def busy(store: DynamoStore, *writes: Any) -> None:
        if any(one.key.sk == counter_row.ATTEMPTS for one in writes):
            raise StoreBusy("others")
        real(store, *writes)

    monkeypatch.setattr(confirm, "scoring_of", score)
    assert ended(stack.pay(token=tokens.pop())) == "blocked_by_fraud"


@pytest.mark.parametrize("number", ["4242424242424242", DECLINED], ids=["approved", "declined"])
def test_a_throttled_table_of_counters_breaks_no_payment_that_was_sent(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    """Given that from the acquirer's answer on every read of it is refused."""
    real = BaseClient._make_api_call
    error = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}

    def throttled(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in {"GetItem", "BatchGetItem"} and "RiskTable" in str(parameters):
            raise ClientError(error, operation)
        return real(client, operation, parameters)

    def answered(method: str, path: str, answer: Any) -> Any:
        monkeypatch.setattr(BaseClient, "_make_api_call", throttled)
        return answer

    stack.acquirer.after = answered
    answer = stack.pay(number=number, ip_address=ADDRESS)
    assert ended(answer) == ("paid" if number != DECLINED else "card_declined")
