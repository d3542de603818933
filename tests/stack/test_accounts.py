"""Merchants' own accounts at an acquirer: webhooks over HTTP, and who may read which secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import pytest
import urllib3

from tests.stack.live import Live
from tests.stack.test_roles import Probe

SECRET = "whsec_of_the_stack_test"


@pytest.fixture
def account(live: Live) -> Iterator[str]:
    """A merchant with a key and a webhook secret, as `farthing connector add` stores them."""
    secrets, stack = live.aws("secretsmanager"), live.dev["stack_name"]
    merchant = live.dev["merchant_id"]
    made = {
        f"{stack}/stripe-keys/{merchant}/test": {"secret_key": "sk_test_one"},
        f"{stack}/stripe-webhooks/{merchant}/test": {"secrets": [SECRET]},
    }
    for name, document in made.items():
        secrets.create_secret(Name=name, SecretString=json.dumps(document))
    yield merchant
    for name in made:
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def post(live: Live, merchant: str, body: bytes, secret: str) -> int:
    at = int(time.time())
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    url = f"{live.dev['api_url']}/v1/acquirer_webhooks/stripe/{merchant}/test"
    headers = {"Stripe-Signature": f"t={at},v1={digest}", "Content-Type": "application/json"}
    return urllib3.request("POST", url, body=body, headers=headers, retries=False).status


def test_a_webhook_is_taken_if_the_accounts_secret_signed_it(live: Live, account: str) -> None:
    # Given a message about a payment that was made without us
    told = {"object": "payment_intent", "id": "pi_1", "metadata": {}}
    event = {"id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "livemode": False}
    body = json.dumps({**event, "data": {"object": told}}).encode()
    # When, Then
    assert post(live, account, body, SECRET) == 200
    assert post(live, account, body, "whsec_another") == 401
    assert post(live, "mer_01jd0000000000000000000zzz", body, SECRET) == 401


def test_the_key_is_read_by_charge_and_the_webhook_secret_by_who_checks_it(
    live: Live, account: str
) -> None:
    probe = Probe(live)
    try:
        names = {
            "key": f"{live.dev['stack_name']}/stripe-keys/{account}/test",
            "webhooks": f"{live.dev['stack_name']}/stripe-webhooks/{account}/test",
        }
        calls = [
            (what, "secretsmanager", "get_secret_value", {"SecretId": name})
            for what, name in names.items()
        ]
        refused = "AccessDeniedException"
        for function, said in {
            "charge": {"key": None, "webhooks": refused},
            "acquirer_webhooks": {"key": refused, "webhooks": None},
            "acquirer_events": {"key": refused, "webhooks": refused},
            "tokens": {"key": refused, "webhooks": refused},
            "settle": {"key": refused, "webhooks": refused},
            "settle_batch": {"key": refused, "webhooks": refused},
        }.items():
            assert probe.as_(function, calls)["said"] == said, function
    finally:
        probe.remove()
