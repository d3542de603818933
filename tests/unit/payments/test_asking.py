"""When a person is asked what became of the money, and what their word counts for."""

from __future__ import annotations

import json
from typing import Any

import boto3

from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from farthing.payments.conclusion import LOOK_PAUSE_SECONDS
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.stack import DECLINED, Exchanged, Stack
from tests.unit.payments import test_recovery
from tests.unit.payments.test_recovery import (
    DAY,
    REFUND_PENDING,
    a_refund_that_only_a_person_can_tell,
    by_hand,
    follow,
    from_queue,
    intent_of,
    lost,
    not_idempotent,
)

__all__ = ["not_idempotent"]

RESTORE = test_recovery.TestRestore()


def address_of(stack: Stack, kind: str) -> str:
    (row,) = [row for row in stack.items("operation") if row["kind"]["S"] == kind]
    return f"{MERCHANT}/test/{row['intent_id']['S']}/{row['operation_id']['S']}"


def state_of(stack: Stack, kind: str) -> str:
    (row,) = [row for row in stack.items("operation") if row["kind"]["S"] == kind]
    state: str = row["state"]["S"]
    return state


def decide(address: str, outcome: str) -> dict[str, Any]:
    return by_hand(decide={"operation": address, "outcome": outcome, "by": "Ann", "reason": "so"})


def live(stack: Stack, days: int, address: str) -> None:
    """A look each day."""
    for _ in range(days):
        stack.advance(DAY)
        by_hand(operation=address)
    stack.looks.sent.clear()
    stack.advance(LOOK_PAUSE_SECONDS + 1)


def behave(stack: Stack) -> None:
    stack.acquirer.before = lambda method, path: None
    stack.acquirer.after = lambda method, path, answer: answer


def unanswered(stack: Stack, method: str = "POST") -> None:
    """Requests are done, and their answers never come."""

    def eat(asked: str, path: str, answer: Exchanged) -> Exchanged:
        if asked == method:
            raise NoUsableAnswer
        return answer

    stack.acquirer.after = eat


def test_a_capture_that_never_comes_through_is_for_a_person_and_not_sent_any_more(
    stack: Stack,
) -> None:
    # Given an acquirer that can be asked, and to which no capture comes through for a week
    held = stack.pay(100, capture_method="MANUAL")
    tried = []

    def lose(method: str, path: str) -> None:
        if path == "/v1/captures":
            tried.append(path)
            raise NoUsableAnswer

    stack.acquirer.before = lose
    stack.post(f"payment_intents/{held.body['intent_id']}/capture", {})
    live(stack, 8, address_of(stack, "CAPTURE"))
    assert intent_of(stack, held)["detail"] == "REQUIRES_DECISION"
    # When a look comes, Then nothing is sent: it could arrive after somebody has decided
    before = len(tried)
    live(stack, 2, address_of(stack, "CAPTURE"))
    assert 2 < before == len(tried)
    # And when somebody decides, that counts
    assert decide(address_of(stack, "CAPTURE"), "ABSENT")["state"] == "ABSENT"
    assert intent_of(stack, held)["detail"] == "REQUIRES_CAPTURE"


def test_a_reversal_that_nobody_answers_is_for_a_person(stack: Stack) -> None:
    # Given a charge that lands when it is being undone, and an acquirer that cannot undo it
    lost(stack, "/v1/authorizations")
    first = stack.pay(capture_method="MANUAL")
    follow(stack, 95)
    (row,) = stack.items("operation")
    assert row["reversal_at"]["S"]
    land(stack, row)

    def broken(method: str, path: str) -> None:
        if path == "/v1/reversals":
            raise NoByteSent

    stack.acquirer.before = broken
    live(stack, 8, address_of(stack, "AUTHORIZE"))
    assert intent_of(stack, first)["detail"] == "REQUIRES_DECISION"
    # When it can again, Then nothing is undone any more behind the back of whoever decides
    behave(stack)
    tried = stack.acquirer.requests.count(("POST", "/v1/reversals"))
    live(stack, 1, address_of(stack, "AUTHORIZE"))
    assert stack.acquirer.requests.count(("POST", "/v1/reversals")) == tried
    assert intent_of(stack, first)["detail"] == "REQUIRES_DECISION"
    # And they cannot say that it is absent, for the acquirer has it
    refused = decide(address_of(stack, "AUTHORIZE"), "ABSENT")["error"]
    assert "the acquirer says that it is APPROVED" in refused
    stack.advance(LOOK_PAUSE_SECONDS + 1)
    assert decide(address_of(stack, "AUTHORIZE"), "APPROVED")["state"] == "APPROVED"
    assert intent_of(stack, first)["detail"] == "REQUIRES_CAPTURE"


def test_nobody_says_approved_while_a_reversal_may_be_on_its_way(stack: Stack) -> None:
    # Given a charge that landed late, and reversals of which nothing is heard
    lost(stack, "/v1/authorizations")
    stack.pay(capture_method="MANUAL")
    follow(stack, 95)
    (row,) = stack.items("operation")
    land(stack, row)

    def silent(method: str, path: str) -> None:
        if path == "/v1/reversals":
            raise NoUsableAnswer

    stack.acquirer.before = silent
    address = address_of(stack, "AUTHORIZE")
    live(stack, 6, address)
    # When the last one goes out just before a person is asked
    stack.advance(DAY - 120)
    by_hand(operation=address)
    mark_as_asked(row)
    stack.advance(LOOK_PAUSE_SECONDS + 1)
    # Then it must have landed first
    assert "may still be on its way" in decide(address, "APPROVED")["error"]
    stack.advance(70)
    assert decide(address, "APPROVED")["state"] == "APPROVED"


def mark_as_asked(row: dict[str, Any]) -> None:
    """As the look does that comes seven days after the beginning."""
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable",
        Key={"pk": row["pk"], "sk": row["sk"]},
        UpdateExpression="SET requires_decision = :yes",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )


def test_nobody_says_absent_while_a_resend_may_be_on_its_way(stack: Stack) -> None:
    # Given a refund that never arrived, and was sent once more just now
    paid = stack.pay(100).body["intent_id"]
    lost(stack, "/v1/refunds")
    stack.refund(paid, 40)
    follow(stack, 20)
    (row,) = [row for row in stack.items("operation") if row["kind"]["S"] == "REFUND"]
    mark_as_asked(row)
    stack.advance(LOOK_PAUSE_SECONDS + 1)
    address = address_of(stack, "REFUND")
    # When a person says that it never happened, Then it is too early to say
    assert "may still be on its way" in decide(address, "ABSENT")["error"]
    stack.advance(30)
    assert "may still be on its way" in decide(address, "ABSENT")["error"]
    stack.advance(40)
    assert decide(address, "ABSENT")["state"] == "ABSENT"


def test_nobody_decides_what_the_acquirer_is_still_at(stack: Stack) -> None:
    paid = stack.pay(100, number=REFUND_PENDING).body["intent_id"]
    assert stack.refund(paid, 40).status == 202
    (row,) = [row for row in stack.items("operation") if row["kind"]["S"] == "REFUND"]
    mark_as_asked(row)
    stack.advance(LOOK_PAUSE_SECONDS + 1)
    for outcome in ("ABSENT", "APPROVED"):
        refused = decide(address_of(stack, "REFUND"), outcome)["error"]
        assert "still at it" in refused
        stack.advance(LOOK_PAUSE_SECONDS + 1)
    assert stack.items("decision") == []


def test_what_never_arrived_is_not_approved_by_a_person(stack: Stack) -> None:
    # Given a charge that never arrived, at an acquirer that can be asked again at last
    lost(stack, "/v1/authorizations")
    first = stack.pay()
    (row,) = stack.items("operation")
    mark_as_asked(row)
    stack.advance(DAY)
    # When somebody says that it was approved, Then the acquirer is believed, and it is ended
    assert "not there" in decide(address_of(stack, "AUTHORIZE"), "APPROVED")["error"]
    follow(stack, 200)
    assert intent_of(stack, first)["detail"] == "REVERSED"


def land(stack: Stack, row: dict[str, Any]) -> None:
    """The charge of an operation arrives at the acquirer."""
    body = {
        "reference": row["reference"]["S"],
        "order_id": row["intent_id"]["S"],
        "amount_cents": int(row["amount_cents"]["N"]),
        "currency": row["currency"]["S"],
        "capture": row["capture"]["BOOL"],
        "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"},
    }
    asked = json.dumps(body).encode()
    answer = stack.acquirer.ask("POST", "/v1/authorizations", asked, "Bearer acquirer-secret")
    assert answer["statusCode"] == 200


def test_what_may_still_be_on_its_way_is_nobodys_to_decide(not_idempotent: Stack) -> None:
    """Else it lands after somebody said that it never happened, and is refunded twice."""
    stack = not_idempotent
    paid = stack.pay(100).body["intent_id"]
    lost(stack, "/v1/refunds")
    assert stack.refund(paid, 40).status == 202
    follow(stack, 50)
    assert "asks for no decision" in decide(address_of(stack, "REFUND"), "ABSENT")["error"]
    follow(stack, 60)
    stack.advance(5)
    assert decide(address_of(stack, "REFUND"), "ABSENT")["state"] == "ABSENT"


class TestTheAcquirersWordCounts:
    """A person is asked because nobody else can tell. If the acquirer can after all, it does."""

    def cannot_be_asked(self, stack: Stack, number: str = "4242424242424242") -> str:
        """A charge that was made or declined, and nobody heard of it for a week."""

        def silent(method: str, path: str, answer: Exchanged) -> Exchanged:
            raise NoUsableAnswer

        stack.acquirer.after = silent
        stack.pay(number=number)
        address = address_of(stack, "AUTHORIZE")
        live(stack, 8, address)
        (row,) = stack.items("operation")
        assert row["requires_decision"]["BOOL"] is True
        behave(stack)
        return address

    def test_when_it_says_that_it_was_approved(self, stack: Stack) -> None:
        address = self.cannot_be_asked(stack)
        assert "APPROVED" in decide(address, "ABSENT")["error"]
        assert state_of(stack, "AUTHORIZE") == "APPROVED"
        assert stack.items("decision") == []

    def test_when_it_says_that_it_was_declined(self, stack: Stack) -> None:
        address = self.cannot_be_asked(stack, DECLINED)
        assert "DECLINED" in decide(address, "APPROVED")["error"]
        assert state_of(stack, "AUTHORIZE") == "DECLINED"
        assert stack.items("decision") == []

    def test_when_it_agrees_what_it_says_is_kept(self, stack: Stack) -> None:
        address = self.cannot_be_asked(stack)
        assert decide(address, "APPROVED")["state"] == "APPROVED"
        (intent,) = stack.items("intent")
        shown = stack.get(f"payment_intents/{intent['intent_id']['S']}").body
        assert shown["status"] == "SUCCEEDED"
        assert shown["authorization"]["code"] and shown["authorization"]["expires_at"]
        assert len(stack.items("decision")) == 1

    def test_when_it_says_nothing_the_persons_counts(self, stack: Stack) -> None:
        address = self.cannot_be_asked(stack)
        unanswered(stack, "GET")
        assert decide(address, "APPROVED")["state"] == "APPROVED"


def test_a_decision_is_taken_only_with_time_to_ask_the_acquirer_before(
    not_idempotent: Stack,
) -> None:
    stack = not_idempotent
    _, address = a_refund_that_only_a_person_can_tell(stack)
    stack.advance(LOOK_PAUSE_SECONDS + 1)
    asked = {"operation": address, "outcome": "ABSENT", "by": "Ann", "reason": "so"}
    hurried = Context(remaining_milliseconds=20_000)
    assert "try again" in load("resolve_unknown").handler({"decide": asked}, hurried)["error"]
    assert stack.items("decision") == []


def test_what_the_acquirer_says_against_our_books_is_for_a_person_to_settle(stack: Stack) -> None:
    # Given an authorization that ran out, and that the acquirer will not give back: it was taken
    held = stack.pay(100, capture_method="MANUAL")
    (row,) = stack.items("operation")
    taken = {
        "reference": "ELSEWHERE",
        "order_id": held.body["intent_id"],
        "original_reference": row["reference"]["S"],
        "amount_cents": 100,
        "currency": "eur",
    }
    asked = json.dumps(taken).encode()
    stack.acquirer.ask("POST", "/v1/captures", asked, "Bearer acquirer-secret")
    stack.advance(7 * DAY + 1)
    from_queue({"expiry": f"{MERCHANT}/test/{held.body['intent_id']}"})
    follow(stack, 10)
    assert intent_of(stack, held)["detail"] == "REQUIRES_DECISION"
    stack.advance(LOOK_PAUSE_SECONDS + 1)
    # When a person says what it comes to, though the acquirer says no, Then that counts
    assert "has run out" in decide(address_of(stack, "VOID"), "ABSENT")["error"]
    stack.advance(LOOK_PAUSE_SECONDS + 1)
    assert decide(address_of(stack, "VOID"), "APPROVED")["state"] == "APPROVED"
    assert intent_of(stack, held)["detail"] == "EXPIRED"


def test_somebody_who_is_at_it_is_not_overtaken_by_a_decision(not_idempotent: Stack) -> None:
    stack = not_idempotent
    _, address = a_refund_that_only_a_person_can_tell(stack)
    # Given a look that has just been taken, so that its pause is not over
    by_hand(operation=address)
    stack.advance(4)
    by_hand(operation=address)
    assert "try again" in decide(address, "ABSENT")["error"]
    stack.advance(4)
    assert decide(address, "ABSENT")["state"] == "ABSENT"


class TestAfterARestore:
    """What the minutes that were lost did not decide, or decided otherwise."""

    def test_a_refund_that_is_still_pending_is_written_again_and_waited_for(
        self, stack: Stack
    ) -> None:
        # Given a refund that the acquirer has not decided yet, and that we know nothing of
        paid = stack.pay(100, number=REFUND_PENDING).body["intent_id"]
        restore = RESTORE.backup()
        stack.refund(paid, 40)
        restore()
        assert sorted(RESTORE.run(apply=False)) == ["MATCHED", "WOULD_ADOPT"]
        assert sorted(RESTORE.run(apply=True)) == ["MATCHED", "REPORTED"]
        # Then its amount is held, and it is looked into like every other one
        assert stack.refund(paid, 61).body["code"] == "amount_too_large"
        (refund,) = stack.items("refund")
        assert refund["status"]["S"] == "PENDING"
        from_queue({"operation": address_of(stack, "REFUND")})
        assert state_of(stack, "REFUND") == "UNKNOWN"

    def test_what_we_hold_for_approved_and_they_declined_is_reported(self, stack: Stack) -> None:
        stack.pay(100, number=DECLINED)
        (row,) = stack.items("operation")
        boto3.client("dynamodb").put_item(
            TableName="PaymentsTable", Item=row | {"state": {"S": "APPROVED"}}
        )
        assert RESTORE.run(apply=True) == ["REPORTED"]
