"""The routes of disputes: how one stands, evidence, and that it is accepted."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from farthing_sandbox import dispute_bodies, dispute_books, dispute_notices, disputes
from farthing_sandbox.answers import Answer, not_found, refusal
from farthing_sandbox.disputes import Dispute
from farthing_sandbox.items import as_json
from farthing_sandbox.operations import rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from farthing_sandbox.http import Call


def find(call: Call) -> Answer:
    """GET /v1/disputes/{reference}."""
    now = call.services.now()
    found = dispute_books.mature(call.services.acquirer.books, call.reference, now)
    return shown(found, call.reference, now)


def answer(call: Call) -> Answer:
    """POST /v1/disputes/{reference}/evidence."""
    body = dispute_bodies.evidence(call.body)
    return _answered(call, body.reference, tuple(body.text.values()))


def accept(call: Call) -> Answer:
    """POST /v1/disputes/{reference}/acceptance."""
    return _answered(call, dispute_bodies.acceptance(call.body).reference, None)


def _answered(call: Call, reference: str, texts: tuple[str, ...] | None) -> Answer:
    """Have a dispute answered, and come back when that has been looked at."""
    services, now = call.services, call.services.now()
    said = hashlib.sha256(call.body).hexdigest()
    try:
        after = dispute_books.answer(
            services.acquirer.books, call.reference, (reference, said), texts, now
        )
    except dispute_books.NotAnswerable:
        message = "no answer to it is waited for"
        named = {"reference": reference, "as_of": rfc3339(now)}
        return refusal(HTTPStatus.CONFLICT, "NOT_ANSWERABLE", message, **named)
    except dispute_books.AnsweredOtherwise:
        message = "this reference was used before, with other content"
        return refusal(HTTPStatus.CONFLICT, "REFERENCE_REUSED", message)
    if after is not None:
        dispute_notices.put_off(after, services.acquirer, now)
    return shown(after, call.reference, now)


def shown(dispute: Dispute | None, reference: str, now: datetime) -> Answer:
    """A dispute as the API shows it."""
    as_of = rfc3339(now)
    if dispute is None:
        return not_found(reference, as_of=as_of)
    body = {**document(dispute), "as_of": as_of}
    return Answer(HTTPStatus.OK, as_json(body), reference=reference)


def document(dispute: Dispute) -> dict[str, Any]:
    """All that a client may know of it."""
    arbitrated = any(line.startswith("PRE_ARBITRATION") for line in dispute.history)
    charged = any(line.startswith("CHARGEBACK") for line in dispute.history)
    return {
        "reference": dispute.reference,
        "order_id": dispute.order_id,
        "merchant_reference": dispute.merchant_reference,
        "stage": dispute.stage.value,
        "status": dispute.status.value,
        "amount_cents": dispute.amount_cents,
        "fee_cents": disputes.FEE_CENTS if charged else 0,
        "currency": dispute.currency,
        "reason": disputes.REASON,
        "opened_at": dispute.opened_at,
        "due_by": dispute.due_by if dispute.answerable else None,
        "answered_by": [reference for reference, _ in dispute.answers],
        "pre_arbitration_reference": f"{dispute.reference}-PA" if arbitrated else None,
    }
