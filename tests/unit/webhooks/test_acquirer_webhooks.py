"""What acquirers post: verified or refused, kept before it is acknowledged, only ever a hint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.acquiring.inbound import NotAHint
from farthing.acquiring.inbox import ItemAddress
from farthing.acquiring.sandbox import NoUsableAnswer
from farthing.acquiring.standard_webhooks import StandardWebhooks, operation_in
from farthing.http.request import BODY_BYTES_MAX
from farthing.payments.address import Address
from farthing.payments.hint import AGAIN_SECONDS
from farthing.payments.told import operation_named
from farthing.webhooks.signature import SignatureRefused
from tests.support import inbox
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.stack import ANSWER_NEVER_COMES, APPROVED, Stack

ID = "msg_01m817tr88cas1byw96gkvdt72"
SECRET = b"webhook-secret"
PAYMENT = "0" * 26


@pytest.fixture
def hook(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What acquirer_webhooks has: a secret and a queue."""
    boto3.client("secretsmanager").create_secret(Name="webhook", SecretString=SECRET.decode())
    queue = boto3.client("sqs").create_queue(QueueName="acquirer-events")
    monkeypatch.setenv("ACQUIRER_WEBHOOK_SECRET_ID", "webhook")
    monkeypatch.setenv("ACQUIRER_EVENTS_QUEUE_URL", queue["QueueUrl"])


def hint(**data: Any) -> dict[str, Any]:
    """A message as the sandbox sends it."""
    named = {
        "reference": PAYMENT,
        "order_id": f"pi_{PAYMENT}",
        "merchant_reference": f"{MERCHANT}:test",
        "operation": "AUTHORIZE",
        "status": "APPROVED",
    }
    return {"id": ID, "type": "refund.updated", "created_at": "…", "data": named | data}


def signed(body: bytes, *, at: int | None = None, secret: bytes = SECRET) -> dict[str, str]:
    """The three headers, made by hand: the other side is another's code."""
    at = int(time.time()) if at is None else at
    digest = hmac.new(secret, f"{ID}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"Webhook-Id": ID, "Webhook-Timestamp": str(at), "Webhook-Signature": signature}


def post(
    body: bytes, headers: dict[str, str], acquirer: str = "sandbox", *, encoded: bool = False
) -> tuple[int, dict[str, Any]]:
    path = f"/v1/acquirer_webhooks/{acquirer}"
    event = {
        "resource": "/v1/acquirer_webhooks/{acquirer}",
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "requestContext": {"requestId": "req-1", "path": path, "httpMethod": "POST"},
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
        "isBase64Encoded": encoded,
    }
    answer = load("acquirer_webhooks").handler(event, Context())
    return answer["statusCode"], json.loads(answer["body"])


def test_a_signed_message_is_kept_and_queued_and_then_acknowledged(hook: None) -> None:
    # Given: bytes that no JSON library would write alike
    body = b'{ "data" : {"a":1} }'
    # When
    status, answer = post(body, signed(body))
    # Then
    assert (status, answer) == (200, {"received": True})
    (text,) = inbox.queued()
    (row,) = inbox.rows()
    assert ItemAddress.parse(text) == ItemAddress("sandbox", "", ID)
    assert (row["name"]["S"], row["body"]["S"]) == (ID, body.decode())
    assert row["state"]["S"] == "RECEIVED"


def test_a_body_in_base64_is_verified_over_its_bytes(hook: None) -> None:
    body = json.dumps(hint()).encode()
    assert post(body, signed(body), encoded=True)[0] == 200
    assert len(inbox.queued()) == 1


BODY = json.dumps(hint()).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(BODY, secret=b"another"),
        signed(BODY + b" "),
        signed(BODY, at=int(time.time()) - 4000),
        signed(BODY, at=int(time.time()) + 4000),
        signed(BODY) | {"Webhook-Id": "msg_other"},
        signed(BODY) | {"Webhook-Id": "é\ud800"},
        signed(BODY) | {"Webhook-Timestamp": "now"},
        signed(BODY) | {"Webhook-Signature": "v1,"},
        signed(BODY) | {"Webhook-Signature": "é"},
    ],
    ids=["none", "another key", "another body", "old", "early", "id", "odd", "time", "empty", "é"],
)
def test_what_is_not_verified_is_refused_and_leaves_nothing(
    hook: None, headers: dict[str, str]
) -> None:
    status, problem = post(BODY, headers)
    assert (status, problem["code"], problem["retry"]) == (401, "signature_refused", "NEVER")
    assert (inbox.queued(), inbox.rows()) == ([], [])


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": ""},
        {"webhook-id": "a.b"},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": "nonsense v1,!"},
    ],
)
def test_what_could_not_be_signed_is_refused_and_no_secret_is_read(change: dict[str, str]) -> None:
    def nobody() -> list[str]:
        raise AssertionError("a secret was read")

    now = int(time.time())
    headers = {name.lower(): value for name, value in signed(BODY, at=now).items()} | change
    with pytest.raises(SignatureRefused):
        StandardWebhooks(operation_in).verify(BODY, headers, nobody, now)


def test_an_acquirer_that_we_do_not_know_is_nobody(hook: None) -> None:
    status, problem = post(BODY, signed(BODY), "someone")
    assert (status, problem["code"]) == (404, "not_found")
    assert (inbox.queued(), inbox.rows()) == ([], [])


def test_a_body_is_bounded(hook: None) -> None:
    largest = b"x" * BODY_BYTES_MAX
    assert post(largest, signed(largest))[0] == 200
    assert len(inbox.queued()) == 1
    larger = largest + b"x"
    status, problem = post(larger, signed(larger))
    assert (status, problem["code"]) == (400, "body_too_large")
    assert inbox.queued() == []


def test_a_message_that_the_queue_did_not_take_is_not_acknowledged(
    hook: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sqs.invalid")

    monkeypatch.setattr(runtime.client("sqs"), "send_message", refuse)
    assert post(BODY, signed(BODY))[0] == 500


def test_what_died_between_row_and_queue_is_queued_when_it_comes_again(
    hook: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a message that was kept, and not acknowledged
    with monkeypatch.context() as broken:
        broken.setattr(runtime.client("sqs"), "send_message", lambda **_: 1 / 0)
        assert post(BODY, signed(BODY))[0] == 500
    assert (inbox.states(), inbox.queued()) == (["RECEIVED"], [])
    # When the acquirer repeats it
    assert post(BODY, signed(BODY))[0] == 200
    # Then
    assert (inbox.states(), len(inbox.queued())) == (["RECEIVED"], 1)


def test_only_what_was_applied_is_not_queued_again(stack: Stack) -> None:
    # Given a message about a payment of ours
    stack.pay(100)
    body = json.dumps(hint_at(stack)).encode()
    headers = signed(body, secret=b"webhook-secret")
    # When it comes twice before anybody has looked, Then it is queued twice
    assert [post(body, headers)[0] for _ in range(2)] == [200, 200]
    messages = inbox.queued()
    assert len(messages) == 2
    # When it was applied, Then it is acknowledged, and that is all
    assert inbox.work_off(*messages[:1]) == []
    assert inbox.states() == ["APPLIED"]
    assert post(body, headers)[0] == 200
    assert (inbox.states(), inbox.queued()) == (["APPLIED"], [])


def test_an_item_about_what_we_do_not_have_waits_and_does_not_fail(stack: Stack) -> None:
    assert inbox.work_off(inbox.heard("sandbox", hint())) == []
    (row,) = inbox.rows()
    assert (row["state"]["S"], row["waits"]["N"], row["due_pk"]["S"][:6]) == (
        "RECEIVED",
        "1",
        "INBOX#",
    )
    # and the minute's tick brings it back
    assert load("redeliver_due").handler({}, Context())["items"] == 0
    stack.advance(31)
    assert load("redeliver_due").handler({}, Context())["items"] == 1
    (text,) = inbox.queued()
    assert ItemAddress.parse(text).name == "msg_1"


def test_a_card_number_gets_neither_into_the_queue_nor_into_the_inbox(hook: None) -> None:
    body = json.dumps(hint(note=APPROVED) | {"type": APPROVED, "created_at": APPROVED}).encode()
    assert post(body, signed(body))[0] == 200
    assert APPROVED not in json.dumps([inbox.queued(), inbox.rows()])
    assert named(inbox.rows()[0]["body"]["S"]).intent_id == f"pi_{PAYMENT}"


def named(body: Any) -> Address:
    """The operation that a message of the sandbox's names."""
    text = body if isinstance(body, str) else json.dumps(body)
    address = ItemAddress("sandbox", "", ID)
    return operation_named(StandardWebhooks(operation_in).subject(text), address)


@pytest.mark.parametrize(
    ("operation", "prefix"),
    [("AUTHORIZE", "op"), ("CAPTURE", "op"), ("VOID", "op"), ("REFUND", "re")],
)
def test_a_hint_names_an_operation(operation: str, prefix: str) -> None:
    random_part = "01m817tr88cas1byw96gkvdt72"
    data = {"operation": operation, "reference": random_part.upper()}
    address = named(hint(**data))
    assert str(address) == f"{MERCHANT}/test/pi_{PAYMENT}/{prefix}_{random_part}"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"data": null}',
        hint(reference=None),
        hint(reference="../" * 9),
        hint(order_id="op_" + PAYMENT),
        hint(merchant_reference=MERCHANT),
        hint(merchant_reference=f"{MERCHANT}:live"),
        hint(merchant_reference="pi_x:test"),
        hint(operation=None, reference="x"),
    ],
)
def test_what_names_no_operation_of_that_acquirer_is_no_hint(body: Any) -> None:
    with pytest.raises(NotAHint):
        named(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(data=JSON, field=st.sampled_from(sorted(hint()["data"])), value=JSON)
def test_no_content_breaks_the_reading(data: Any, field: str, value: Any) -> None:
    for body in ({"data": data}, hint(**{field: value})):
        try:
            address = named(body)
        except NotAHint:
            continue
        assert address.tenant.mode == "test"


def test_what_we_cannot_read_comes_again_and_ends_as_a_dead_letter(stack: Stack) -> None:
    assert inbox.work_off(inbox.heard("sandbox", "no json")) == ["0"]
    assert inbox.work_off("no message of ours") == ["0"]


def hint_at(stack: Stack, **more: Any) -> dict[str, Any]:
    """The acquirer's message about the only operation that there is."""
    (row,) = stack.items("operation")
    about = {
        "reference": row["reference"]["S"],
        "order_id": row["intent_id"]["S"],
        "operation": row["kind"]["S"],
    }
    return hint(**about, **more)


def test_a_hint_makes_the_acquirer_be_asked_and_what_it_answers_counts(stack: Stack) -> None:
    # Given: a charge whose answer never came
    intent_id = stack.pay(100, number=ANSWER_NEVER_COMES).body["intent_id"]
    # When: a message that lies about what became of it
    assert (
        inbox.work_off(inbox.heard("sandbox", hint_at(stack, status="DECLINED", amount_cents=1)))
        == []
    )
    # Then
    intent = stack.get(f"payment_intents/{intent_id}").body
    assert (intent["status"], intent["amount_captured_cents"]) == ("SUCCEEDED", 100)


def test_a_hint_about_what_is_known_changes_nothing_and_asks_nobody(stack: Stack) -> None:
    stack.pay(100)
    before, asked = stack.items("operation"), len(stack.acquirer.requests)
    assert inbox.work_off(inbox.heard("sandbox", hint_at(stack, status="REVERSED"))) == []
    assert stack.items("operation") == before
    assert len(stack.acquirer.requests) == asked


def test_what_is_unknown_after_a_hint_is_looked_into_once_more_soon(stack: Stack) -> None:
    # Given: the acquirer cannot be asked
    stack.pay(100, number=ANSWER_NEVER_COMES)

    def down(method: str, path: str) -> None:
        raise NoUsableAnswer

    stack.acquirer.before = down
    address = named(hint_at(stack))
    # When
    assert inbox.work_off(inbox.heard("sandbox", hint_at(stack))) == []
    # Then
    assert (AGAIN_SECONDS, {"operation": str(address)}) in stack.looks.sent
