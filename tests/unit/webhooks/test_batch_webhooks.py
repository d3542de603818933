"""Several items in a body, each signed in itself, as Adyen posts them: all count or none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.acquiring.batch_webhooks import ITEMS_MAX, BatchWebhooks
from farthing.acquiring.inbound import NotAHint
from farthing.acquiring.inbox import ItemAddress
from farthing.cards import holds_pan
from farthing.payments.told import operation_named
from farthing.webhooks.signature import SignatureRefused
from farthing_sandbox import runtime as sandbox_runtime
from tests.support import inbox
from tests.support.lambdas import MERCHANT, Context, load
from tests.support.methods import DECIDES_SECONDS, RETURNED, RETURNS_SECONDS, debit
from tests.support.stack import APPROVED, Stack

SECRET = b"webhook-secret"
KEY = SECRET.hex()
PAYMENT = "0" * 26

ADYENS_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
ADYENS = {
    "pspReference": "7914073381342284",
    "merchantReference": "TestPayment-1407325143704",
    "merchantAccountCode": "TestMerchant",
    "amount": {"currency": "EUR", "value": 1130},
    "eventCode": "AUTHORISATION",
    "success": "true",
    "eventDate": "2019-05-06T17:15:34.121+02:00",
    "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
}
"""The vector of Adyen's own libraries (`test/UtilTest.py` of adyen-python-api-library)."""


def item(**changes: Any) -> dict[str, Any]:
    """A notification about an operation of ours, signed by hand: the other side is another's."""
    made = {
        "pspReference": "NC6HT9CRT65ZGN82",
        "originalReference": "",
        "merchantAccountCode": f"{MERCHANT}.test",
        "merchantReference": f"pi_{PAYMENT}.{PAYMENT}",
        "amount": {"value": 1000, "currency": "EUR"},
        "eventCode": "REFUND",
        "success": "true",
        "eventDate": "2026-11-22T09:00:00Z",
    } | changes
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    fields = [str(made[name]) for name in names]
    fields += [str(made["amount"]["value"]), str(made["amount"]["currency"])]
    content = ":".join([*fields, str(made["eventCode"]), str(made["success"])])
    digest = hmac.new(SECRET, content.encode(errors="replace"), hashlib.sha256).digest()
    return made | {"additionalData": {"hmacSignature": base64.b64encode(digest).decode()}}


def body(*items: Any) -> bytes:
    wrapped = [{"NotificationRequestItem": one} for one in items]
    return json.dumps({"live": "false", "notificationItems": wrapped}).encode()


def post(raw: bytes) -> dict[str, Any]:
    """The answer of acquirer_webhooks."""
    path = "/v1/acquirer_webhooks/sandbox_batch"
    event = {
        "path": path,
        "httpMethod": "POST",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "requestContext": {"requestId": "req-1", "path": path, "httpMethod": "POST"},
        "body": base64.b64encode(raw).decode(),
        "isBase64Encoded": True,
    }
    answer: dict[str, Any] = load("acquirer_webhooks").handler(event, Context())
    return answer


def test_adyens_own_vector_is_verified() -> None:
    (told,) = BatchWebhooks().verify(body(ADYENS), {}, lambda: [ADYENS_KEY], 0)
    assert told.event_id == "7914073381342284/AUTHORISATION/true"
    assert (told.type, told.occurred_at) == ("AUTHORISATION", ADYENS["eventDate"])


@pytest.mark.parametrize(
    "change",
    [
        {"pspReference": "7914073381342285"},
        {"originalReference": "x"},
        {"merchantAccountCode": "Another"},
        {"merchantReference": "TestPayment-1407325143705"},
        {"amount": {"currency": "EUR", "value": 1131}},
        {"amount": {"currency": "USD", "value": 1130}},
        {"eventCode": "REFUND"},
        {"success": "false"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_signed_field_counts(change: dict[str, Any]) -> None:
    with pytest.raises(SignatureRefused):
        BatchWebhooks().verify(body(ADYENS | change), {}, lambda: [ADYENS_KEY], 0)


def test_one_of_two_secrets_is_enough_and_another_is_not() -> None:
    verify = BatchWebhooks().verify
    assert len(verify(body(ADYENS), {}, lambda: ["00ff", ADYENS_KEY], 0)) == 1
    for secrets in (["00ff"], []):
        with pytest.raises(SignatureRefused):
            verify(body(ADYENS), {}, lambda found=secrets: found, 0)


def test_each_item_is_kept_and_queued_and_the_answer_is_the_one_that_is_wanted(
    stack: Stack,
) -> None:
    # When
    answer = post(body(item(), item(pspReference="ANOTHER"), item(eventCode="CAPTURE")))
    # Then
    assert (answer["statusCode"], answer["body"]) == (200, "[accepted]")
    assert answer["multiValueHeaders"]["Content-Type"] == ["text/plain"]
    names = {"NC6HT9CRT65ZGN82/REFUND/true", "ANOTHER/REFUND/true", "NC6HT9CRT65ZGN82/CAPTURE/true"}
    assert {row["name"]["S"] for row in inbox.rows()} == names
    assert {ItemAddress.parse(text).name for text in inbox.queued()} == names


def test_one_item_that_is_not_signed_refuses_the_whole_body(stack: Stack) -> None:
    wrong = item(pspReference="ANOTHER") | {"success": "false"}
    for raw in (body(item(), wrong), body(wrong, item())):
        answer = post(raw)
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (
            401,
            "signature_refused",
        )
        assert (inbox.rows(), inbox.queued()) == ([], [])


def test_an_item_is_one_however_it_is_batched(stack: Stack) -> None:
    assert post(body(item(), item()))["statusCode"] == 200
    assert post(body(item(eventDate="2026-11-22T10:00:00Z")))["statusCode"] == 200
    assert len(inbox.rows()) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 60_000,
        body(),
        body(7),
        body(None),
        body({}),
        body(item() | {"additionalData": {}}),
        body(item() | {"additionalData": {"hmacSignature": "é"}}),
        body(item() | {"amount": None}),
        body(item() | {"success": True}),
        body(item(pspReference="A:B")),
        body(item(merchantReference="\ud800")),
        body(*[item(pspReference=str(n)) for n in range(ITEMS_MAX + 1)]),
        b'{"notificationItems": "abc"}',
    ],
)
def test_what_could_not_be_signed_is_refused_and_no_secret_is_read(raw: bytes) -> None:
    def nobody() -> list[str]:
        raise AssertionError("a secret was read")

    with pytest.raises(SignatureRefused):
        BatchWebhooks().verify(raw, {}, nobody, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(value=JSON, name=st.sampled_from(sorted(item())))
def test_no_content_breaks_the_reading(value: Any, name: str) -> None:
    adapter = BatchWebhooks()
    for raw in (json.dumps(value).encode(), body(item() | {name: value})):
        try:
            (told,) = adapter.verify(raw, {}, lambda: [KEY], 0)
            adapter.subject(told.body)
        except (SignatureRefused, NotAHint):
            continue


@pytest.mark.parametrize(
    ("event_code", "prefix"),
    [
        ("AUTHORISATION", "op"),
        ("CAPTURE", "op"),
        ("CANCELLATION", "op"),
        ("REFUND", "re"),
        ("CHARGEBACK", "op"),
    ],
)
def test_an_item_names_an_operation(event_code: str, prefix: str) -> None:
    hint = BatchWebhooks().subject(json.dumps(item(eventCode=event_code)))
    address = operation_named(hint, ItemAddress("sandbox_batch", "", "x"))
    assert str(address) == f"{MERCHANT}/test/pi_{PAYMENT}/{prefix}_{PAYMENT}"


@pytest.mark.parametrize(
    "change",
    [
        {"eventCode": "REPORT_AVAILABLE"},
        {"merchantAccountCode": "TestMerchant"},
        {"merchantAccountCode": f"{MERCHANT}.live"},
        {"merchantReference": PAYMENT},
        {"merchantReference": f"{PAYMENT}.pi_{PAYMENT}"},
    ],
)
def test_what_names_no_operation_of_that_acquirer_is_no_hint(change: dict[str, str]) -> None:
    with pytest.raises(NotAHint):
        hint = BatchWebhooks().subject(json.dumps(item(**change)))
        operation_named(hint, ItemAddress("sandbox_batch", "", "x"))


def test_a_card_number_is_not_kept(stack: Stack) -> None:
    assert post(body(item(pspReference=APPROVED, reason=APPROVED)))["statusCode"] == 200
    assert APPROVED not in json.dumps([inbox.rows(), inbox.queued()])


@pytest.mark.parametrize(
    "told",
    [1763802000002, int(APPROVED), float(APPROVED), [{"at": int(APPROVED)}], f"at {APPROVED}"],
    ids=["milliseconds", "number", "float", "inside", "text"],
)
def test_what_may_be_a_card_number_does_not_make_an_item_unreadable(
    stack: Stack, told: Any
) -> None:
    assert post(body(item(note=told)))["statusCode"] == 200
    (row,) = inbox.rows()
    kept = row["body"]["S"]
    assert not holds_pan(kept)
    hint = BatchWebhooks().subject(kept)
    assert (hint.order_id, hint.reference) == (f"pi_{PAYMENT}", PAYMENT)


def test_a_card_number_in_other_digits_is_not_kept(stack: Stack) -> None:
    wide = "".join(chr(ord("０") + int(digit)) for digit in APPROVED)
    assert post(body(item(note=wide)))["statusCode"] == 200
    (row,) = inbox.rows()
    kept = row["body"]["S"]
    assert not holds_pan(kept)
    assert wide.encode("unicode_escape").decode() not in kept


def test_the_sandbox_posts_such_bodies_and_what_they_name_is_looked_into(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an acquirer that posts in batches, and a debit that its bank grants and takes back
    deferred: list[str] = []
    posted: list[dict[str, Any]] = []
    monkeypatch.setattr(sandbox_runtime, "defer", lambda body, _: deferred.append(body))
    monkeypatch.setattr(
        sandbox_runtime.Surroundings,
        "post",
        lambda self, url, raw, headers: posted.append(post(raw)),
    )
    address = json.dumps({"url": "https://x.invalid/hook", "batches": True}).encode()
    stack.acquirer.ask("PUT", "/v1/webhook_endpoint", address, "Bearer acquirer-secret")
    intent_id = debit(stack, RETURNED).body["intent_id"]
    # When both have happened, and it tells of them in one body
    stack.advance(DECIDES_SECONDS + RETURNS_SECONDS)
    (decision,) = deferred
    records = [{"messageId": "m", "body": decision}]
    load("sandbox_acquirer").handler({"Records": records}, Context())
    # Then each is kept, and what they name is looked into
    assert [(one["statusCode"], one["body"]) for one in posted] == [(200, "[accepted]")]
    assert sorted(row["event_type"]["S"] for row in inbox.rows()) == ["AUTHORISATION", "CHARGEBACK"]
    assert inbox.work_off(*inbox.queued()) == []
    assert inbox.states() == ["APPLIED", "APPLIED"]
    payment = stack.get(f"payment_intents/{intent_id}").body
    assert (payment["status"], payment["amount_returned_cents"]) == ("SUCCEEDED", 1000)
