"""An operation: one request to the acquirer, written before it is sent.

Its reference at the acquirer is a function of its id, and is the acquirer's idempotency key: a
resend is the same operation. A refund's operation id is the refund's id. `connector` says at which
acquirer, for good, `acquirer_id` what that one calls the payment, where it has said so, and `via`
what is presented there: a request is the same however often it is sent. The lease says how long its
sender may still be at work; the fence is raised by whoever takes it over afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.access.fees import FeeTerms
from farthing.acquiring.answer import Answer, Outcome
from farthing.acquiring.port import Instruction, Kind, StoredCredential
from farthing.clock import later, to_text
from farthing.ids import shard_of
from farthing.method_type import MethodType
from farthing.payments.address import Address
from farthing.payments.names import merchant_reference, reference_of
from farthing.payments.review import ReviewStep
from farthing.store import Item, TenantScope

LEASE_SECONDS = 60
FIRST_FENCE = 1
DUE_SHARDS = 8


class OperationState(StrEnum):
    """OPEN, UNKNOWN and PENDING (a debit of which the bank has to decide) are no end."""

    OPEN = "OPEN"
    UNKNOWN = "UNKNOWN"
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    NOT_SENT = "NOT_SENT"
    ABSENT = "ABSENT"


class Via(StrEnum):
    """What an authorization presents of a card."""

    PAN = "PAN"
    NETWORK_TOKEN = "NETWORK_TOKEN"


UNRESOLVED = frozenset({OperationState.OPEN, OperationState.UNKNOWN, OperationState.PENDING})


@dataclass(frozen=True)
class Operation:
    """One row. `idempotency_row` names the request that waits for its end, empty if none does.

    `reversal_at`: from then on it is to be undone, and is never sent again. `quiet_since`: the
    acquirer's clock when it was first asked after nobody might begin to send any more.
    `requires_decision`: only a person can say, who was asked at `asked_at`. `expiry`: a void of
    our own, when the authorization ran out. `fallback_of` is the one whose network token was
    refused, which names this one in `replaced_by`. `wants_token`: if it is approved, its card is to
    have a network token. `counted` are the partitions of the counters that its outcome goes to, and
    `fees` what we take of what it captures, as it was when it was begun.
    """

    tenant: TenantScope
    intent_id: str
    operation_id: str
    kind: Kind
    amount_cents: int
    currency: str
    created_at: str
    lease_until: str
    idempotency_row: str
    success_status: int
    request_id: str
    connector: str = "sandbox"
    capture: bool = False
    original_reference: str | None = None
    token: str | None = None
    method_id: str | None = None
    method_type: MethodType = MethodType.CARD
    stored_credential: StoredCredential | None = None
    decision: Mapping[str, Any] | None = None
    state: OperationState = OperationState.OPEN
    fence: int = FIRST_FENCE
    answer: Answer | None = None
    due_at: str | None = None
    reversal_at: str | None = None
    quiet_since: str | None = None
    requires_decision: bool = False
    asked_at: str | None = None
    expiry: bool = False
    acquirer_id: str | None = None
    via: Via = Via.PAN
    fallback_of: str | None = None
    replaced_by: str | None = None
    wants_token: bool = False
    counted: tuple[str, ...] = ()
    review: ReviewStep | None = None
    fees: FeeTerms | None = None

    @property
    def address(self) -> Address:
        """Where the row is."""
        return Address(self.tenant, self.intent_id, self.operation_id)

    @property
    def reference(self) -> str:
        """The operation's name at the acquirer."""
        return reference_of(self.operation_id)

    @property
    def reversal_reference(self) -> str:
        """The reversal's name at the acquirer: a new one for each that is sent."""
        return f"{self.reference}R{self.fence}"

    @property
    def is_debit(self) -> bool:
        """Whether it debits a bank account."""
        return self.kind is Kind.AUTHORIZE and self.method_type is MethodType.BANK

    @property
    def may_be_returned(self) -> bool:
        """Whether it is a debit that succeeded: the payer's bank may still take it back."""
        return self.is_debit and self.state is OperationState.APPROVED

    def instruction(self) -> Instruction:
        """What the acquirer is asked."""
        return Instruction(
            kind=self.kind,
            reference=self.reference,
            order_id=self.intent_id,
            amount_cents=self.amount_cents,
            currency=self.currency,
            capture=self.capture,
            original_reference=self.original_reference,
            stored_credential=self.stored_credential,
            merchant_reference=merchant_reference(self.tenant),
            acquirer_id=self.acquirer_id,
            created_at=self.created_at,
            method=self.method_type,
            sent_before=self.fence > FIRST_FENCE,
        )

    def may_be_sent(self, now: datetime) -> bool:
        """Whether its first sender may send it: it is open, and the lease has not run out."""
        return self.state is OperationState.OPEN and to_text(now) < self.lease_until

    def may_be_taken_over(self, now: datetime) -> bool:
        """Whether somebody else may look into it: its sender is certainly gone."""
        return self.state in UNRESOLVED and to_text(now) >= self.lease_until

    def may_be_reversed(self) -> bool:
        """Whether it was decided to undo it, and nobody may send it any more."""
        return self.state is OperationState.UNKNOWN and self.reversal_at is not None

    @property
    def is_never_sent_again(self) -> bool:
        """Whether its outcome is definite, or it was decided to undo it, or to ask a person.

        What was not sent may be tried again, under another operation with the same card.
        """
        if self.state in UNRESOLVED:
            return self.reversal_at is not None or self.requires_decision
        return self.state is not OperationState.NOT_SENT

    def taken_over(self, now: datetime) -> Operation:
        """The same operation under the next fence and a new lease. Nobody may send it now."""
        pending = self.state is OperationState.PENDING
        return replace(
            self,
            state=OperationState.PENDING if pending else OperationState.UNKNOWN,
            fence=self.fence + 1,
            lease_until=later(now, seconds=LEASE_SECONDS),
        )

    def opened_again(self, now: datetime) -> Operation:
        """The same operation, to be sent once more under this fence."""
        return replace(
            self,
            state=OperationState.OPEN,
            lease_until=later(now, seconds=LEASE_SECONDS),
            quiet_since=None,
        )

    def concluded(self, answer: Answer) -> Operation:
        """The same operation with what is known of it now."""
        acquirer_id = answer.acquirer_id or self.acquirer_id
        if self.kind is not Kind.AUTHORIZE:
            acquirer_id = self.acquirer_id
        state = _STATE_OF[answer.outcome]
        return replace(self, state=state, answer=answer, acquirer_id=acquirer_id)

    def to_item(self) -> Item:
        """The row as first written, with its marker in the due index."""
        return {
            "entity": "operation",
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "intent_id": self.intent_id,
            "operation_id": self.operation_id,
            "reference": self.reference,
            "kind": self.kind.value,
            "amount_cents": self.amount_cents,
            "currency": self.currency,
            "created_at": self.created_at,
            "lease_until": self.lease_until,
            "idempotency_row": self.idempotency_row,
            "success_status": self.success_status,
            "request_id": self.request_id,
            "connector": self.connector,
            "capture": self.capture,
            "original_reference": self.original_reference,
            "token": self.token,
            "method_id": self.method_id,
            "method_type": self.method_type.value,
            "stored_credential": stored.to_item() if (stored := self.stored_credential) else None,
            "decision": dict(self.decision) if self.decision else None,
            "state": self.state.value,
            "fence": self.fence,
            "answer": self.answer.to_item() if self.answer else None,
            "expiry": self.expiry,
            "acquirer_id": self.acquirer_id,
            "reversal_at": self.reversal_at,
            "via": self.via.value,
            "fallback_of": self.fallback_of,
            "wants_token": self.wants_token,
            "counted": list(self.counted),
            "review": self.review.to_item() if self.review else None,
            "fees": self.fees.to_item() if self.fees else None,
            "due_pk": due_pk(shard_of(self.operation_id, DUE_SHARDS)),
            "due_at": self.due_at or self.lease_until,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Operation:
        """The operation of a row."""
        stored, answer = item["stored_credential"], item["answer"]
        review, fees = item.get("review"), item.get("fees")
        return cls(
            tenant=TenantScope(item["merchant_id"], item["mode"]),
            intent_id=item["intent_id"],
            operation_id=item["operation_id"],
            kind=Kind(item["kind"]),
            amount_cents=item["amount_cents"],
            currency=item["currency"],
            created_at=item["created_at"],
            lease_until=item["lease_until"],
            idempotency_row=item["idempotency_row"],
            success_status=item["success_status"],
            request_id=item["request_id"],
            capture=item["capture"],
            original_reference=item["original_reference"],
            token=item["token"],
            method_id=item["method_id"],
            method_type=MethodType(item.get("method_type", MethodType.CARD)),
            stored_credential=StoredCredential.from_item(stored) if stored else None,
            decision=item["decision"],
            state=OperationState(item["state"]),
            fence=item["fence"],
            answer=Answer.from_item(answer) if answer else None,
            via=Via(item.get("via", Via.PAN)),
            counted=tuple(item.get("counted", ())),
            review=ReviewStep.from_item(review) if review else None,
            fees=FeeTerms.from_item(fees) if fees else None,
            **{name: item[name] for name in _MAY_BE_MISSING if name in item},
        )


_MAY_BE_MISSING = (
    "connector",
    "due_at",
    "reversal_at",
    "quiet_since",
    "requires_decision",
    "asked_at",
    "expiry",
    "acquirer_id",
    "fallback_of",
    "replaced_by",
    "wants_token",
)


def due_pk(shard: int) -> str:
    """One shard of the operations whose outcome is not known."""
    return f"OPERATION#{shard}"


_STATE_OF = {
    Outcome.APPROVED: OperationState.APPROVED,
    Outcome.DECLINED: OperationState.DECLINED,
    Outcome.NOT_SENT: OperationState.NOT_SENT,
    Outcome.UNKNOWN: OperationState.UNKNOWN,
    Outcome.PENDING: OperationState.PENDING,
    Outcome.ABSENT: OperationState.ABSENT,
}
