"""A sandbox acquirer on moto: its table, its secrets, and a client that speaks its protocol."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from functions.sandbox_acquirer import app
from moto import mock_aws

from farthing_sandbox import runtime
from tests.support.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRETS = {
    "acquirer": "sandbox-acquirer-secret",
    "reporting": "sandbox-reporting-secret",
    "webhooks": "sandbox-webhooks-secret",
    "tokens": "sandbox-tokens-secret",
    "token-webhooks": "sandbox-token-webhooks-secret",
}
APPROVED = "4242424242424242"
TABLE = "sandbox"
CLOCK = "clock"
QUEUE = "sandbox-later"
QUEUE_URL = f"https://sqs.{REGION}.amazonaws.com/123456789012/{QUEUE}"


@dataclass
class Client:
    """What a client of the acquirer does, with fresh references unless told otherwise."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    dynamodb: Any = None

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str] | None = None,
        secret: str | None = SECRETS["acquirer"],
    ) -> dict[str, Any]:
        """The proxy answer as the function gives it."""
        event = {
            "httpMethod": method,
            "path": path,
            "headers": {} if secret is None else {"Authorization": f"Bearer {secret}"},
            "queryStringParameters": query,
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        return app.handler(event, None)

    def ask(self, path: str, body: object, **options: Any) -> dict[str, Any]:
        """POST, and the JSON that came back."""
        answer: dict[str, Any] = json.loads(self.send("POST", path, body, **options)["body"])
        return answer

    def authorization(self, number: str = APPROVED, **fields: Any) -> dict[str, Any]:
        """The body of an authorization of 1000 EUR cents."""
        n = next(self.numbers)
        card = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
        return {
            "reference": f"auth-{n}",
            "order_id": f"order-{n}",
            "amount_cents": 1000,
            "currency": "eur",
            "capture": False,
            "card": card | fields.pop("card", {}),
        } | fields

    def authorize(self, number: str = APPROVED, **fields: Any) -> dict[str, Any]:
        """An authorization's answer."""
        return self.ask("/v1/authorizations", self.authorization(number, **fields))

    def follow(self, kind: str, charge: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The answer to a capture, void or refund of all of `charge`."""
        return self.ask(f"/v1/{kind}s", self.following(kind, charge, **fields))

    def following(self, kind: str, charge: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The body of a capture, void or refund of all of `charge`."""
        return {
            "reference": f"{kind}-{next(self.numbers)}",
            "order_id": charge["order_id"],
            "original_reference": charge["reference"],
            "amount_cents": charge["amount_cents"],
            "currency": charge["currency"],
        } | fields

    def reversal(self, charge: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The body of a reversal of `charge`."""
        return {
            "reference": f"reversal-{next(self.numbers)}",
            "order_id": charge["order_id"],
            "original_reference": charge["reference"],
        } | fields

    def reverse(self, charge: dict[str, Any], **fields: Any) -> str:
        """What a reversal of `charge` comes to."""
        result: str = self.ask("/v1/reversals", self.reversal(charge, **fields))["result"]
        return result

    def look_up(self, reference: str) -> dict[str, Any]:
        """What a look-up says."""
        answer = self.send("GET", f"/v1/operations/{reference}")
        found: dict[str, Any] = json.loads(answer["body"])
        return found

    def list_operations(self, **query: str) -> dict[str, Any]:
        """A page of the list, from the day before if nothing else is said."""
        since = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = self.send("GET", "/v1/operations", query={"since": since} | query)
        page: dict[str, Any] = json.loads(answer["body"])
        return page

    def messages(self) -> list[dict[str, Any]]:
        """What the sandbox has sent to itself, as Lambda gets it."""
        sqs = runtime.client("sqs")
        found = sqs.receive_message(QueueUrl=QUEUE_URL, MaxNumberOfMessages=10)
        return [
            {"messageId": message["MessageId"], "body": message["Body"]}
            for message in found.get("Messages", [])
        ]

    def wake(self, *messages: dict[str, Any]) -> list[str]:
        """Give the function messages; those that it could not deal with."""
        answer = app.handler({"Records": list(messages)}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def books(self, **query: str) -> list[tuple[str, int, str]]:
        """(operation, amount, status) of each row of the public books."""
        answer = self.send("GET", "/transactions", query=query, secret=None)
        rows = json.loads(answer["body"])["data"]
        return [(row["operation"], row["amount_cents"], row["status"]) for row in rows]

    def stored(self) -> list[dict[str, Any]]:
        """Everything in the table."""
        items: list[dict[str, Any]] = self.dynamodb.scan(TableName=TABLE)["Items"]
        return items

    def move_clock(self, seconds: int) -> None:
        """Let time pass."""
        item = {"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}, "offset_seconds": {"N": str(seconds)}}
        self.dynamodb.put_item(TableName=CLOCK, Item=item)


def signature(answer: dict[str, Any], secret: str) -> str:
    """The signature that `answer` should carry."""
    return hmac.new(secret.encode(), answer["body"].encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client of a sandbox whose books are empty."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "POWERTOOLS_SERVICE_NAME": "sandbox_acquirer",
        "SANDBOX_TABLE": TABLE,
        "TEST_CLOCK_TABLE": CLOCK,
        "ACQUIRER_SECRET_ID": "acquirer",
        "ACQUIRER_REPORTING_SECRET_ID": "reporting",
        "ACQUIRER_WEBHOOK_SECRET_ID": "webhooks",
        "TOKEN_SERVICE_SECRET_ID": "tokens",
        "TOKEN_WEBHOOK_SECRET_ID": "token-webhooks",
        "SANDBOX_QUEUE_URL": QUEUE_URL,
        "SANDBOX_FAULTS": "front",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "SANDBOX_IDEMPOTENT"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        runtime.forget()
        dynamodb = runtime.client("dynamodb")
        for table in (TABLE, CLOCK):
            dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
                ],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            )
        for name, value in SECRETS.items():
            runtime.client("secretsmanager").create_secret(Name=name, SecretString=value)
        runtime.client("sqs").create_queue(QueueName=QUEUE)
        yield Client(dynamodb=dynamodb)
    runtime.forget()
