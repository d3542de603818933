"""Bad input gets a clear error and changes nothing."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing.access.principal import KeyKind
from farthing.errors import REGISTRY
from tests.support.lambdas import OTHER_MERCHANT, Answer, call
from tests.support.stack import APPROVED, Stack

PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "retry", "outcome", "request_id"}
GOOD: dict[str, Any] = {"amount_cents": 100, "currency": "eur"}

MALFORMED: list[tuple[str, Any]] = [
    ("amount_cents", 0),
    ("amount_cents", -1),
    ("amount_cents", 100_000_000),
    ("amount_cents", 10**40),
    ("amount_cents", 1.0),
    ("amount_cents", 1e2),
    ("amount_cents", "100"),
    ("amount_cents", True),
    ("amount_cents", None),
    ("amount_cents", [100]),
    ("currency", "xxx"),
    ("currency", "euro"),
    ("currency", ""),
    ("currency", 978),
    ("currency", "\uff45\uff55\uff52"),
    ("confirm", "true"),
    ("confirm", 1),
    ("capture_method", "LATER"),
    ("metadata", {"a": 1}),
    ("metadata", {"a" * 41: "b"}),
    ("metadata", {"a": "b" * 501}),
    ("metadata", {str(i): "" for i in range(51)}),
    ("metadata", {"card": APPROVED}),
    ("metadata", {"card": "4242 4242-4242 4242"}),
    ("metadata", {APPROVED: "card"}),
    ("metadata", {"card": "\uff14\uff12" * 8}),
    ("ip_address", "300.1.1.1"),
    ("ip_address", "fe80::1%4242424242424242"),
    ("metadata", {"card": "4242/4242/4242/4242"}),
    ("metadata", {"card": "4242    4242    4242    4242"}),
    ("metadata", {"card": "4242\u200b4242\u200b4242\u200b4242"}),
    ("metadata", {"card": "4242_4242|4242,4242"}),
    ("customer_id", "cus_1"),
    ("customer_id", "../../etc/passwd"),
    ("token", "tok_1"),
    ("amount", 100),
    ("status", "SUCCEEDED"),
    ("merchant_id", OTHER_MERCHANT),
]


def written() -> int:
    """Rows in all tables but the test clock's."""
    dynamo = boto3.client("dynamodb")
    names = [name for name in dynamo.list_tables()["TableNames"] if name != "TestClockTable"]
    return sum(dynamo.scan(TableName=name, Select="COUNT")["Count"] for name in names)


def is_problem(answer: Answer) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.body) >= PROBLEM_FIELDS
    row = REGISTRY[answer.body["code"]]
    assert (row.status, row.retry, row.outcome) == (
        answer.status,
        answer.body["retry"],
        answer.body["outcome"],
    )


@pytest.mark.parametrize(("field", "value"), MALFORMED)
def test_a_wrong_field_is_named_and_nothing_is_written(
    stack: Stack, field: str, value: Any
) -> None:
    answer = stack.post("payment_intents", GOOD | {field: value})
    is_problem(answer)
    assert answer.status == 400
    assert field in {f["field"].split(".")[0] for f in answer.body["fields"]}
    assert APPROVED not in answer.text
    assert written() == 0


@pytest.mark.parametrize(
    "raw",
    [
        '{"amount_cents": 1, "amount_cents": 2, "currency": "eur"}',
        "",
        "{",
        "[]",
        "1",
        "null",
        '"x"',
        "NaN",
        '{"amount_cents": NaN}',
        "\x00",
        "[" * 20_000,
    ],
)
def test_what_is_no_json_object_is_refused(stack: Stack, raw: str) -> None:
    for resource in ("payment_intents", "refunds"):
        answer = stack.post(resource, raw=raw)
        is_problem(answer)
        assert answer.body["code"] in {"invalid_json", "invalid_request"}
    assert written() == 0


def test_a_megabyte_is_refused(stack: Stack) -> None:
    answer = stack.post("payment_intents", GOOD | {"metadata": {"a": "b" * 1_000_000}})
    is_problem(answer)
    assert answer.body["code"] == "body_too_large"
    assert written() == 0


@pytest.mark.parametrize("value", [0, -1, 1.5, "1", None, True])
def test_a_refund_of_a_wrong_amount_is_refused(stack: Stack, value: Any) -> None:
    intent_id = stack.pay().body["intent_id"]
    before = written()
    body = {"payment_intent_id": intent_id, "amount_cents": value}
    answer = stack.post("refunds", body)
    is_problem(answer)
    assert answer.body["fields"][0]["field"] == "amount_cents"
    assert (
        stack.post("refunds", {"payment_intent_id": intent_id, "reason": "x" * 501}).status == 400
    )
    assert written() == before


def test_payments_before_1970_are_all_of_them(stack: Stack) -> None:
    stack.post("payment_intents", GOOD)
    query = {"created_from": "1960-01-01T00:00:00Z"}
    assert len(stack.get("payment_intents", query=query).body["data"]) == 1
    query = {"created_before": "1960-01-01T00:00:00Z"}
    assert stack.get("payment_intents", query=query).body["data"] == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = [*GOOD, "confirm", "token", "metadata", "capture_method", "customer_id", "ip_address"]


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), json_values, max_size=6),
    resource=st.sampled_from(
        ["payment_intents", "refunds", f"payment_intents/pi_{'0' * 26}/capture", "customers"]
    ),
)
def test_no_input_makes_a_5xx(stack: Stack, body: dict[str, Any], resource: str) -> None:
    answer = stack.post(resource, body)
    assert answer.status < 500, answer.text
    if answer.status >= 400:
        is_problem(answer)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "-1"},
        {"limit": "0100999"},
        {"limit": "0001" + "0" * 5000},
        {"limit": "x"},
        {"limit": "1e1"},
        {"limit": "\u0661"},
        {"starting_after": "pi_nothing"},
        {"starting_after": "pi_" + "0" * 26},
        {"status": "DONE"},
        {"created_from": "yesterday"},
        {"created_from": "2026-11-22T00:00:00"},
        {"created_from": "0001-01-01T00:00:00+23:59"},
        {"created_before": "9999-12-31T23:59:59-23:59"},
        {"customer_id": "cus_" + "0" * 5000},
        {"page": "2"},
    ],
)
def test_a_wrong_list_parameter_is_400(stack: Stack, query: dict[str, str]) -> None:
    answer = stack.get("payment_intents", query=query)
    is_problem(answer)
    assert answer.status == 400


def test_what_does_not_exist_is_404_and_a_wrong_verb_405(stack: Stack) -> None:
    for resource in ("payment_intents/pi_1", "payment_intents/%00", "refunds/re_", "refunds/x/y"):
        answer = stack.get(resource)
        is_problem(answer)
        assert answer.status == 404
    for verb in ("confirm", "capture", "cancel"):
        assert stack.post(f"payment_intents/{'x' * 5000}/{verb}", {}).status == 404
    assert call("refunds", "DELETE", "/v1/refunds").status == 405


def test_another_merchants_id_answers_like_one_that_does_not_exist(stack: Stack) -> None:
    # Given a merchant's objects
    intent_id = stack.pay(100).body["intent_id"]
    held = stack.pay(100, capture_method="MANUAL").body["intent_id"]
    refund_id = stack.refund(intent_id, 10).body["refund_id"]
    token = stack.token()
    nobody = {"pi": "pi_" + "0" * 26, "re": "re_" + "0" * 26, "tok": "tok_" + "0" * 26}

    def asks(pi: str, held: str, re: str, tok: str) -> list[Answer]:
        other: dict[str, Any] = {"merchant_id": OTHER_MERCHANT}
        return [
            stack.get(f"payment_intents/{pi}", **other),
            stack.get(f"refunds/{re}", **other),
            stack.get("payment_intents", query={"starting_after": pi}, **other),
            stack.get("refunds", query={"payment_intent_id": pi}, **other),
            stack.post(f"payment_intents/{held}/capture", {}, **other),
            stack.post(f"payment_intents/{held}/cancel", {}, **other),
            stack.post(f"payment_intents/{held}/confirm", {}, **other),
            stack.post("refunds", {"payment_intent_id": pi}, **other),
            stack.post("payment_intents", GOOD | {"confirm": True, "token": tok}, **other),
        ]

    # When another one asks for them, and for ids that never were
    theirs = asks(intent_id, held, refund_id, token)
    none = asks(nobody["pi"], nobody["pi"], nobody["re"], nobody["tok"])
    # Then the answers differ in the ids that were asked for and in nothing else
    for one, other in zip(theirs, none, strict=True):
        text = one.text
        for mine, zero in (
            (intent_id, nobody["pi"]),
            (held, nobody["pi"]),
            (refund_id, nobody["re"]),
            (token, nobody["tok"]),
        ):
            text = text.replace(mine, zero)
        assert (one.status, text) == (other.status, other.text)
    assert stack.get("payment_intents", merchant_id=OTHER_MERCHANT).body["data"] == []


def test_a_key_does_what_its_scopes_say(stack: Stack) -> None:
    assert stack.post("payment_intents", GOOD, scopes="read").status == 403
    assert stack.get("payment_intents", scopes="write").status == 403
    assert stack.get("payment_intents", scopes="read").status == 200
    publishable = call("refunds", "GET", "/v1/refunds", kind=KeyKind.PUBLISHABLE, scopes="read")
    assert publishable.status == 403
    assert written() == 0
