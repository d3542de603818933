"""The two functions on moto's tables, against the real sandbox."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.account import Account
from farthing.access.change import Change, changed, write_change
from farthing.access.issue import open_account
from farthing.access.keys import merchant_row
from farthing.settlement import batch as batch_module
from farthing.settlement import claim, fan_out, read
from farthing.settlement.batch import TAKES_LINES
from farthing.settlement.entry import Operation, settlement_entry
from farthing.settlement.fan_out import RunIncomplete
from farthing.settlement.report_file import read_report
from farthing.settlement.wiring import EXCEPTIONS_METRIC
from farthing.store import NOT_CREATED, Put, TenantScope
from tests.support import lambdas
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, call, event_of, load
from tests.support.template import resources
from tests.unit.settlement.conftest import SandboxAcquirer

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


@pytest.fixture
def stack(real_sandbox: SandboxAcquirer, monkeypatch: pytest.MonkeyPatch) -> SandboxAcquirer:
    """Two merchants, older than their money, at a fixed time."""
    monkeypatch.setattr(runtime.ShiftedClock, "now", lambda clock: NOW + clock.offset)
    for merchant_id in (MERCHANT, OTHER_MERCHANT):
        open_account(runtime.system_store(), merchant_id, "Shop", [], NOW - timedelta(days=3))
    return real_sandbox


def settle(**asked: Any) -> dict[str, Any]:
    """A firing that somebody waits for, all its messages, and what came of them.

    Raises RunIncomplete if messages failed.
    """
    event = event_of("settle.schedule") | {"follow": True} | asked
    sent = call_settle(event)
    failed = work_off()
    result = call_settle({"run": sent["run"]})
    assert result["jobs"] == result["done"]
    if failed:
        raise RunIncomplete(f"{failed} of {result['jobs']}")
    return result | {"merchants": sent["merchants"]}


def call_settle(event: dict[str, Any]) -> dict[str, Any]:
    context = lambdas.Context(remaining_milliseconds=300_000)
    answer: dict[str, Any] = load("settle").handler(event, context)
    return answer


def work_off() -> int:
    """Every message of the queue, by the function that reads it. How many failed."""
    sqs, url, failed = boto3.client("sqs"), os.environ["SETTLE_QUEUE_URL"], 0
    while messages := sqs.receive_message(QueueUrl=url).get("Messages"):
        [message] = messages
        record = {"messageId": message["MessageId"], "body": message["Body"]}
        context = lambdas.Context(remaining_milliseconds=300_000)
        answer = load("settle_batch").handler({"Records": [record]}, context)
        failed += len(answer["batchItemFailures"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return failed


def enter(
    number: int,
    cents: int,
    operation: Operation = Operation.CAPTURE,
    *,
    currency: str = "eur",
    at: datetime = YESTERDAY,
    merchant_id: str = MERCHANT,
    acquirer: str = "sandbox",
) -> None:
    """What Tx-2 writes for money that moved under the reference r<number>."""
    key, item = settlement_entry(
        TenantScope(merchant_id, "test"),
        "pi_01jd00000000000000000000p1",
        f"op_{number:026d}",
        f"r{number}",
        operation,
        cents,
        currency,
        acquirer,
        at.date(),
        at,
    )
    runtime.system_store().write(Put(key, item, NOT_CREATED))


def charge(stack: SandboxAcquirer, number: int, cents: int, **more: Any) -> None:
    stack.charge(f"r{number}", cents, more.get("currency", "eur"))
    enter(number, cents, **more)


def listed(**query: str) -> list[dict[str, Any]]:
    answer = call("settlements", "GET", "/v1/settlements", query=query or None)
    assert answer.status == 200
    data: list[dict[str, Any]] = answer.body["data"]
    return data


def test_the_schedule_settles_yesterday_and_a_second_firing_changes_nothing(
    stack: SandboxAcquirer,
) -> None:
    """events/settle.schedule.json, then events/settlements.list.json."""
    charge(stack, 1, 10000)
    stack.refund("r2", "r1", 4000)
    enter(2, 4000, Operation.REFUND)
    charge(stack, 3, 500, at=NOW)

    summary = settle()

    assert (summary["merchants"], summary["settled"], summary["waiting"]) == (2, 1, 0)
    answer = load("settlements").handler(event_of("settlements.list"), lambdas.Context())
    assert answer["statusCode"] == 200
    (batch,) = listed()
    assert batch["settlement_id"] in answer["body"]
    assert {
        name: batch[name]
        for name in ("status", "acquirer", "currency", "business_day", "entry_count", "livemode")
    } == {
        "status": "SETTLED",
        "acquirer": "sandbox",
        "currency": "eur",
        "business_day": YESTERDAY.date().isoformat(),
        "entry_count": 2,
        "livemode": False,
    }
    figures = ("gross_cents", "refunded_cents", "fee_cents", "net_cents", "expected_gross_cents")
    assert [batch[name] for name in figures] == [6000, 4000, 150, 5850, 6000]

    asked = len(stack.server.asked)
    assert settle()["settled"] == 0
    assert listed() == [batch]
    assert len(stack.server.asked) == asked


def change_connectors(connectors: dict[str, str]) -> None:
    store = runtime.system_store()
    row = store.get(merchant_row(MERCHANT))
    assert row is not None
    wanted = Change(connectors=connectors)
    account = changed(Account.from_item(row), wanted, ("sandbox", "stripe"))
    write_change(store, MERCHANT, row, account)


def test_money_at_an_acquirer_of_which_we_have_no_key_waits_and_stops_none(
    stack: SandboxAcquirer,
) -> None:
    """Given money at both acquirers, and no secret of the merchant's Stripe account, which no
    currency names any more."""
    change_connectors({"usd": "stripe"})
    change_connectors({"usd": ""})
    charge(stack, 1, 10000)
    enter(2, 700, acquirer="stripe")
    enter(3, 200, Operation.REFUND, acquirer="stripe")

    with pytest.raises(RunIncomplete, match="1 of 2"):
        settle()

    shown = {batch["acquirer"]: batch for batch in listed()}
    assert (shown["sandbox"]["entry_count"], shown["sandbox"]["status"]) == (1, "SETTLED")
    assert (shown["stripe"]["entry_count"], shown["stripe"]["status"]) == (2, "SUBMITTED")
    assert shown["stripe"]["expected_gross_cents"] == 500


def test_a_charge_that_the_sandbox_does_not_know_is_awaited(stack: SandboxAcquirer) -> None:
    charge(stack, 1, 10000)
    enter(2, 777)

    assert settle()["exceptions"] == 0

    (batch,) = listed(status="SUBMITTED")
    assert (batch["gross_cents"], batch["expected_gross_cents"]) == (10000, 10777)
    assert batch["settled_at"] is None


def test_a_charge_that_is_settled_twice_makes_an_exception(
    stack: SandboxAcquirer,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "farthing-dev-settle_batch")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "settle_batch")
    stack.charge("r1", 10000, number="4000009900000103")
    enter(1, 10000)

    assert settle()["exceptions"] == 1
    assert counted(capsys) == [("farthing-dev-settle_batch", "settle_batch")]

    (batch,) = listed(status="EXCEPTION")
    assert batch["exception"] == {"reason_code": "OPEN_BREAKS", "message": "1 DUPLICATE_LINE"}
    assert (batch["gross_cents"], batch["expected_gross_cents"]) == (20000, 10000)
    assert batch["settled_at"] is None
    (line,) = [vars(record) for record in caplog.records if record.msg == "batch"]
    assert (line["settlement_id"], line["merchant_id"]) == (batch["settlement_id"], MERCHANT)
    assert (line["status"], line["reason_code"]) == ("EXCEPTION", "OPEN_BREAKS")
    assert listed(status="SETTLED") == []


def counted(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """The dimensions of each count of an exception, as the alarm of the template asks for it."""
    (alarm,) = (
        alarm["Properties"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["MetricName"] == EXCEPTIONS_METRIC
    )
    names = [dimension["Name"] for dimension in alarm["Dimensions"]]
    found = []
    for line in capsys.readouterr().out.splitlines():
        if EXCEPTIONS_METRIC in line:
            record = json.loads(line)
            (metric,) = record["_aws"]["CloudWatchMetrics"]
            assert metric["Namespace"] == alarm["Namespace"]
            assert sorted(metric["Dimensions"][0]) == sorted(names)
            assert record[EXCEPTIONS_METRIC] == [1.0]
            found.append((record[names[0]], record[names[1]]))
    return found


def test_a_settled_batch_counts_as_no_exception(
    stack: SandboxAcquirer, capsys: pytest.CaptureFixture[str]
) -> None:
    charge(stack, 1, 10000)
    settle()
    assert counted(capsys) == []


def test_today_is_settled_at_once_on_a_stack_with_a_test_clock(
    stack: SandboxAcquirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge(stack, 1, 10000, at=NOW)
    monkeypatch.delenv("TEST_CLOCK_TABLE", raising=False)
    with pytest.raises(ValueError, match="test clock"):
        settle(include_today=True)

    monkeypatch.setenv("TEST_CLOCK_TABLE", "TestClockTable")

    assert settle(include_today=True)["settled"] == 1


def test_a_lost_acquirer_fails_the_firing_and_the_next_one_goes_on(
    stack: SandboxAcquirer, caplog: pytest.LogCaptureFixture
) -> None:
    charge(stack, 1, 10000)
    sandbox = stack.server.respond
    stack.server.respond = lambda _: None
    with pytest.raises(RunIncomplete, match="1 of 2"):
        settle()
    assert [batch["status"] for batch in listed()] == ["CLOSING"]
    (line,) = [vars(record) for record in caplog.records if record.msg == "batch"]
    assert line["reason_code"] == "OUTCOME_UNKNOWN"

    stack.server.respond = sandbox
    assert settle()["settled"] == 1


def test_more_entries_than_one_transaction_holds(stack: SandboxAcquirer) -> None:
    """Through DynamoDB's own arguments: a claim of many, and pages of lines."""
    for number in range(1, 60):
        charge(stack, number, 1000 + number)

    settle()

    (batch,) = listed()
    assert batch["entry_count"] == 59
    seen: list[str] = []
    query: dict[str, str] = {"limit": "25"}
    while True:
        answer = call(
            "settlements", "GET", f"/v1/settlements/{batch['settlement_id']}/lines", query=query
        )
        seen += [line["entry_id"] for line in answer.body["data"]]
        if not answer.body["has_more"]:
            break
        query["starting_after"] = seen[-1]
    assert seen == [f"op_{number:026d}-capture" for number in range(59, 0, -1)]


def test_more_entries_than_one_batch_takes(
    stack: SandboxAcquirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through DynamoDB's own conditions: full from three lines on, in claims of two."""
    monkeypatch.setattr(claim, "LINES_PER_CLAIM_MAX", 2)
    monkeypatch.setattr(batch_module, "FULL_FROM", 3)
    takes = replace(TAKES_LINES, values={**TAKES_LINES.values, "full_from": 3})
    monkeypatch.setattr(claim, "TAKES_LINES", takes)
    for number in range(1, 20):
        charge(stack, number, 1000 + number)

    settled = settle()["settled"]

    batches = listed(limit="100")
    assert settled == len(batches) > 4
    assert {batch["status"] for batch in batches} == {"SETTLED"}
    assert {batch["business_day"] for batch in batches} == {YESTERDAY.date().isoformat()}
    assert max(batch["entry_count"] for batch in batches) <= 4
    assert sum(batch["entry_count"] for batch in batches) == 19
    assert settle()["settled"] == 0


def test_lists_are_paged_newest_first_and_filtered(stack: SandboxAcquirer) -> None:
    for number, currency in enumerate(("eur", "usd", "gbp"), start=1):
        charge(stack, number, 1000, currency=currency)
        charge(stack, 10 + number, 1000, currency=currency, at=NOW - timedelta(days=2))
    settle(until_day=(NOW - timedelta(days=2)).date().isoformat())
    settle()

    everything = listed()
    ids = [batch["settlement_id"] for batch in everything]
    assert len(ids) == 6
    assert ids == sorted(ids, reverse=True)
    days = [batch["business_day"] for batch in everything]
    assert days == sorted(days, reverse=True)

    first = call("settlements", "GET", "/v1/settlements", query={"limit": "4"})
    rest = call(
        "settlements", "GET", "/v1/settlements", query={"limit": "4", "starting_after": ids[3]}
    )
    assert first.body["has_more"] is True
    assert rest.body["has_more"] is False
    assert first.body["data"] + rest.body["data"] == everything
    assert {batch["currency"] for batch in listed(currency="usd")} == {"usd"}
    assert listed(currency="USD") == listed(currency="usd")
    assert len(listed(currency="usd", status="SETTLED")) == 2
    assert listed(status="OPEN") == []
    page = call("settlements", "GET", "/v1/settlements", query={"limit": "1", "currency": "gbp"})
    assert page.body["has_more"] is True


def test_a_filter_that_matches_none_of_many_is_refused_and_gives_no_empty_page(
    stack: SandboxAcquirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given reads of two batches at most, when only the oldest match, then page or refusal."""
    monkeypatch.setattr(read, "LIST_READS_MAX", 2)
    monkeypatch.setattr(read, "LIST_READ_ITEMS", 1)
    charge(stack, 1, 1000, currency="usd", at=NOW - timedelta(days=2))
    settle(until_day=(NOW - timedelta(days=2)).date().isoformat())
    for number, currency in enumerate(("eur", "gbp", "jpy"), start=2):
        charge(stack, number, 1000, currency=currency)
    settle()

    for query in ({"currency": "usd"}, {"status": "EXCEPTION"}):
        answer = call("settlements", "GET", "/v1/settlements", query=query)
        assert answer.status == 400
        assert str(next(iter(query))) in answer.body["detail"]
    newest = call("settlements", "GET", "/v1/settlements", query={"status": "SETTLED"})
    assert len(newest.body["data"]) == 2
    assert newest.body["has_more"] is True


def test_lines_are_newest_first_whether_captured_or_refunded(stack: SandboxAcquirer) -> None:
    """Given a refund between two captures: its id has another prefix."""
    store = runtime.system_store()
    for moment, prefix in ((1, "op"), (2, "re"), (3, "op")):
        operation = Operation.REFUND if prefix == "re" else Operation.CAPTURE
        key, item = settlement_entry(
            TenantScope(MERCHANT, "test"),
            "pi_01jd00000000000000000000p1",
            f"{prefix}_{moment:026d}",
            f"r{moment}",
            operation,
            1000,
            "eur",
            "sandbox",
            YESTERDAY.date(),
            YESTERDAY,
        )
        store.write(Put(key, item, NOT_CREATED))
    settle()
    (batch,) = listed()
    path = f"/v1/settlements/{batch['settlement_id']}/lines"

    first = call("settlements", "GET", path, query={"limit": "2"}).body["data"]
    after = first[-1]["entry_id"]
    rest = call("settlements", "GET", path, query={"starting_after": after}).body["data"]

    assert [line["entry_id"][:2] for line in first + rest] == ["op", "re", "op"]
    assert first[0]["entry_id"] == f"op_{3:026d}-capture"


def test_one_settlement_is_read_by_its_id(stack: SandboxAcquirer) -> None:
    charge(stack, 1, 10000)
    settle()
    (batch,) = listed()

    answer = call("settlements", "GET", f"/v1/settlements/{batch['settlement_id']}")

    assert answer.status == 200
    assert answer.body == batch


def test_another_merchants_settlement_is_like_none(stack: SandboxAcquirer) -> None:
    charge(stack, 1, 10000)
    settle()
    (batch,) = listed()
    absent = "st_00000000000000000000000000"

    for path in ("", "/lines"):
        theirs = call(
            "settlements",
            "GET",
            f"/v1/settlements/{batch['settlement_id']}{path}",
            merchant_id=OTHER_MERCHANT,
        )
        none = call("settlements", "GET", f"/v1/settlements/{absent}{path}")
        assert (theirs.status, theirs.body["code"]) == (none.status, none.body["code"])
        assert theirs.status == 404
    cursor = call(
        "settlements",
        "GET",
        "/v1/settlements",
        query={"starting_after": batch["settlement_id"]},
        merchant_id=OTHER_MERCHANT,
    )
    assert cursor.body["code"] == "unknown_cursor"
    others = call("settlements", "GET", "/v1/settlements", merchant_id=OTHER_MERCHANT)
    assert others.body == {"data": [], "has_more": False}


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "many"},
        {"status": "PAID"},
        {"currency": "xxx"},
        {"starting_after": "st_1"},
        {"starting_after": "st_00000000000000000000000000"},
        {"colour": "red"},
    ],
)
def test_a_wrong_question_about_the_list_is_a_problem_document(
    aws: None, query: dict[str, str]
) -> None:
    answer = call("settlements", "GET", "/v1/settlements", query=query)

    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query",
    [
        {"starting_after": "op_nobody-capture"},
        {"starting_after": ""},
        {"starting_after": "\x00"},
        {"starting_after": "x" * 2000},
        {"limit": "101"},
        {"status": "SETTLED"},
    ],
)
def test_a_wrong_question_about_the_lines_is_a_problem_document(
    stack: SandboxAcquirer, query: dict[str, str]
) -> None:
    charge(stack, 1, 10000)
    settle()
    (batch,) = listed()

    answer = call(
        "settlements", "GET", f"/v1/settlements/{batch['settlement_id']}/lines", query=query
    )

    assert answer.status == 400


@pytest.mark.parametrize("text", ["x", "st_", "st_0", "pi_00000000000000000000000000", "%00"])
def test_an_id_of_another_form_is_not_found(aws: None, text: str) -> None:
    assert call("settlements", "GET", f"/v1/settlements/{text}").status == 404


@pytest.mark.parametrize(
    ("number", "gross", "status"),
    [
        ("4000009900000095", 0, "SUBMITTED"),
        ("4000009900000103", 2000, "EXCEPTION"),
        ("4000009900000111", 900, "EXCEPTION"),
    ],
)
def test_a_card_that_is_settled_wrongly_does_not_settle_its_batch(
    stack: SandboxAcquirer, number: str, gross: int, status: str
) -> None:
    """Its capture is missing from the report, in it twice, or in it with another amount."""
    stack.charge("r1", 1000, number=number)
    enter(1, 1000)

    settle()

    (batch,) = listed()
    assert (batch["expected_gross_cents"], batch["gross_cents"]) == (1000, gross)
    assert batch["status"] == status


def test_the_report_is_downloaded_as_it_came(stack: SandboxAcquirer) -> None:
    charge(stack, 1, 10000)
    settle()
    (batch,) = listed()
    path = f"/v1/settlements/{batch['settlement_id']}/report"

    answer = load("settlements").handler(api_event(path), lambdas.Context())

    assert answer["statusCode"] == 200
    assert file_type(answer) == "text/csv; charset=utf-8"
    file = answer["body"].encode()
    assert hashlib.sha256(file).hexdigest() == batch["report_sha256"]
    reference = f"{MERCHANT}.test.sandbox.eur.{batch['business_day']}.1"
    assert read_report(file, reference).paid.net_cents == batch["net_cents"]
    theirs = call("settlements", "GET", path, merchant_id=OTHER_MERCHANT)
    assert (theirs.status, theirs.body["code"]) == (404, "not_found")


def test_before_it_is_reported_there_is_nothing_to_download(stack: SandboxAcquirer) -> None:
    charge(stack, 1, 10000)
    stack.server.respond = lambda _: None
    with pytest.raises(RunIncomplete):
        settle()
    (batch,) = listed()

    answer = call("settlements", "GET", f"/v1/settlements/{batch['settlement_id']}/report")

    assert answer.status == 404


def api_event(path: str) -> dict[str, Any]:
    return event_of("settlements.report_of_none") | {
        "path": path,
        "pathParameters": {"settlement_id": path.split("/")[3]},
    }


def file_type(answer: dict[str, Any]) -> str:
    headers = answer.get("multiValueHeaders") or {
        name: [value] for name, value in answer["headers"].items()
    }
    (value,) = headers["Content-Type"]
    return str(value)


def test_the_files_are_kept_under_their_hashes(stack: SandboxAcquirer) -> None:
    charge(stack, 1, 10000)
    settle()
    (batch,) = listed()
    folder = f"{MERCHANT}#test#SETTLEMENT/{batch['settlement_id']}"

    found = boto3.client("s3").list_objects_v2(Bucket=os.environ["FILES_BUCKET"])["Contents"]

    assert {one["Key"] for one in found} == {
        f"{folder}/batch-{batch['content_sha256']}.csv",
        f"{folder}/report-{batch['report_sha256']}.csv",
    }


def test_an_acquirer_with_a_cut_off_is_settled_by_its_own_days(
    stack: SandboxAcquirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given days that end at 17:00 in New York; at 09:00 UTC on Sunday, Friday is the last one."""
    calendar = "sandbox=America/New_York,17:00,SAT,SUN"
    monkeypatch.setenv("ACQUIRER_CALENDARS", calendar)
    friday, monday = (datetime(2026, 11, day, tzinfo=UTC) for day in (20, 23))
    charge(stack, 1, 1000, at=friday)
    charge(stack, 2, 2000, at=monday)

    settle()

    assert [(one["business_day"], one["gross_cents"]) for one in listed()] == [("2026-11-20", 1000)]


def test_the_schedule_leaves_no_rows_of_its_runs(stack: SandboxAcquirer) -> None:
    charge(stack, 1, 10000)

    assert call_settle(event_of("settle.schedule"))["run"] is None
    work_off()

    rows = boto3.client("dynamodb").scan(TableName="SettlementTable")["Items"]
    assert {row["entity"]["S"] for row in rows}.isdisjoint({"settlement_run", "settlement_job"})


def test_a_message_that_cannot_be_read_fails_alone(stack: SandboxAcquirer) -> None:
    record = {"messageId": "m-1", "body": "{}"}

    answer = load("settle_batch").handler({"Records": [record]}, lambdas.Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}


def test_a_firing_without_time_goes_on_behind_the_merchants_that_it_reached(
    stack: SandboxAcquirer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given time for ten merchants in each firing, when it fires twice, all have a message."""
    store = runtime.system_store()
    names = [f"mer_01jd00000000000000000000{number:02d}" for number in range(10, 28)]
    for name in names:
        open_account(store, name, "Shop", [], NOW - timedelta(days=3))
    merchants = sorted([MERCHANT, OTHER_MERCHANT, *names])

    def firing(seconds_left: float) -> list[str]:
        monkeypatch.setattr(runtime, "seconds_left", lambda: seconds_left)
        with suppress(RunIncomplete):
            call_settle(event_of("settle.schedule"))
        return sent_merchants()

    assert firing(fan_out.SECONDS_TO_END - 1) == merchants[:10]
    assert firing(fan_out.SECONDS_TO_END - 1) == merchants[10:]
    assert firing(300) == merchants


def sent_merchants() -> list[str]:
    """Whose messages are in the queue; they are taken out of it."""
    sqs, url, found = boto3.client("sqs"), os.environ["SETTLE_QUEUE_URL"], []
    while messages := sqs.receive_message(QueueUrl=url).get("Messages"):
        [message] = messages
        found.append(json.loads(message["Body"])["merchant_id"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found)
