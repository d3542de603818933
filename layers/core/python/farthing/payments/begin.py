"""Tx-1, decided: what an operation on an intent is, before anything is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from farthing.access.fees import NO_FEES, FeePlan, FeeTerms
from farthing.acquiring.fit import require_amount
from farthing.acquiring.port import Initiator, Kind, StoredCredential, Use
from farthing.clock import later, to_text
from farthing.errors import AMOUNT_TOO_LARGE, OPERATION_IN_PROGRESS, WRONG_STATE, FarthingError
from farthing.fraud.action import Action
from farthing.method_type import MethodType
from farthing.network_tokens.port import TokenStatus
from farthing.payments import states
from farthing.payments.intent import CaptureMethod, Instrument, Intent
from farthing.payments.operation import LEASE_SECONDS, Operation, Via
from farthing.payments.review import ReviewStatus, ReviewStep
from farthing.payments.states import Detail, State, Status

RETRY_AFTER_SECONDS = 2
BANK_RETRY_AFTER_SECONDS = 60 * 60


@dataclass(frozen=True)
class Asking:
    """The request behind an operation: its idempotency row and how success is answered.

    `review` is what it means for the payment's review, `fees` what we take of a capture.
    """

    idempotency_row: str
    success_status: int
    request_id: str
    operation_id: str
    now: datetime
    review: ReviewStep | None = None
    fees: FeePlan = NO_FEES

    def terms(self, intent: Intent, instrument: Instrument | None) -> FeeTerms | None:
        """What a capture of this payment is under."""
        brand = instrument.card_brand if instrument is not None else None
        return self.fees.terms(intent.currency, brand)


@dataclass(frozen=True)
class Begun:
    """An operation that may be written and then sent. `before` is the intent as it was read."""

    before: Intent
    intent: Intent
    operation: Operation


def authorize(
    intent: Intent,
    instrument: Instrument,
    connector: str,
    decision: Mapping[str, Any],
    asking: Asking,
    *,
    takes_tokens: bool = False,
    counted: tuple[str, ...] = (),
) -> Begun:
    """Confirm: ask `connector` for the money, at once or to be captured later: after a review that
    this opens, or by its merchant. `decision` lets it through.

    `takes_tokens`: it takes a network token in place of a card's number. `counted` are the counters
    that its outcome goes to. Raises FarthingError if the intent does not wait for this.
    """
    require(intent, states.HELD if intent.is_under_review else states.NEW, "confirmed")
    if intent.amount_capturable:
        raise wrong_state(intent, "authorized once more")  # a person looks at money that is held
    opens = asking.review is not None and asking.review.status is ReviewStatus.OPEN
    intent = replace(intent, connector=connector)
    stored = stored_credential(intent, instrument)
    captures = intent.capture_method is CaptureMethod.AUTOMATIC and not opens
    operation = _operation(
        intent,
        Kind.AUTHORIZE,
        intent.amount_cents,
        asking,
        capture=captures,
        fees=asking.terms(intent, instrument) if captures else None,
        token=instrument.token,
        method_id=instrument.method_id,
        method_type=instrument.type,
        stored_credential=stored,
        decision=decision,
        counted=counted,
        via=via_of(instrument, stored) if takes_tokens else Via.PAN,
        wants_token=takes_tokens and may_have_a_token(instrument),
    )
    return _begun(intent, operation, instrument=instrument, fraud=fraud_of(decision))


def capture(intent: Intent, amount_cents: int | None, asking: Asking) -> Begun:
    """Take what is held, all or a part; a part is final and releases the rest.

    Raises FarthingError if nothing is held, or less, or the acquirer cannot take such an amount.
    What a person is to look at is captured by their answer alone.
    """
    require(intent, states.HELD if asking.review else states.AUTHORIZED, "captured")
    amount = intent.amount_capturable if amount_cents is None else amount_cents
    if amount > intent.amount_capturable:
        raise FarthingError(
            AMOUNT_TOO_LARGE,
            f"amount_cents: {intent.amount_capturable} can be captured, not {amount}",
            extensions={"amount_capturable_cents": intent.amount_capturable},
        )
    require_amount(intent.connector, amount, intent.currency)
    fees = asking.terms(intent, intent.instrument)
    return _begun(intent, _operation(intent, Kind.CAPTURE, amount, asking, fees=fees))


def void(intent: Intent, asking: Asking, *, expiry: bool = False) -> Begun:
    """Give back what is held, asked for or because it ran out.

    Raises FarthingError if nothing is held.
    """
    require(intent, states.HELD if asking.review else states.AUTHORIZED, "cancelled")
    operation = _operation(intent, Kind.VOID, intent.amount_cents, asking, expiry=expiry)
    return _begun(intent, operation)


def require(intent: Intent, state: State, done: str) -> None:
    """Raises FarthingError unless the intent is in `state` and nobody else is at it."""
    if intent.state == states.AWAITING:
        raise awaiting_bank(done)
    if intent.open_operation is not None:
        raise in_progress()
    if intent.state != state:
        raise wrong_state(intent, done)


def in_progress() -> FarthingError:
    """One operation on a payment at a time."""
    return FarthingError(
        OPERATION_IN_PROGRESS,
        "wait for its outcome, then look at the payment",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )


def awaiting_bank(done: str) -> FarthingError:
    """A debit cannot be taken back while the bank has it: what has succeeded can be refunded."""
    return FarthingError(
        OPERATION_IN_PROGRESS,
        f"the bank has not decided about the debit yet: until then it cannot be {done}",
        retry_after_seconds=BANK_RETRY_AFTER_SECONDS,
    )


def wrong_state(intent: Intent, done: str) -> FarthingError:
    """The payment is past this, or not there yet."""
    where = show_state(intent.status, intent.status_detail)
    return FarthingError(
        WRONG_STATE,
        f"a payment that is {where} cannot be {done}",
        extensions={"payment_status": intent.status.value},
    )


def show_state(status: Status, detail: Detail | None) -> str:
    """`PROCESSING (REQUIRES_CAPTURE)`."""
    return status.value + (f" ({detail.value})" if detail else "")


def stored_credential(intent: Intent, instrument: Instrument) -> StoredCredential | None:
    """The indicator for a card that is saved, or is to be by this payment; None for one used once,
    and for all that is no card.

    A payer whose address is known is there; otherwise the merchant acts alone.
    """
    if instrument.type is not MethodType.CARD:
        return None
    if instrument.method_id is None:
        saves = intent.checkout is not None and intent.checkout.saves_card
        return StoredCredential(Use.FIRST, Initiator.CUSTOMER) if saves else None
    initiator = Initiator.CUSTOMER if intent.ip_address else Initiator.MERCHANT
    if instrument.network_reference is None:
        return StoredCredential(Use.FIRST, Initiator.CUSTOMER)
    return StoredCredential(Use.SUBSEQUENT, initiator, instrument.network_reference)


def via_of(instrument: Instrument, stored: StoredCredential | None) -> Via:
    """What is presented of a card: its network token, if it has an active one.

    A first use is by number: its security code is checked but once.
    """
    active = instrument.network_token == TokenStatus.ACTIVE
    again = stored is not None and stored.use is Use.SUBSEQUENT
    return Via.NETWORK_TOKEN if active and again else Via.PAN


def may_have_a_token(instrument: Instrument) -> bool:
    """Whether it is a saved card for which nobody has wanted a network token yet."""
    saved = instrument.method_id is not None and instrument.connector is None
    return saved and instrument.type is MethodType.CARD and instrument.network_token is None


def fraud_of(decision: Mapping[str, Any]) -> dict[str, Any]:
    """What the intent keeps of the decision, for its merchant and for whoever reviews it."""
    against = [one for one in decision["signals"] if one["action"] != Action.ALLOW]
    return {
        "score_ppm": decision["score_ppm"],
        "action": decision["action"],
        "reasons": [one["reason"] for one in against],
    }


def _operation(
    intent: Intent, kind: Kind, amount_cents: int, asking: Asking, **more: Any
) -> Operation:
    authorization = intent.authorization
    return Operation(
        tenant=intent.tenant,
        intent_id=intent.intent_id,
        operation_id=asking.operation_id,
        kind=kind,
        amount_cents=amount_cents,
        currency=intent.currency,
        created_at=to_text(asking.now),
        lease_until=later(asking.now, seconds=LEASE_SECONDS),
        idempotency_row=asking.idempotency_row,
        success_status=asking.success_status,
        request_id=asking.request_id,
        review=asking.review,
        connector=intent.connector,
        original_reference=authorization.reference if authorization else None,
        acquirer_id=authorization.acquirer_id if authorization else None,
        **more,
    )


def _begun(intent: Intent, operation: Operation, **changes: Any) -> Begun:
    after = intent.moved(
        states.IN_FLIGHT,
        open_operation=operation.operation_id,
        outcome=None,
        decline=None,
        **changes,
    )
    return Begun(intent, after, operation)
