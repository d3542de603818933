"""What an acquirer posts to us: believed only if signed, kept, queued, and only then acknowledged.

    verified ─► kept ─► queued ─► 200      nothing is stored of what is not verified
                  └ there, and APPLIED ─► 200

If we die on the way there is no 200, and the acquirer posts it again: what is kept by then is
queued again, because only what was applied is known to be done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farthing.access.principal import Mode
from farthing.acquiring.adapters import ADAPTERS, OF_ACCOUNTS
from farthing.acquiring.inbound import Acknowledgement, Item
from farthing.acquiring.inbox import ItemAddress, State, kept_put
from farthing.clock import epoch_seconds
from farthing.errors import SIGNATURE_REFUSED, FarthingError, not_found
from farthing.ids import is_id
from farthing.store import ConditionFailed, TenantScope
from farthing.store.port import Writes
from farthing.webhooks.signature import SignatureRefused

MERCHANT_PREFIX = "mer"
ACCOUNT_MODES = frozenset(mode.value for mode in Mode)


class Queue(Protocol):
    """Where items wait for being applied."""

    def send(self, address: ItemAddress, delay_seconds: int = 0) -> None:
        """Raises if the message was not taken."""
        ...


@dataclass(frozen=True)
class Services:
    """What receiving needs. `secrets` are those of an acquirer, or of an account at it: none, if
    there is no such account."""

    secrets: Callable[[str, TenantScope | None], Sequence[str]]
    store: Writes
    queue: Queue
    now: datetime


def receive(
    acquirer: str,
    account: TenantScope | None,
    headers: Mapping[str, str],
    body: bytes,
    services: Services,
) -> Acknowledgement:
    """Keep and queue what a body says, if its acquirer signed it. Header names are lower.

    Raises FarthingError: 404 for an acquirer or an account that cannot be, 401 for anything that
    is not verified, also where there is no such account.
    """
    if not _may_be(acquirer, account):
        raise not_found("acquirer", acquirer)
    adapter = ADAPTERS[acquirer]
    try:
        items = adapter.verify(
            body,
            headers,
            lambda: services.secrets(acquirer, account),
            epoch_seconds(services.now),
        )
    except SignatureRefused as error:
        raise FarthingError(SIGNATURE_REFUSED, str(error)) from error
    owner = f"{account.merchant_id}:{account.mode}" if account else ""
    for item in items:
        _keep(ItemAddress.of(acquirer, owner, item.event_id), item, services)
    return adapter.acknowledge()


def _may_be(acquirer: str, account: TenantScope | None) -> bool:
    if account is None:
        return acquirer in ADAPTERS and acquirer not in OF_ACCOUNTS
    known = is_id(MERCHANT_PREFIX, account.merchant_id) and account.mode in ACCOUNT_MODES
    return acquirer in OF_ACCOUNTS and known


def _keep(address: ItemAddress, item: Item, services: Services) -> None:
    """Put the row, unless it is there, and queue the item, unless it was applied."""
    try:
        services.store.write(kept_put(address, item, services.now))
    except ConditionFailed as there:
        if there.item is not None and there.item["state"] == State.APPLIED:
            return
    services.queue.send(address)
