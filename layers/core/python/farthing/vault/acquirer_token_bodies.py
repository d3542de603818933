"""The body of POST /v1/tokens for the token that an acquirer's own fields gave for a card."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from farthing.http.fields import BillingAddress, Fields, FreeText
from farthing.http.request import refuse_pan
from farthing.vault.acquirer_token import GivenToken

LastFour = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")]
Brand = Annotated[str, StringConstraints(pattern=r"^[a-z_]{2,20}$")]
Month = Annotated[int, Field(ge=1, le=12)]
Year = Annotated[int, Field(ge=2000, le=2100)]


def check_token(token: SecretStr) -> SecretStr:
    """For validators. Raises ValueError for a card number in the place of a token."""
    refuse_pan(token.get_secret_value())
    return token


class KeepAcquirerToken(Fields):
    """An acquirer's token, masked wherever the model shows. What is said of the card is a hint."""

    acquirer_token: Annotated[SecretStr, AfterValidator(check_token)]
    type: Literal["CARD"] = "CARD"
    last_four: LastFour | None = None
    card_brand: Brand | None = None
    exp_month: Month | None = None
    exp_year: Year | None = None
    name: FreeText | None = None
    billing_address: BillingAddress | None = None

    def typed(self) -> GivenToken:
        """For the vault."""
        return GivenToken(
            token=self.acquirer_token.get_secret_value(),
            last_four=self.last_four,
            card_brand=self.card_brand,
            exp_month=self.exp_month,
            exp_year=self.exp_year,
            name=self.name,
            billing_address=self.billing_address.given() if self.billing_address else None,
        )
