"""An event: a fact that the merchant is told, immutable, numbered within what it is about.

That is a payment; a payment method; a webhook endpoint; or a checkout session, of which there is
one event, told when it ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from farthing.store import Item, TenantScope, Value

_ID_FIELDS = MappingProxyType(
    {
        "payment_intent": "intent_id",
        "checkout_session": "session_id",
        "refund": "refund_id",
        "review": "review_id",
        "dispute": "dispute_id",
        "payment_method": "method_id",
        "webhook_endpoint": "endpoint_id",
    }
)
"""The first part of an event's type → the field that names the object."""


@dataclass(frozen=True)
class Event:
    """`object` is the API object as it was at that moment; `sequence` counts from 1, no gaps.

    `intent_id` is the payment that it has to do with: a session may end without one, and a method
    has none.
    """

    event_id: str
    type: str
    intent_id: str | None
    sequence: int
    created_at: str
    version: int
    object: Mapping[str, Value]
    session_id: str | None = None
    method_id: str | None = None
    endpoint_id: str | None = None

    @property
    def subject_id(self) -> str:
        """What it is about: within that, events are told in their order."""
        subject = self.session_id or self.method_id or self.endpoint_id or self.intent_id
        if subject is None:
            raise ValueError(f"{self.event_id} is about nothing")
        return subject

    @classmethod
    def of(cls, item: Item) -> Event:
        """The event of a row of the payments table, or of its copy in the feed."""
        return cls(
            event_id=item["event_id"],
            type=item["type"],
            intent_id=item["intent_id"],
            sequence=item["sequence"],
            created_at=item["created_at"],
            version=item["version"],
            object=item["object"],
            session_id=item.get("session_id"),
            method_id=item.get("method_id"),
            endpoint_id=item.get("endpoint_id"),
        )

    def attributes(self) -> Item:
        """The event as attributes of a row."""
        others = {
            "session_id": self.session_id,
            "method_id": self.method_id,
            "endpoint_id": self.endpoint_id,
        }
        return {
            "event_id": self.event_id,
            "type": self.type,
            "intent_id": self.intent_id,
            "sequence": self.sequence,
            "created_at": self.created_at,
            "version": self.version,
            "object": dict(self.object),
        } | {name: id_ for name, id_ in others.items() if id_}

    def payload(self, *, thin: bool = False) -> dict[str, Any]:
        """The body of a webhook: the envelope of Standard Webhooks around the object.

        A thin one names the object and shows nothing of it.
        """
        shown = self._named() if thin else {"object": dict(self.object)}
        return {
            "type": self.type,
            "timestamp": self.created_at,
            "data": {
                "event_id": self.event_id,
                "sequence": self.sequence,
                "version": self.version,
                **shown,
            },
        }

    def _named(self) -> dict[str, Any]:
        kind, _, _ = self.type.partition(".")
        return {"object_type": kind, "object_id": self.object[_ID_FIELDS[kind]]}

    def view(self, *, livemode: bool) -> dict[str, Any]:
        """The event as the API shows it."""
        return {
            "event_id": self.event_id,
            "type": self.type,
            "created_at": self.created_at,
            "sequence": self.sequence,
            "payment_intent_id": self.intent_id,
            "version": self.version,
            "data": {"object": dict(self.object)},
            "livemode": livemode,
        }


def tenant_of(item: Item) -> TenantScope:
    """The merchant and mode of a payments row, as its key says.

    Raises ValueError if the row says otherwise than its key: nothing is sent on such a row.
    """
    tenant = TenantScope(item["merchant_id"], item["mode"])
    if not item["pk"].startswith(tenant.prefix):
        raise ValueError("the event row lies under another merchant's key")
    return tenant
