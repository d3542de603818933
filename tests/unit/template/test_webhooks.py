"""What the functions of webhooks may write, and whom they may tell."""

from __future__ import annotations

from fnmatch import fnmatchcase as fnmatch
from typing import Any

from farthing.store import TenantScope
from farthing.webhooks.keys import (
    delivery_key,
    endpoint_key,
    endpoint_news_key,
    event_key,
    feed_end_key,
    feed_key,
    gate_key,
    placed_key,
    recovery_key,
)
from tests.support.lambdas import MERCHANT
from tests.support.template import resources

TENANT = TenantScope(MERCHANT, "test")
TABLE = {"Fn::GetAtt": ["WebhooksTable", "Arn"]}
KEYS = {
    "delivery": delivery_key(TENANT, "dlv_1").pk,
    "endpoint": endpoint_key(TENANT, "we_1").pk,
    "gate": gate_key(TENANT, "we_1").pk,
    "news": endpoint_news_key(TENANT, "we_1", "x", "y").pk,
    "event": feed_key(TENANT, 0, 1).pk,
    "end of the feed": feed_end_key(TENANT, 0).pk,
    "place of an event": event_key(TENANT, "evt_1").pk,
    "progress": placed_key(TENANT, "we_1").pk,
    "recovery": recovery_key(TENANT, "we_1", "rcv_1").pk,
    "inbox": "INBOX#sandbox#default#1",
}
MERCHANTS = set(KEYS) - {"inbox"}


def statements(role: str) -> list[dict[str, Any]]:
    (policy,) = resources("AWS::IAM::Role")[role]["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def may(role: str, action: str) -> set[str]:
    """The kinds of rows of the webhooks table that the role may do this to."""
    allowed: set[str] = set()
    for statement in statements(role):
        if statement["Resource"] != TABLE or f"dynamodb:{action}" not in statement["Action"]:
            continue
        limit = statement.get("Condition", {}).get("ForAllValues:StringLike", {})
        patterns = limit.get("dynamodb:LeadingKeys", ["*"])
        allowed |= {kind for kind, pk in KEYS.items() if any(fnmatch(pk, one) for one in patterns)}
    return allowed


def test_who_reads_events_writes_deliveries_and_nothing_else() -> None:
    assert may("EventsRole", "PutItem") == may("EventsRole", "UpdateItem") == {"delivery"}
    assert may("EventsRole", "DeleteItem") == set()


def test_who_sends_makes_gates_and_news_and_nothing_else() -> None:
    assert may("DeliverWebhooksRole", "PutItem") == {"gate", "news"}
    assert may("DeliverWebhooksRole", "DeleteItem") == set()


def test_who_answers_requests_about_endpoints_leaves_the_inbox_alone_and_deletes_no_event() -> None:
    role = "WebhookEndpointsRole"
    assert may(role, "PutItem") == may(role, "UpdateItem") == MERCHANTS
    assert may(role, "DeleteItem") == {"endpoint", "news", "recovery"}


def test_the_tick_makes_events_and_deliveries_and_deletes_what_was_told() -> None:
    events = {"event", "end of the feed", "place of an event", "progress"}
    assert may("RedeliverDueRole", "PutItem") == {*events, "delivery"}
    assert may("RedeliverDueRole", "DeleteItem") == {"news", "recovery"}


def test_the_tick_alone_publishes_notices_on_one_encrypted_topic() -> None:
    publishing = [
        (role, statement["Resource"])
        for role in resources("AWS::IAM::Role")
        for statement in statements(role)
        if "sns:Publish" in statement["Action"]
    ]
    assert publishing == [("RedeliverDueRole", {"Fn::GetAtt": ["NoticesTopic", "TopicArn"]})]
    topic = resources("AWS::SNS::Topic")["NoticesTopic"]["Properties"]
    assert topic["KmsMasterKeyId"] == "alias/aws/sns"
    tick = resources("AWS::Serverless::Function")["RedeliverDueFunction"]["Properties"]
    assert tick["Environment"]["Variables"]["NOTICES_TOPIC_ARN"] == {"Ref": "NoticesTopic"}
