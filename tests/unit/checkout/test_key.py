"""The key of a session: what the holder of its link can do, and for how long."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.account import Account
from farthing.access.authorize import authorize, policy
from farthing.access.checkout_key import checkout_principal
from farthing.access.keys import key_row, merchant_row
from farthing.access.principal import KeyKind, Mode, Principal
from farthing.access.routes import may_call
from farthing.clock import from_text
from farthing.store import EXISTS, Put, Update
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Context, call
from tests.unit.checkout.conftest import DAY, Counter, rows

NOW = from_text("2026-11-22T09:00:00Z")
SESSION = "cs_00000000000000000000000000"
API = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/dev"


def test_who_has_the_link_may_make_tokens_and_read_and_pay_its_session(counter: Counter) -> None:
    session_id = counter.session()
    principal = counter.payer(session_id)
    assert (principal.kind, principal.session_id) == (KeyKind.CHECKOUT, session_id)
    assert (principal.merchant_id, principal.mode) == (MERCHANT, Mode.TEST)
    assert principal.scopes == {"checkout", "tokens"}
    granted = policy(principal, f"{API}/GET/v1/customers")["policyDocument"]["Statement"]
    assert [one["Resource"] for one in granted] == [
        [
            f"{API}/GET/v1/checkout_sessions/{session_id}",
            f"{API}/POST/v1/tokens",
            f"{API}/POST/v1/checkout_sessions/{session_id}/pay",
        ]
    ]


def test_after_its_time_it_reads_for_a_week_and_then_it_is_nothing(counter: Counter) -> None:
    session_id = counter.session()
    text = counter.sessions[session_id]
    counter.stack.advance(DAY)
    principal = counter.payer(session_id)
    assert principal.scopes == {"checkout"}
    granted = policy(principal, f"{API}/x")["policyDocument"]["Statement"]
    assert granted[0]["Resource"] == [f"{API}/GET/v1/checkout_sessions/{session_id}"]
    counter.stack.advance(7 * DAY + 1)
    runtime.begin(Context())
    assert authorize(runtime.system_store(), text, runtime.clock().now()) is None


def test_whatever_its_row_says_it_is_a_key_for_one_session(counter: Counter) -> None:
    """Given a row that claims more, as only a function gone wrong could write it."""
    session_id = counter.session()
    text = counter.sessions[session_id]
    lies = {"kind": "SECRET", "scopes": ["read", "write"]}
    store = runtime.system_store()
    store.write(Update(key_row(text), EXISTS, set=lies))
    principal = authorize(store, text, runtime.clock().now())
    assert principal is not None
    assert (principal.kind, principal.session_id) == (KeyKind.CHECKOUT, session_id)
    assert principal.scopes == {"checkout", "tokens"}


@pytest.mark.parametrize(
    "changes",
    [{"mode": "live"}, {"session_id": None}, {"session_id": "pi_00000000000000000000000000"}],
)
def test_a_row_that_is_not_a_sessions_stands_for_nobody(changes: dict[str, Any]) -> None:
    row = {
        "merchant_id": "mer_a",
        "mode": "test",
        "key_id": "key_1",
        "session_id": SESSION,
        "pays_until": "2026-11-22T09:00:01.000Z",
    }
    text, account = "ck_test_" + "a" * 52, Account("A", "2026-11-22")
    assert checkout_principal(text, row, account, NOW) is not None
    assert checkout_principal(text, row | changes, account, NOW) is None


def test_a_row_of_its_partition_is_found_by_no_other_key(counter: Counter) -> None:
    counter.session()
    (stored,) = rows("AccessTable", "CHECKOUT#")
    assert key_row("sk_test_" + "a" * 52).pk.startswith("KEY#")
    assert key_row("pk_test_" + "a" * 52).pk.startswith("KEY#")
    assert key_row("ck_test_" + "a" * 52).pk.startswith("CHECKOUT#")
    assert stored["entity"]["S"] == "checkout_key"


def payer(session_id: str = SESSION, *scopes: str) -> Principal:
    scopes = scopes or ("checkout", "tokens")
    return Principal(
        "mer_a", Mode.TEST, KeyKind.CHECKOUT, "k", frozenset(scopes), session_id=session_id
    )


@pytest.mark.parametrize(
    ("method", "path", "may", "may_when_over"),
    [
        ("GET", f"/v1/checkout_sessions/{SESSION}", True, True),
        ("POST", f"/v1/checkout_sessions/{SESSION}/pay", True, False),
        ("POST", "/v1/tokens", True, False),
        ("GET", "/v1/checkout_sessions/cs_00000000000000000000000001", False, False),
        ("POST", "/v1/checkout_sessions/cs_00000000000000000000000001/pay", False, False),
        ("GET", f"/v1/checkout_sessions/{SESSION}/pay", False, False),
        ("POST", f"/v1/checkout_sessions/{SESSION}/expire", False, False),
        ("POST", "/v1/checkout_sessions", False, False),
        ("GET", "/v1/checkout_sessions", False, False),
        ("POST", "/v1/payment_intents", False, False),
        ("GET", "/v1/payment_intents", False, False),
        ("POST", "/v1/refunds", False, False),
        ("GET", "/v1/events", False, False),
        ("DELETE", "/v1/payment_methods/pm_1", False, False),
    ],
)
def test_nothing_else(method: str, path: str, may: bool, may_when_over: bool) -> None:
    assert may_call(payer(), method, path) is may
    assert may_call(payer(SESSION, "checkout"), method, path) is may_when_over


def test_a_key_is_for_a_session_or_for_none() -> None:
    for kind, session_id in ((KeyKind.CHECKOUT, None), (KeyKind.SECRET, SESSION)):
        with pytest.raises(ValueError, match="session"):
            Principal("mer_a", Mode.TEST, kind, "k", frozenset(), session_id=session_id)


@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("checkout_sessions", "GET", "/v1/checkout_sessions/{other}"),
        ("checkout_sessions", "POST", "/v1/checkout_sessions/{other}/pay"),
        ("checkout_sessions", "POST", "/v1/checkout_sessions/{own}/expire"),
        ("checkout_sessions", "POST", "/v1/checkout_sessions"),
        ("checkout_sessions", "GET", "/v1/checkout_sessions"),
        ("payment_intents", "GET", "/v1/payment_intents"),
        ("customers", "GET", "/v1/customers"),
    ],
)
def test_the_edge_refuses_by_itself(
    counter: Counter, function: str, method: str, path: str
) -> None:
    """Given a gateway that let it through, before the body is looked at."""
    own, other = counter.session(), counter.session()
    asked = path.format(own=own, other=other)
    answer = counter.as_payer(function, method, asked, of=own, raw="not json", key="k")
    assert (answer.status, answer.body["code"]) == (403, "forbidden")


def test_a_secret_key_does_not_pay_sessions(counter: Counter) -> None:
    session_id = counter.session()
    path = f"checkout_sessions/{session_id}/pay"
    answer = counter.stack.post(path, {"token": counter.stack.token()})
    assert (answer.status, answer.body["code"]) == (403, "forbidden")


def test_a_payers_card_becomes_a_token_until_the_session_is_over(counter: Counter) -> None:
    session_id = counter.session()
    assert counter.token(session_id).status == 201
    counter.pay(session_id)
    refused = counter.token(session_id)
    assert (refused.status, refused.body["code"]) == (403, "forbidden")
    faces = len(counter.stack.items("card_face"))
    # And one that its merchant ended takes no card either, and the others go on
    ended, going = counter.session(), counter.session()
    counter.stack.post(f"checkout_sessions/{ended}/expire")
    assert counter.token(ended).status == 403
    assert len(counter.stack.items("card_face")) == faces
    assert counter.token(going).status == 201


def test_payers_are_counted_as_whoever_tries_out_stolen_cards_would_be(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENS_PER_MINUTE", "2")
    session_id = counter.session()
    statuses = [counter.token(session_id).status for _ in range(3)]
    assert statuses == [201, 201, 429]


def test_a_payer_sees_what_is_to_be_paid_and_nothing_of_the_merchants(counter: Counter) -> None:
    store, account = runtime.system_store(), Account("Tea & Co", "2026-11-22", colour="#0a7d55")
    store.write(Put(merchant_row(MERCHANT), account.to_item(), EXISTS))
    secret = {"metadata": {"margin": "40 %"}, "customer_email": "ada@example.com"}
    session_id = counter.session(**secret)
    settings = counter.payer(session_id).settings
    path = f"/v1/checkout_sessions/{session_id}"
    seen = counter.as_payer("checkout_sessions", "GET", path, of=session_id, settings=settings)
    assert set(seen.body) == {
        *("session_id", "status", "amount_cents", "currency", "currency_exponent", "expires_at"),
        *("livemode", "merchant", "line_items", "save_payment_method", "attempts_left"),
        *("decline", "success_url", "cancel_url"),
    }
    assert seen.body["merchant"] == {"name": "Tea & Co", "colour": "#0a7d55"}
    assert seen.body["success_url"] is None
    assert "margin" not in seen.text and "ada@" not in seen.text
    counter.pay(session_id)
    assert counter.seen(session_id)["success_url"].endswith(f"?session={session_id}")


def test_a_publishable_key_sees_whether_it_is_paid(counter: Counter) -> None:
    session_id = counter.session(metadata={"margin": "40 %"})
    path = f"/v1/checkout_sessions/{session_id}"
    seen = call("checkout_sessions", "GET", path, kind=KeyKind.PUBLISHABLE)
    assert seen.status == 200
    assert set(seen.body) == {
        *("session_id", "status", "amount_cents", "currency", "expires_at", "livemode"),
    }
    others = call(
        "checkout_sessions", "GET", path, kind=KeyKind.PUBLISHABLE, merchant_id=OTHER_MERCHANT
    )
    assert others.status == 404


def test_logs_hold_the_sessions_id_and_not_its_key(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = counter.session()
    counter.seen(session_id)
    logged = [vars(record) for record in caplog.records]
    assert logged[-1]["session_id"] == session_id
    assert counter.sessions[session_id].rsplit("_", 1)[1] not in repr(logged)


def test_the_row_is_swept_up_when_it_stands_for_nobody(counter: Counter) -> None:
    counter.session()
    (stored,) = boto3.client("dynamodb").scan(
        TableName="AccessTable",
        FilterExpression="entity = :e",
        ExpressionAttributeValues={":e": {"S": "checkout_key"}},
    )["Items"]
    end = from_text(stored["expires_at"]["S"]).timestamp()
    assert end < int(stored["ttl"]["N"]) < end + DAY
