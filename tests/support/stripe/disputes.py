"""Disputes at our small Stripe, as docs.stripe.com/api/disputes has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.stripe.double import StripeDouble

Row = dict[str, Any]
ANSWERABLE = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
FEE = 1500
DUE_BY = 1_900_000_000
"""Later than any clock here says."""


def dispute(
    stripe: StripeDouble, payment_id: str, *, status: str = "needs_response", amount: int = 1000
) -> Row:
    """A payer disputes a payment; the event says so."""
    row = stripe.new("dispute", "du") | {
        "amount": amount,
        "balance_transactions": [],
        "charge": "ch_1",
        "currency": "eur",
        "evidence": {},
        "evidence_details": {"due_by": DUE_BY, "submission_count": 0},
        "metadata": {},
        "payment_intent": payment_id,
        "reason": "fraudulent",
        "status": status,
    }
    stripe.disputes[row["id"]] = row
    if not status.startswith("warning"):
        _withdraw(row)
    stripe.tell("charge.dispute.created", row)
    return row


def decide(stripe: StripeDouble, row: Row, status: str) -> None:
    """It goes on, or ends."""
    row["status"] = status
    if status == "needs_response":
        _withdraw(row)
    if status == "won":
        row["balance_transactions"].append(_line(row["amount"], 0))
    kind = "closed" if status in {"won", "lost", "warning_closed"} else "updated"
    stripe.tell(f"charge.dispute.{kind}", row)


def read(stripe: StripeDouble, id_: str, fields: Row) -> Row:
    """GET /v1/disputes/{id}, with its PaymentIntent if that is asked for."""
    row = dict(_found(stripe, id_))
    if "payment_intent" in fields.get("expand", []):
        row["payment_intent"] = stripe.payments.get(row["payment_intent"])
    return row


def update(stripe: StripeDouble, id_: str, fields: Row) -> Row:
    """POST /v1/disputes/{id}. Submitting is what happens unless `submit` says no."""
    row = _found(stripe, id_)
    row["metadata"] |= fields.get("metadata", {})
    if fields.get("submit", "true") == "true":
        if row["status"] not in ANSWERABLE:
            raise _refused(stripe)
        row["evidence"] |= fields.get("evidence", {})
        row["status"] = ANSWERABLE[row["status"]]
        row["evidence_details"]["submission_count"] += 1
        stripe.tell("charge.dispute.updated", row)
    return read(stripe, id_, fields)


def close(stripe: StripeDouble, id_: str, fields: Row) -> Row:
    """POST /v1/disputes/{id}/close."""
    row = _found(stripe, id_)
    if row["status"] not in ANSWERABLE:
        raise _refused(stripe)
    row["status"] = "lost"
    stripe.tell("charge.dispute.closed", row)
    return read(stripe, id_, fields)


def _withdraw(row: Row) -> None:
    row["balance_transactions"].append(_line(-row["amount"], FEE))


def _line(amount: int, fee: int) -> Row:
    return {"object": "balance_transaction", "amount": amount, "fee": fee, "currency": "eur"}


def _found(stripe: StripeDouble, id_: str) -> Row:
    if id_ not in stripe.disputes:
        raise stripe.refusal(404, code="resource_missing")
    return stripe.disputes[id_]


def _refused(stripe: StripeDouble) -> Exception:
    return stripe.refusal(400, message="This dispute is already closed")


ROUTES = [
    ("GET", r"/v1/disputes/(\w+)", read),
    ("POST", r"/v1/disputes/(\w+)", update),
    ("POST", r"/v1/disputes/(\w+)/close", close),
]
