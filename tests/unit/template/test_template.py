"""What must hold of template.yaml whatever is added to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase as fnmatch
from typing import Any

import pytest

from farthing.access.keys import key_row
from farthing.errors import REGISTRY
from farthing.fraud.counter_row import card_key as failures_key
from farthing.fraud.history import card_seen_key, history_key
from farthing.fraud.list_row import listed_pk
from farthing.fraud.lists import Kind as ListKind
from farthing.fraud.lists import entry_key, ranges_key
from farthing.fraud.model_row import model_key, models_pk
from farthing.fraud.model_wiring import UNREADABLE_METRIC
from farthing.fraud.rule_row import rules_pk
from farthing.observe import METRICS_NAMESPACE
from farthing.payments.intent import intent_key
from farthing.payments.payment_method import method_key
from farthing.settlement.wiring import EXCEPTIONS_METRIC
from farthing.store import TenantScope
from farthing.vault.card_face import card_face_key
from farthing.vault.envelope import TokenRef
from farthing.vault.purge import OLDEST_METRIC as OLDEST_CARD
from farthing.vault.rows import audit_key, card_key
from tests.support.lambdas import MERCHANT, load
from tests.support.template import resources, template

FUNCTIONS = resources("AWS::Serverless::Function")
TABLES = resources("AWS::DynamoDB::Table")
QUEUES = resources("AWS::SQS::Queue")
ROLES = resources("AWS::IAM::Role")
KEYS = resources("AWS::KMS::Key")
ALARMS = resources("AWS::CloudWatch::Alarm")
GATEWAY_RESPONSES = template()["Globals"]["Api"]["GatewayResponses"]
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def api_events(function: dict[str, Any]) -> list[dict[str, Any]]:
    events = function["Properties"].get("Events", {}).values()
    return [event["Properties"] for event in events if event["Type"] == "Api"]


@pytest.mark.parametrize("name", ROLES)
def test_a_role_names_each_call_and_each_resource(name: str) -> None:
    for statement in statements(ROLES[name]):
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]
        assert statement["Resource"] != "*"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_role_and_a_log_of_its_own(name: str) -> None:
    base = name.removesuffix("Function")
    properties = FUNCTIONS[name]["Properties"]
    assert properties["Role"] == {"Fn::GetAtt": [f"{base}Role", "Arn"]}
    assert properties["LoggingConfig"] == {"LogGroup": {"Ref": f"{base}Logs"}}
    log = resources("AWS::Logs::LogGroup")[f"{base}Logs"]
    assert log["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_kept_encrypted_and_recoverable(name: str) -> None:
    table, properties = TABLES[name], TABLES[name]["Properties"]
    assert table.items() >= KEPT.items()
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert properties["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::GetAtt": ["TablesKey", "Arn"]},
    }


LAST_QUEUES = [name for name, queue in QUEUES.items() if "RedrivePolicy" not in queue["Properties"]]
"""Nothing takes a message out of these but a person."""


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_encrypted(name: str) -> None:
    assert QUEUES[name]["Properties"]["SqsManagedSseEnabled"] is True


def watching(namespace: str, metric: str, **dimensions: Any) -> list[tuple[Any, ...]]:
    """(statistic, threshold, seconds) of each alarm that goes off above it."""
    wanted = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    found = [alarm["Properties"] for alarm in ALARMS.values()]
    return [
        (alarm["Statistic"], alarm["Threshold"], alarm["Period"] * alarm["EvaluationPeriods"])
        for alarm in found
        if (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
        and alarm["Dimensions"] == wanted
        and alarm["ComparisonOperator"] == "GreaterThanThreshold"
    ]


@pytest.mark.parametrize("name", LAST_QUEUES)
def test_a_message_in_a_last_queue_sets_off_an_alarm_within_a_minute(name: str) -> None:
    queue = {"Fn::GetAtt": [name, "QueueName"]}
    metric = "ApproximateNumberOfMessagesVisible"
    assert watching("AWS/SQS", metric, QueueName=queue) == [("Maximum", 0, 60)]


def test_a_delivery_that_waits_sets_off_an_alarm_when_it_should_be_a_dead_letter() -> None:
    queue = {"Fn::GetAtt": ["DeliveriesQueue", "QueueName"]}
    [(statistic, seconds, _)] = watching(
        "AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName=queue
    )
    properties = QUEUES["DeliveriesQueue"]["Properties"]
    receives = properties["RedrivePolicy"]["maxReceiveCount"]
    assert statistic == "Maximum"
    assert receives * properties["VisibilityTimeout"] < seconds <= 3600


def test_an_event_that_waits_in_the_stream_sets_off_an_alarm_long_before_it_is_lost() -> None:
    function = {"Ref": "OutboxFunction"}
    [(statistic, milliseconds, seconds)] = watching(
        "AWS/Lambda", "IteratorAge", FunctionName=function
    )
    assert statistic == "Maximum"
    assert milliseconds / 1000 + seconds <= 3600


def test_cards_that_are_kept_too_long_set_off_an_alarm_within_half_a_day() -> None:
    dimensions = {"function_name": {"Ref": "VaultPurgeFunction"}, "service": "vault_purge"}
    [(statistic, threshold, seconds)] = watching(METRICS_NAMESPACE, OLDEST_CARD, **dimensions)
    assert statistic == "Maximum"
    assert threshold + seconds <= 12 * 3600
    purge = FUNCTIONS["VaultPurgeFunction"]["Properties"]
    assert purge["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "vault_purge"


MARKER = ("due_pk", "due_at")


def limited_to(statement: dict[str, Any], *names: str) -> list[str]:
    """What a statement's condition names, of these keys of DynamoDB's."""
    limits = list(statement["Condition"].values())
    return [one for name in names for limit in limits for one in limit.get(f"dynamodb:{name}", [])]


def test_the_purge_deletes_card_faces_and_nothing_else_of_a_payment() -> None:
    changing = [
        (*statement["Action"], *limited_to(statement, "LeadingKeys", "Attributes"))
        for statement in statements(ROLES["VaultPurgeRole"])
        if {"dynamodb:DeleteItem", "dynamodb:UpdateItem"} & set(statement["Action"])
        and statement["Resource"] == {"Fn::GetAtt": ["PaymentsTable", "Arn"]}
    ]
    faces, methods = "mer_*#CARD#tok_*", "mer_*#PM#pm_*"
    read = ("deleted_at", "exp_month", "exp_year")
    assert changing == [
        ("dynamodb:DeleteItem", faces),
        ("dynamodb:UpdateItem", faces, "pk", "sk", *MARKER),
        ("dynamodb:UpdateItem", methods, "pk", "sk", "closed_at", *MARKER, *read),
    ]
    tenant = TenantScope(MERCHANT, "test")
    for key, pattern in (
        (card_face_key(tenant, "tok_1"), faces),
        (method_key(tenant, "pm_1"), methods),
    ):
        assert fnmatch(key.pk, pattern)
    assert not fnmatch(intent_key(tenant, "pi_1").pk, faces)


def test_nobody_changes_or_deletes_an_audit_row() -> None:
    """Whoever opens cards would else take away the trace of it, and the claim to send."""
    vault = {"Fn::GetAtt": ["VaultTable", "Arn"]}
    cards, envelopes = "mer_*#TOK#tok_*", ["pk", "sk", "envelope"]
    limits = [
        statement.get("Condition", {})
        for name, role in ROLES.items()
        for statement in statements(role)
        if vault in as_list(statement["Resource"])
        and {"dynamodb:DeleteItem", "dynamodb:UpdateItem"} & set(statement["Action"])
    ]
    by_key = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [cards]}}
    by_name = {"ForAllValues:StringEquals": {"dynamodb:Attributes": envelopes}}
    assert len(limits) == 3 and all(limit in (by_key, by_name) for limit in limits)
    tenant = TenantScope(MERCHANT, "test")
    assert fnmatch(card_key(TokenRef(tenant, "tok_1")).pk, cards)
    assert not fnmatch(audit_key(tenant, "tok_1", 1).pk, cards)


def test_tokens_puts_what_pays_and_its_face_and_nothing_else() -> None:
    [put] = [
        statement
        for statement in statements(ROLES["TokensRole"])
        if "dynamodb:PutItem" in statement["Action"]
    ]
    partitions = put["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert partitions == ["mer_*#TOK#tok_*", "mer_*#CARD#tok_*"]


def test_a_batch_that_only_a_person_can_end_sets_off_an_alarm() -> None:
    dimensions = {"function_name": {"Ref": "SettleBatchFunction"}, "service": "settle_batch"}
    assert watching(METRICS_NAMESPACE, EXCEPTIONS_METRIC, **dimensions) == [("Sum", 0, 60)]
    settle = FUNCTIONS["SettleBatchFunction"]["Properties"]
    assert settle["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "settle_batch"


@pytest.mark.parametrize("service", ["payment_intents", "checkout_sessions"])
def test_a_model_that_cannot_be_read_sets_off_an_alarm(service: str) -> None:
    (name,) = (name for name, function in FUNCTIONS.items() if folder(function) == service)
    dimensions = {"function_name": {"Ref": name}, "service": service}
    assert watching(METRICS_NAMESPACE, UNREADABLE_METRIC, **dimensions) == [("Sum", 0, 60)]
    variables = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == service


def test_what_a_merchant_says_of_fraud_is_all_that_its_function_writes() -> None:
    [_, reads, puts, deletes] = statements(ROLES["FraudRole"])
    for statement in (reads, puts, deletes):
        assert statement["Resource"] == {"Fn::GetAtt": ["RiskTable", "Arn"]}
    assert reads["Action"] == ["dynamodb:GetItem", "dynamodb:Query"]
    assert (puts["Action"], deletes["Action"]) == (["dynamodb:PutItem"], ["dynamodb:DeleteItem"])
    tenant = TenantScope(MERCHANT, "test")
    lists = {
        entry_key(tenant, ListKind.EMAIL, "a@b.example").pk,
        ranges_key(tenant).pk,
        listed_pk(tenant),
    }
    said = lists | {rules_pk(tenant), models_pk(tenant), model_key(tenant, "a" * 64).pk}
    others = {
        failures_key(tenant, "a" * 26).pk,
        history_key(tenant, "cus_1", "eur").pk,
        card_seen_key(tenant, "a" * 26).pk,
    }
    for statement, allowed in ((puts, said), (deletes, lists)):
        patterns = limited_to(statement, "LeadingKeys")
        matched = {pk for pk in said | others if any(fnmatch(pk, one) for one in patterns)}
        assert matched == allowed


SILENCE_IS_AN_ALARM = {"OldestUnknownAlarm", "VaultPurgeLateAlarm"}
"""What is measured by each tick of a schedule: if it is not, nobody looks into unknown outcomes any
more, or cards are kept for ever."""


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_sent_and_silence_is_none_but_where_it_is_told_every_minute(name: str) -> None:
    alarm = ALARMS[name]["Properties"]
    topic = [{"Ref": "AlarmTopicArn"}]
    assert alarm["AlarmActions"] == {"Fn::If": ["HasAlarmTopic", topic, {"Ref": "AWS::NoValue"}]}
    silence = "breaching" if name in SILENCE_IS_AN_ALARM else "notBreaching"
    assert alarm["TreatMissingData"] == silence


def test_a_firing_that_does_not_arrive_is_kept() -> None:
    schedules = [event["Properties"] for event in events() if event["Type"] == "ScheduleV2"]
    assert len(schedules) >= 2
    for schedule in schedules:
        queue = schedule["DeadLetterConfig"]["Arn"]
        assert queue == {"Fn::GetAtt": ["ScheduleFailures", "Arn"]}


def readers() -> dict[str, dict[str, Any]]:
    """Queue → the function that it invokes."""
    return {
        event["Properties"]["Queue"]["Fn::GetAtt"][0]: function
        for function in FUNCTIONS.values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "SQS"
    }


@pytest.mark.parametrize("name", readers())
def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_run(name: str) -> None:
    timeout = readers()[name]["Properties"]["Timeout"]
    assert QUEUES[name]["Properties"]["VisibilityTimeout"] >= 6 * timeout


@pytest.mark.parametrize("name", readers())
def test_a_message_that_fails_comes_again_alone_and_ends_where_a_person_looks(name: str) -> None:
    redrive = QUEUES[name]["Properties"]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] == 5
    assert redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] in LAST_QUEUES
    events = readers()[name]["Properties"]["Events"].values()
    (source,) = (event["Properties"] for event in events if event["Type"] == "SQS")
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_queue_is_read_by_a_function_or_by_a_person() -> None:
    assert set(readers()) | set(LAST_QUEUES) == set(QUEUES)


def test_only_charge_decrypts_with_the_vaults_key_and_the_keeper_sees_no_data_key() -> None:
    may = {
        (statement["Principal"]["AWS"]["Fn::GetAtt"][0], action)
        for statement in KEYS["VaultKey"]["Properties"]["KeyPolicy"]["Statement"]
        if statement["Sid"] != "Administer"
        for action in statement["Action"]
    }
    assert may == {
        ("TokensRole", "kms:GenerateDataKey"),
        ("ChargeRole", "kms:Decrypt"),
        ("ChargeRole", "kms:GenerateDataKey"),
        ("VaultKeeperRole", "kms:ReEncryptFrom"),
        ("VaultKeeperRole", "kms:ReEncryptTo"),
    }


def test_the_keeper_changes_envelopes_alone_and_reads_cards_from_the_table_alone() -> None:
    on_the_vault = [
        statement
        for statement in statements(ROLES["VaultKeeperRole"])
        if "VaultTable" in json.dumps(statement["Resource"])
    ]
    assert [statement["Action"] for statement in on_the_vault] == [
        ["dynamodb:Scan"],
        ["dynamodb:UpdateItem"],
    ]
    only = {"dynamodb:Attributes": ["pk", "sk", "envelope"]}
    assert on_the_vault[1]["Condition"] == {"ForAllValues:StringEquals": only}


def test_no_function_writes_what_keys_there_are_but_the_keys_of_checkout_sessions() -> None:
    writing = re.compile(r"dynamodb:(Put|Update|Delete|Batch|Transact)")
    found = [
        (name, statement)
        for name, role in ROLES.items()
        for statement in statements(role)
        if {"Fn::GetAtt": ["AccessTable", "Arn"]} in as_list(statement["Resource"])
        and any(writing.match(action) for action in statement["Action"])
    ]
    [(name, statement)] = found
    assert name == "CheckoutSessionsRole"
    assert statement["Action"] == ["dynamodb:PutItem"]
    # Then it can put rows into that partition alone: it cannot mint a secret key, nor a merchant
    key = key_row("ck_test_" + "a" * 52).pk
    partitions = {"dynamodb:LeadingKeys": ["CHECKOUT#*"]}
    assert statement["Condition"] == {"ForAllValues:StringLike": partitions}
    assert fnmatch(key, "CHECKOUT#*")
    for other in (key_row("sk_test_" + "a" * 52).pk, key_row("pk_live_" + "a" * 52).pk, "MERCHANT"):
        assert not fnmatch(other, "CHECKOUT#*")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_kept_and_administrators_cannot_use_it(name: str) -> None:
    assert KEYS[name].items() >= KEPT.items()
    administer = KEYS[name]["Properties"]["KeyPolicy"]["Statement"][0]
    assert administer["Sid"] == "Administer"
    using = re.compile(r"\*|Decrypt|Encrypt|GenerateDataKey|GenerateMac|VerifyMac|CreateGrant")
    assert not [action for action in administer["Action"] if using.search(action)]


def test_no_role_may_use_a_key_past_its_policy() -> None:
    granted = {
        action for role in ROLES.values() for one in statements(role) for action in one["Action"]
    }
    assert not [action for action in granted if action.startswith("kms:")]


def test_a_revoked_key_works_a_minute_longer_at_most() -> None:
    for name in ("Api", "TokensApi"):
        auth = template()["Resources"][name]["Properties"]["Auth"]
        assert auth["DefaultAuthorizer"] == "ApiKey"
        identity = auth["Authorizers"]["ApiKey"]["Identity"]
        assert identity == {"Headers": ["Authorization"], "ReauthorizeEvery": 60}


def test_nothing_waits_for_itself_to_be_made() -> None:
    """CloudFormation refuses a circle, such as a key whose policy names the role of who needs
    it."""
    needs: dict[str, set[str]] = {}
    for name, resource in template()["Resources"].items():
        body = dict(resource["Properties"])
        if resource["Type"] == "AWS::Serverless::Api":  # its stage is another resource, made last
            needs[f"{name}Stage"] = named_in(body.pop("Variables", None)) | {name}
        needs[name] = named_in(body)
    made: set[str] = set()
    while ready := {name for name in needs if name not in made and needs[name] <= made}:
        made |= ready
    assert set(needs) - made == set()


def named_in(body: Any) -> set[str]:
    """The resources that a part of the template refers to."""
    if isinstance(body, list):
        return set().union(*map(named_in, body))
    if not isinstance(body, dict):
        return set()
    found = set().union(*map(named_in, body.values()))
    for function, argument in body.items():
        match function:
            case "Ref":
                found.add(argument)
            case "Fn::GetAtt":
                found.add(argument[0])
            case "Fn::Sub":
                found |= {
                    name.split(".")[0] for name in re.findall(r"\$\{(\w+)[^}]*\}", str(argument))
                }
    return found & set(template()["Resources"])


def test_two_stacks_in_one_account_do_not_meet() -> None:
    names = [
        *(function["Properties"]["FunctionName"] for function in FUNCTIONS.values()),
        *(event["Properties"]["Name"] for event in events() if event["Type"] == "ScheduleV2"),
    ]
    assert all("${AWS::StackName}" in name["Fn::Sub"] for name in names)


def events() -> Iterator[dict[str, Any]]:
    for function in FUNCTIONS.values():
        yield from function["Properties"].get("Events", {}).values()


def test_timeouts_nest() -> None:
    charge = FUNCTIONS["ChargeFunction"]["Properties"]["Timeout"]
    api = template()["Globals"]["Function"]["Timeout"]
    assert (charge, api) == (20, 27)
    assert all("Timeout" not in f["Properties"] for f in FUNCTIONS.values() if serves_api(f))


def serves_api(function: dict[str, Any]) -> bool:
    apis = {event["RestApiId"]["Ref"] for event in api_events(function)}
    return bool(apis & {"Api", "TokensApi"})


def test_there_is_no_test_clock_in_production() -> None:
    conditions = template()["Conditions"]
    assert {"Fn::Not": [{"Condition": "IsProduction"}]} in conditions["HasTestClock"]["Fn::And"]
    assert TABLES["TestClockTable"]["Condition"] == "HasTestClock"
    policy = template()["Resources"]["ReadTestClock"]
    assert policy["Condition"] == "HasTestClock"
    readers = json.dumps(policy["Properties"]["Roles"])
    assert all(f'"{name}"' in readers for name in ROLES)


@pytest.mark.parametrize("kind", GATEWAY_RESPONSES)
def test_the_gateway_answers_as_the_functions_do(kind: str) -> None:
    # Given
    response = GATEWAY_RESPONSES[kind]
    document = json.loads(response["ResponseTemplates"]["application/json"])
    # When
    row = REGISTRY[document["code"]]
    # Then
    assert response["ResponseParameters"]["Headers"]["Content-Type"] == "'application/problem+json'"
    assert document["type"] == f"/docs/errors#{row.code}"
    assert document["title"] == row.title
    assert document["outcome"] == row.outcome.value
    assert str(document["status"]) == response["StatusCode"]
    assert document["request_id"] == "$context.requestId"
    assert set(document) == {
        "type", "title", "status", "detail", "code", "retry", "outcome", "request_id",
    }  # fmt: skip


def test_the_gateway_knows_every_route_of_the_functions_and_no_others() -> None:
    apis = [function for function in FUNCTIONS.values() if serves_api(function)]
    known = {(event["Method"], event["Path"]) for one in apis for event in api_events(one)}
    served = {
        (route.method, re.sub(r"<(\w+)>", r"{\1}", route.path))
        for function in apis
        for route in load(folder(function)).app.routes
    }
    assert known == served


def folder(function: dict[str, Any]) -> str:
    return str(function["Properties"]["CodeUri"]).split("/")[1]
