"""How the ledger's functions get what they work on, and what they may do with it."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase as fnmatch
from typing import Any

import pytest

from farthing.ledger.journal import head_key, journal_key, mark_key
from farthing.ledger.transaction import ENTITY
from farthing.ledger.trial_row import run_key, verified_key
from farthing.ledger.wiring import DIFFERENCES_METRIC, HEALED_METRIC
from farthing.observe import METRICS_NAMESPACE
from farthing.settlement.batch import batch_key
from farthing.store import TenantScope
from tests.support.lambdas import MERCHANT
from tests.support.template import resources
from tests.unit.template.test_template import watching

FUNCTIONS = resources("AWS::Serverless::Function")
PROJECTION = FUNCTIONS["ProjectBalancesFunction"]["Properties"]
TENANT = TenantScope(MERCHANT, "test")
LTX = "ltx_01jd0000000000000000000aaa"
DERIVED = [head_key(TENANT, "eur"), journal_key(TENANT, "eur", 17), mark_key(TENANT, LTX)]
RUNS = [run_key(TENANT, "trb_1"), verified_key(TENANT)]
NOT_THEIRS = [batch_key(TENANT, "st_1")]


def granted(role: str, table: str, action: str) -> list[dict[str, Any]]:
    """The statements that allow an action on a table itself."""
    policy = resources("AWS::IAM::Role")[role]["Properties"]["Policies"][0]["PolicyDocument"]
    arn = {"Fn::GetAtt": [table, "Arn"]}
    return [
        one
        for one in policy["Statement"]
        if action in one["Action"] and one["Resource"] in (arn, [arn])
    ]


@pytest.mark.parametrize(
    ("role", "writes"),
    [("ProjectBalancesRole", DERIVED), ("TrialBalanceRole", [*DERIVED, *RUNS])],
)
def test_they_write_what_is_derived_and_no_batch(role: str, writes: list[Any]) -> None:
    [statement] = granted(role, "SettlementTable", "dynamodb:PutItem")
    patterns = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]

    allowed = [
        key
        for key in [*DERIVED, *RUNS, *NOT_THEIRS]
        if any(fnmatch(key.pk, pattern) for pattern in patterns)
    ]

    assert allowed == writes


@pytest.mark.parametrize("role", ["ProjectBalancesRole", "TrialBalanceRole", "BalancesRole"])
def test_none_of_them_writes_a_payment(role: str) -> None:
    for action in ("PutItem", "UpdateItem", "DeleteItem"):
        assert granted(role, "PaymentsTable", f"dynamodb:{action}") == []


def test_the_projection_gets_each_new_ledger_transaction_and_is_patient() -> None:
    stream = PROJECTION["Events"]["PaymentsStream"]["Properties"]
    [pattern] = [json.loads(one["Pattern"]) for one in stream["FilterCriteria"]["Filters"]]
    assert pattern == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"entity": {"S": [ENTITY]}}},
    }
    assert stream["MaximumRecordAgeInSeconds"] == 24 * 3600
    assert stream["MaximumRetryAttempts"] >= 1000
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    failures = stream["DestinationConfig"]["OnFailure"]["Destination"]
    assert failures == {"Fn::GetAtt": ["ProjectionFailures", "Arn"]}


def test_no_third_function_reads_the_payments_stream() -> None:
    """A shard serves two readers at once: a third one would hold up both."""
    readers = [
        name
        for name, function in FUNCTIONS.items()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]
    assert sorted(readers) == ["OutboxFunction", "ProjectBalancesFunction"]


def test_balances_that_are_behind_set_off_an_alarm_long_before_the_stream_loses_them() -> None:
    function = {"Ref": "ProjectBalancesFunction"}
    [(statistic, milliseconds, seconds)] = watching(
        "AWS/Lambda", "IteratorAge", FunctionName=function
    )
    assert statistic == "Maximum"
    assert milliseconds / 1000 + seconds <= 3600


@pytest.mark.parametrize("metric", [DIFFERENCES_METRIC, HEALED_METRIC])
def test_books_that_differ_and_losses_of_the_stream_set_off_an_alarm(metric: str) -> None:
    dimensions = {"function_name": {"Ref": "TrialBalanceFunction"}, "service": "trial_balance"}
    assert watching(METRICS_NAMESPACE, metric, **dimensions) == [("Sum", 0, 60)]
    trial = FUNCTIONS["TrialBalanceFunction"]["Properties"]
    assert trial["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "trial_balance"


def test_the_trial_balance_comes_every_night_one_stretch_a_message() -> None:
    events = FUNCTIONS["TrialBalanceFunction"]["Properties"]["Events"]
    assert events["EveryNight"]["Properties"]["ScheduleExpression"] == "cron(30 2 * * ? *)"
    assert events["Stretches"]["Properties"]["BatchSize"] == 1
