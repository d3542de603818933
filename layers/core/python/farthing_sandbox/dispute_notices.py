"""What this acquirer tells of disputes, and of refunds that came back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from farthing_sandbox.acquirer import DEFER_SECONDS_MAX, seconds_until
from farthing_sandbox.asks import Due
from farthing_sandbox.items import as_json
from farthing_sandbox.notices import Notice, batch_item
from farthing_sandbox.operations import rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from farthing_sandbox.acquirer import Acquirer
    from farthing_sandbox.disputes import Dispute
    from farthing_sandbox.items import Item

TYPES: Final = {"NEEDS_RESPONSE": "opened", "UNDER_REVIEW": "updated"}
"""Of a dispute's event; `closed` for every end of a stage."""

EVENT_CODES: Final = {
    "INQUIRY NEEDS_RESPONSE": "REQUEST_FOR_INFORMATION",
    "INQUIRY UNDER_REVIEW": "INFORMATION_SUPPLIED",
    "INQUIRY CLOSED": "INFORMATION_SUPPLIED",
    "CHARGEBACK NEEDS_RESPONSE": "NOTIFICATION_OF_CHARGEBACK",
    "CHARGEBACK UNDER_REVIEW": "INFORMATION_SUPPLIED",
    "CHARGEBACK WON": "CHARGEBACK_REVERSED",
    "CHARGEBACK LOST": "SECOND_CHARGEBACK",
    "PRE_ARBITRATION NEEDS_RESPONSE": "NOTIFICATION_OF_CHARGEBACK",
    "PRE_ARBITRATION UNDER_REVIEW": "INFORMATION_SUPPLIED",
    "PRE_ARBITRATION WON": "PREARBITRATION_WON",
    "PRE_ARBITRATION LOST": "PREARBITRATION_LOST",
}
"""Adyen's names, of which all but CHARGEBACK are of disputes alone:
docs.adyen.com/risk-management/disputes-api/dispute-notifications"""


def put_off(dispute: Dispute, acquirer: Acquirer, now: datetime) -> None:
    """Have a dispute's message come when it has gone on; soon, if it is at an end. What is farther
    off than a message can be, its deadline, is found by whoever looks."""
    due = Due(dispute.order_id, dispute.charge_entry, dispute.reference, "DISPUTE")
    seconds = seconds_until(dispute.next_at or rfc3339(now), rfc3339(now)) + 1
    if seconds <= DEFER_SECONDS_MAX:
        acquirer.defer(as_json(vars(due)), max(1, seconds))


def told_of(dispute: Dispute) -> list[Notice]:
    """A notice for each step that nobody was told of, in their order."""
    return [step(dispute, line) for line in dispute.history[dispute.told :]]


def step(dispute: Dispute, line: str) -> Notice:
    """That a dispute went one step on."""
    stage, status, at = line.split()
    notice_id = _notice_id(f"{dispute.reference} {line}")
    data = {
        "dispute": dispute.reference,
        "order_id": dispute.order_id,
        "merchant_reference": dispute.merchant_reference,
        "operation": "DISPUTE",
        "stage": stage,
        "status": status,
    }
    kind = f"dispute.{TYPES.get(status, 'closed')}"
    fact = {"id": notice_id, "type": kind, "created_at": at, "data": data}
    whose = str(dispute.merchant_reference or "")
    item = {
        "pspReference": f"{dispute.reference}-{dispute.history.index(line)}",
        "originalReference": dispute.reference,
        "merchantAccountCode": whose.replace(":", "."),
        "merchantReference": f"{dispute.order_id}.{dispute.reference}",
        "amount": {"value": dispute.amount_cents, "currency": dispute.currency.upper()},
        "eventCode": EVENT_CODES[f"{stage} {status}"],
        "success": "true",
        "eventDate": at,
    }
    return Notice(notice_id, as_json(fact), item)


def refund_returned(refund: Item) -> Notice:
    """That the payer's bank sent a refund back."""
    notice_id = _notice_id(f"{refund['pk']} {refund['sk']} returned")
    data: dict[str, Any] = {
        "reference": refund["reference"],
        "order_id": refund["order_id"],
        "merchant_reference": refund["merchant_reference"],
        "operation": "REFUND",
        "status": refund["status"],
    }
    fact = {
        "id": notice_id,
        "type": "refund.returned",
        "created_at": refund["returned_at"],
        "data": data,
    }
    amount, currency = refund["amount_cents"], refund["currency"]
    return Notice(notice_id, as_json(fact), batch_item(fact, amount, currency))


def _notice_id(fact: str) -> str:
    return f"wh_{hashlib.sha256(fact.encode()).hexdigest()[:32]}"
