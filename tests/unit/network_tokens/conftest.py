"""A stack with saved cards, their network tokens, and somebody who lets time's work be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing_sandbox import runtime as sandbox_runtime
from tests.support.lambdas import Answer, Context, call, load
from tests.support.stack import Stack

SAVED = "4242424242424242"
REPLACED = "4000009900000129"
NO_TOKEN = "4000009900000145"
TOKEN_REFUSED = "4000009900000152"
ANSWER_LOST = "4000009900000160"
SUSPENDED = "4000009900000178"


def reference_of(method_id: str) -> str:
    """What the token service calls a method's token."""
    return method_id.removeprefix("pm_").upper()


@dataclass
class Shop:
    """A merchant with one customer, whose cards it saves and charges."""

    stack: Stack
    customer_id: str
    deferred: list[str] = field(default_factory=list)
    """What the sandbox will do later."""

    def save(self, number: str = SAVED) -> str:
        """A saved card, never charged."""
        body = {"customer_id": self.customer_id, "token": self.stack.token(number)}
        method_id: str = self.stack.post("payment_methods", body).body["method_id"]
        return method_id

    def pay(self, method_id: str, amount_cents: int = 100, **more: Any) -> Answer:
        """A charge of a saved card."""
        return self.stack.pay(amount_cents, payment_method_id=method_id, **more)

    def charged(self, number: str = SAVED) -> str:
        """A saved card that was charged once, and waits for its network token."""
        method_id = self.save(number)
        assert self.pay(method_id).status == 201
        return method_id

    def with_token(self, number: str = SAVED) -> str:
        """A saved card with an active network token."""
        method_id = self.charged(number)
        self.tick()
        assert self.token_of(method_id) == "ACTIVE"
        return method_id

    def tick(self) -> None:
        """The minute's tick, and what it queues about network tokens."""
        load("resolve_unknown").handler({}, Context(remaining_milliseconds=60_000))
        self.work_off()

    def work_off(self) -> list[str]:
        """The queue's messages about network tokens. Those that failed."""
        about = [body for _, body in self.stack.looks.sent if "method" in body]
        self.stack.looks.sent = [one for one in self.stack.looks.sent if "method" not in one[1]]
        records = [{"messageId": str(n), "body": json.dumps(b)} for n, b in enumerate(about)]
        answer = load("resolve_unknown").handler({"Records": records}, Context())
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def issuers_act(self) -> None:
        """What the sandbox deferred happens, is told by webhook, and is followed up."""
        records = [{"messageId": str(n), "body": body} for n, body in enumerate(self.deferred)]
        self.deferred.clear()
        answer = load("sandbox_acquirer").handler({"Records": records}, Context())
        assert answer == {"batchItemFailures": []}
        self.follow_up()

    def follow_up(self) -> None:
        """What token services said, from the queue."""
        url = runtime.setting("ACQUIRER_EVENTS_QUEUE_URL")
        found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        records = [
            {"messageId": one["MessageId"], "body": one["Body"]}
            for one in found.get("Messages", [])
        ]
        answer = load("acquirer_events").handler({"Records": records}, Context())
        assert answer == {"batchItemFailures": []}

    def shown(self, method_id: str) -> dict[str, Any]:
        """A payment method as the API shows it."""
        return self.stack.get(f"payment_methods/{method_id}").body

    def token_of(self, method_id: str) -> str | None:
        """Where its network token is, as the API shows it."""
        token = self.shown(method_id)["network_token"]
        return token["status"] if token else None

    def row(self, method_id: str) -> dict[str, Any]:
        """The method's row."""
        (row,) = (r for r in self.stack.items("payment_method") if r["method_id"]["S"] == method_id)
        return row

    def events(self, method_id: str) -> list[dict[str, Any]]:
        """The events of a payment method, in order."""
        rows = [row for row in self.stack.items("event") if row.get("method_id", {}).get("S")]
        found = [row for row in rows if row["method_id"]["S"] == method_id]
        return sorted(found, key=lambda row: int(row["sequence"]["N"]))

    def via(self, answer: Answer) -> list[tuple[str, str]]:
        """How the acquirer's books say that a payment was paid for."""
        shown = answer.body.get("payment_intent") or answer.body
        rows = self.stack.books(order_id=shown["intent_id"])
        return [(r["via"], r["status"]) for r in rows if r["operation"] == "AUTHORIZE"]

    def at_the_service(self, method_id: str) -> dict[str, Any]:
        """What the token service says of a method's token."""
        path = f"/token_service/v1/tokens/{reference_of(method_id)}"
        answer = self.stack.acquirer.ask("GET", path, None, "Bearer tokens-secret")
        told: dict[str, Any] = json.loads(answer["body"])
        return told

    def vault(self, entity: str) -> list[dict[str, Any]]:
        """The vault's rows of one kind."""
        rows = boto3.client("dynamodb").scan(TableName="VaultTable")["Items"]
        return [row for row in rows if row["entity"]["S"] == entity]

    def delete(self, method_id: str) -> Answer:
        """Delete a payment method."""
        return call("payment_methods", "DELETE", f"/v1/payment_methods/{method_id}")


@pytest.fixture
def shop(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A stack on which the token service knows where to post."""
    customer_id = stack.post("customers", {}).body["customer_id"]
    made = Shop(stack, customer_id)
    monkeypatch.setattr(sandbox_runtime, "defer", lambda body, _: made.deferred.append(body))

    def post(self: Any, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        answer = load("acquirer_webhooks").handler(webhook(url, body, headers), Context())
        assert answer["statusCode"] == 200

    monkeypatch.setattr(sandbox_runtime.Surroundings, "post", post)
    address = json.dumps({"url": "https://x.invalid/v1/acquirer_webhooks/sandbox_tokens"})
    path = "/token_service/v1/webhook_endpoint"
    stack.acquirer.ask("PUT", path, address.encode(), "Bearer tokens-secret")
    return made


def webhook(url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """A post as API Gateway hands it on."""
    path = "/" + url.split("/", 3)[3]
    return {
        "resource": "/v1/acquirer_webhooks/{acquirer}",
        "path": path,
        "httpMethod": "POST",
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "requestContext": {"requestId": "req-1", "path": path, "httpMethod": "POST"},
        "body": body.decode(),
        "isBase64Encoded": False,
    }
