"""What the outbox may do, and how it gets every event."""

from __future__ import annotations

from typing import Any

from tests.support.template import resources

OUTBOX = resources("AWS::Serverless::Function")["OutboxFunction"]["Properties"]
POLICY = resources("AWS::IAM::Role")["OutboxRole"]["Properties"]["Policies"][0]["PolicyDocument"]
DAY_SECONDS = 24 * 3600


def granted(table: str) -> dict[str, dict[str, Any]]:
    """Action → its statement, of all that is allowed on a table itself."""
    arn = {"Fn::GetAtt": [table, "Arn"]}
    return {
        action: statement
        for statement in POLICY["Statement"]
        for action in statement["Action"]
        if arn in (found if isinstance(found := statement["Resource"], list) else [found])
    }


def test_it_may_change_nothing_of_a_payment_but_an_events_place_in_the_due_index() -> None:
    payments = granted("PaymentsTable")
    assert set(payments) == {"dynamodb:Query", "dynamodb:UpdateItem"}
    assert payments["dynamodb:UpdateItem"]["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "due_pk", "due_at"]}
    }


def test_it_adds_to_the_webhooks_table_and_changes_nothing_there() -> None:
    assert set(granted("WebhooksTable")) == {
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    }


def test_the_stream_is_patient_and_the_sweep_comes_every_minute() -> None:
    stream = OUTBOX["Events"]["PaymentsStream"]["Properties"]
    assert stream["MaximumRecordAgeInSeconds"] == DAY_SECONDS
    assert stream["MaximumRetryAttempts"] >= 1000
    assert stream["BisectBatchOnFunctionError"] is True
    sweep = OUTBOX["Events"]["Sweep"]
    assert sweep["Type"] == "ScheduleV2"
    assert sweep["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    failures = OUTBOX["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"]
    assert failures == {"Fn::GetAtt": ["ScheduleFailures", "Arn"]}
