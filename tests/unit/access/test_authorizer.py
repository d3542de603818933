"""The authorizer's answer, and that the edge does not rely on it alone."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.account import Settings
from farthing.access.issue import open_account
from farthing.access.keys import NewKey
from farthing.access.principal import KeyKind, Mode
from tests.support import lambdas

EXAMPLE = "example" * 7
API = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5"


@pytest.fixture(autouse=True)
def account(aws: None) -> None:
    """A merchant with the keys of events/authorizer.*.json."""
    keys = [
        NewKey("key_s", lambdas.MERCHANT, Mode.TEST, KeyKind.SECRET, f"sk_test_{EXAMPLE}"),
        NewKey("key_p", lambdas.MERCHANT, Mode.TEST, KeyKind.PUBLISHABLE, f"pk_test_{EXAMPLE}"),
    ]
    store, now = runtime.system_store(), runtime.clock().now()
    open_account(store, lambdas.MERCHANT, "Example", keys, now)


def ask(event: str, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = lambdas.load("authorizer").handler(
        lambdas.event_of(event) | changes, lambdas.Context()
    )
    return answer


def allows(answer: dict[str, Any], route: str) -> bool:
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    return any(fnmatchcase(f"{API}/dev/{route}", named) for named in statement["Resource"])


def test_a_secret_key_may_call_every_route_whichever_was_asked_first() -> None:
    answer = ask("authorizer.secret_key")
    assert answer["principalId"] == lambdas.MERCHANT
    assert answer["context"] == {
        "merchant_id": lambdas.MERCHANT,
        "mode": "test",
        "kind": "SECRET",
        "key_id": "key_s",
        "scopes": "read write",
        "settings": replace(Settings.of_mode("test"), name="Example").to_text(),
    }
    for route in ("GET/v1/customers", "POST/v1/payment_intents/pi_1/confirm", "DELETE/v1/x"):
        assert allows(answer, route)
    other_route = ask("authorizer.secret_key", methodArn=f"{API}/dev/POST/v1/refunds")
    assert other_route == answer


def test_a_publishable_key_may_create_tokens_read_a_session_and_nothing_else() -> None:
    answer = ask("authorizer.publishable_key")
    assert answer["context"]["kind"] == "PUBLISHABLE"
    assert answer["context"]["scopes"] == "tokens"
    assert allows(answer, "POST/v1/tokens")
    assert allows(answer, "GET/v1/checkout_sessions/cs_1")
    for route in (
        "GET/v1/customers",
        "POST/v1/payment_intents",
        "GET/v1/tokens",
        "POST/v1/tokens/x",
        "GET/v1/checkout_sessions",
        "POST/v1/checkout_sessions",
        "POST/v1/checkout_sessions/cs_1/pay",
    ):
        assert not allows(answer, route)
    asked_elsewhere = ask("authorizer.publishable_key", methodArn=f"{API}/dev/GET/v1/customers")
    assert not allows(asked_elsewhere, "GET/v1/customers")


def test_the_grant_is_of_the_stage_that_was_asked() -> None:
    (statement,) = ask("authorizer.secret_key")["policyDocument"]["Statement"]
    assert statement["Resource"] == [f"{API}/dev/*/*"]


def test_an_unknown_key_is_unauthorized() -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask("authorizer.unknown_key")


@pytest.mark.parametrize("headers", [None, {}, {"Authorization": "Basic x"}])
def test_no_key_is_unauthorized(headers: dict[str, str] | None) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        ask("authorizer.secret_key", headers=headers)


def test_no_key_is_in_the_table() -> None:
    table = runtime.table_names()["access"]
    assert EXAMPLE not in repr(boto3.client("dynamodb").scan(TableName=table)["Items"])


@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("customers", "POST", "/v1/customers"),
        ("customers", "GET", "/v1/customers"),
        ("customers", "GET", "/v1/customers/cus_1"),
        ("payment_methods", "POST", "/v1/payment_methods"),
        ("payment_methods", "GET", "/v1/payment_methods"),
        ("payment_methods", "DELETE", "/v1/payment_methods/pm_1"),
        ("payment_methods", "POST", "/v1/payment_methods/pm_1/default"),
        ("checkout_sessions", "POST", "/v1/checkout_sessions"),
        ("checkout_sessions", "GET", "/v1/checkout_sessions"),
        ("checkout_sessions", "POST", "/v1/checkout_sessions/cs_1/expire"),
        ("checkout_sessions", "POST", "/v1/checkout_sessions/cs_1/pay"),
    ],
)
def test_the_edge_refuses_a_publishable_key_by_itself(
    function: str, method: str, path: str
) -> None:
    """Given a gateway that let it through, before the body is looked at."""
    answer = lambdas.call(function, method, path, kind=KeyKind.PUBLISHABLE, raw="not json")
    assert answer.status == 403
    assert answer.body["code"] == "forbidden"
