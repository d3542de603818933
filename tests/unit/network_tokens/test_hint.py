"""What a token service posts: believed if it is signed by it, and even then only as a hint."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from farthing.acquiring.inbound import NotAHint
from farthing.acquiring.inbox import ItemAddress
from farthing.acquiring.standard_webhooks import StandardWebhooks, token_in
from farthing.network_tokens.on_file import MethodAddress
from farthing.payments.told import method_named
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT, Context, load
from tests.unit.network_tokens.conftest import Shop, reference_of, webhook

URL = "https://x.invalid/v1/acquirer_webhooks/sandbox_tokens"
REFERENCE = "0" * 26


def posted(body: Any, secret: str, url: str = URL) -> int:
    raw = json.dumps(body).encode()
    at = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"msg_1.{at}.".encode() + raw, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": signature}
    answer = load("acquirer_webhooks").handler(webhook(url, raw, headers), Context())
    status: int = answer["statusCode"]
    return status


def told(**data: Any) -> dict[str, Any]:
    named = {"reference": REFERENCE, "merchant_reference": f"{MERCHANT}:test", "status": "ACTIVE"}
    return {"id": "msg_1", "type": "network_token.updated", "data": named | data}


def named(body: Any) -> MethodAddress:
    hint = StandardWebhooks(token_in).subject(json.dumps(body))
    return method_named(hint, ItemAddress("sandbox_tokens", "", "msg_1"))


def test_the_acquirers_key_is_not_the_token_services(shop: Shop) -> None:
    assert posted(told(), "webhook-secret") == 401
    assert posted(told(), "token-webhook-secret") == 200
    url = URL.removesuffix("_tokens")
    assert posted(told(), "token-webhook-secret", url) == 401


def test_a_message_is_asked_about_and_not_believed(shop: Shop) -> None:
    # Given a message that says what is not so
    method_id = shop.with_token()
    body = told(reference=reference_of(method_id), status="DELETED")
    assert posted(body, "token-webhook-secret") == 200
    shop.follow_up()
    assert shop.token_of(method_id) == "ACTIVE"
    assert len(shop.events(method_id)) == 1


def test_a_message_names_a_method_of_one_merchant(shop: Shop) -> None:
    method_id = shop.with_token()
    body = told(reference=reference_of(method_id), merchant_reference=f"{OTHER_MERCHANT}:test")
    posted(body, "token-webhook-secret")
    turn = shop.row(method_id)["network_token_turn"]
    shop.follow_up()
    assert shop.row(method_id)["network_token_turn"] == turn


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": {}},
        told(reference=None),
        told(reference=""),
        told(reference="x" * 26 + "/.."),
        told(merchant_reference=7),
        told(merchant_reference="somebody:test"),
        told(merchant_reference=f"{MERCHANT}:live"),
        told(merchant_reference=f"{MERCHANT}"),
    ],
)
def test_what_names_no_method_is_no_hint(body: Any) -> None:
    with pytest.raises(NotAHint):
        named(body)


def test_a_hint_leads_to_its_method() -> None:
    address = named(told())
    assert str(address) == f"{MERCHANT}/test/pm_{REFERENCE}"
