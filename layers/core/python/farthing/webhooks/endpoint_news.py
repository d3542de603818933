"""What is to be told of an endpoint: that it was made, or that Farthing has turned it off.

The row is written in the transaction that makes the news true, and waits in the due index until
it was told. So nothing that a merchant should hear depends on one process living on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from farthing.clock import from_text, later, to_text
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.store import (
    EXISTS,
    NOT_CREATED,
    Condition,
    Delete,
    Item,
    Key,
    Put,
    TenantScope,
    Update,
)
from farthing.store.write import Write
from farthing.webhooks import event_types
from farthing.webhooks.endpoint import DisabledReason, Endpoint, still_sends_to
from farthing.webhooks.event import Event
from farthing.webhooks.keys import (
    EVENT_PREFIX,
    NEWS_DUE_PK,
    endpoint_key,
    endpoint_news_key,
)

AT_ONCE_SECONDS = 30
"""How long whoever writes the row has to tell it himself."""


class What(StrEnum):
    """The news, by the type of the event that tells it."""

    PING = event_types.PING
    DISABLED = event_types.DISABLED


@dataclass(frozen=True)
class EndpointNews:
    """`shown` is the endpoint as it was at that moment, without its secrets."""

    tenant: TenantScope
    endpoint_id: str
    what: What
    at: str
    shown: Mapping[str, Any]

    @property
    def event_id(self) -> str:
        """The one id that this news can have: whoever tells it again tells the same event."""
        told = f"{self.endpoint_id}\n{self.what}\n{self.at}".encode()
        entropy = hashlib.sha256(told).digest()[:ENTROPY_BYTES]
        return make_id(EVENT_PREFIX, from_text(self.at), entropy)

    def event(self, sequence: int) -> Event:
        """The event, at its place among those of the endpoint. That is its version too."""
        return Event(
            event_id=self.event_id,
            type=self.what.value,
            intent_id=None,
            sequence=sequence,
            created_at=self.at,
            version=sequence,
            object=self.shown,
            endpoint_id=self.endpoint_id,
        )

    def put(self) -> Put:
        """The write of the row, in the transaction that makes it true."""
        item: Item = {
            "entity": "endpoint_news",
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "endpoint_id": self.endpoint_id,
            "what": self.what.value,
            "at": self.at,
            "shown": dict(self.shown),
            "due_pk": NEWS_DUE_PK,
            "due_at": later(from_text(self.at), seconds=AT_ONCE_SECONDS),
        }
        return Put(self._key, item, NOT_CREATED)

    def told(self) -> Delete:
        """The write that ends it."""
        return Delete(self._key, EXISTS)

    @property
    def _key(self) -> Key:
        return endpoint_news_key(self.tenant, self.endpoint_id, self.what.value, self.at)

    @classmethod
    def of(cls, item: Item) -> EndpointNews:
        """The news of its row."""
        return cls(
            tenant=TenantScope(item["merchant_id"], item["mode"]),
            endpoint_id=item["endpoint_id"],
            what=What(item["what"]),
            at=item["at"],
            shown=item["shown"],
        )


IS_ENABLED = Condition("IS_ENABLED", "#enabled = :on", {"on": True})
"""Nobody turned it off in between: its end is told once."""


def ping_of(tenant: TenantScope, endpoint: Endpoint) -> EndpointNews:
    """The test message that a new endpoint gets."""
    return EndpointNews(
        tenant, endpoint.endpoint_id, What.PING, endpoint.created_at, endpoint.view()
    )


def disabling(
    tenant: TenantScope, endpoint: Endpoint, reason: DisabledReason, now: datetime
) -> tuple[Write, ...]:
    """The writes, for one transaction, that turn an endpoint off and see to it that it is told.

    IS_ENABLED and STILL_SENDS_TO guard them: what an old URL said turns off no new one.
    """
    at = to_text(now)
    off = replace(endpoint, enabled=False, disabled_reason=reason, disabled_at=at)
    shown = off.view() | {"url": _origin(endpoint.url)}
    news = EndpointNews(tenant, endpoint.endpoint_id, What.DISABLED, at, shown)
    changed: Item = {"enabled": False, "disabled_reason": reason.value, "disabled_at": at}
    when = IS_ENABLED & still_sends_to(endpoint.url)
    return (
        Update(endpoint_key(tenant, endpoint.endpoint_id), when, set=changed),
        news.put(),
    )


def _origin(url: str) -> str:
    """Where a URL leads, without its path, which may be the receiver's secret. The others that are
    told need not know it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
