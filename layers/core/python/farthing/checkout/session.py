"""A checkout session: what is to be paid, until when, and by which attempt.

    OPEN ──pay──► PROCESSING ──approved──► PAID
      │ ◄─declined, undone─┘
      └──its time is over, or its merchant says so──► EXPIRED

An attempt is a PaymentIntent. The row names the newest and says nothing about money: the status is
read off that intent, so the two cannot disagree. `version` grows with each attempt that begins and
with the end, and every one of these depends on the version that it was decided on. So an attempt
begins only if the one before it was over when that was read, and none has begun since: a payment
that ended without money never leaves that state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from farthing.clock import to_text
from farthing.errors import not_found
from farthing.ids import is_id, shard_of
from farthing.payments.checkout import Checkout, SessionStatus, attempt_status
from farthing.payments.intent import LIST_SHARDS, CaptureMethod, Intent
from farthing.store import Item, Key, TenantScope

PREFIX = "cs"
LIFE_SECONDS = 24 * 60 * 60
ATTEMPTS_MAX = 10
"""As many cards as an honest payer may have at hand: a page is not there to try stolen ones."""

DUE_SHARDS = 8


@dataclass(frozen=True)
class LineItem:
    """`amount_cents` is what one piece costs."""

    name: str
    quantity: int
    amount_cents: int
    image_url: str | None = None

    @property
    def total_cents(self) -> int:
        """What the line costs."""
        return self.quantity * self.amount_cents


@dataclass(frozen=True)
class Session:
    """One row. `intent_id` is the newest attempt; `expired_at` is set when the end was told."""

    tenant: TenantScope
    session_id: str
    line_items: tuple[LineItem, ...]
    currency: str
    success_url: str
    cancel_url: str
    created_at: str
    expires_at: str
    customer_id: str | None = None
    customer_email: str | None = None
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    saves_card: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    intent_id: str | None = None
    attempts: int = 0
    expired_at: str | None = None
    version: int = 1

    @property
    def key(self) -> Key:
        """The row."""
        return session_key(self.tenant, self.session_id)

    @property
    def amount_cents(self) -> int:
        """What is to be paid: the items together."""
        return sum(line.total_cents for line in self.line_items)

    @property
    def checkout(self) -> Checkout:
        """What its attempts keep of it."""
        return Checkout(
            self.session_id, self.created_at, self.expires_at, self.customer_email, self.saves_card
        )

    def to_item(self) -> Item:
        """The row as first written, with its places in the lists and its end in the due index."""
        values = {name: value for name, value in vars(self).items() if name != "tenant"} | {
            "entity": "checkout_session",
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "line_items": [vars(line) for line in self.line_items],
            "capture_method": self.capture_method.value,
            "metadata": dict(self.metadata),
            "list_pk": list_partition(self.tenant, shard_of(self.session_id, LIST_SHARDS)),
            "list_sk": self.session_id,
            "due_pk": due_pk(shard_of(self.session_id, DUE_SHARDS)),
            "due_at": self.expires_at,
        }
        if self.customer_id is not None:
            values["customer_pk"] = customer_partition(self.tenant, self.customer_id)
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Session:
        """The session of a row."""
        known = {name: item[name] for name in cls.__dataclass_fields__ if name in item}
        return cls(
            **known
            | {
                "tenant": TenantScope(item["merchant_id"], item["mode"]),
                "line_items": tuple(LineItem(**line) for line in item["line_items"]),
                "capture_method": CaptureMethod(item["capture_method"]),
            }
        )


def status_of(session: Session, intent: Intent | None, now: datetime) -> SessionStatus:
    """Where the session is; `intent` is its newest attempt.

    An attempt that was begun in time may end after the session's time, and then it is paid.
    """
    tried = attempt_status(intent) if intent is not None else SessionStatus.OPEN
    if tried is not SessionStatus.OPEN:
        return tried
    over = session.expired_at is not None or session.expires_at <= to_text(now)
    return SessionStatus.EXPIRED if over else SessionStatus.OPEN


def session_key(tenant: TenantScope, session_id: str) -> Key:
    """Where a session's row is; the event of its end is beside it."""
    return Key("payments", tenant.pk("CS", session_id), "SESSION")


def key_of(tenant: TenantScope, session_id: str) -> Key:
    """The key of an id from outside. Raises FarthingError (404) for what cannot be one."""
    if not is_id(PREFIX, session_id):
        raise not_found("checkout_session", session_id)
    return session_key(tenant, session_id)


def due_pk(shard: int) -> str:
    """One shard of the sessions that end by themselves, in the due index by when that is."""
    return f"SESSION#{shard}"


def list_partition(tenant: TenantScope, shard: int) -> str:
    """A shard of the merchant's list of sessions."""
    return tenant.pk("LIST", "SESSION", str(shard))


def customer_partition(tenant: TenantScope, customer_id: str) -> str:
    """A customer's sessions in the index by customer."""
    return tenant.pk("CUSTOMER", customer_id, "SESSIONS")
