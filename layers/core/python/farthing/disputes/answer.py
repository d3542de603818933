"""An answer to a dispute: evidence or acceptance, written before it is sent.

    OPEN ─► DONE                the acquirer has it
      ├───► REFUSED             it waits for none any more
      ├───► NOT_SENT            nothing left this side: the same key may try again
      └───► UNKNOWN ─► …        nobody knows; it is looked for, and sent again if it is not there

Its reference at the acquirer is a function of its id, and names it in the acquirer's case. The
acquirer takes an answer once for its reference, so one that is sent twice is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.acquiring.dispute import AnswerKind
from farthing.clock import to_text
from farthing.payments.names import reference_of
from farthing.store import Item, Key, TenantScope

PREFIX = "dan"
LEASE_SECONDS = 60


class AnswerState(StrEnum):
    """What is known of an answer."""

    OPEN = "OPEN"
    UNKNOWN = "UNKNOWN"
    DONE = "DONE"
    REFUSED = "REFUSED"
    NOT_SENT = "NOT_SENT"


@dataclass(frozen=True)
class AnswerAddress:
    """Where an answer's row is: all that `charge` is told."""

    tenant: TenantScope
    dispute_id: str
    answer_id: str

    @property
    def key(self) -> Key:
        """The row, beside its dispute."""
        pk = self.tenant.pk("DP", self.dispute_id)
        return Key("payments", pk, f"ANSWER#{self.answer_id}")

    def __str__(self) -> str:
        names = (self.tenant.merchant_id, self.tenant.mode, self.dispute_id, self.answer_id)
        return "/".join(names)

    @classmethod
    def parse(cls, text: str) -> AnswerAddress:
        """Raises ValueError for what is none."""
        merchant_id, mode, dispute_id, answer_id = text.split("/")
        return cls(TenantScope(merchant_id, mode), dispute_id, answer_id)


@dataclass(frozen=True)
class DisputeAnswer:
    """One row. `idempotency_row` names the request that waits for its end."""

    address: AnswerAddress
    kind: AnswerKind
    connector: str
    case_reference: str
    created_at: str
    lease_until: str
    idempotency_row: str
    request_id: str
    state: AnswerState = AnswerState.OPEN

    @property
    def reference(self) -> str:
        """The answer's name at the acquirer."""
        return reference_of(self.address.answer_id)

    def may_be_sent(self, now: datetime) -> bool:
        """Whether it is to be sent: it is open, and its lease has not run out."""
        return self.state is AnswerState.OPEN and to_text(now) < self.lease_until

    def may_be_taken_over(self, now: datetime) -> bool:
        """Whether somebody else may look for it: its sender is certainly gone."""
        out = self.state in {AnswerState.OPEN, AnswerState.UNKNOWN}
        return out and to_text(now) >= self.lease_until

    def to_item(self) -> Item:
        """The row."""
        return {
            "entity": "dispute_answer",
            "merchant_id": self.address.tenant.merchant_id,
            "mode": self.address.tenant.mode,
            "dispute_id": self.address.dispute_id,
            "answer_id": self.address.answer_id,
            "kind": self.kind.value,
            "connector": self.connector,
            "case_reference": self.case_reference,
            "reference": self.reference,
            "created_at": self.created_at,
            "lease_until": self.lease_until,
            "idempotency_row": self.idempotency_row,
            "request_id": self.request_id,
            "state": self.state.value,
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> DisputeAnswer:
        """The answer of a row."""
        tenant = TenantScope(item["merchant_id"], item["mode"])
        return cls(
            address=AnswerAddress(tenant, item["dispute_id"], item["answer_id"]),
            kind=AnswerKind(item["kind"]),
            connector=item["connector"],
            case_reference=item["case_reference"],
            created_at=item["created_at"],
            lease_until=item["lease_until"],
            idempotency_row=item["idempotency_row"],
            request_id=item["request_id"],
            state=AnswerState(item["state"]),
        )
