"""An endpoint: where a merchant wants its events, which of them, and by which secrets signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.clock import later, to_text
from farthing.store import Condition, Item
from farthing.webhooks.event import Event
from farthing.webhooks.event_types import PING, subscribed

ENDPOINTS_MAX = 16
"""Of a merchant in a mode; so one event makes at most so many deliveries."""

OVERLAP_SECONDS = 24 * 3600
OVERLAP_SECONDS_MAX = 7 * 24 * 3600
"""How long the old secret signs too after a rotation, if nobody says otherwise, and at most."""

OLD_SECRETS_MAX = 4


class DisabledReason(StrEnum):
    """Who said that nothing is to be sent any more."""

    MERCHANT = "MERCHANT"
    GONE = "GONE"
    FAILING = "FAILING"


class Payload(StrEnum):
    """What a webhook holds: the whole object, or its id alone, to be read over the API."""

    FULL = "FULL"
    THIN = "THIN"


@dataclass(frozen=True)
class OldSecret:
    """A secret that was rotated away, and until when it still signs."""

    secret: str = field(repr=False)
    until: str


@dataclass(frozen=True)
class Endpoint:
    """`secret` leaves Farthing in the answer that made it, and in signatures.

    `retry_delays` are whole seconds before each attempt, the first one's 0 with them; None is the
    schedule that everybody has. `disabled_at` is when it was turned off, None while it is on.
    """

    endpoint_id: str
    url: str
    event_types: tuple[str, ...]
    description: str
    metadata: Mapping[str, str]
    created_at: str
    livemode: bool
    secret: str = field(repr=False)
    old_secrets: tuple[OldSecret, ...] = field(default=(), repr=False)
    enabled: bool = True
    disabled_reason: DisabledReason | None = None
    disabled_at: str | None = None
    payload: Payload = Payload.FULL
    retry_delays: tuple[int, ...] | None = None

    def gets(self, event: Event) -> bool:
        """Whether the event is to be sent here, were it turned on. A ping is one endpoint's."""
        if event.type == PING:
            return event.endpoint_id == self.endpoint_id
        return subscribed(self.event_types, event.type)

    def signing_secrets(self, now: datetime) -> list[str]:
        """The secrets that sign at the instant `now`, the newest first."""
        text = to_text(now)
        return [self.secret, *(old.secret for old in self.old_secrets if old.until > text)]

    def rotated(self, secret: str, now: datetime, overlap_seconds: int) -> Endpoint:
        """With a new secret; the one before signs along for `overlap_seconds`.

        0 is for a secret that leaked: then nothing but the new one signs any more.
        """
        if overlap_seconds == 0:
            return replace(self, secret=secret, old_secrets=())
        text = to_text(now)
        living = [old for old in self.old_secrets if old.until > text]
        latest = OldSecret(self.secret, later(now, seconds=overlap_seconds))
        return replace(self, secret=secret, old_secrets=(latest, *living)[:OLD_SECRETS_MAX])

    def view(self) -> dict[str, Any]:
        """The endpoint as the API shows it, without its secrets."""
        return {
            "endpoint_id": self.endpoint_id,
            "url": self.url,
            "event_types": list(self.event_types),
            "description": self.description,
            "metadata": dict(self.metadata),
            "enabled": self.enabled,
            "disabled_reason": self.disabled_reason.value if self.disabled_reason else None,
            "disabled_at": self.disabled_at,
            "payload": self.payload.value,
            "retry_delays_seconds": _listed(self.retry_delays and self.retry_delays[1:]),
            "created_at": self.created_at,
            "livemode": self.livemode,
        }

    def view_once(self) -> dict[str, Any]:
        """With its secret: the answer to the request that made the secret, and to no other."""
        return {**self.view(), "secret": self.secret}

    def item(self) -> Item:
        """The row."""
        return {
            "entity": "webhook_endpoint",
            "endpoint_id": self.endpoint_id,
            "url": self.url,
            "event_types": list(self.event_types),
            "description": self.description,
            "metadata": dict(self.metadata),
            "created_at": self.created_at,
            "livemode": self.livemode,
            "secret": self.secret,
            "old_secrets": old_secrets_value(self),
            "enabled": self.enabled,
            "disabled_reason": self.disabled_reason.value if self.disabled_reason else None,
            "disabled_at": self.disabled_at,
            "payload": self.payload.value,
            "retry_delays": _listed(self.retry_delays),
        }

    @classmethod
    def of(cls, item: Item) -> Endpoint:
        """The endpoint of its row. Rows of before there was a choice lack what was chosen later."""
        reason, delays = item["disabled_reason"], item.get("retry_delays")
        return cls(
            endpoint_id=item["endpoint_id"],
            url=item["url"],
            event_types=tuple(item["event_types"]),
            description=item["description"],
            metadata=item["metadata"],
            created_at=item["created_at"],
            livemode=item["livemode"],
            secret=item["secret"],
            old_secrets=tuple(OldSecret(**row) for row in item["old_secrets"]),
            enabled=item["enabled"],
            disabled_reason=DisabledReason(reason) if reason else None,
            disabled_at=item.get("disabled_at"),
            payload=Payload(item.get("payload", Payload.FULL)),
            retry_delays=tuple(delays) if delays is not None else None,
        )


def with_first(retry_delays_seconds: list[int] | None) -> list[int] | None:
    """A schedule as it is kept: with the first attempt, for which nothing waits."""
    return None if retry_delays_seconds is None else [0, *retry_delays_seconds]


def _listed(delays: tuple[int, ...] | None) -> list[int] | None:
    return None if delays is None else list(delays)


def old_secrets_value(endpoint: Endpoint) -> list[Item]:
    """The old secrets as an attribute."""
    return [{"secret": old.secret, "until": old.until} for old in endpoint.old_secrets]


ROOM_FOR_ANOTHER = Condition(
    "ROOM_FOR_ANOTHER",
    "attribute_not_exists(#endpoints) OR #endpoints < :endpoints_max",
    {"endpoints_max": ENDPOINTS_MAX},
)


def secret_is_still(secret: str) -> Condition:
    """Nobody else rotated in between."""
    return Condition("SECRET_IS_STILL", "#secret = :secret_read", {"secret_read": secret})


def still_sends_to(url: str) -> Condition:
    """The endpoint is still the one that was tried: what its old URL says does not count."""
    return Condition("STILL_SENDS_TO", "#url = :url_tried", {"url_tried": url})
