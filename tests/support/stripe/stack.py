"""A merchant whose cards are typed into Stripe's fields, on the stack in this process.

What stands in for Stripe is given: our double, or a server.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.account import CardEntry, Settings
from farthing.access.principal import KeyKind
from farthing.acquiring.exchange import PostWithHeaders
from tests.support.lambdas import MERCHANT, Answer, call
from tests.support.stack import Stack
from tests.support.stripe.double import StripeDouble
from tests.support.stripe.wire import Wire

EXTERNAL = Settings({"*": "stripe"}, CardEntry.EXTERNAL)
WEBHOOK_SECRET = "whsec_ofthemerchant"
KEYS, WEBHOOKS = "stack/stripe-keys", "stack/stripe-webhooks"


def put_secret(name: str, document: dict[str, Any]) -> None:
    """Make a secret, or replace it."""
    client = boto3.client("secretsmanager")
    text = json.dumps(document)
    try:
        client.create_secret(Name=name, SecretString=text)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=name, SecretString=text)


@dataclass
class OnStripe:
    """The stack, seen by that merchant. `wire` is the way to Stripe."""

    stack: Stack
    wire: Wire
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def token(self, acquirer_token: str | None = None, **more: Any) -> str:
        given = acquirer_token or f"pm_{next(self._numbers):04d}"
        answer = self.post_token({"acquirer_token": given, **more})
        assert answer.status == 201, answer.text
        token: str = answer.body["token"]
        return token

    def post_token(self, body: Any, settings: Settings = EXTERNAL) -> Answer:
        kind = KeyKind.PUBLISHABLE
        return call("tokens", "POST", "/v1/tokens", body, kind=kind, settings=settings)

    def pay(self, amount_cents: int = 1000, *, key: str | None = None, **more: Any) -> Answer:
        body = {"amount_cents": amount_cents, "currency": "eur", "confirm": True} | more
        if "token" not in body and "payment_method_id" not in body:
            body["token"] = self.token(body.pop("acquirer_token", None))
        return self.post("payment_intents", body, key=key)

    def post(self, resource: str, body: Any = None, **more: Any) -> Answer:
        return self.stack.post(resource, body, **{"settings": EXTERNAL, **more})

    def capture(self, intent_id: str, **body: Any) -> Answer:
        return self.post(f"payment_intents/{intent_id}/capture", body)

    def refund(self, intent_id: str, **body: Any) -> Answer:
        return self.post("refunds", {"payment_intent_id": intent_id, **body})

    def saved(self, token: str | None = None) -> str:
        customer = self.post("customers", {}).body["customer_id"]
        body = {"customer_id": customer, "token": token or self.token()}
        method = self.post("payment_methods", body)
        assert method.status == 201, method.text
        method_id: str = method.body["method_id"]
        return method_id


def start_on(
    stack: Stack, beyond: PostWithHeaders, patch: pytest.MonkeyPatch, *, key: str = "sk_test_one"
) -> OnStripe:
    """Give the merchant an account at what stands in for Stripe."""
    wire = Wire(beyond)
    patch.setattr(runtime.platform(), "form_exchange", lambda *_: wire, raising=False)
    put_secret(f"{KEYS}/{MERCHANT}/test", {"secret_key": key})
    put_secret(f"{WEBHOOKS}/{MERCHANT}/test", {"secrets": [WEBHOOK_SECRET]})
    return OnStripe(stack, wire)


@dataclass
class OnDouble(OnStripe):
    """The same, on our double of Stripe, whose clock moves with the stack's."""

    stripe: StripeDouble = field(default_factory=StripeDouble)

    def advance(self, seconds: int) -> None:
        self.stack.advance(seconds)
        self.stripe.now += seconds
