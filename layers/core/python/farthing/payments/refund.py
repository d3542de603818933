"""A refund: money on its way back. Reserved first, given back to the payment only on a definite no.

The refund's id is its operation's id, so its reference at the acquirer never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from farthing.acquiring.fit import require_amount
from farthing.acquiring.port import Kind
from farthing.clock import later, to_text
from farthing.errors import AMOUNT_TOO_LARGE, PAYMENT_DISPUTED, FarthingError
from farthing.ids import shard_of
from farthing.payments import states
from farthing.payments.begin import Asking, awaiting_bank, in_progress, wrong_state
from farthing.payments.intent import LIST_SHARDS, Intent
from farthing.payments.operation import LEASE_SECONDS, Operation
from farthing.payments.states import Detail, Status
from farthing.store import Item, Key, TenantScope


class RefundStatus(StrEnum):
    """PENDING until the acquirer says; also while nobody knows."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


def refund_key(tenant: TenantScope, refund_id: str) -> Key:
    """Where a refund's row is."""
    return Key("payments", tenant.pk("RE", refund_id), "REFUND")


def refund_list_partition(tenant: TenantScope, shard: int) -> str:
    """A shard of the merchant's list of refunds."""
    return tenant.pk("LIST", "REFUND", str(shard))


@dataclass(frozen=True)
class Refund:
    """One row. `amount_cents` is in the payment's currency."""

    tenant: TenantScope
    refund_id: str
    intent_id: str
    amount_cents: int
    currency: str
    created_at: str
    reason: str | None = None
    status: RefundStatus = RefundStatus.PENDING
    decline: Mapping[str, Any] | None = None
    status_detail: str | None = None
    returned: Mapping[str, Any] | None = None
    """That the payer's bank sent it back after it had succeeded."""

    @property
    def key(self) -> Key:
        """The row."""
        return refund_key(self.tenant, self.refund_id)

    def to_item(self) -> Item:
        """The row, with its place in the list."""
        return {
            "entity": "refund",
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "refund_id": self.refund_id,
            "intent_id": self.intent_id,
            "amount_cents": self.amount_cents,
            "currency": self.currency,
            "created_at": self.created_at,
            "reason": self.reason,
            "status": self.status.value,
            "decline": dict(self.decline) if self.decline else None,
            "status_detail": self.status_detail,
            "returned": dict(self.returned) if self.returned else None,
            "list_pk": refund_list_partition(self.tenant, shard_of(self.refund_id, LIST_SHARDS)),
            "list_sk": self.refund_id,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Refund:
        """The refund of a row."""
        return cls(
            tenant=TenantScope(item["merchant_id"], item["mode"]),
            refund_id=item["refund_id"],
            intent_id=item["intent_id"],
            amount_cents=item["amount_cents"],
            currency=item["currency"],
            created_at=item["created_at"],
            reason=item["reason"],
            status=RefundStatus(item["status"]),
            decline=item["decline"],
            status_detail=item.get("status_detail"),
            returned=item.get("returned"),
        )


def show_refund(refund: Refund) -> dict[str, Any]:
    """The Refund, as the API shows it."""
    return {
        "refund_id": refund.refund_id,
        "payment_intent_id": refund.intent_id,
        "amount_cents": refund.amount_cents,
        "currency": refund.currency,
        "reason": refund.reason,
        "status": refund.status.value,
        "status_detail": refund.status_detail,
        "decline": dict(refund.decline) if refund.decline else None,
        "returned": dict(refund.returned) if refund.returned else None,
        "created_at": refund.created_at,
        "livemode": refund.tenant.mode == "live",
    }


@dataclass(frozen=True)
class Reservation:
    """A refund that may be written: it holds `refund.amount_cents` of what is left."""

    refund: Refund
    operation: Operation


def reserve(
    intent: Intent, amount_cents: int | None, reason: str | None, asking: Asking
) -> Reservation:
    """Hold an amount of the captured money, or all that is left, for a refund.

    Raises FarthingError if nothing was captured, less is left, or the payment is disputed. The same
    rules guard the write (ENOUGH_LEFT_TO_REFUND, NOT_DISPUTED): these give a good message, those
    hold when refunds race with each other and with disputes.
    """
    if intent.state == states.AWAITING:
        raise awaiting_bank("refunded")
    if intent.open_operation is not None:
        raise in_progress()
    if intent.status is not Status.SUCCEEDED:
        raise wrong_state(intent, "refunded")
    if intent.open_disputes:
        raise payment_disputed()
    amount = intent.amount_refundable if amount_cents is None else amount_cents
    if not 0 < amount <= intent.amount_refundable:
        raise refund_exceeds_charge(intent)
    require_amount(intent.connector, amount, intent.currency)
    refund = Refund(
        tenant=intent.tenant,
        refund_id=asking.operation_id,
        intent_id=intent.intent_id,
        amount_cents=amount,
        currency=intent.currency,
        created_at=to_text(asking.now),
        reason=reason,
    )
    operation = Operation(
        tenant=intent.tenant,
        intent_id=intent.intent_id,
        operation_id=asking.operation_id,
        kind=Kind.REFUND,
        amount_cents=amount,
        currency=intent.currency,
        created_at=to_text(asking.now),
        lease_until=later(asking.now, seconds=LEASE_SECONDS),
        idempotency_row=asking.idempotency_row,
        success_status=asking.success_status,
        request_id=asking.request_id,
        connector=intent.connector,
        original_reference=intent.authorization.reference if intent.authorization else None,
        acquirer_id=intent.authorization.acquirer_id if intent.authorization else None,
    )
    return Reservation(refund, operation)


def refund_exceeds_charge(intent: Intent) -> FarthingError:
    """More than is left, counting refunds that are still on their way."""
    return FarthingError(
        AMOUNT_TOO_LARGE,
        f"amount_cents: {intent.amount_refundable} is left to refund",
        extensions={"amount_refundable_cents": intent.amount_refundable},
    )


def payment_disputed() -> FarthingError:
    """The acquirer has taken the money, and nobody has decided whose it is."""
    return FarthingError(
        PAYMENT_DISPUTED, "wait until its dispute is decided: won, it can be refunded again"
    )


def settled(refund: Refund, status: RefundStatus, decline: Mapping[str, Any] | None) -> Refund:
    """The refund with its outcome."""
    return replace(refund, status=status, decline=decline, status_detail=None)


def unsettled(refund: Refund, *, requires_decision: bool) -> Refund:
    """The refund of which nobody knows what became of it, or only a person can say."""
    detail = Detail.REQUIRES_DECISION if requires_decision else Detail.OUTCOME_UNKNOWN
    return replace(refund, status_detail=detail.value)
