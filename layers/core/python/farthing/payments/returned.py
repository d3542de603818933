"""A debit that went back: what becomes true of its payment. Pure.

All of the debit goes back, whatever became of it meanwhile: the bank asks nobody. What is left to
be refunded is gone first. Where the payer has the money by a refund already, or may yet get it by
one that is on its way, they have it twice, and the merchant owes it: `amount_overdrawn`. A refund
that comes to nothing afterwards takes from that, and gives nothing back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from farthing.acquiring.answer import Returned
from farthing.clock import to_text
from farthing.ids import ENTROPY_BYTES, instant_of, make_id
from farthing.payments.intent import Intent
from farthing.payments.operation import Operation
from farthing.store import Item, Key

EVENT_TYPE = "payment_intent.returned"
PREFIX = "rtn"


@dataclass(frozen=True)
class Return:
    """One row: there is one for a debit or for a refund, however often it is told."""

    operation: Operation
    returned: Returned
    overdrawn_cents: int
    created_at: str

    @property
    def return_id(self) -> str:
        """Its id, which names its ledger transaction and settlement entry too."""
        return return_id_of(self.operation.operation_id)

    @property
    def key(self) -> Key:
        """The row, beside its payment."""
        return return_key(self.operation)

    def shown(self) -> dict[str, Any]:
        """What the payment shows of it."""
        reason = self.returned.reason
        return {
            "return_id": self.return_id,
            "amount_cents": self.returned.amount_cents,
            "reason_code": reason.reason_code,
            "message": reason.message,
            "acquirer_code": reason.acquirer_code,
            "returned_at": self.returned.returned_at,
        }

    def to_item(self) -> Item:
        """The row as written: what went back, and what of it the payer has twice."""
        operation = self.operation
        return {
            "entity": "return",
            "merchant_id": operation.tenant.merchant_id,
            "mode": operation.tenant.mode,
            "intent_id": operation.intent_id,
            "operation_id": operation.operation_id,
            "acquirer_reference": self.returned.reference,
            "currency": operation.currency,
            "overdrawn_cents": self.overdrawn_cents,
            "created_at": self.created_at,
            **self.shown(),
        }


def return_key(operation: Operation) -> Key:
    """Where the return of a debit or of a refund is."""
    return Key("payments", operation.address.key.pk, f"RETURN#{operation.operation_id}")


def return_id_of(operation_id: str) -> str:
    """The one return that an operation can have: its time, and a digest in place of chance."""
    digest = hashlib.sha256(f"{operation_id} returned".encode()).digest()
    return make_id(PREFIX, instant_of(operation_id), digest[:ENTROPY_BYTES])


def decide(
    intent: Intent, operation: Operation, returned: Returned, now: datetime
) -> tuple[Intent, Return]:
    """The payment after its debit went back, and the fact."""
    taken = min(intent.amount_refundable, returned.amount_cents)
    overdrawn = returned.amount_cents - taken
    fact = Return(operation, returned, overdrawn, to_text(now))
    after = replace(
        intent,
        amount_refundable=intent.amount_refundable - taken,
        amount_returned=returned.amount_cents,
        amount_overdrawn=overdrawn,
        returned=fact.shown(),
        version=intent.version + 1,
        event_sequence=intent.event_sequence + 1,
    )
    return after, fact
