"""Who looks into unknown outcomes, who may, and who is told when nobody can."""

from __future__ import annotations

from typing import Any

import pytest

from farthing.observe import METRICS_NAMESPACE
from farthing.payments.due import DECISIONS_METRIC, OLDEST_METRIC
from tests.support.template import resources, template

FUNCTIONS = resources("AWS::Serverless::Function")
ROLES = resources("AWS::IAM::Role")
ALARMS = resources("AWS::CloudWatch::Alarm")
RESOLVER = FUNCTIONS["ResolveUnknownFunction"]["Properties"]
SECOND_LOOK_SECONDS = 10 * 60
"""What has no outcome after the looks of the first minutes is worth a person's eye."""


def grants(role: str) -> dict[str, set[str]]:
    """Resource → the actions on it. An index is named by its table and its own name."""
    found: dict[str, set[str]] = {}
    for statement in ROLES[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        resource = statement["Resource"]
        for one in resource if isinstance(resource, list) else [resource]:
            found.setdefault(name_of(one), set()).update(statement["Action"])
    return found


def name_of(resource: dict[str, Any]) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    text = str(resource["Fn::Sub"])
    if ":secretsmanager:" in text:
        return text.split("${AWS::StackName}/")[1]
    return text.replace("${", "").replace(".Arn}", "")


def written_partitions(role: str, table: str) -> set[str]:
    """The patterns of partitions that a role may write in a table, `*` for any."""
    found: set[str] = set()
    for statement in ROLES[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        writes = any(verb in action for action in statement["Action"] for verb in ("Put", "Update"))
        if writes and statement["Resource"] == {"Fn::GetAtt": [table, "Arn"]}:
            limits = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
            found |= set(limits.get("dynamodb:LeadingKeys", ["*"]))
    return found


COUNTED_AND_REMEMBERED = {
    f"*#{mode}#{kind}#*" for mode in ("test", "live") for kind in ("ATTEMPTS", "CARD", "PAYER")
}
"""No payment writes a rule, a list or a model."""


def test_the_resolver_comes_every_minute_and_a_firing_that_fails_is_kept() -> None:
    (tick,) = (e["Properties"] for e in RESOLVER["Events"].values() if e["Type"] == "ScheduleV2")
    assert tick["ScheduleExpression"] == "rate(1 minute)"
    assert tick["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    invoke = RESOLVER["EventInvokeConfig"]
    assert invoke["MaximumRetryAttempts"] == 0
    failures = invoke["DestinationConfig"]["OnFailure"]["Destination"]
    assert failures == {"Fn::GetAtt": ["ScheduleFailures", "Arn"]}


def test_one_look_has_the_functions_whole_time() -> None:
    (looks,) = (e["Properties"] for e in RESOLVER["Events"].values() if e["Type"] == "SQS")
    assert looks["BatchSize"] == 1
    assert looks["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert RESOLVER["Timeout"] == 60


@pytest.mark.parametrize(
    "name",
    [
        "ResolveUnknown",
        "AcquirerEvents",
        "PaymentIntents",
        "Refunds",
        "CheckoutSessions",
        "Reviews",
    ],
)
def test_who_resolves_may_ask_charge_and_queue_the_next_look_and_nothing_of_the_vault(
    name: str,
) -> None:
    granted = grants(f"{name}Role")
    assert granted["ChargeFunction"] == {"lambda:InvokeFunction"}
    assert "sqs:SendMessage" in granted["ResolveQueue"]
    assert "VaultTable" not in granted
    assert "AcquirerSecret" not in granted
    assert "dynamodb:DeleteItem" not in granted["PaymentsTable"]
    assert written_partitions(f"{name}Role", "RiskTable") == COUNTED_AND_REMEMBERED
    environment = FUNCTIONS[f"{name}Function"]["Properties"]["Environment"]["Variables"]
    wanted = {"PAYMENTS_TABLE", "CHARGE_FUNCTION", "RESOLVE_QUEUE_URL", "SANDBOX_IDEMPOTENT"}
    assert wanted <= set(environment)


RESOLVING = {
    f"dynamodb:{action}"
    for action in ("BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem")
}


@pytest.mark.parametrize("name", ["ResolveUnknown", "AcquirerEvents"])
def test_who_only_resolves_may_make_these_calls_and_no_others(name: str) -> None:
    granted = grants(f"{name}Role")
    assert granted["PaymentsTable"] == RESOLVING
    others = {
        "ResolveUnknown": {"PaymentsTable/index/due", "ScheduleFailures"},
        "AcquirerEvents": {"AcquirerEventsQueue", "WebhooksTable"},
    }
    assert (
        set(granted)
        == {
            f"{name}Logs",
            "PaymentsTable",
            "RiskTable",
            "ChargeFunction",
            "ResolveQueue",
        }
        | others[name]
    )


def test_only_what_works_it_off_reads_what_is_due() -> None:
    readers = {role for role in ROLES if "PaymentsTable/index/due" in grants(role)}
    working = {"ResolveUnknownRole", "OutboxRole", "VaultPurgeRole", "DisputeDeadlinesRole"}
    assert readers == working


def test_the_webhook_secret_is_read_by_who_checks_it_and_by_the_sandbox() -> None:
    readers = {role for role in ROLES if "AcquirerWebhookSecret" in grants(role)}
    assert readers == {"AcquirerWebhooksRole", "SandboxAcquirerRole"}


def test_the_keys_of_merchants_accounts_are_read_by_charge_alone() -> None:
    readers = {role for role in ROLES if any("stripe-keys" in name for name in grants(role))}
    assert readers == {"ChargeRole"}
    assert grants("ChargeRole")["stripe-keys/*"] == {"secretsmanager:GetSecretValue"}
    settings = FUNCTIONS["ChargeFunction"]["Properties"]["Environment"]["Variables"]
    assert settings["STRIPE_KEYS_PREFIX"] == {"Fn::Sub": "${AWS::StackName}/stripe-keys"}


def test_what_settles_has_keys_of_its_own_that_read_and_move_nothing() -> None:
    readers = {role for role in ROLES if any("stripe-reporting" in name for name in grants(role))}
    assert readers == {"SettleBatchRole"}
    assert grants("SettleBatchRole")["stripe-reporting/*"] == {"secretsmanager:GetSecretValue"}
    settings = FUNCTIONS["SettleBatchFunction"]["Properties"]["Environment"]["Variables"]
    assert settings["STRIPE_REPORTING_PREFIX"] == {"Fn::Sub": "${AWS::StackName}/stripe-reporting"}


def test_a_secret_is_named_within_its_stack_and_account() -> None:
    for role in ("ChargeRole", "SettleBatchRole", "AcquirerWebhooksRole"):
        (arn,) = (
            resource["Fn::Sub"]
            for statement in ROLES[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            if statement["Action"] == ["secretsmanager:GetSecretValue"]
            for resource in statement["Resource"]
            if "Fn::Sub" in resource
        )
        account = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}"
        assert arn.startswith(account + ":secret:${AWS::StackName}/stripe-")
        assert arn.count("*") == 1 and arn.endswith("/*")


def test_what_receives_webhooks_can_put_them_into_the_inbox_and_one_queue_and_no_more() -> None:
    assert written_partitions("AcquirerWebhooksRole", "WebhooksTable") == {"INBOX#*"}
    assert grants("AcquirerWebhooksRole") == {
        "AcquirerWebhooksLogs": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "AcquirerWebhookSecret": {"secretsmanager:GetSecretValue"},
        "TokenWebhookSecret": {"secretsmanager:GetSecretValue"},
        "stripe-webhooks/*": {"secretsmanager:GetSecretValue"},
        "WebhooksTable": {"dynamodb:PutItem"},
        "AcquirerEventsQueue": {"sqs:SendMessage"},
    }


def test_what_applies_them_claims_and_marks_them_and_makes_none() -> None:
    assert grants("AcquirerEventsRole")["WebhooksTable"] == {
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
    }
    assert written_partitions("AcquirerEventsRole", "WebhooksTable") == {"INBOX#*"}


def test_only_acquirers_webhooks_the_card_frame_and_the_checkout_page_need_no_key() -> None:
    events = [e for f in FUNCTIONS.values() for e in f["Properties"].get("Events", {}).values()]
    public = {
        event["Properties"]["Path"]
        for event in events
        if event["Type"] == "Api" and event["Properties"].get("Auth") == {"Authorizer": "NONE"}
    }
    frame = {"/fields/v1/frame", "/fields/v1/{file}"}
    assert public == {
        "/v1/acquirer_webhooks/{acquirer}",
        "/v1/acquirer_webhooks/{acquirer}/{merchant_id}/{mode}",
        *frame,
        "/checkout/{session_id}",
        "/checkout/files/{version}/{file}",
    }


def alarm(metric: str) -> dict[str, Any]:
    """The one alarm on a metric of the resolver."""
    (found,) = (a["Properties"] for a in ALARMS.values() if a["Properties"]["MetricName"] == metric)
    assert found["Namespace"] == METRICS_NAMESPACE
    assert found["Dimensions"] == [
        {"Name": "function_name", "Value": {"Ref": "ResolveUnknownFunction"}},
        {"Name": "service", "Value": "resolve_unknown"},
    ]
    assert RESOLVER["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "resolve_unknown"
    assert (found["Statistic"], found["Period"]) == ("Maximum", 60)
    assert found["ComparisonOperator"] == "GreaterThanThreshold"
    return dict(found)


def test_an_outcome_unknown_for_a_quarter_of_an_hour_and_a_resolver_that_is_silent_are_alarms() -> (
    None
):
    found = alarm(OLDEST_METRIC)
    assert found["Threshold"] >= SECOND_LOOK_SECONDS
    assert found["Threshold"] == 900
    assert (found["EvaluationPeriods"], found["DatapointsToAlarm"]) == (3, 3)
    assert found["TreatMissingData"] == "breaching"


def test_an_operation_that_only_a_person_can_end_is_an_alarm_within_a_minute() -> None:
    found = alarm(DECISIONS_METRIC)
    assert (found["Threshold"], found["EvaluationPeriods"]) == (0, 1)


def test_everybody_is_told_alike_whether_the_sandbox_is_idempotent() -> None:
    told = {
        name
        for name, function in FUNCTIONS.items()
        if "SANDBOX_IDEMPOTENT" in function["Properties"]["Environment"]["Variables"]
    }
    assert told >= {"SandboxAcquirerFunction", "ChargeFunction", "ResolveUnknownFunction"}
    for name in told:
        variables = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]
        assert variables["SANDBOX_IDEMPOTENT"] == {"Ref": "SandboxIdempotent"}
    assert template()["Parameters"]["SandboxIdempotent"]["Default"] == "true"
