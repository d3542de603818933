"""The body of POST /v1/payment_methods."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from farthing.http.fields import BillingAddress, Fields
from farthing.method_type import MethodType
from farthing.payments.payment_methods import SAVED, NewMethod


def check_type(type_: str) -> str:
    """For validators. Raises ValueError for types that cannot be saved."""
    if type_ not in SAVED:
        raise ValueError(f"is {' or '.join(SAVED)}: nothing else can be saved")
    return type_


class SavePaymentMethod(Fields):
    """A single-use token becomes a customer's payment method, of the type that the token has."""

    customer_id: str
    token: str
    type: Annotated[str, AfterValidator(check_type)] = ""
    billing_address: BillingAddress | None = None
    is_default: bool = False

    def new(self) -> NewMethod:
        """For the use case."""
        address = self.billing_address.given() if self.billing_address else None
        type_ = MethodType(self.type) if self.type else None
        return NewMethod(self.customer_id, self.token, address, self.is_default, type_)
