"""A dispute: one row, named by its acquirer's reference, and a pointer to it beside its payment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from farthing.acquiring.dispute import Case, Stage, Standing, State
from farthing.clock import from_text, later, to_text
from farthing.disputes.schedule import HOUR_SECONDS, reminded_at_once, watched
from farthing.errors import not_found
from farthing.ids import ENTROPY_BYTES, is_id, make_id, shard_of
from farthing.store import Item, Key, TenantScope

PREFIX = "dp"
ENTITY = "dispute"
LIST_SHARDS = 4
DUE_SHARDS = 4


def dispute_key(tenant: TenantScope, dispute_id: str) -> Key:
    """Where a dispute's row is."""
    return Key("payments", tenant.pk("DP", dispute_id), "DISPUTE")


def key_of(tenant: TenantScope, dispute_id: str) -> Key:
    """The key of an id from outside. Raises FarthingError (404) for what cannot be one."""
    if not is_id(PREFIX, dispute_id):
        raise not_found("dispute", dispute_id)
    return dispute_key(tenant, dispute_id)


def pointer_key(tenant: TenantScope, intent_id: str, dispute_id: str) -> Key:
    """Where a payment names its dispute."""
    return Key("payments", tenant.pk("PI", intent_id), f"DISPUTE#{dispute_id}")


def list_partition(tenant: TenantScope, shard: int) -> str:
    """A shard of the merchant's list of disputes."""
    return tenant.pk("LIST", "DISPUTE", str(shard))


def due_pk(shard: int) -> str:
    """One shard of the disputes that somebody is to look at, in the due index by when."""
    return f"DISPUTE#{shard}"


def dispute_id_of(tenant: TenantScope, connector: str, case: Case) -> str:
    """The one id that a case can have: when it was opened, and a digest of its names."""
    named = f"{tenant.merchant_id} {tenant.mode} {connector} {case.reference}"
    digest = hashlib.sha256(named.encode()).digest()
    return make_id(PREFIX, from_text(case.opened_at), digest[:ENTROPY_BYTES])


@dataclass(frozen=True)
class Dispute:
    """One row. Amounts are in the payment's currency, times RFC 3339.

    `amount_refunded` is what of the payment had been refunded when its money was first taken, and
    `amount_overdrawn` what of the disputed amount the payer had, or may yet get, by a refund too.
    `open_answer` is an answer that is on its way. `history` has a line for each state it was in.
    `last_reminder_days`: how many days before the deadline the newest reminder was.
    """

    tenant: TenantScope
    dispute_id: str
    intent_id: str
    connector: str
    reference: str
    stage: Stage
    standing: Standing
    amount_cents: int
    currency: str
    reason: str
    opened_at: str
    created_at: str
    fee_cents: int = 0
    due_by: str | None = None
    amount_refunded: int = 0
    amount_overdrawn: int = 0
    open_answer: str | None = None
    evidence_sent_at: str | None = None
    accepted_at: str | None = None
    closed_at: str | None = None
    last_reminder_days: int | None = None
    history: tuple[Mapping[str, str], ...] = ()
    version: int = 0

    @property
    def key(self) -> Key:
        """The row."""
        return dispute_key(self.tenant, self.dispute_id)

    @property
    def state(self) -> State:
        """Stage and standing together: a row of the transition table."""
        return self.stage, self.standing

    @property
    def waits_for_answer(self) -> bool:
        """Whether the acquirer waits for an answer, and none is on its way."""
        return self.standing is Standing.NEEDS_RESPONSE and self.open_answer is None

    def moved(self, state: State, case: Case, ended: bool, now: datetime) -> Dispute:
        """The dispute one step on. The acquirer's deadline is that of the state it is in by now."""
        stage, standing = state
        due_by = case.due_by if state == case.state else None
        line = {"stage": stage.value, "status": standing.value, "at": to_text(now)}
        return replace(
            self,
            stage=stage,
            standing=standing,
            due_by=due_by,
            last_reminder_days=reminded_at_once(due_by, now),
            closed_at=to_text(now) if ended else None,
            history=(*self.history, line),
            version=self.version + 1,
        )

    def to_item(self, now: datetime) -> Item:
        """The row, with its places in the indexes. `now` says when to look at it next."""
        shard = shard_of(self.dispute_id, LIST_SHARDS)
        plain = {name: value for name, value in vars(self).items() if name not in _SEPARATE}
        row: Item = {
            "entity": ENTITY,
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "stage": self.stage.value,
            "status": self.standing.value,
            "history": [dict(line) for line in self.history],
            "list_pk": list_partition(self.tenant, shard),
            "list_sk": self.dispute_id,
            **plain,
        }
        look_at = watched(self.standing, self.due_by, self.last_reminder_days, now)
        if self.open_answer is not None:
            an_hour_on = later(now, seconds=HOUR_SECONDS)
            look_at = min(look_at or an_hour_on, an_hour_on)
        if look_at is not None:
            row |= {"due_pk": due_pk(shard_of(self.dispute_id, DUE_SHARDS)), "due_at": look_at}
        return {name: value for name, value in row.items() if value is not None}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Dispute:
        """The dispute of a row."""
        known = {one.name: item[one.name] for one in fields(cls) if one.name in item}
        known |= {
            "tenant": TenantScope(item["merchant_id"], item["mode"]),
            "stage": Stage(item["stage"]),
            "standing": Standing(item["status"]),
            "history": tuple(item["history"]),
        }
        return cls(**known)


_SEPARATE = frozenset({"tenant", "stage", "standing", "history"})


def new_dispute(tenant: TenantScope, connector: str, intent_id: str, case: Case) -> Dispute:
    """A dispute of which nothing is written yet. Its state counts from its first step on."""
    return Dispute(
        tenant=tenant,
        dispute_id=dispute_id_of(tenant, connector, case),
        intent_id=intent_id,
        connector=connector,
        reference=case.reference,
        stage=case.stage,
        standing=case.standing,
        amount_cents=case.amount_cents,
        currency=case.currency,
        reason=case.reason,
        opened_at=case.opened_at,
        created_at="",
    )


def show_dispute(dispute: Dispute, reminder_days: int | None = None) -> dict[str, Any]:
    """The Dispute, as the API shows it. What the evidence says is shown beside it to who asks."""
    shown: dict[str, Any] = {
        "dispute_id": dispute.dispute_id,
        "payment_intent_id": dispute.intent_id,
        "stage": dispute.stage.value,
        "status": dispute.standing.value,
        "reason": dispute.reason,
        "amount_cents": dispute.amount_cents,
        "currency": dispute.currency,
        "fee_cents": dispute.fee_cents,
        "amount_refunded_cents": dispute.amount_refunded,
        "amount_overdrawn_cents": dispute.amount_overdrawn,
        "due_by": dispute.due_by,
        "answer_pending": dispute.open_answer is not None,
        "evidence_submitted_at": dispute.evidence_sent_at,
        "accepted_at": dispute.accepted_at,
        "acquirer_reference": dispute.reference,
        "opened_at": dispute.opened_at,
        "created_at": dispute.created_at,
        "closed_at": dispute.closed_at,
        "history": [dict(line) for line in dispute.history],
        "livemode": dispute.tenant.mode == "live",
    }
    if reminder_days is not None:
        shown["reminder"] = {"days_left": reminder_days}
    return shown
