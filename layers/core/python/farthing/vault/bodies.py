"""The body of POST /v1/tokens for a card."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from farthing.http.fields import BillingAddress, Fields, FreeText
from farthing.method_type import MethodType
from farthing.vault.pan import Pan
from farthing.vault.typed_card import TypedCard


def check_type(type_: str) -> str:
    """For validators. Raises ValueError for a type that there is not."""
    if type_ != MethodType.CARD:
        raise ValueError(f"is one of {', '.join(MethodType)}")
    return type_


class CreateToken(Fields):
    """A card as the cardholder typed it. Number and CVC are masked wherever the model shows."""

    type: Annotated[str, AfterValidator(check_type)] = MethodType.CARD.value
    number: SecretStr
    exp_month: int
    exp_year: int
    cvc: SecretStr | None = None
    name: FreeText | None = None
    billing_address: BillingAddress | None = None

    def card(self) -> TypedCard:
        """The card for the vault."""
        return TypedCard(
            number=Pan(self.number.get_secret_value()),
            exp_month=self.exp_month,
            exp_year=self.exp_year,
            cvc=self.cvc.get_secret_value() if self.cvc is not None else None,
            name=self.name,
            billing_address=self.billing_address.given() if self.billing_address else None,
        )
