"""Webhooks of acquirers at which each merchant has an account of its own, and secrets of its own.

The address says whose account it is; a secret of that account has to have signed the message. So
the secret that verified decides whose payments the message may name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from farthing.access.principal import Mode
from farthing.acquiring.stripe import messages
from farthing.acquiring.webhooks import Message, Queue
from farthing.cards import mask
from farthing.clock import to_text
from farthing.errors import SIGNATURE_REFUSED, FarthingError, not_found
from farthing.ids import is_id
from farthing.store import TenantScope
from farthing.webhooks.signature import SignatureRefused

ACQUIRERS = frozenset({"stripe"})
MODES = frozenset(mode.value for mode in Mode)


@dataclass(frozen=True)
class Services:
    """What receiving needs. `secrets` are those in use for an account, none if there is none."""

    secrets: Callable[[str, TenantScope], list[str]]
    queue: Queue
    now: datetime


def receive(
    acquirer: str,
    tenant: TenantScope,
    headers: Mapping[str, str],
    body: bytes,
    services: Services,
) -> None:
    """Queue a message, if a secret of the account signed it. `headers` have lower-case names.

    Raises FarthingError: 404 for an acquirer or an account that cannot be, 401 for anything that
    is not verified, also where there is no such account. Without a fresh signature of the right
    form no secret is read.
    """
    known = is_id("mer", tenant.merchant_id) and tenant.mode in MODES
    if acquirer not in ACQUIRERS or not known:
        raise not_found("acquirer", acquirer)
    now_seconds = int(services.now.timestamp())
    try:
        messages.signed_at(headers, now_seconds)
        secrets = services.secrets(acquirer, tenant)
        messages.verify(secrets, headers, body, now_seconds=now_seconds)
    except SignatureRefused as error:
        raise FarthingError(SIGNATURE_REFUSED, str(error)) from error
    message = Message(
        acquirer=acquirer,
        webhook_id="",
        received_at=to_text(services.now),
        body=mask(_kept(body)),
        account=f"{tenant.merchant_id}:{tenant.mode}",
    )
    services.queue.send(message.to_text())


def _kept(body: bytes) -> str:
    """What is kept of a message; all of it, if it is signed and we cannot read it."""
    try:
        return messages.digest(body)
    except ValueError:
        return body.decode(errors="replace")
