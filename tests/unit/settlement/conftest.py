"""The real sandbox acquirer behind a local port, with moto under it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from farthing_sandbox import runtime as sandbox_runtime
from tests.unit.settlement.wire import SECRET, Asked, Server, serving, through_the_sandbox

PAYMENTS_SECRET = "payments-secret-of-the-test"


BUCKET = "files"


@dataclass
class SandboxAcquirer:
    """The sandbox, where money can be moved for a test."""

    server: Server

    def charge(
        self,
        reference: str,
        amount_cents: int,
        currency: str = "eur",
        number: str = "4242424242424242",
    ) -> None:
        """A combined charge: authorized and captured under one reference."""
        card = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
        self._ask(
            "/v1/authorizations",
            {
                "reference": reference,
                "order_id": f"order-{reference}",
                "amount_cents": amount_cents,
                "currency": currency,
                "capture": True,
                "card": card,
            },
        )

    def refund(self, reference: str, of: str, amount_cents: int, currency: str = "eur") -> None:
        """A refund of what was captured under `of`."""
        self._ask(
            "/v1/refunds",
            {
                "reference": reference,
                "order_id": f"order-{of}",
                "original_reference": of,
                "amount_cents": amount_cents,
                "currency": currency,
            },
        )

    def _ask(self, path: str, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {PAYMENTS_SECRET}"}
        answer = through_the_sandbox(Asked("POST", path, headers, json.dumps(body)))
        assert json.loads(answer.body)["status"] == "APPROVED"


@pytest.fixture
def real_sandbox(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxAcquirer]:
    """The sandbox with empty books; the environment leads the settle function to it."""
    monkeypatch.setenv("ACQUIRER_SECRET_ID", "AcquirerSecret")
    monkeypatch.setenv("ACQUIRER_REPORTING_SECRET_ID", "AcquirerReportingSecret")
    monkeypatch.setenv("SANDBOX_FAULTS", "front")
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="AcquirerSecret", SecretString=PAYMENTS_SECRET)
    secrets.create_secret(Name="AcquirerReportingSecret", SecretString=SECRET)
    place = {"LocationConstraint": "eu-west-1"}
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    monkeypatch.setenv("FILES_BUCKET", BUCKET)
    queue = boto3.client("sqs").create_queue(QueueName="settle")
    monkeypatch.setenv("SETTLE_QUEUE_URL", queue["QueueUrl"])
    monkeypatch.setenv("STRIPE_REPORTING_PREFIX", "stack/stripe-reporting")
    sandbox_runtime.forget()
    with serving(through_the_sandbox) as server:
        monkeypatch.setenv("ACQUIRER_URL", server.url)
        yield SandboxAcquirer(server)
    sandbox_runtime.forget()
