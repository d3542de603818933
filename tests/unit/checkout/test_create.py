"""Making a session: what is asked for, the link that opens it, and where its key is not."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from farthing.access.account import CardEntry, Settings
from farthing.access.checkout_key import OneKeyMore
from farthing.checkout.sealed import seal
from farthing.checkout.url import check_url
from farthing.store import KeyOutsideScope, TenantScope
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT
from tests.support.threads import at_once, one_call_at_a_time
from tests.unit.checkout.conftest import DAY, Counter, rows


def test_a_session_asks_for_its_items_together_and_has_a_link_for_a_day(counter: Counter) -> None:
    lines = [
        {"name": "Tea", "quantity": 2, "amount_cents": 450},
        {"name": "Cup", "quantity": 1, "amount_cents": 1200, "image_url": "https://a.example/c"},
        {"name": "Sample", "quantity": 1, "amount_cents": 0},
    ]
    answer = counter.create(line_items=lines, currency="EUR", metadata={"order": "17"})
    assert answer.status == 201
    body = answer.body
    link, key = body.pop("url").split("#")
    session_id = body["session_id"]
    assert session_id.startswith("cs_")
    assert link == f"https://api.example/dev/checkout/{session_id}"
    assert key.startswith("ck_test_")
    assert (body["status"], body["amount_cents"], body["currency"]) == ("OPEN", 2100, "eur")
    assert body["line_items"][1] == lines[1]
    assert body["payment_intent_id"] is None
    assert body["metadata"] == {"order": "17"}
    assert seconds_between(body["created_at"], body["expires_at"]) == DAY
    # And reading it shows the same, without the link
    assert counter.read(session_id) == body


def seconds_between(first: str, second: str) -> float:
    from farthing.clock import from_text

    return (from_text(second) - from_text(first)).total_seconds()


def test_nothing_is_charged_and_no_payment_exists_before_somebody_pays(counter: Counter) -> None:
    counter.session()
    assert counter.stack.items("intent") == counter.stack.items("operation") == []


def test_the_same_request_gets_the_same_link_to_the_byte(counter: Counter) -> None:
    first = counter.create(key="k")
    again = counter.create(key="k")
    assert (again.status, again.text) == (201, first.text)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(counter.stack.items("checkout_session")) == 1
    assert len(rows("AccessTable", "CHECKOUT#")) == 1
    other = counter.create(key="k", currency="usd")
    assert (other.status, other.body["code"]) == (422, "idempotency_key_reused")


def test_the_same_request_many_times_at_once_makes_one_session(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_call_at_a_time(monkeypatch)
    answers = at_once(lambda _: counter.create(key="k"), range(8))
    assert {(one.status, one.text) for one in answers} == {(201, answers[0].text)}
    assert len(counter.stack.items("checkout_session")) == 1


def test_without_a_key_no_session_is_made(counter: Counter) -> None:
    from tests.support.lambdas import call

    answer = call("checkout_sessions", "POST", "/v1/checkout_sessions", counter.wanted())
    assert (answer.status, answer.body["code"]) == (400, "idempotency_key_missing")


def test_the_key_of_a_link_is_in_no_table(counter: Counter) -> None:
    session_id = counter.session(key="an-order")
    secret = counter.sessions[session_id].rsplit("_", 1)[1]
    for table in ("PaymentsTable", "AccessTable", "RiskTable"):
        assert secret not in repr(boto3.client("dynamodb").scan(TableName=table)["Items"])
    (stored,) = rows("AccessTable", "CHECKOUT#")
    assert set(stored) == {
        *("pk", "sk", "entity", "schema_version", "key_id", "merchant_id", "mode", "session_id"),
        *("created_at", "pays_until", "expires_at", "ttl"),
    }


def test_what_is_sealed_opens_with_the_same_request_alone() -> None:
    entropy = bytes(range(32))
    sealed = seal(entropy, "key", "cs_1")
    assert seal(sealed, "key", "cs_1") == entropy
    assert len({sealed, entropy, seal(entropy, "kez", "cs_1"), seal(entropy, "key", "cs_2")}) == 4
    with pytest.raises(ValueError, match="entropy"):
        seal(b"short", "key", "cs_1")


def test_who_makes_sessions_reaches_one_row_outside_of_its_merchant() -> None:
    scope = OneKeyMore(TenantScope("mer_a", "test"), "CHECKOUT#1")
    scope.check("CHECKOUT#1")
    scope.check("mer_a#test#CS#cs_1")
    for pk in ("CHECKOUT#2", "KEY#1", "MERCHANT", "mer_b#test#CS#cs_1", "mer_a#live#CS#cs_1"):
        with pytest.raises(KeyOutsideScope):
            scope.check(pk)


LINE = {"name": "Tea", "quantity": 1, "amount_cents": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"line_items": []},
        {"line_items": [LINE] * 101},
        {"line_items": [LINE | {"amount_cents": 0}]},
        {"line_items": [LINE | {"amount_cents": -1}, LINE | {"amount_cents": 5}]},
        {"line_items": [LINE | {"amount_cents": 99_999_999}, LINE]},
        {"line_items": [LINE | {"quantity": 10_000, "amount_cents": 10_000}]},
        {"line_items": [LINE | {"quantity": 0}]},
        {"line_items": [LINE | {"quantity": 1.5}]},
        {"line_items": [LINE | {"amount_cents": "1"}]},
        {"line_items": [LINE | {"name": ""}]},
        {"line_items": [LINE | {"name": "x" * 251}]},
        {"line_items": [LINE | {"name": "4242 4242 4242 4242"}]},
        {"line_items": [LINE | {"image_url": "http://a.example/x.png"}]},
        {"line_items": [LINE | {"colour": "red"}]},
        {"currency": "eurx"},
        {"success_url": "http://shop.example/"},
        {"success_url": "javascript:alert(1)"},
        {"success_url": "https://shop.example/?card=4242424242424242"},
        {"cancel_url": "/basket"},
        {"cancel_url": None},
        {"customer_id": "pi_00000000000000000000000000"},
        {"customer_email": "nobody"},
        {"capture_method": "LATER"},
        {"save_payment_method": True},
        {"metadata": {"a": 1}},
        {"expires_at": "2030-01-01T00:00:00Z"},
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    counter: Counter, wrong: dict[str, Any]
) -> None:
    answer = counter.create(**wrong)
    assert answer.status == 400
    assert answer.body["fields"]
    assert rows("PaymentsTable") == []
    assert rows("AccessTable", "CHECKOUT#") == []


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        (Settings({}), {}),
        (Settings({"usd": "sandbox"}), {}),
        (Settings({"*": "sandbox"}, CardEntry.EXTERNAL), {}),
        (Settings({"*": "stripe"}), {}),
    ],
)
def test_a_session_that_nobody_could_pay_is_not_made(
    counter: Counter, settings: Settings, more: dict[str, Any]
) -> None:
    """Given a merchant without an acquirer for it, or whose acquirer's own fields take cards."""
    answer = counter.create(settings=settings, **more)
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")
    assert rows("PaymentsTable") == []


def test_the_most_that_a_session_may_ask_for(counter: Counter) -> None:
    most = [LINE | {"amount_cents": 99_999_998}, LINE]
    assert counter.create(line_items=most).body["amount_cents"] == 99_999_999


def test_a_customer_must_be_the_merchants(counter: Counter) -> None:
    ours = counter.stack.post("customers", {}).body["customer_id"]
    theirs = counter.stack.post("customers", {}, merchant_id=OTHER_MERCHANT).body["customer_id"]
    assert counter.create(customer_id=ours).status == 201
    refused = counter.create(customer_id=theirs)
    assert (refused.status, refused.body["code"]) == (404, "not_found")
    assert len(counter.stack.items("checkout_session")) == 1


def test_a_session_is_its_merchants_alone(counter: Counter) -> None:
    session_id = counter.session()
    for method, path in (
        ("GET", f"checkout_sessions/{session_id}"),
        ("POST", f"checkout_sessions/{session_id}/expire"),
    ):
        asked = counter.stack.get if method == "GET" else counter.stack.post
        assert asked(path, merchant_id=OTHER_MERCHANT).status == 404
    listed = counter.stack.get("checkout_sessions", merchant_id=OTHER_MERCHANT)
    assert listed.body["data"] == []
    assert counter.stack.get("checkout_sessions/cs_1").status == 404


@pytest.mark.parametrize(
    "text",
    [
        "https://shop.example",
        "https://shop.example:8443/a/b?c={CHECKOUT_SESSION_ID}#top",
        "https://xn--bcher-kva.example/",
        "https://203.0.113.7/",
    ],
)
def test_a_payer_is_sent_to_these(text: str) -> None:
    assert check_url(text, allow_loopback=False) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop.example",
        "//shop.example/",
        "https:///a",
        "https://shop.example\\@evil.example/",
        "https://user@shop.example/",
        "https://shop.example/a b",
        "https://shop.example/\n",
        "https://sh\u00f6p.example/",
        "https://shop.example:99999999/",
        "data:text/html,x",
        "JavaScript:alert(1)",
        "http://localhost/",
        "http://127.0.0.1:8082/",
        'https://shop.example/"onerror=',
        "https://shop.example/" + "a" * 2048,
    ],
)
def test_and_not_to_these(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_url(text, allow_loopback=False)


def test_to_this_machine_only_where_the_stack_is_on_it(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"success_url": "http://127.0.0.1:8082/thanks", "cancel_url": "http://localhost:8082/"}
    assert counter.create(**here).status == 400
    monkeypatch.setenv("CHECKOUT_ALLOW_LOOPBACK", "true")
    assert counter.create(**here).status == 201
    assert counter.create(success_url="http://shop.example/").status == 400


def test_the_idempotency_row_holds_the_answer_without_the_key(counter: Counter) -> None:
    counter.session(key="k")
    (row,) = counter.stack.items("idempotency")
    body = json.loads(row["body"]["S"])
    assert body["url"].endswith(body["session_id"])
    assert MERCHANT in row["pk"]["S"]
