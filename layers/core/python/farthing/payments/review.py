"""A review: a payment that a person is to look at before its money is taken, or before it is sent.

    OPEN ──approve──► APPROVED     captured, or sent
      ├───decline───► DECLINED     given back, or never sent
      ├───cancel────► CANCELLED    the same, because the payment was cancelled
      └───its time──► EXPIRED      the same, because nobody answered

It is a part of its payment, which waits as REQUIRES_REVIEW: what opens and closes it is written
with the payment, on the payment's condition. The row of its own is a copy, for lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from farthing.clock import later, to_text
from farthing.errors import not_found
from farthing.fraud.signals import percent
from farthing.ids import is_id, shard_of
from farthing.store import NOT_CREATED, Condition, Item, Put, TenantScope
from farthing.store.item import Key

if TYPE_CHECKING:
    from farthing.payments.intent import Intent

PREFIX = "rev"
LIST_SHARDS = 8
DAY_SECONDS = 24 * 3600


class ReviewStatus(StrEnum):
    """Where a review is."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Waiting:
    """A request whose last answer comes with the review's: its idempotency row, and how success is
    answered."""

    idempotency_row: str
    success_status: int
    request_id: str


@dataclass(frozen=True)
class Review:
    """Kept with the payment. `expires_at`: nobody's answer is no. `decision_id` names the decision
    that asks for it: the operation's id, or that of the row of what was not sent. `waiting` is the
    request that asked for the payment: its key waits, too."""

    status: ReviewStatus
    opened_at: str
    expires_at: str
    decision_id: str
    waiting: Waiting
    closed_at: str | None = None
    closed_by: str | None = None
    note: str | None = None
    is_fraud: bool = False
    """Whether who declined it says that it was fraud: then models learn from it."""

    def to_item(self) -> dict[str, Any]:
        """As kept with the intent."""
        return {**vars(self), "status": self.status.value, "waiting": dict(vars(self.waiting))}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Review:
        """As read."""
        changed = {"status": ReviewStatus(item["status"]), "waiting": Waiting(**item["waiting"])}
        return cls(**{**item, **changed})


@dataclass(frozen=True)
class ReviewStep:
    """What an operation means for the review of its payment: OPEN opens one, for `days`, if the
    operation is approved; each other status closes it when the operation's end is known."""

    status: ReviewStatus
    days: int = 0
    by: str | None = None
    note: str | None = None
    is_fraud: bool = False

    def to_item(self) -> dict[str, Any]:
        """As kept with the operation."""
        return {**vars(self), "status": self.status.value}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> ReviewStep:
        """As read."""
        return cls(**{**item, "status": ReviewStatus(item["status"])})

    def opened(self, decision_id: str, waiting: Waiting, now: datetime) -> Review:
        """The review that it opens."""
        if self.days < 1:
            raise ValueError("a review that nobody could answer")
        end = later(now, seconds=self.days * DAY_SECONDS)
        return Review(ReviewStatus.OPEN, to_text(now), end, decision_id, waiting)

    def closed(self, review: Review, now: str) -> Review:
        """The review that it closes."""
        return replace(
            review,
            status=self.status,
            closed_at=now,
            closed_by=self.by,
            note=self.note,
            is_fraud=self.is_fraud,
        )


REVIEW_OPEN = Condition("REVIEW_OPEN", "#status = :open", {"open": ReviewStatus.OPEN.value})
"""Nobody has closed it."""


def review_id_of(intent_id: str) -> str:
    """A payment has one review at most, and its id follows from the payment's."""
    return f"{PREFIX}_{intent_id.split('_', 1)[1]}"


def intent_id_of(review_id: str) -> str:
    """The payment of a review. Raises FarthingError (404) for what is no id of one."""
    if not is_id(PREFIX, review_id):
        raise not_found("review", review_id)
    return f"pi_{review_id.split('_', 1)[1]}"


def review_key(tenant: TenantScope, intent_id: str) -> Key:
    """The row for lists, beside the payment."""
    return Key("payments", tenant.pk("PI", intent_id), "REVIEW")


def list_partition(tenant: TenantScope, shard: int, *, is_open: bool) -> str:
    """A shard of the merchant's open reviews, or of the closed ones."""
    return tenant.pk("LIST", "REVIEW", "OPEN" if is_open else "CLOSED", str(shard))


def review_put(intent: Intent) -> Put:
    """The row of the intent's review as it is now."""
    review, review_id = intent.review, review_id_of(intent.intent_id)
    if review is None:
        raise ValueError("a payment without a review")
    is_open = review.status is ReviewStatus.OPEN
    item: Item = {
        "entity": "review",
        "merchant_id": intent.tenant.merchant_id,
        "mode": intent.tenant.mode,
        "intent_id": intent.intent_id,
        "list_pk": list_partition(intent.tenant, shard_of(review_id, LIST_SHARDS), is_open=is_open),
        "list_sk": review_id,
        "status": review.status.value,
        "review": show_review(intent),
    }
    key = review_key(intent.tenant, intent.intent_id)
    return Put(key, item, NOT_CREATED if is_open else REVIEW_OPEN)


def show_review(intent: Intent) -> dict[str, Any]:
    """The review, as the API shows it."""
    review, fraud = intent.review, intent.fraud or {}
    if review is None:
        raise ValueError("a payment without a review")
    return {
        "review_id": review_id_of(intent.intent_id),
        "payment_intent_id": intent.intent_id,
        "status": review.status.value,
        "amount_cents": intent.amount_cents,
        "currency": intent.currency,
        "customer_id": intent.customer_id,
        "card_fingerprint": (intent.instrument.fingerprint or None) if intent.instrument else None,
        "is_authorized": intent.authorization is not None,
        "score": percent(fraud.get("score_ppm", 0)),
        "reasons": list(fraud.get("reasons", ())),
        "opened_at": review.opened_at,
        "expires_at": review.expires_at,
        "closed_at": review.closed_at,
        "closed_by": review.closed_by,
        "note": review.note,
        "is_fraud": review.is_fraud,
        "livemode": intent.tenant.mode == "live",
    }
