"""Unknown outcomes come to their end: by the schedule, the queue, a read, or a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.acquiring.connectors import TERMINAL_SECONDS
from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from farthing.clock import to_text
from farthing.payments.operation import Operation
from farthing.payments.resolve import resolve
from farthing.payments.wiring import services_of
from farthing.store.item import item_from_wire
from tests.support.lambdas import MERCHANT, Answer, Context, load
from tests.support.stack import DECLINED, Exchanged, Stack

DAY = 24 * 60 * 60
LANDS_LATE = "4000009900000046"
CAPTURE_UNANSWERED = "4000009900000079"
REFUND_PENDING = "4000009900000087"


def by_hand(**event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = load("resolve_unknown").handler(
        event, Context(remaining_milliseconds=60_000)
    )
    return answer


def from_queue(body: dict[str, str]) -> None:
    records = [{"messageId": "m1", "body": json.dumps(body)}]
    assert by_hand(Records=records) == {"batchItemFailures": []}


def follow(stack: Stack, seconds: int) -> int:
    """Let time pass, and each look come at its time; the seconds until nothing was left to do.

    What a look lost because it came early or late, on a machine that is busy, the minute's tick
    finds.
    """
    passed = 0
    while stack.looks.sent or (passed + 60 <= seconds and _unresolved(stack)):
        if not stack.looks.sent:
            stack.advance(60)
            passed += 60
            by_hand()
            continue
        delay, body = min(stack.looks.sent, key=lambda look: look[0])
        if passed + delay > seconds:
            break
        stack.looks.sent = [(d - delay, b) for d, b in stack.looks.sent]
        stack.looks.sent.remove((0, body))
        stack.advance(delay)
        passed += delay
        from_queue(body)
    return passed


def _unresolved(stack: Stack) -> bool:
    return any(row["state"]["S"] == "UNKNOWN" for row in stack.items("operation"))


def lost(stack: Stack, path: str, times: int = 10**6) -> None:
    """Requests to `path` get lost on the way: nothing happens, no answer comes."""
    left = [times]

    def lose(method: str, asked: str) -> None:
        if method == "POST" and asked == path and left[0]:
            left[0] -= 1
            raise NoUsableAnswer

    stack.acquirer.before = lose


def posts(stack: Stack, path: str) -> int:
    return sum(asked == ("POST", path) for asked in stack.acquirer.requests)


def intent_of(stack: Stack, answer: Answer) -> dict[str, Any]:
    """The payment as its row says, without a look at the acquirer."""
    body = answer.body.get("payment_intent", answer.body)
    (row,) = [i for i in stack.items("intent") if i["intent_id"]["S"] == body["intent_id"]]
    detail = row.get("status_detail", {}).get("S")
    return {"status": row["status"]["S"], "detail": detail, "intent_id": body["intent_id"]}


def types(stack: Stack) -> list[str]:
    return [event["type"]["S"] for event in stack.items("event")]


def key_payment(stack: Stack, number: str = "4242424242424242", **more: Any) -> dict[str, Any]:
    token = stack.token(number)
    return {"amount_cents": 100, "currency": "eur", "confirm": True, "token": token, **more}


def test_a_charge_that_the_acquirer_never_saw_ends_reversed_within_200_seconds(
    stack: Stack,
) -> None:
    # Given an acquirer to which no authorization ever comes through
    lost(stack, "/v1/authorizations")
    body = key_payment(stack)
    first = stack.post("payment_intents", body, key="k")
    assert first.status == 202
    # When the looks come at their times
    passed = follow(stack, 3600)
    # Then it is FAILED, reversed, told once, and the key tells the same
    assert passed + 20 <= TERMINAL_SECONDS
    assert intent_of(stack, first)["status"] == "FAILED"
    assert intent_of(stack, first)["detail"] == "REVERSED"
    assert types(stack).count("payment_intent.failed") == 1
    again = stack.post("payment_intents", body, key="k")
    assert (again.status, again.body["code"]) == (402, "not_carried_out")
    assert (again.body["retry"], again.body["outcome"]) == ("NEW_KEY", "NONE")
    assert posts(stack, "/v1/reversals") >= 1
    assert stack.books(order_id=first.body["intent_id"]) == []


def test_a_charge_that_lands_late_is_adopted(stack: Stack) -> None:
    first = stack.pay(number=LANDS_LATE)
    assert first.status == 202
    follow(stack, 200)
    assert intent_of(stack, first)["status"] == "SUCCEEDED"
    assert stack.moved(first.body["intent_id"], "CAPTURE") == 100


@pytest.fixture
def not_idempotent(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    monkeypatch.setenv("SANDBOX_IDEMPOTENT", "false")
    runtime.platform().memo.clear()
    return stack


def test_at_an_acquirer_that_takes_a_reference_twice_nothing_is_sent_again(
    not_idempotent: Stack,
) -> None:
    stack = not_idempotent
    lost(stack, "/v1/authorizations")
    first = stack.pay()
    follow(stack, 200)
    assert intent_of(stack, first)["detail"] == "REVERSED"
    assert posts(stack, "/v1/authorizations") == 0  # none came through, and only one was tried
    assert len([look for look in stack.items("operation")]) == 1


def test_a_charge_that_lands_after_its_reversal_is_reversed_again(not_idempotent: Stack) -> None:
    stack = not_idempotent
    first = stack.pay(number=LANDS_LATE)
    follow(stack, 300)
    assert intent_of(stack, first)["detail"] == "REVERSED"
    assert posts(stack, "/v1/authorizations") == 1
    assert posts(stack, "/v1/reversals") == 2
    rows = stack.books(order_id=first.body["intent_id"])
    charges = [row for row in rows if row["operation"] in {"AUTHORIZE", "CAPTURE"}]
    assert {row["status"] for row in charges} == {"REVERSED"}


@pytest.mark.parametrize("lost_path", ["/v1/captures", "/v1/voids"])
def test_a_lost_capture_or_void_is_sent_again(stack: Stack, lost_path: str) -> None:
    held = stack.pay(100, capture_method="MANUAL")
    lost(stack, lost_path, times=1)
    verb = {"/v1/captures": "capture", "/v1/voids": "cancel"}[lost_path]
    assert stack.post(f"payment_intents/{held.body['intent_id']}/{verb}", {}).status == 202
    follow(stack, 60)
    wanted = {"capture": "SUCCEEDED", "cancel": "CANCELLED"}[verb]
    assert intent_of(stack, held)["status"] == wanted
    operation = {"capture": "CAPTURE", "cancel": "VOID"}[verb]
    assert stack.moved(held.body["intent_id"], operation) == 100


def test_a_capture_is_sent_again_only_when_nothing_of_the_first_can_be_on_its_way(
    not_idempotent: Stack,
) -> None:
    stack = not_idempotent
    held = stack.pay(100, capture_method="MANUAL")
    lost(stack, "/v1/captures", times=1)
    assert stack.post(f"payment_intents/{held.body['intent_id']}/capture", {}).status == 202
    # While its flight may last, it is looked for and not sent
    follow(stack, 50)
    assert posts(stack, "/v1/captures") == 0
    follow(stack, 200)
    assert intent_of(stack, held)["status"] == "SUCCEEDED"
    assert stack.moved(held.body["intent_id"], "CAPTURE") == 100


def test_a_capture_without_an_answer_is_adopted(stack: Stack) -> None:
    held = stack.pay(100, capture_method="MANUAL", number=CAPTURE_UNANSWERED)
    assert stack.post(f"payment_intents/{held.body['intent_id']}/capture", {}).status == 202
    follow(stack, 60)
    assert intent_of(stack, held)["status"] == "SUCCEEDED"
    assert posts(stack, "/v1/captures") == 1


def test_that_a_resend_was_not_sent_says_nothing_of_the_first(stack: Stack) -> None:
    # Given a charge that was lost, and an acquirer that refuses connections ever since
    lost(stack, "/v1/authorizations", times=1)
    body = key_payment(stack)
    first = stack.post("payment_intents", body, key="k")

    def refuse(method: str, path: str) -> None:
        if method == "POST":
            raise NoByteSent

    stack.acquirer.before = refuse
    # When it is sent again, Then it is as unknown as before, and its key stays taken
    follow(stack, 30)
    assert intent_of(stack, first)["detail"] == "OUTCOME_UNKNOWN"
    assert stack.post("payment_intents", body, key="k").status in {202, 409}


def test_a_refund_of_unknown_outcome_is_sent_again_inside_the_key_retention(stack: Stack) -> None:
    paid = stack.pay(100).body["intent_id"]
    lost(stack, "/v1/refunds", times=1)
    assert stack.refund(paid, 40).status == 202
    follow(stack, 60)
    (refund,) = stack.items("refund")
    assert refund["status"]["S"] == "SUCCEEDED"
    assert stack.moved(paid, "REFUND") == 40


def a_refund_that_only_a_person_can_tell(stack: Stack) -> tuple[str, str]:
    paid = stack.pay(100).body["intent_id"]
    lost(stack, "/v1/refunds")
    refund = stack.refund(paid, 40)
    assert refund.status == 202
    follow(stack, 100)
    (operation,) = [row for row in stack.items("operation") if row["kind"]["S"] == "REFUND"]
    assert operation["requires_decision"]["BOOL"] is True
    operation_id = operation["operation_id"]["S"]
    return paid, f"{MERCHANT}/test/{paid}/{operation_id}"


def test_at_an_acquirer_that_takes_it_twice_a_person_says_what_became_of_a_refund(
    not_idempotent: Stack,
) -> None:
    stack = not_idempotent
    paid, address = a_refund_that_only_a_person_can_tell(stack)
    refund_id = address.split("/")[-1]
    shown = stack.get(f"refunds/{refund_id}").body
    assert (shown["status"], shown["status_detail"]) == ("PENDING", "REQUIRES_DECISION")
    stack.advance(10)
    # When somebody decides that it never happened
    decided = {
        "operation": address,
        "outcome": "ABSENT",
        "by": "Ann",
        "reason": "not in the report",
    }
    assert by_hand(decide=decided)["state"] == "ABSENT"
    # Then the money can be refunded, and it is written who said so
    shown = stack.get(f"refunds/{refund_id}").body
    assert (shown["status"], shown["status_detail"]) == ("FAILED", None)
    (decision,) = stack.items("decision")
    assert (decision["decided_by"]["S"], decision["outcome"]["S"]) == ("Ann", "ABSENT")
    stack.acquirer.before = lambda method, path: None
    assert stack.refund(paid, 100).status == 201
    assert by_hand(decide=decided)["error"] == "it is ABSENT, and asks for no decision"


def test_a_person_may_say_that_a_refund_did_happen(not_idempotent: Stack) -> None:
    stack = not_idempotent
    paid, address = a_refund_that_only_a_person_can_tell(stack)
    stack.advance(10)
    decided = {"operation": address, "outcome": "APPROVED", "by": "Ann", "reason": "in the report"}
    assert by_hand(decide=decided)["state"] == "APPROVED"
    assert stack.get(f"payment_intents/{paid}").body["amount_refunded_cents"] == 40
    assert stack.refund(paid, 61).body["code"] == "amount_too_large"


@pytest.mark.parametrize(
    "wrong", [{"by": " "}, {"reason": ""}, {"outcome": "DECLINED"}, {"operation": "nonsense"}]
)
def test_a_decision_needs_a_name_a_reason_and_a_possible_outcome(
    not_idempotent: Stack, wrong: dict[str, str]
) -> None:
    _, address = a_refund_that_only_a_person_can_tell(not_idempotent)
    not_idempotent.advance(10)
    asked = {"operation": address, "outcome": "ABSENT", "by": "Ann", "reason": "why"} | wrong
    try:
        assert by_hand(decide=asked)["error"]
    except ValueError:
        assert "operation" in wrong
    assert not_idempotent.items("decision") == []


def test_nobody_decides_what_is_not_for_a_person(stack: Stack) -> None:
    lost(stack, "/v1/authorizations")
    stack.pay()
    (operation,) = stack.items("operation")
    address = "/".join(
        (MERCHANT, "test", operation["intent_id"]["S"], operation["operation_id"]["S"])
    )
    asked = {"operation": address, "outcome": "ABSENT", "by": "Ann", "reason": "why"}
    assert "asks for no decision" in by_hand(decide=asked)["error"]


def test_a_pending_refund_is_waited_for(stack: Stack) -> None:
    paid = stack.pay(100, number=REFUND_PENDING).body["intent_id"]
    assert stack.refund(paid, 40).status == 202
    follow(stack, 60)
    (refund,) = stack.items("refund")
    assert refund["status"]["S"] == "PENDING"
    assert posts(stack, "/v1/refunds") == 1


def test_after_seven_days_without_an_answer_a_person_is_asked_and_looks_go_on(
    stack: Stack,
) -> None:
    # Given an acquirer that charged and cannot be asked
    def unreachable(method: str, path: str) -> None:
        if method == "GET":
            raise NoByteSent

    def silent(method: str, path: str, answer: Exchanged) -> Exchanged:
        raise NoUsableAnswer

    stack.acquirer.before, stack.acquirer.after = unreachable, silent
    first = stack.pay()
    looks = 0
    for _ in range(8 * 24):
        stack.advance(3600)
        seen = by_hand()
        looks += seen["queued"]
        follow(stack, 60)
    assert intent_of(stack, first)["detail"] == "REQUIRES_DECISION"
    assert seen["requiring_decision"] == 1
    assert seen["oldest_unknown_seconds"] > 7 * DAY
    assert looks < 24  # daily, after the first hours
    # When it can be asked again, Then what it did is adopted without anybody's decision
    stack.acquirer.before = lambda method, path: None
    stack.acquirer.after = lambda method, path, answer: answer
    stack.advance(DAY)
    by_hand()
    follow(stack, 60)
    assert intent_of(stack, first)["status"] == "SUCCEEDED"


def test_the_tick_queues_what_is_due_before_the_next_one_for_its_very_second(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a process that dies after Tx-1
    class Killed(BaseException):
        pass

    def die(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("farthing.payments.perform.finish", die)
        stack.pay()
    # When the tick comes, Then the look is for the end of the lease
    stack.advance(30)
    assert by_hand()["queued"] == 1
    ((delay, body),) = stack.looks.sent
    assert 28 <= delay <= 31
    stack.advance(delay)
    from_queue(body)
    (intent,) = stack.items("intent")
    assert intent["status"]["S"] == "SUCCEEDED"
    assert by_hand() == {"queued": 0, "oldest_unknown_seconds": 0, "requiring_decision": 0}


def test_a_message_that_the_queue_refuses_costs_no_answer(stack: Stack) -> None:
    from botocore.exceptions import EndpointConnectionError

    stack.looks.fail = EndpointConnectionError(endpoint_url="https://sqs")
    lost(stack, "/v1/authorizations")
    assert stack.pay().status == 202


def test_what_is_being_undone_is_not_adopted_by_one_who_read_it_before(stack: Stack) -> None:
    # Given a charge whose answer was lost, and somebody who read its operation
    def silent(method: str, path: str, answer: Exchanged) -> Exchanged:
        stack.acquirer.after = lambda method, path, answer: answer
        raise NoUsableAnswer

    stack.acquirer.after = silent
    first = stack.pay()
    (row,) = stack.items("operation")
    read_before = Operation.from_item(item_from_wire(row))
    # When it is decided to undo it, under the same fence
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable",
        Key={"pk": row["pk"], "sk": row["sk"]},
        UpdateExpression="SET reversal_at = :now",
        ExpressionAttributeValues={":now": {"S": to_text(runtime.clock().now())}},
    )
    # Then whoever read it before undoes it too
    stack.advance(10)
    runtime.begin(Context())
    assert resolve(read_before, services_of(read_before.tenant)).state == "ABSENT"
    assert intent_of(stack, first)["detail"] == "REVERSED"
    assert stack.moved(first.body["intent_id"], "CAPTURE") == 0


class TestExpiry:
    def held(self, stack: Stack) -> Answer:
        answer = stack.pay(100, capture_method="MANUAL")
        stack.advance(7 * DAY + 1)
        return answer

    def test_an_authorization_that_ran_out_is_given_back(self, stack: Stack) -> None:
        held = self.held(stack)
        assert by_hand()["queued"] == 1
        follow(stack, 5)
        assert intent_of(stack, held)["status"] == "CANCELLED"
        assert intent_of(stack, held)["detail"] == "EXPIRED"
        assert stack.moved(held.body["intent_id"], "VOID") == 100
        assert types(stack).count("payment_intent.cancelled") == 1
        assert by_hand()["queued"] == 0

    def test_not_a_moment_earlier(self, stack: Stack) -> None:
        held = stack.pay(100, capture_method="MANUAL")
        stack.advance(7 * DAY - 90)
        assert by_hand()["queued"] == 0
        from_queue({"expiry": f"{MERCHANT}/test/{held.body['intent_id']}"})
        assert intent_of(stack, held)["detail"] == "REQUIRES_CAPTURE"

    def test_a_capture_that_is_under_way_wins(self, stack: Stack) -> None:
        held = self.held(stack)
        by_hand()
        expire = []

        def meanwhile(method: str, path: str) -> None:
            if path == "/v1/captures" and not expire:
                expire.append(1)
                from_queue({"expiry": f"{MERCHANT}/test/{held.body['intent_id']}"})

        stack.acquirer.before = meanwhile
        stack.post(f"payment_intents/{held.body['intent_id']}/capture", {})
        assert expire
        assert posts(stack, "/v1/voids") == 0

    def test_a_lost_void_is_sent_again_and_still_ends_expired(self, stack: Stack) -> None:
        held = self.held(stack)
        lost(stack, "/v1/voids", times=1)
        by_hand()
        follow(stack, 100)
        assert intent_of(stack, held)["detail"] == "EXPIRED"

    def test_one_that_the_acquirer_will_not_give_back_is_for_a_person(self, stack: Stack) -> None:
        # Given that somebody captured it at the acquirer behind our back
        held = self.held(stack)
        (operation,) = stack.items("operation")
        taken = {
            "reference": "ELSEWHERE",
            "order_id": held.body["intent_id"],
            "original_reference": operation["reference"]["S"],
            "amount_cents": 100,
            "currency": "eur",
        }
        stack.advance(-7 * DAY)
        secret = "Bearer acquirer-secret"
        stack.acquirer.ask("POST", "/v1/captures", json.dumps(taken).encode(), secret)
        stack.advance(7 * DAY)
        by_hand()
        follow(stack, 100)
        assert intent_of(stack, held)["detail"] == "REQUIRES_DECISION"


class TestRestore:
    """The payments table goes back to an older state; the acquirer's books do not."""

    def backup(self) -> Callable[[], None]:
        table = "PaymentsTable"
        kept = boto3.client("dynamodb").scan(TableName=table)["Items"]

        def restore() -> None:
            client = boto3.client("dynamodb")
            for item in client.scan(TableName=table)["Items"]:
                client.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
            for item in kept:
                client.put_item(TableName=table, Item=item)

        return restore

    def run(self, *, apply: bool) -> list[str]:
        since = "2020-01-01T00:00:00.000Z"
        since = runtime.ShiftedClock().now().strftime("%Y-%m-%dT00:00:00.000Z")
        after, verdicts = None, []
        while True:
            page = by_hand(since=since, after=after, apply=apply)
            assert "error" not in page, page
            verdicts += [row["verdict"] for row in page["rows"]]
            after = page["next"]
            if after is None:
                return verdicts

    def test_what_was_lost_is_adopted_or_undone_and_said(self, stack: Stack) -> None:
        created = stack.post(
            "payment_intents", {"amount_cents": 70, "currency": "eur", "token": stack.token()}
        )
        held = stack.pay(100, capture_method="MANUAL").body["intent_id"]
        paid = stack.pay(200).body["intent_id"]
        restore = self.backup()
        # Given that all this happened after the backup
        stack.post(f"payment_intents/{created.body['intent_id']}/confirm", {})
        stack.post(f"payment_intents/{held}/capture", {"amount_cents": 60})
        stack.refund(paid, 50)
        orphan = stack.pay(300).body["intent_id"]
        stack.pay(5, number=DECLINED)
        restore()
        # When it is asked what would be done, Then nothing is
        would = self.run(apply=False)
        assert sorted(would) == sorted(["MATCHED"] * 3 + ["WOULD_ADOPT"] * 3 + ["WOULD_VOID"])
        assert len(stack.items("operation")) == 2
        # When it is done, Then our books are the acquirer's again
        done = self.run(apply=True)
        assert sorted(done) == sorted(["MATCHED"] * 3 + ["ADOPTED"] * 3 + ["VOIDED"])
        state = {i: stack.get(f"payment_intents/{i}").body for i in (held, paid, orphan)}
        assert stack.get(f"payment_intents/{created.body['intent_id']}").body["status"] == (
            "SUCCEEDED"
        )
        assert state[held]["amount_captured_cents"] == 60
        assert state[paid]["amount_refunded_cents"] == 50
        assert (state[orphan]["status"], state[orphan]["status_detail"]) == ("FAILED", "REVERSED")
        assert stack.moved(orphan, "CAPTURE") == 0
        # And again, nothing more happens
        assert set(self.run(apply=True)) == {"MATCHED"}

    def test_what_fits_nowhere_is_reported_and_changes_nothing(self, stack: Stack) -> None:
        paid = stack.pay(200).body["intent_id"]
        (operation,) = stack.items("operation")
        foreign = {
            "reference": "SOMEBODY-ELSES",
            "order_id": paid,
            "original_reference": operation["reference"]["S"],
            "amount_cents": 50,
            "currency": "eur",
        }
        secret = "Bearer acquirer-secret"
        stack.acquirer.ask("POST", "/v1/refunds", json.dumps(foreign).encode(), secret)
        before = stack.get(f"payment_intents/{paid}").body
        assert sorted(self.run(apply=True)) == ["MATCHED", "REPORTED"]
        assert stack.get(f"payment_intents/{paid}").body == before

    def test_a_time_that_is_none_is_refused(self, stack: Stack) -> None:
        assert by_hand(since="yesterday", apply=False)["error"]
