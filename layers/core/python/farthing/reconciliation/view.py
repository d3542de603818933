"""Breaks as the API shows them."""

from __future__ import annotations

from typing import Any

from farthing.reconciliation.break_row import Break, proposal
from farthing.reconciliation.resolution import allowed


def break_object(one: Break) -> dict[str, Any]:
    """A break. `suspense` is what it holds there by currency, zero or nothing once it is resolved;
    `unpaid_cents` and `held_cents` are what the acquirer still owes of our line, and what of the
    merchant's share stays pending."""
    subject, is_open = one.subject, one.is_open
    return {
        "break_id": one.break_id,
        "settlement_id": one.settlement_id,
        "acquirer": one.acquirer,
        "currency": one.currency,
        "kind": one.kind.value,
        "status": one.status.value,
        "operation": subject.operation,
        "reference": subject.reference,
        "line": subject.line,
        "payment_intent_id": subject.intent_id,
        "our_state": subject.state,
        "expected": None if one.expected is None else one.expected.to_item(),
        "reported": None if one.reported is None else one.reported.to_item(),
        "suspense": dict(one.effect.suspense) if is_open else {},
        "unpaid_cents": one.unpaid_cents if is_open else 0,
        "held_cents": one.held_cents if is_open else 0,
        "proposal": proposal(one),
        "resolutions": sorted(allowed(one)) if is_open else [],
        "assigned_to": one.assigned_to,
        "resolution": one.resolution,
        "resolved_at": one.resolved_at,
        "ledger_transactions": [*([one.posted_by] if one.posted_by else []), *one.corrections],
        "history": [dict(vars(note)) for note in one.history],
        "created_at": one.created_at,
        "livemode": one.tenant.mode == "live",
    }
