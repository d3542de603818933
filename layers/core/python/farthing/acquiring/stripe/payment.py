"""A PaymentIntent or a refund of Stripe's, read, and compared with what was asked.

Our marks are in their metadata: whose it is, and which operation of ours made it. A capture and a
void leave their mark on the PaymentIntent, too. What lacks them, or says another amount, is an
answer to another question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from farthing.acquiring.answer import Answer, Outcome, SeenCard
from farthing.acquiring.exchange import NoUsableAnswer
from farthing.acquiring.port import Instruction, Kind
from farthing.acquiring.stripe.units import NotRepresentable, to_stripe
from farthing.clock import to_text

KIND, REFERENCE, ORDER, MERCHANT, ORIGINAL = (
    "farthing_kind",
    "farthing_reference",
    "farthing_order",
    "farthing_merchant",
    "farthing_original",
)
MARK_OF = {Kind.CAPTURE: "farthing_capture", Kind.VOID: "farthing_void"}
"""Where a PaymentIntent names the operation that captured or voided it."""
REVERSAL = "REVERSAL"
"""The kind of a refund that undoes a charge of ours."""

AUTOMATIC, MANUAL = "automatic", "manual"


@dataclass(frozen=True)
class Payment:
    """A PaymentIntent. Amounts are in Stripe's units."""

    acquirer_id: str
    status: str
    amount: int
    currency: str
    capture_method: str
    amount_received: int
    metadata: Mapping[str, str]
    charge: Mapping[str, Any]
    error: Mapping[str, Any] | None
    created: int

    @property
    def amount_refunded(self) -> int:
        """How much of its charge went back, released amounts included."""
        return _whole(self.charge.get("amount_refunded") or 0)


@dataclass(frozen=True)
class Refunded:
    """A refund. Its amount is in Stripe's units."""

    acquirer_id: str
    payment_id: str
    status: str
    amount: int
    currency: str
    metadata: Mapping[str, str]
    error: str
    created: int


def marks_of(instruction: Instruction, kind: str | None = None) -> dict[str, str]:
    """The metadata of what an instruction makes."""
    return {
        KIND: kind or instruction.kind.value,
        REFERENCE: instruction.reference,
        ORDER: instruction.order_id,
        MERCHANT: instruction.merchant_reference or "",
    }


def read_payment(document: Any) -> Payment:
    """A PaymentIntent. Raises NoUsableAnswer for anything else."""
    try:
        _require(document["object"] == "payment_intent")
        charge, error = document.get("latest_charge"), document.get("last_payment_error")
        return Payment(
            acquirer_id=_text(document["id"]),
            status=_text(document["status"]),
            amount=_whole(document["amount"]),
            currency=_text(document["currency"]),
            capture_method=_text(document["capture_method"]),
            amount_received=_whole(document.get("amount_received") or 0),
            metadata=_texts(document.get("metadata")),
            charge=charge if isinstance(charge, Mapping) else {},
            error=error if isinstance(error, Mapping) else None,
            created=_whole(document["created"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NoUsableAnswer("no PaymentIntent") from error


def read_refund(document: Any) -> Refunded:
    """A refund. Raises NoUsableAnswer for anything else."""
    try:
        _require(document["object"] == "refund")
        return Refunded(
            acquirer_id=_text(document["id"]),
            payment_id=document.get("payment_intent") or "",
            status=_text(document["status"]),
            amount=_whole(document["amount"]),
            currency=_text(document["currency"]),
            metadata=_texts(document.get("metadata")),
            error=str(document.get("failure_reason") or "failed"),
            created=_whole(document["created"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NoUsableAnswer("no refund") from error


def require_asked(payment: Payment, asked: Instruction) -> None:
    """Raises NoUsableAnswer unless the PaymentIntent is the one of this AUTHORIZE."""
    wanted = (
        marks_of(asked),
        units(asked),
        asked.currency,
        AUTOMATIC if asked.capture else MANUAL,
    )
    found = (
        _marks(payment.metadata),
        payment.amount,
        payment.currency,
        payment.capture_method,
    )
    if found != wanted:
        raise NoUsableAnswer("another PaymentIntent than the one that was asked about")


def require_original(payment: Payment, following: Instruction) -> None:
    """Raises NoUsableAnswer unless the PaymentIntent is the one that a follow-up belongs to."""
    wanted = {
        KIND: Kind.AUTHORIZE.value,
        REFERENCE: following.original_reference,
        ORDER: following.order_id,
        MERCHANT: following.merchant_reference or "",
    }
    if _marks(payment.metadata) != wanted or payment.currency != following.currency:
        raise NoUsableAnswer("another PaymentIntent than the one that it belongs to")


def require_refund_asked(refund: Refunded, asked: Instruction, payment_id: str) -> None:
    """Raises NoUsableAnswer unless the refund is the one that was asked about."""
    wanted = (marks_of(asked), units(asked), asked.currency, payment_id)
    found = (_marks(refund.metadata), refund.amount, refund.currency, refund.payment_id)
    if found != wanted:
        raise NoUsableAnswer("another refund than the one that was asked about")


def units(instruction: Instruction) -> int:
    """The instruction's amount in Stripe's units. Raises NoUsableAnswer if there is none."""
    try:
        return to_stripe(instruction.amount_cents, instruction.currency)
    except NotRepresentable as error:
        raise NoUsableAnswer(str(error)) from error


def authorized(payment: Payment) -> Answer:
    """What an approved PaymentIntent says that later requests and the merchant need."""
    details = payment.charge.get("payment_method_details")
    card = details.get("card") if isinstance(details, Mapping) else None
    card = card if isinstance(card, Mapping) else {}
    named = card.get("network_transaction_id") or payment.charge.get("id") or payment.acquirer_id
    before = card.get("capture_before")
    code = card.get("authorization_code") or payment.charge.get("authorization_code")
    return Answer(
        Outcome.APPROVED,
        authorization_code=code if isinstance(code, str) else None,
        network_reference=str(named),
        expires_at=instant(before) if type(before) is int else None,
        card=_seen(card),
        acquirer_id=payment.acquirer_id,
    )


def instant(seconds: int) -> str:
    """Stripe's time as we write it."""
    return to_text(datetime.fromtimestamp(seconds, UTC))


def _seen(card: Mapping[str, Any]) -> SeenCard | None:
    texts, numbers = (card.get("last4"), card.get("brand")), ("exp_month", "exp_year")
    last_four, brand = texts
    month, year = (card.get(name) for name in numbers)
    if not (isinstance(last_four, str) and isinstance(brand, str)):
        return None
    if type(month) is not int or type(year) is not int:
        return None
    return SeenCard(last_four, brand, month, year)


def _marks(metadata: Mapping[str, str]) -> dict[str, str | None]:
    return {name: metadata.get(name) for name in (KIND, REFERENCE, ORDER, MERCHANT)}


def _require(right: bool) -> None:
    if not right:
        raise ValueError


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _texts(value: Any) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        raise TypeError
    return value
