"""The sandbox's surroundings: environment, clients, secrets, clock, randomness.

Nothing happens at import. Clients and secrets are made on first use and kept
for the life of the process.
"""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox.acquirer import Acquirer
from farthing_sandbox.books import Books
from farthing_sandbox.notices import Undelivered
from farthing_sandbox.operations import Numbers
from farthing_sandbox.token_rules import number_of
from farthing_sandbox.token_service import TokenService

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools import Logger

CLOCK_KEY: Final = {"pk": {"S": "CLOCK"}, "sk": {"S": "CLOCK"}}
CRYPTOGRAM_LENGTH: Final = 28
LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
DIGITS_AND_LETTERS: Final = LETTERS + "23456789"
PAUSE_FIRST_SECONDS: Final = 0.02
PAUSE_MAX_SECONDS: Final = 0.5
POST_CONNECT_SECONDS: Final = 2
POST_SECONDS: Final = 15
"""Room for a receiver that starts cold."""


@dataclass(frozen=True)
class Surroundings:
    """What one request runs in."""

    acquirer: Acquirer
    tokens: TokenService
    faults_at_front: bool

    def payments_secret(self) -> bytes:
        """The key that clients of the payments routes show, and that signs the answers."""
        return secret(os.environ["ACQUIRER_SECRET_ID"])

    def reporting_secret(self) -> bytes:
        """The same for the settlement routes."""
        return secret(os.environ["ACQUIRER_REPORTING_SECRET_ID"])

    def webhook_secret(self) -> bytes:
        """The key that signs what this acquirer tells by itself."""
        return secret(os.environ["ACQUIRER_WEBHOOK_SECRET_ID"])

    def token_service_secret(self) -> bytes:
        """The same for the routes of the token service."""
        return token_service_secret()

    def token_webhook_secret(self) -> bytes:
        """The key that signs what the token service tells by itself."""
        return secret(os.environ["TOKEN_WEBHOOK_SECRET_ID"])

    def now(self) -> datetime:
        """UTC, moved by the test clock where there is one."""
        return datetime.now(UTC) + clock_offset()

    def numbers(self) -> Numbers:
        """Fresh random values."""
        return Numbers(uuid.uuid4().hex, random_text(6), random_text(15))

    def sleep(self, seconds: int) -> None:
        """Say nothing for a while."""
        time.sleep(seconds)

    def log(self, **ids: str | int) -> None:
        """One line with ids: no body, no header."""
        logger().info("answered", extra=ids)

    def complain(self, what: str, **ids: str) -> None:
        """One line that somebody should read."""
        logger().error(what, extra=ids)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Tell somebody. Raises Undelivered, unless they said that they have it."""
        import urllib3

        try:
            with urllib3.PoolManager() as pool:
                answer = pool.request(
                    "POST",
                    url,
                    body=body,
                    headers=dict(headers),
                    timeout=urllib3.Timeout(connect=POST_CONNECT_SECONDS, total=POST_SECONDS),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                )
                answer.close()
        except urllib3.exceptions.HTTPError as error:
            raise Undelivered(type(error).__name__) from error
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            raise Undelivered(f"HTTP {answer.status}")


def services() -> Surroundings:
    """The surroundings of one request, as the environment says."""
    books = Books(client("dynamodb"), os.environ["SANDBOX_TABLE"])
    return Surroundings(
        acquirer=Acquirer(
            books=books,
            idempotent=os.environ.get("SANDBOX_IDEMPOTENT", "true") != "false",
            pause=pause,
            defer=defer,
            token_number=lambda reference: number_of(token_service_secret(), reference),
        ),
        tokens=TokenService(
            books=books,
            secret=token_service_secret,
            new_cryptogram=lambda: random_text(CRYPTOGRAM_LENGTH),
            pause=pause,
            defer=defer,
        ),
        faults_at_front=os.environ.get("SANDBOX_FAULTS", "sleep") == "front",
    )


def clock_offset() -> timedelta:
    """How far the test clock is ahead; nothing where there is none."""
    table = os.environ.get("TEST_CLOCK_TABLE")
    if not table:
        return timedelta(0)
    found = client("dynamodb").get_item(TableName=table, Key=CLOCK_KEY, ConsistentRead=True)
    return timedelta(seconds=int(found.get("Item", {}).get("offset_seconds", {}).get("N", "0")))


def random_text(length: int) -> str:
    """Letters and digits, never more than three digits in a row: it cannot look like a card."""
    return "".join(
        secrets.choice(DIGITS_AND_LETTERS if place % 4 else LETTERS) for place in range(length)
    )


def pause(attempt: int) -> None:
    """Step back from a race, longer each time, and not in step with the others."""
    longest = min(PAUSE_MAX_SECONDS, PAUSE_FIRST_SECONDS * 2**attempt)
    time.sleep(random.uniform(0, longest))


def defer(message: str, seconds: int) -> None:
    """Have a message come back to this function."""
    queue_url = os.environ.get("SANDBOX_QUEUE_URL")
    if queue_url is None:
        logger().error("there is no SANDBOX_QUEUE_URL: a refund will stay PENDING")
        return
    client("sqs").send_message(QueueUrl=queue_url, MessageBody=message, DelaySeconds=seconds)


@lru_cache(maxsize=4)
def client(service: str) -> Any:
    """A client with every bound said."""
    import boto3
    from botocore.config import Config

    bounds = Config(
        connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3}
    )
    return boto3.client(service, config=bounds)


def token_service_secret() -> bytes:
    """The key of the token service, from which it also makes its tokens' numbers."""
    return secret(os.environ["TOKEN_SERVICE_SECRET_ID"])


@lru_cache(maxsize=5)
def secret(secret_id: str) -> bytes:
    """A secret's value."""
    found = client("secretsmanager").get_secret_value(SecretId=secret_id)
    return str(found["SecretString"]).encode()


@lru_cache(maxsize=1)
def logger() -> Logger:
    """JSON lines, with the service's name from POWERTOOLS_SERVICE_NAME."""
    from aws_lambda_powertools import Logger

    return Logger()


def forget() -> None:
    """Drop the secrets: the next test has its own."""
    secret.cache_clear()
