"""What receiving and applying acquirers' webhooks needs, filled with AWS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farthing import runtime
from farthing.acquiring import apply, inbox_due, receive
from farthing.acquiring.inbox import InboxScope, ItemAddress
from farthing.acquiring.secrets_wiring import merchant_secret
from farthing.store import TenantScope

SECRET_SETTINGS = {
    "sandbox": "ACQUIRER_WEBHOOK_SECRET_ID",
    "sandbox_batch": "ACQUIRER_WEBHOOK_SECRET_ID",
    "sandbox_tokens": "TOKEN_WEBHOOK_SECRET_ID",
}
"""The setting that names each acquirer's webhook secret."""
IN_HEXADECIMAL = frozenset({"sandbox_batch"})
"""Whose adapter wants its key in hexadecimal, while the secret is the sandbox's text."""
ACCOUNT_SECRET_SETTINGS = {"stripe": "STRIPE_WEBHOOKS_PREFIX"}
"""The setting that says how the secrets of each merchant's account begin."""


@dataclass(frozen=True)
class SqsQueue:
    """The queue of acquirers' events."""

    client: Any
    url: str

    def send(self, address: ItemAddress, delay_seconds: int = 0) -> None:
        """Raises what the client raises."""
        self.client.send_message(
            QueueUrl=self.url, MessageBody=address.to_text(), DelaySeconds=delay_seconds
        )


def receive_services() -> receive.Services:
    """For one body."""
    return receive.Services(secrets, runtime.store(InboxScope()), queue(), runtime.clock().now())


def apply_services() -> apply.Services:
    """For one item."""
    return apply.Services(runtime.store(InboxScope()), queue(), runtime.clock().now)


def due_services() -> inbox_due.Services:
    """For one run."""
    store = runtime.store(InboxScope())
    return inbox_due.Services(store, queue(), runtime.clock().now(), runtime.seconds_left)


def secrets(acquirer: str, account: TenantScope | None) -> Sequence[str]:
    """The secrets with which an acquirer's webhooks may be signed, or an account's."""
    if account is not None:
        return account_secrets(acquirer, account)
    secret = runtime.secret(SECRET_SETTINGS[acquirer])
    return [secret.encode().hex() if acquirer in IN_HEXADECIMAL else secret]


def account_secrets(acquirer: str, tenant: TenantScope) -> list[str]:
    """The secrets of an account; two while one replaces another.

    They are not the key that moves money: that one is in another secret, which this function's role
    cannot read.
    """
    found = merchant_secret(ACCOUNT_SECRET_SETTINGS[acquirer], tenant).get("secrets")
    if not isinstance(found, list):
        return []
    return [one for one in found if isinstance(one, str) and one]


def queue() -> SqsQueue:
    """Where items wait for being applied."""
    return SqsQueue(runtime.client("sqs"), runtime.setting("ACQUIRER_EVENTS_QUEUE_URL"))
