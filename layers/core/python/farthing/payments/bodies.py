"""What the payment routes take. Strict: no unknown field, no converted type."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from farthing.http.fields import Fields, FreeText, IpAddress, Metadata
from farthing.ids import is_id
from farthing.money import AMOUNT_MINOR_MAX, AMOUNT_MINOR_MIN, EXPONENTS
from farthing.payments.create import NewIntent
from farthing.payments.instruments import Paying
from farthing.payments.intent import CaptureMethod


def check_currency(text: str) -> str:
    """For validators. Raises ValueError unless it is an ISO 4217 code, in either case."""
    code = text.lower()
    if not text.isascii() or code not in EXPONENTS:
        raise ValueError("is an ISO 4217 currency code, such as eur")
    return code


def _id_of(prefix: str) -> AfterValidator:
    def check(text: str) -> str:
        if not is_id(prefix, text):
            raise ValueError(f"is an id that starts with {prefix}_")
        return text

    return AfterValidator(check)


AmountCents = Annotated[int, Field(ge=AMOUNT_MINOR_MIN, le=AMOUNT_MINOR_MAX)]
Currency = Annotated[str, AfterValidator(check_currency)]
CustomerId = Annotated[str, _id_of("cus")]
MethodId = Annotated[str, _id_of("pm")]
TokenId = Annotated[str, _id_of("tok")]
IntentId = Annotated[str, _id_of("pi")]


class HowPaid(Fields):
    """A saved method or a single-use token, not both."""

    payment_method_id: MethodId | None = None
    token: TokenId | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.payment_method_id is not None and self.token is not None:
            raise ValueError("give payment_method_id or token, not both")
        return self

    def paying(self) -> Paying:
        """As the use cases take it."""
        return Paying(token=self.token, method_id=self.payment_method_id)


class CreatePaymentIntent(HowPaid):
    """POST /v1/payment_intents."""

    amount_cents: AmountCents
    currency: Currency
    customer_id: CustomerId | None = None
    capture_method: Annotated[CaptureMethod, Field(strict=False)] = CaptureMethod.AUTOMATIC
    confirm: bool = False
    metadata: Metadata = Field(default_factory=dict)
    ip_address: IpAddress | None = None

    @model_validator(mode="after")
    def _confirm_needs_payment(self) -> Self:
        if self.confirm and self.payment_method_id is None and self.token is None:
            raise ValueError("to confirm, give token or payment_method_id")
        return self

    def wanted(self) -> NewIntent:
        """As the use case takes it."""
        return NewIntent(
            amount_cents=self.amount_cents,
            currency=self.currency,
            capture_method=self.capture_method,
            confirm=self.confirm,
            paying=self.paying(),
            customer_id=self.customer_id,
            ip_address=self.ip_address,
            metadata=self.metadata,
        )


class ConfirmPaymentIntent(HowPaid):
    """POST /v1/payment_intents/{id}/confirm."""


class CapturePaymentIntent(Fields):
    """POST /v1/payment_intents/{id}/capture. Without an amount: all that is held."""

    amount_cents: AmountCents = 0


class CreateRefund(Fields):
    """POST /v1/refunds. Without an amount: all that is left."""

    payment_intent_id: IntentId
    amount_cents: AmountCents = 0
    reason: FreeText | None = None


class AnswerReview(Fields):
    """POST /v1/reviews/{id}/approve. Who looked, and what they saw; the key, if nobody is named."""

    reviewer: FreeText | None = None
    note: FreeText | None = None


class DeclineReview(AnswerReview):
    """POST /v1/reviews/{id}/decline. `is_fraud`: what they saw was fraud, and is learned from."""

    is_fraud: bool = False
