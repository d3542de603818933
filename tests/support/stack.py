"""The whole charge path in this process: real handlers, moto for AWS, the real sandbox acquirer.

Lambda's invoke and HTTP to the acquirer become function calls; all else is what is deployed.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest

from farthing import runtime
from farthing.access.principal import KeyKind
from farthing.acquiring.sandbox import NoUsableAnswer
from farthing_sandbox import runtime as sandbox_runtime
from tests.support.lambdas import MERCHANT, Answer, Context, call, load

APPROVED = "4242424242424242"
DECLINED = "4000000000000002"
ANSWER_NEVER_COMES = "4000009900000012"
FIRST_IS_LOST = "4000009900000038"

QUEUES = ("resolve", "acquirer-events", "settle", "sandbox", "trial-balance")

Exchanged = tuple[int, bytes, str]


@dataclass
class AcquirerLine:
    """The wire to the acquirer: counts requests, and can be made to fail before or after."""

    secret: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], None] = lambda method, path: None
    after: Callable[[str, str, Exchanged], Exchanged] = lambda method, path, answer: answer

    def __call__(self, method: str, path: str, body: bytes | None, timeout: int) -> Exchanged:
        return self.shown(self.secret, method, path, body)

    def shown(self, secret: str, method: str, path: str, body: bytes | None) -> Exchanged:
        """One exchange of who shows `secret`: the token service has another one."""
        self.before(method, path)
        self.requests.append((method, path))
        answer = self.ask(method, path, body, f"Bearer {secret}")
        headers = answer.get("headers", {})
        if "Farthing-Sandbox-Fault" in headers:
            raise NoUsableAnswer
        raw: bytes = answer["body"].encode()
        signature = headers.get("Sandbox-Signature", "")
        return self.after(method, path, (answer["statusCode"], raw, signature))

    @staticmethod
    def ask(
        method: str,
        path: str,
        body: bytes | None = None,
        authorization: str = "",
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        path, _, text = path.partition("?")
        if text:
            query = dict(parse_qsl(text))
        event = {
            "httpMethod": method,
            "path": path,
            "headers": {"Authorization": authorization, "Content-Type": "application/json"},
            "queryStringParameters": query,
            "body": body.decode() if body else None,
            "isBase64Encoded": False,
            "requestContext": {"requestId": "sandbox-1"},
        }
        answer: dict[str, Any] = load("sandbox_acquirer").handler(event, Context())
        return answer


class InProcessLambda:
    """`invoke` as a function call. `down` makes it fail as a broken network does."""

    def __init__(self) -> None:
        self.invocations: list[dict[str, Any]] = []
        self.fail: Callable[[str], None] = lambda moment: None

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:
        assert InvocationType == "RequestResponse"
        payload = json.loads(Payload)
        self.invocations.append(payload)
        self.fail("before")
        answer = copy_context().run(load(FunctionName).handler, payload, Context())
        self.fail("after")
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@dataclass
class Looks:
    """The queue of what is to be looked into: (seconds until then, what).

    Other queues are `real`.
    """

    real: Any
    url: str
    sent: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    fail: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def send_message(
        self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0, **more: Any
    ) -> Any:
        if QueueUrl != self.url:
            return self.real.send_message(
                QueueUrl=QueueUrl, MessageBody=MessageBody, DelaySeconds=DelaySeconds, **more
            )
        if self.fail is not None:
            raise self.fail
        self.sent.append((DelaySeconds, json.loads(MessageBody)))
        return {"MessageId": "1"}


@dataclass
class Stack:
    """A merchant's view of the stack, and the acquirer's books."""

    acquirer: AcquirerLine
    charge: InProcessLambda
    looks: Looks
    _keys: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def new_key(self) -> str:
        return f"key-{next(self._keys)}"

    def token(self, number: str = APPROVED, *, merchant_id: str = MERCHANT, **more: Any) -> str:
        body = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123", **more}
        answer = call(
            "tokens", "POST", "/v1/tokens", body, merchant_id=merchant_id, kind=KeyKind.PUBLISHABLE
        )
        assert answer.status == 201, answer.text
        token: str = answer.body["token"]
        return token

    def pay(self, amount_cents: int = 100, *, key: str | None = None, **more: Any) -> Answer:
        """Create and confirm in one call, with a fresh token unless the caller says how."""
        body = {"amount_cents": amount_cents, "currency": "eur", "confirm": True} | more
        if "token" not in body and "payment_method_id" not in body:
            body["token"] = self.token(body.pop("number", APPROVED))
        return self.post("payment_intents", body, key=key)

    def post(
        self, resource: str, body: Any = None, *, key: str | None = None, **more: Any
    ) -> Answer:
        function = resource.split("/")[0]
        return call(function, "POST", f"/v1/{resource}", body, key=key or self.new_key(), **more)

    def get(self, resource: str, **more: Any) -> Answer:
        return call(resource.split("/")[0], "GET", f"/v1/{resource}", **more)

    def refund(self, intent_id: str, amount_cents: int | None = None, **more: Any) -> Answer:
        body: dict[str, Any] = {"payment_intent_id": intent_id}
        if amount_cents is not None:
            body["amount_cents"] = amount_cents
        return self.post("refunds", body, **more)

    def books(self, **query: str) -> list[dict[str, Any]]:
        """What the acquirer really did."""
        answer = self.acquirer.ask("GET", "/transactions", query=query)
        rows: list[dict[str, Any]] = json.loads(answer["body"])["data"]
        return rows

    def moved(self, intent_id: str, operation: str) -> int:
        """How much of `operation` the acquirer's books show approved for a payment."""
        return sum(
            row["amount_cents"]
            for row in self.books(order_id=intent_id)
            if row["operation"] == operation and row["status"] == "APPROVED"
        )

    def advance(self, seconds: int) -> None:
        """Move the clock of every function."""
        boto3.client("dynamodb").update_item(
            TableName="TestClockTable",
            Key={"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}},
            UpdateExpression="ADD offset_seconds :s",
            ExpressionAttributeValues={":s": {"N": str(seconds)}},
        )

    def items(self, entity: str) -> list[dict[str, Any]]:
        """All rows of one kind in the payments table."""
        scan = boto3.client("dynamodb").scan(TableName="PaymentsTable")
        return [item for item in scan["Items"] if item["entity"]["S"] == entity]


def start(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack on the moto that is running."""
    kms = boto3.client("kms")
    vault_key = kms.create_key()["KeyMetadata"]["KeyId"]
    fingerprint_key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    secrets = boto3.client("secretsmanager")
    for name in ("acquirer", "reporting", "webhook", "tokens", "token-webhook"):
        secrets.create_secret(Name=name, SecretString=f"{name}-secret")
    place = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3").create_bucket(Bucket="files", CreateBucketConfiguration=place)
    sqs = boto3.client("sqs")
    queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
    looks = Looks(boto3.client("sqs"), queues["resolve"])
    environment = {
        "VAULT_KEY_ID": vault_key,
        "FINGERPRINT_KEY_ID": fingerprint_key["KeyMetadata"]["KeyId"],
        "CHARGE_FUNCTION": "charge",
        "FILES_BUCKET": "files",
        "ACQUIRER_URL": "http://acquirer.invalid",
        "ACQUIRER_SECRET_ID": "acquirer",
        "ACQUIRER_REPORTING_SECRET_ID": "reporting",
        "ACQUIRER_WEBHOOK_SECRET_ID": "webhook",
        "TOKEN_SERVICE_URL": "http://tokens.invalid",
        "TOKEN_SERVICE_SECRET_ID": "tokens",
        "TOKEN_WEBHOOK_SECRET_ID": "token-webhook",
        "RESOLVE_QUEUE_URL": queues["resolve"],
        "ACQUIRER_EVENTS_QUEUE_URL": queues["acquirer-events"],
        "SETTLE_QUEUE_URL": queues["settle"],
        "SANDBOX_QUEUE_URL": queues["sandbox"],
        "TRIAL_BALANCE_QUEUE_URL": queues["trial-balance"],
        "SANDBOX_FAULTS": "front",
        "DELIVERIES_QUEUE_URL": "https://sqs.invalid/deliveries",
        "EXHAUSTED_QUEUE_URL": "https://sqs.invalid/exhausted",
        "NOTICES_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:notices",
        "WEBHOOKS_ALLOW_LOOPBACK": "true",
        "STRIPE_KEYS_PREFIX": "stack/stripe-keys",
        "STRIPE_REPORTING_PREFIX": "stack/stripe-reporting",
        "STRIPE_WEBHOOKS_PREFIX": "stack/stripe-webhooks",
        "TOKENS_PER_MINUTE": "1000000",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    line = AcquirerLine("acquirer-secret")
    charge = InProcessLambda()
    real_client = runtime.client

    def client(service: str, *settings: Any, **more: Any) -> Any:
        if service == "sqs":
            return looks
        return charge if service == "lambda" else real_client(service, *settings, **more)

    monkeypatch.setattr(runtime, "client", client)
    monkeypatch.setattr(
        runtime.platform(),
        "exchange",
        lambda _url, secret, _max, _content_type="application/json": (
            lambda method, path, body, _: line.shown(secret, method, path, body)
        ),
    )
    sandbox_runtime.forget()
    return Stack(line, charge, looks)
