"""What receiving an acquirer's webhooks needs, filled with AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from farthing import runtime
from farthing.acquiring import account_webhooks
from farthing.acquiring.secrets_wiring import merchant_secret
from farthing.acquiring.webhooks import Services
from farthing.store import TenantScope

SECRET_SETTINGS = {
    "sandbox": "ACQUIRER_WEBHOOK_SECRET_ID",
    "sandbox_tokens": "TOKEN_WEBHOOK_SECRET_ID",
}
"""The setting that names each acquirer's webhook secret."""
ACCOUNT_SECRET_SETTINGS = {"stripe": "STRIPE_WEBHOOKS_PREFIX"}
"""The setting that says how the secrets of each merchant's account begin."""


@dataclass(frozen=True)
class SqsQueue:
    """The queue of acquirers' events."""

    client: Any
    url: str

    def send(self, text: str) -> None:
        """Raises what the client raises."""
        self.client.send_message(QueueUrl=self.url, MessageBody=text)


def services() -> Services:
    """For one message."""
    return Services(
        secret=lambda acquirer: runtime.secret(SECRET_SETTINGS[acquirer]),
        queue=queue(),
        now=runtime.clock().now(),
    )


def account_services() -> account_webhooks.Services:
    """For one message of an acquirer at which each merchant has an account."""
    return account_webhooks.Services(account_secrets, queue(), runtime.clock().now())


def account_secrets(acquirer: str, tenant: TenantScope) -> list[str]:
    """The secrets with which an account's webhooks may be signed; two while one replaces another.

    They are not the key that moves money: that one is in another secret, which this function's role
    cannot read.
    """
    found = merchant_secret(ACCOUNT_SECRET_SETTINGS[acquirer], tenant).get("secrets")
    if not isinstance(found, list):
        return []
    return [one for one in found if isinstance(one, str) and one]


def queue() -> SqsQueue:
    """Where messages wait for being followed up."""
    return SqsQueue(runtime.client("sqs"), runtime.setting("ACQUIRER_EVENTS_QUEUE_URL"))
