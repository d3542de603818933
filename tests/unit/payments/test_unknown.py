"""Silence is not a decline: unknown outcomes, adoption, and what was never sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from farthing import runtime
from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer
from farthing.clock import to_text
from farthing.errors import FarthingError
from farthing.payments.conclusion import LOOK_PAUSE_SECONDS
from tests.support.lambdas import Context, load
from tests.support.stack import (
    ANSWER_NEVER_COMES,
    DECLINED,
    FIRST_IS_LOST,
    Exchanged,
    Stack,
)


def silent_once(stack: Stack) -> None:
    """The next answer is lost on its way back."""

    def lose(method: str, path: str, answer: Exchanged) -> Exchanged:
        stack.acquirer.after = lambda method, path, answer: answer
        raise NoUsableAnswer

    stack.acquirer.after = lose


def test_an_answer_that_never_comes_is_202_and_is_adopted_on_read(stack: Stack) -> None:
    # Given a charge whose answer never comes, though it was made
    answer = stack.pay(number=ANSWER_NEVER_COMES)
    assert answer.status == 202
    assert (answer.body["status"], answer.body["status_detail"]) == (
        "PROCESSING",
        "OUTCOME_UNKNOWN",
    )
    intent_id = answer.body["intent_id"]
    # When it is read, Then it is looked up and adopted, and the books show one charge
    read = stack.get(f"payment_intents/{intent_id}").body
    assert (read["status"], read["outcome"]) == ("SUCCEEDED", "APPROVED")
    assert read["authorization"]["code"]
    assert stack.moved(intent_id, "CAPTURE") == 100


def test_the_key_of_an_unknown_charge_resolves_it_too(stack: Stack) -> None:
    body = {"amount_cents": 100, "currency": "eur", "confirm": True}
    body["token"] = stack.token(ANSWER_NEVER_COMES)
    first = stack.post("payment_intents", body, key="k")
    assert first.status == 202
    again = stack.post("payment_intents", body, key="k")
    assert (again.status, again.body["status"]) == (201, "SUCCEEDED")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert stack.post("payment_intents", body, key="k").text == again.text
    assert [e["type"]["S"] for e in stack.items("event")].count("payment_intent.succeeded") == 1


def test_a_decline_found_later_is_told_as_one(stack: Stack) -> None:
    silent_once(stack)
    body = {"amount_cents": 9, "currency": "eur", "confirm": True, "token": stack.token(DECLINED)}
    assert stack.post("payment_intents", body, key="k").status == 202
    assert stack.post("payment_intents", body, key="k").status == 402


def test_what_the_acquirer_never_saw_is_sent_again_once_and_charged_once(stack: Stack) -> None:
    first = stack.pay(number=FIRST_IS_LOST)
    assert first.status == 202
    read = stack.get(f"payment_intents/{first.body['intent_id']}").body
    assert read["status"] == "SUCCEEDED"
    assert stack.moved(read["intent_id"], "CAPTURE") == 100
    sent = [path for method, path in stack.acquirer.requests if method == "POST"]
    assert sent == ["/v1/authorizations"] * 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d | {"amount_cents": d["amount_cents"] + 1},
        lambda d: d | {"currency": "usd"},
        lambda d: d | {"operation": "CAPTURE"},
        lambda d: d | {"reference": "OTHER"},
        lambda d: d | {"order_id": "pi_other"},
        lambda d: d | {"status": "MAYBE"},
        lambda d: d | {"captured_cents": 0},
        lambda d: {k: v for k, v in d.items() if k != "captured_cents"},
    ],
)
def test_an_answer_to_another_question_is_unknown(stack: Stack, spoil: object) -> None:
    import hashlib
    import hmac

    def change(method: str, path: str, answer: Exchanged) -> Exchanged:
        raw = json.dumps(spoil(json.loads(answer[1]))).encode()  # type: ignore[operator]
        signature = hmac.new(b"acquirer-secret", raw, hashlib.sha256).hexdigest()
        return answer[0], raw, signature

    stack.acquirer.after = change
    assert stack.pay().status == 202


def test_an_unsigned_decline_is_unknown(stack: Stack) -> None:
    stack.acquirer.after = lambda method, path, answer: (answer[0], answer[1], "00" * 32)
    answer = stack.pay(number=DECLINED)
    assert (answer.status, answer.body["status_detail"]) == (202, "OUTCOME_UNKNOWN")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_invoke_is_unknown(stack: Stack, moment: str) -> None:
    def fail(when: str) -> None:
        if when == moment:
            stack.charge.fail = lambda when: None
            raise ReadTimeoutError(endpoint_url="https://lambda")

    stack.charge.fail = fail
    answer = stack.pay()
    assert answer.status == 202
    read = stack.get(f"payment_intents/{answer.body['intent_id']}").body
    assert read["status"] == "SUCCEEDED"
    assert stack.moved(read["intent_id"], "CAPTURE") == 100


def test_a_refused_connection_is_not_sent_and_the_key_may_try_again(stack: Stack) -> None:
    # Given an acquirer that refuses connections
    def refuse(method: str, path: str) -> None:
        raise NoByteSent

    stack.acquirer.before = refuse
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    first = stack.post("payment_intents", body, key="k")
    assert (first.status, first.body["outcome"], first.body["retry"]) == (503, "NONE", "SAME_KEY")
    # When it answers again, Then the same key pays the same intent, once
    stack.acquirer.before = lambda method, path: None
    again = stack.post("payment_intents", body, key="k")
    assert (again.status, again.body["status"]) == (201, "SUCCEEDED")
    assert again.body["intent_id"] == first.body["payment_intent"]["intent_id"]
    assert len(stack.items("intent")) == 1
    assert stack.moved(again.body["intent_id"], "CAPTURE") == 100


def test_a_capture_that_was_not_sent_can_be_tried_again(stack: Stack) -> None:
    held = stack.pay(100, capture_method="MANUAL").body

    def refuse(method: str, path: str) -> None:
        raise NoByteSent

    stack.acquirer.before = refuse
    path = f"payment_intents/{held['intent_id']}/capture"
    assert stack.post(path, {}, key="k").status == 503
    read = stack.get(f"payment_intents/{held['intent_id']}").body
    assert read["status_detail"] == "REQUIRES_CAPTURE"
    stack.acquirer.before = lambda method, path: None
    assert stack.post(path, {}, key="k").status == 200
    assert stack.moved(held["intent_id"], "CAPTURE") == 100


@pytest.mark.parametrize("verb", ["capture", "cancel"])
def test_capture_and_void_of_unknown_outcome_are_adopted(stack: Stack, verb: str) -> None:
    held = stack.pay(100, capture_method="MANUAL").body
    silent_once(stack)
    path = f"payment_intents/{held['intent_id']}/{verb}"
    assert stack.post(path, {}, key="k").status == 202
    again = stack.post(path, {}, key="k")
    assert again.status == 200
    assert again.body["status"] == {"capture": "SUCCEEDED", "cancel": "CANCELLED"}[verb]


def test_a_crash_before_tx2_leaves_what_its_lease_gives_up(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a process that dies between the acquirer's answer and Tx-2
    class Killed(BaseException):
        pass

    def die(*args: object) -> None:
        raise Killed

    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("farthing.payments.perform.finish", die)
        stack.post("payment_intents", body, key="k")
    (intent,) = stack.items("intent")
    intent_id = intent["intent_id"]["S"]
    # While its lease runs, nobody touches it
    assert stack.post("payment_intents", body, key="k").status == 409
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "PROCESSING"
    # When the lease has run out, Then a read adopts the charge
    stack.advance(61)
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "SUCCEEDED"
    assert stack.post("payment_intents", body, key="k").status == 201
    assert stack.moved(intent_id, "CAPTURE") == 100


def test_a_sender_that_wakes_up_late_changes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a sender that sleeps through its lease while somebody else adopts the outcome
    from farthing.payments import perform

    real = perform.finish
    found = []

    def sleep_first(intent, operation, answer, services):  # type: ignore[no-untyped-def]
        stack.advance(61)
        monkeypatch.setattr(perform, "finish", real)
        found.append(stack.get(f"payment_intents/{intent.intent_id}").body)
        return real(intent, operation, answer, services)

    monkeypatch.setattr(perform, "finish", sleep_first)
    answer = stack.pay()
    # Then both tell the same, and there is one event, one posting, one entry
    assert found[0]["status"] == answer.body["status"] == "SUCCEEDED"
    assert [e["type"]["S"] for e in stack.items("event")].count("payment_intent.succeeded") == 1
    assert len(stack.items("ledger_transaction")) == len(stack.items("settlement_entry")) == 1


def interrupted(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> tuple[str, tuple[Any, ...]]:
    """A payment whose sender stopped just before Tx-2, and what it was about to conclude."""
    from farthing.payments import perform

    class Frozen(BaseException):
        pass

    kept: list[tuple[Any, ...]] = []

    def freeze(*arguments: Any) -> None:
        kept.append(arguments)
        raise Frozen

    with monkeypatch.context() as patch, pytest.raises(Frozen):
        patch.setattr(perform, "finish", freeze)
        stack.pay(100)
    (intent,) = stack.items("intent")
    return intent["intent_id"]["S"], kept[0]


def thawed(frozen: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same, at the present time."""
    runtime.begin(Context())
    return *frozen[:-1], replace(frozen[-1], now=runtime.clock().now)


def look_ups(stack: Stack) -> int:
    return sum(method == "GET" for method, _ in stack.acquirer.requests)


def test_a_sender_under_an_old_fence_cannot_conclude(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a frozen sender, and a look-up that could not find out and raised the fence
    from farthing.payments import perform

    intent_id, about_to = interrupted(stack, monkeypatch)
    stack.advance(61)

    def unreachable(method: str, path: str) -> None:
        raise NoByteSent

    stack.acquirer.before = unreachable
    read = stack.get(f"payment_intents/{intent_id}").body
    assert read["status_detail"] == "OUTCOME_UNKNOWN"
    # When the sender thaws, Then its Tx-2 is refused, and what it tells was looked up anew
    stack.acquirer.before = lambda method, path: None
    stack.advance(LOOK_PAUSE_SECONDS)
    answer = perform.finish(*thawed(about_to))
    assert (answer.status, look_ups(stack)) == (201, 1)
    (operation,) = stack.items("operation")
    assert (operation["state"]["S"], operation["fence"]["N"]) == ("APPROVED", "3")


def test_an_intent_that_waits_for_nothing_is_not_moved(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an intent that a person closed while its sender was frozen
    from farthing.payments import perform

    intent_id, about_to = interrupted(stack, monkeypatch)
    (row,) = stack.items("intent")
    boto3.client("dynamodb").update_item(
        TableName="PaymentsTable",
        Key={"pk": row["pk"], "sk": row["sk"]},
        UpdateExpression="SET #s = :f REMOVE open_operation",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":f": {"S": "FAILED"}},
    )
    # When the sender thaws, Then it writes nothing: no state, no event, no posting
    with pytest.raises(FarthingError) as told:
        perform.finish(*thawed(about_to))
    assert told.value.code.code == "request_in_progress"
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "FAILED"
    assert stack.items("ledger_transaction") == stack.items("settlement_entry") == []
    assert len(stack.items("event")) == 1


def test_one_looks_into_an_operation_at_a_time(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two who read the same abandoned operation
    from farthing.payments import resolve

    _, frozen = interrupted(stack, monkeypatch)
    stack.advance(61)
    _, operation, _, services = thawed(frozen)
    seen = []

    def meanwhile(method: str, path: str) -> None:
        stack.acquirer.before = lambda method, path: None
        seen.append(resolve.resolve(operation, services))

    # When the second comes while the first is asking, Then it does not ask too
    stack.acquirer.before = meanwhile
    resolve.resolve(operation, services)
    assert look_ups(stack) == 1
    assert [op.fence for op in seen] == [2]


def test_an_answer_is_stored_under_the_key_that_asked_and_no_other(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a key's row that names another operation, which only a bug could make
    from farthing.payments import perform

    _, about_to = interrupted(stack, monkeypatch)
    (row,) = stack.items("idempotency")
    other = row | {"operation_id": {"S": "op_" + "0" * 26}}
    boto3.client("dynamodb").put_item(TableName="PaymentsTable", Item=other)
    # When the sender thaws, Then nothing is written over it
    with pytest.raises(FarthingError):
        perform.finish(*thawed(about_to))
    assert stack.items("idempotency") == [other]


def test_no_event_takes_the_place_of_another(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a place in the payment's order that is taken, which only a bug could make
    from farthing.payments import perform

    intent_id, about_to = interrupted(stack, monkeypatch)
    (created,) = stack.items("event")
    taken = created | {"sk": {"S": "EVT#00000002"}}
    boto3.client("dynamodb").put_item(TableName="PaymentsTable", Item=taken)
    # When the sender thaws, Then it writes nothing
    with pytest.raises(FarthingError):
        perform.finish(*thawed(about_to))
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "PROCESSING"
    assert taken in stack.items("event")


@pytest.mark.parametrize("late_by_seconds", [0, 1])
def test_charge_sends_nothing_once_the_lease_has_run_out(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, late_by_seconds: int
) -> None:
    # Given an operation that was written, and whose invoke was held up
    def hold(moment: str) -> None:
        raise ReadTimeoutError(endpoint_url="https://lambda")

    stack.charge.fail = hold
    stack.pay()
    (operation,) = stack.items("operation")
    table = {"TableName": "PaymentsTable", "Key": {k: operation[k] for k in ("pk", "sk")}}
    now = runtime.clock().now() - timedelta(seconds=late_by_seconds)
    boto3.client("dynamodb").update_item(
        **table,
        UpdateExpression="SET #s = :open, lease_until = :now",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":open": {"S": "OPEN"}, ":now": {"S": to_text(now)}},
    )
    # When it arrives after the lease, Then nothing is sent and nothing is claimed
    answer = load("charge").handler(stack.charge.invocations[0], Context())
    assert answer["outcome"] == "UNKNOWN"
    assert stack.acquirer.requests == []
    vault = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
    assert all(item["entity"]["S"] != "audit" for item in vault)
