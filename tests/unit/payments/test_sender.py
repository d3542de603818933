"""What `charge` does, and what its callers are told when something on the way breaks."""

from __future__ import annotations

import io
import json
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from farthing import runtime
from farthing.store import ConditionFailed, StoreBusy
from farthing.store.table import DynamoStore
from tests.support.lambdas import Context, load
from tests.support.stack import FIRST_IS_LOST, Stack

THROTTLED = {"Error": {"Code": "ThrottlingException", "Message": "slow down"}}


def failing(
    monkeypatch: pytest.MonkeyPatch, operation: str, *, table: str = "", applied: bool = False
) -> list[str]:
    """Make an AWS operation fail, before its effect or after it; the failures so far."""
    real, failed = BaseClient._make_api_call, []

    def call(client: Any, name: str, parameters: dict[str, Any]) -> Any:
        if name != operation or table not in str(parameters):
            return real(client, name, parameters)
        if applied:
            real(client, name, parameters)
        failed.append(name)
        raise ClientError(THROTTLED, name)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return failed


def audit_rows() -> int:
    rows = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
    return sum(row["entity"]["S"] == "audit" for row in rows)


def test_one_fence_sends_once(stack: Stack) -> None:
    # Given a charge whose request was lost on the wire, so that sending it again would charge
    answer = stack.pay(number=FIRST_IS_LOST)
    assert answer.status == 202
    (row,) = stack.items("operation")
    key = {name: row[name] for name in ("pk", "sk")}
    boto3.client("dynamodb").put_item(
        TableName="PaymentsTable",
        Item=row | key | {"state": {"S": "OPEN"}, "lease_until": {"S": "9999"}},
    )
    # When the same invocation comes again, Then nothing is sent, and nobody claims to know
    again = load("charge").handler(stack.charge.invocations[0], Context())
    assert again["outcome"] == "UNKNOWN"
    assert sum(method == "POST" for method, _ in stack.acquirer.requests) == 1
    assert stack.books(order_id=answer.body["intent_id"]) == []


def test_with_too_little_time_for_the_acquirer_nothing_is_sent(stack: Stack) -> None:
    handler = load("charge").handler
    stack.charge.fail = lambda moment: None
    kept = stack.charge.invoke

    def hurried(**arguments: Any) -> Any:
        arguments.pop("InvocationType")
        import io
        import json

        payload = json.loads(arguments["Payload"])
        stack.charge.invocations.append(payload)
        answer = handler(payload, Context(remaining_milliseconds=16_000))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    stack.charge.invoke = hurried  # type: ignore[method-assign]
    answer = stack.pay()
    stack.charge.invoke = kept  # type: ignore[method-assign]
    assert (answer.status, answer.body["outcome"]) == (503, "NONE")
    assert stack.acquirer.requests == []


@pytest.mark.parametrize("operation", ["Decrypt", "GetSecretValue"])
def test_what_breaks_before_the_first_byte_is_not_sent(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    with monkeypatch.context() as patch:
        assert failing(patch, operation) == []
        answer = stack.post("payment_intents", body, key="k")
    assert (answer.status, answer.body["outcome"], answer.body["retry"]) == (
        503,
        "NONE",
        "SAME_KEY",
    )
    shown = answer.body["payment_intent"]
    assert (shown["status"], shown["status_detail"]) == ("CREATED", "REQUIRES_CONFIRMATION")
    assert stack.get(f"payment_intents/{shown['intent_id']}").body == shown
    assert stack.post("payment_intents", body, key="k").status == 201


def test_a_definite_answer_is_kept_when_the_cvc_cannot_be_forgotten(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        failed = failing(patch, "DeleteItem", table="VaultTable")
        answer = stack.pay()
    assert failed and (answer.status, answer.body["status"]) == (201, "SUCCEEDED")


def test_a_look_up_that_finds_the_charge_forgets_the_cvc(stack: Stack) -> None:
    answer = stack.pay(number="4000009900000012")
    stack.get(f"payment_intents/{answer.body['intent_id']}")
    rows = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
    assert not any(row["sk"]["S"] == "CVC" for row in rows)


def test_after_the_send_nobody_says_that_nothing_happened(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a payments table that takes Tx-1 and refuses every Tx-2
    monkeypatch.setattr("farthing.store.table.BACKOFF_BASE_SECONDS", 0)
    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    with monkeypatch.context() as patch:
        failing(patch, "TransactWriteItems", table="ledger_transaction")
        answer = stack.post("payment_intents", body, key="k")
    # Then the caller is told that the outcome is unknown, and later what it was
    assert (answer.status, answer.body["status_detail"]) == (202, "OUTCOME_UNKNOWN")
    stack.advance(61)
    assert stack.post("payment_intents", body, key="k").status == 201
    assert stack.moved(answer.body["intent_id"], "CAPTURE") == 100


def test_a_refund_that_cannot_be_written_down_is_pending(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farthing.store.table.BACKOFF_BASE_SECONDS", 0)
    intent_id = stack.pay(100).body["intent_id"]
    with monkeypatch.context() as patch:
        failing(patch, "TransactWriteItems", table="ledger_transaction")
        refund = stack.refund(intent_id, 60)
    assert (refund.status, refund.body["status"]) == (202, "PENDING")
    # And a read of the payment looks at its refunds too
    stack.advance(61)
    assert stack.get(f"payment_intents/{intent_id}").body["amount_refunded_cents"] == 60
    assert stack.get(f"refunds/{refund.body['refund_id']}").body["status"] == "SUCCEEDED"


def test_our_own_transaction_is_not_taken_for_somebody_elses(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a Tx-1 that was applied although its answer was lost
    monkeypatch.setattr("farthing.store.table.BACKOFF_BASE_SECONDS", 0)
    real, lost, tokens = BaseClient._make_api_call, [], []

    def lose_the_first(client: Any, name: str, parameters: dict[str, Any]) -> Any:
        mine = name == "TransactWriteItems" and "IDEM" in str(parameters)
        if mine:
            tokens.append(parameters["ClientRequestToken"])
        answer = real(client, name, parameters)
        if mine and not lost:
            lost.append(name)
            raise ClientError(THROTTLED, name)
        return answer

    body = {"amount_cents": 100, "currency": "eur", "confirm": True, "token": stack.token()}
    monkeypatch.setattr(BaseClient, "_make_api_call", lose_the_first)
    # When it is repeated, Then it is the same transaction, and the payment goes on
    answer = stack.post("payment_intents", body)
    assert lost and (answer.status, answer.body["status"]) == (201, "SUCCEEDED")
    assert tokens[0] == tokens[1]


def test_live_mode_reaches_no_acquirer(stack: Stack) -> None:
    """There is none yet. A live payment must not succeed at a simulator."""
    stack.pay()
    (row,) = stack.items("operation")
    live = row | {"pk": {"S": row["pk"]["S"].replace("#test#", "#live#")}}
    live |= {"mode": {"S": "live"}, "state": {"S": "OPEN"}, "lease_until": {"S": "9999"}}
    boto3.client("dynamodb").put_item(TableName="PaymentsTable", Item=live)
    sent = len(stack.acquirer.requests)
    event = stack.charge.invocations[0]
    event = event | {"operation": event["operation"].replace("/test/", "/live/")}
    assert load("charge").handler(event, Context())["outcome"] == "NOT_SENT"
    assert len(stack.acquirer.requests) == sent


def test_a_refund_that_cannot_be_read_after_the_send_is_pending(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent_id, real = stack.pay(100).body["intent_id"], DynamoStore.batch_get

    def busy_after_the_send(store: DynamoStore, keys: Any) -> Any:
        if any(path == "/v1/refunds" for _, path in stack.acquirer.requests):
            raise StoreBusy("read")
        return real(store, keys)

    with monkeypatch.context() as patch:
        patch.setattr(DynamoStore, "batch_get", busy_after_the_send)
        refund = stack.refund(intent_id, 60)
    assert (refund.status, refund.body["status"]) == (202, "PENDING")
    assert stack.moved(intent_id, "REFUND") == 60


def test_a_sender_that_was_overtaken_and_finds_a_busy_table_says_unknown(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from farthing.payments import perform

    def busy(earlier: Any, services: Any) -> Any:
        raise StoreBusy("resolve")

    real, calls = DynamoStore.write, []

    def overtaken(store: DynamoStore, *writes: Any) -> None:
        calls.append(len(writes))
        if stack.acquirer.requests:
            raise ConditionFailed(0, "HELD_UNDER_FENCE", writes[0].key, None)
        real(store, *writes)

    token = stack.token()
    monkeypatch.setattr(DynamoStore, "write", overtaken)
    monkeypatch.setattr(perform, "replay", busy)
    answer = stack.pay(token=token)
    assert (answer.status, answer.body["status_detail"]) == (202, "OUTCOME_UNKNOWN")


def test_a_process_that_stood_still_after_its_claim_sends_nothing(stack: Stack) -> None:
    # Given that the time is up between the claim and the send
    class StoodStill(Context):
        def get_remaining_time_in_millis(self) -> int:
            return 20_000 if audit_rows() == 0 else 14_000

    def invoke(*, Payload: bytes, **_: Any) -> Any:
        answer = load("charge").handler(json.loads(Payload), StoodStill())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    stack.charge.invoke = invoke  # type: ignore[method-assign]
    # When it goes on, Then nothing leaves it
    answer = stack.pay()
    assert (answer.status, answer.body["outcome"]) == (503, "NONE")
    assert audit_rows() == 1 and stack.acquirer.requests == []


def test_an_invocation_that_runs_twice_does_not_say_that_nothing_was_sent(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given that Lambda runs one invocation of `charge` twice, and the first twin's caller is gone
    once = stack.charge.invoke

    def twice(**arguments: Any) -> Any:
        once(**arguments)
        # When the other twin cannot even read the acquirer's secret
        runtime.platform().memo.clear()
        with monkeypatch.context() as patch:
            failing(patch, "GetSecretValue")
            return once(**arguments)

    stack.charge.invoke = twice  # type: ignore[method-assign]
    # Then it does not say that nothing was sent, for the first one charged
    answer = stack.pay()
    stack.charge.invoke = once  # type: ignore[method-assign]
    assert answer.status == 202
    read = stack.get(f"payment_intents/{answer.body['intent_id']}").body
    assert read["status"] == "SUCCEEDED"
    assert stack.moved(read["intent_id"], "CAPTURE") == 100
