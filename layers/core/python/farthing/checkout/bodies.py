"""What the routes of checkout sessions take. Strict: no unknown field, no converted type."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from farthing import runtime
from farthing.checkout.create import NewSession
from farthing.checkout.session import LineItem
from farthing.checkout.url import check_url
from farthing.http.fields import Email, Fields, Metadata, refuse_controls
from farthing.http.request import refuse_pan
from farthing.money import AMOUNT_MINOR_MAX, AMOUNT_MINOR_MIN
from farthing.payments.bodies import Currency, CustomerId, TokenId
from farthing.payments.intent import CaptureMethod

ITEMS_MAX = 100
QUANTITY_MAX = 10_000
NAME_LENGTH_MAX = 250


def check_web_address(text: str) -> str:
    """For validators. Raises ValueError unless a browser may be sent there."""
    allowed = runtime.setting("CHECKOUT_ALLOW_LOOPBACK", "false") == "true"
    return check_url(refuse_pan(text), allow_loopback=allowed)


WebAddress = Annotated[str, AfterValidator(check_web_address)]
"""https; http on this machine, on the local stack alone."""

ItemName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX),
    AfterValidator(refuse_pan),
    AfterValidator(refuse_controls),
]


class LineItemBody(Fields):
    """One line of the bill. `amount_cents` is of one piece, and may be nothing."""

    name: ItemName
    quantity: Annotated[int, Field(ge=1, le=QUANTITY_MAX)]
    amount_cents: Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX)]
    image_url: WebAddress | None = None


class CreateCheckoutSession(Fields):
    """POST /v1/checkout_sessions."""

    line_items: Annotated[list[LineItemBody], Field(min_length=1, max_length=ITEMS_MAX)]
    currency: Currency
    success_url: WebAddress
    cancel_url: WebAddress
    customer_id: CustomerId | None = None
    customer_email: Email | None = None
    capture_method: Annotated[CaptureMethod, Field(strict=False)] = CaptureMethod.AUTOMATIC
    save_payment_method: bool = False
    metadata: Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _amount_in_bounds(self) -> Self:
        total = sum(line.quantity * line.amount_cents for line in self.line_items)
        if not AMOUNT_MINOR_MIN <= total <= AMOUNT_MINOR_MAX:
            bounds = f"from {AMOUNT_MINOR_MIN} to {AMOUNT_MINOR_MAX}"
            raise ValueError(f"line_items come to {total}; together they are {bounds}")
        return self

    @model_validator(mode="after")
    def _saved_for_somebody(self) -> Self:
        if self.save_payment_method and self.customer_id is None:
            raise ValueError("save_payment_method needs a customer_id to save it for")
        return self

    def wanted(self) -> NewSession:
        """As the use case takes it."""
        return NewSession(
            line_items=tuple(LineItem(**vars(line)) for line in self.line_items),
            currency=self.currency,
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            customer_id=self.customer_id,
            customer_email=self.customer_email,
            capture_method=self.capture_method,
            saves_card=self.save_payment_method,
            metadata=self.metadata,
        )


class PayCheckoutSession(Fields):
    """POST /v1/checkout_sessions/{id}/pay."""

    token: TokenId
