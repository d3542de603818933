"""The body of POST /v1/payment_methods."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from farthing.http.fields import BillingAddress, Fields
from farthing.method_type import MethodType
from farthing.payments.payment_methods import NewMethod


def check_type(type_: str) -> str:
    """For validators. Raises ValueError for types that cannot be saved yet."""
    if type_ != MethodType.CARD:
        raise ValueError(f"is {MethodType.CARD}; other types are not supported yet")
    return type_


class SavePaymentMethod(Fields):
    """A single-use token becomes a customer's payment method."""

    customer_id: str
    token: str
    type: Annotated[str, AfterValidator(check_type)] = MethodType.CARD.value
    billing_address: BillingAddress | None = None
    is_default: bool = False

    def new(self) -> NewMethod:
        """For the use case."""
        address = self.billing_address.given() if self.billing_address else None
        return NewMethod(self.customer_id, self.token, address, self.is_default)
