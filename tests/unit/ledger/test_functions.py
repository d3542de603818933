"""The three functions on moto's tables: from a payment to what its merchant sees, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.issue import open_account
from farthing.ledger.journal import head_key, mark_key
from farthing.ledger.trial import STOP_SECONDS
from farthing.ledger.wiring import DIFFERENCES_METRIC, HEALED_METRIC
from farthing.store import EXISTS, Delete, TenantScope, Update
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Context, call, event_of, load
from tests.support.stack import Stack

TENANT = TenantScope(MERCHANT, "test")
NIGHT = Context(remaining_milliseconds=300_000)


@pytest.fixture
def records(stack: Stack) -> Callable[[], list[dict[str, Any]]]:
    """All that the template's filter lets through of the payments table's stream."""
    for merchant_id in (MERCHANT, OTHER_MERCHANT):
        opened = datetime.now(UTC) - timedelta(days=1)
        open_account(runtime.system_store(), merchant_id, "Shop", [], opened)
    table = boto3.client("dynamodb").describe_table(TableName="PaymentsTable")["Table"]
    arn, streams = table["LatestStreamArn"], boto3.client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]

    def read() -> list[dict[str, Any]]:
        at = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found = json.loads(json.dumps(streams.get_records(ShardIterator=at), default=str))
        return [
            one
            for one in found["Records"]
            if one["eventName"] == "INSERT"
            and one["dynamodb"]["NewImage"]["entity"] == {"S": "ledger_transaction"}
        ]

    return read


def project(records: list[dict[str, Any]]) -> list[dict[str, str]]:
    answer = load("project_balances").handler({"Records": records}, Context())
    failures: list[dict[str, str]] = answer["batchItemFailures"]
    return failures


def balance(merchant_id: str = MERCHANT) -> list[dict[str, Any]]:
    answer = call("balances", "GET", "/v1/balance", merchant_id=merchant_id)
    assert answer.status == 200
    data: list[dict[str, Any]] = answer.body["data"]
    return data


def listed(**query: str) -> list[dict[str, Any]]:
    answer = call("balances", "GET", "/v1/ledger_transactions", query=query or None)
    assert answer.status == 200, answer.text
    data: list[dict[str, Any]] = answer.body["data"]
    return data


def test_a_payment_and_its_refund_are_in_the_merchants_balance(
    stack: Stack, records: Callable[[], Any]
) -> None:
    # Given
    assert balance() == []
    intent_id = stack.pay(1000).body["intent_id"]
    stack.refund(intent_id, 300)
    # When
    assert project(records()) == []
    # Then
    [shown] = balance()
    assert shown["as_of"] is not None
    assert {name: value for name, value in shown.items() if name != "as_of"} == {
        "currency": "eur",
        "pending_cents": 700,
        "available_cents": 0,
        "reserved_cents": 0,
        "sequence": 2,
    }
    refund, capture = listed()
    assert (refund["kind"], capture["kind"]) == ("REFUND", "CAPTURE")
    assert refund["payment_intent_id"] == intent_id
    assert refund["balances"] == [{name: shown[name] for name in shown if name != "as_of"}]
    assert capture["postings"] == [
        {
            "account": "acquirer_receivable:sandbox",
            "side": "DEBIT",
            "amount_cents": 1000,
            "currency": "eur",
        },
        {
            "account": "merchant_pending",
            "side": "CREDIT",
            "amount_cents": 1000,
            "currency": "eur",
        },
    ]
    one = call("balances", "GET", f"/v1/ledger_transactions/{refund['transaction_id']}")
    assert one.body == refund


def test_no_merchant_sees_anothers_balance_or_transactions(
    stack: Stack, records: Callable[[], Any]
) -> None:
    # Given
    intent_id = stack.pay(1000).body["intent_id"]
    project(records())
    [mine] = listed()
    path = "/v1/ledger_transactions"
    # When the other one asks, for all, for one, from one on, for the payment
    asked: list[dict[str, str] | None] = [None, {"payment_intent_id": intent_id}]
    lists = [
        call("balances", "GET", path, query=query, merchant_id=OTHER_MERCHANT) for query in asked
    ]
    one = call("balances", "GET", f"{path}/{mine['transaction_id']}", merchant_id=OTHER_MERCHANT)
    none = call("balances", "GET", f"{path}/ltx_{'0' * 26}", merchant_id=OTHER_MERCHANT)
    cursor = {"starting_after": mine["transaction_id"]}
    page = call("balances", "GET", path, query=cursor, merchant_id=OTHER_MERCHANT)
    # Then it is as if there were nothing
    assert balance(OTHER_MERCHANT) == []
    assert [answer.body for answer in lists] == [{"data": [], "has_more": False}] * 2
    assert (one.status, one.body["code"]) == (none.status, none.body["code"]) == (404, "not_found")
    assert (page.status, page.body["code"]) == (400, "unknown_cursor")


@pytest.mark.parametrize(
    ("query", "code", "status"),
    [
        ({"currency": "xxx"}, "invalid_request", 400),
        ({"kind": "capture"}, "invalid_request", 400),
        ({"limit": "0"}, "invalid_request", 400),
        ({"status": "OPEN"}, "invalid_request", 400),
        ({"starting_after": "pi_1"}, "unknown_cursor", 400),
        ({"starting_after": f"ltx_{'0' * 26}"}, "unknown_cursor", 400),
        ({"payment_intent_id": "ltx_1"}, "not_found", 404),
    ],
)
def test_what_cannot_be_asked_is_said(
    aws: None, query: dict[str, str], code: str, status: int
) -> None:
    answer = call("balances", "GET", "/v1/ledger_transactions", query=query)

    assert (answer.status, answer.body["code"]) == (status, code)


@pytest.mark.parametrize("path", ["nothing", "ltx_", "%00", "ltx_" + "z" * 500])
def test_an_id_that_is_none_is_not_found(aws: None, path: str) -> None:
    assert call("balances", "GET", f"/v1/ledger_transactions/{path}").status == 404


def test_a_key_without_the_scope_reads_no_balance(aws: None) -> None:
    assert call("balances", "GET", "/v1/balance", scopes="write").status == 403


# the trial balance


def at_night() -> list[dict[str, Any]]:
    """The schedule and every message that follows from it; what each came to."""
    night = load("trial_balance")
    night.handler(event_of("trial_balance.schedule"), NIGHT)
    url, sqs = runtime.setting("TRIAL_BALANCE_QUEUE_URL"), runtime.client("sqs")
    answers = []
    while messages := sqs.receive_message(QueueUrl=url).get("Messages"):
        for message in messages:
            record = {"messageId": message["MessageId"], "body": message["Body"]}
            answers.append(night.handler({"Records": [record]}, NIGHT))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return answers


def by_hand(**asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = load("trial_balance").handler(
        {"merchant_id": MERCHANT, "mode": "test"} | asked, NIGHT
    )
    return answer


def test_every_night_each_merchants_books_are_tried_in_both_modes(
    stack: Stack, records: Callable[[], Any]
) -> None:
    stack.pay(1000)
    project(records())

    answers = at_night()

    assert answers == [{"batchItemFailures": []}] * 4
    [run] = by_hand(show=5)["runs"]
    assert (run["done"], run["counts"]["differences"]) == (True, 0)
    assert run["accounts"]["eur"] == {
        "acquirer_receivable:sandbox": 1000,
        "merchant_pending": -1000,
    }


def test_what_the_stream_lost_is_in_the_balance_in_the_morning_and_counted(
    stack: Stack, records: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    # Given
    stack.pay(1000)
    stack.advance(3600)
    # When
    run = by_hand()
    # Then
    assert (run["counts"]["healed"], run["differences"]) == (1, [])
    [shown] = balance()
    assert shown["pending_cents"] == 1000
    assert HEALED_METRIC in capsys.readouterr().out


def test_a_difference_is_counted_for_the_alarm_and_named_in_the_log(
    stack: Stack,
    records: Callable[[], Any],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Given
    stack.pay(1000)
    project(records())
    accounts = {"acquirer_receivable:sandbox": 1001, "merchant_pending": -1000}
    key = head_key(TENANT, "eur")
    runtime.system_store().write(Update(key, EXISTS, set={"accounts": accounts}))
    # When
    run = by_hand()
    # Then
    assert [one["kind"] for one in run["differences"]] == ["HEAD_DIFFERS", "TOTAL_NOT_ZERO"]
    assert DIFFERENCES_METRIC in capsys.readouterr().out
    logged = [vars(line) for line in caplog.records if line.getMessage() == "difference"]
    assert [line["account"] for line in logged] == ["acquirer_receivable:sandbox", ""]


def test_a_transaction_that_is_marked_twice_is_named(
    stack: Stack, records: Callable[[], Any]
) -> None:
    stack.pay(1000)
    project(records())
    [one] = listed()
    runtime.system_store().write(Delete(mark_key(TENANT, one["transaction_id"]), EXISTS))

    run = by_hand()

    named = {(found["kind"], found["transaction_id"]) for found in run["differences"]}
    assert ("JOURNALED_TWICE", one["transaction_id"]) in named


def test_a_stretch_without_time_goes_on_in_the_next_message(
    stack: Stack, records: Callable[[], Any]
) -> None:
    # Given
    stack.pay(1000)
    project(records())
    short = Context(remaining_milliseconds=(STOP_SECONDS - 1) * 1000)
    message = event_of("trial_balance.sqs")
    # When
    assert load("trial_balance").handler(message, short) == {"batchItemFailures": []}
    # Then
    url, sqs = runtime.setting("TRIAL_BALANCE_QUEUE_URL"), runtime.client("sqs")
    [following] = sqs.receive_message(QueueUrl=url)["Messages"]
    body = json.loads(following["Body"])
    [begun] = by_hand(show=1)["runs"]
    assert (body["run_id"], begun["done"]) == (begun["run_id"], False)
    record = {"messageId": "1", "body": following["Body"]}
    load("trial_balance").handler({"Records": [record]}, NIGHT)
    [ended] = by_hand(show=1)["runs"]
    assert (ended["run_id"], ended["done"]) == (begun["run_id"], True)


def test_a_run_by_hand_goes_on_where_it_was(stack: Stack, records: Callable[[], Any]) -> None:
    whole = by_hand()

    again = by_hand(run_id=whole["run_id"])

    assert again == whole


@pytest.mark.parametrize(
    "asked",
    [
        {"merchant_id": "mer_1"},
        {"mode": "both"},
        {"run_id": "trb_1"},
        {"show": 0},
        {"show": "all"},
        {"run_id": f"trb_{'0' * 26}"},
        {"merchant_id": f"mer_{'0' * 26}"},
    ],
)
def test_what_cannot_be_tried_is_said_and_nothing_is_written(
    stack: Stack, records: Callable[[], Any], asked: dict[str, str]
) -> None:
    answer = by_hand(**asked)

    assert set(answer) == {"error"}
    assert by_hand(show=1)["runs"] == []
