"""The body of POST /v1/tokens, of whichever type: a card if it does not say."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    RootModel,
    SecretStr,
    StringConstraints,
    Tag,
    model_validator,
)

from farthing.http.fields import (
    BillingAddress,
    Fields,
    IpAddress,
    refuse_controls,
)
from farthing.http.request import refuse_pan
from farthing.iban import compact
from farthing.method_type import MethodType
from farthing.vault.acquirer_token_bodies import KeepAcquirerToken
from farthing.vault.bodies import CreateToken
from farthing.vault.pan import Pan
from farthing.vault.tokens import Typed
from farthing.vault.typed_account import TypedAccount
from farthing.vault.typed_wallet import TypedWallet, Wallet

HolderName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=70),
    AfterValidator(refuse_pan),
    AfterValidator(refuse_controls),
]
"""At most 70 characters: what a debit of SEPA carries."""


class MandateBody(Fields):
    """That the holder agreed to be debited. Without an address: of whoever makes the token."""

    accepted_at: Annotated[str, StringConstraints(max_length=40)]
    ip_address: IpAddress | None = None


class CreateBankToken(Fields):
    """An account as its holder typed it: an `iban`, or `account_number` and `routing_number`."""

    type: Literal["BANK"]
    iban: SecretStr | None = None
    account_number: SecretStr | None = None
    routing_number: SecretStr | None = None
    account_type: Literal["CHECKING", "SAVINGS"] | None = None
    holder_name: HolderName
    mandate: MandateBody
    billing_address: BillingAddress | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        american = (self.account_number, self.routing_number)
        if self.iban is not None:
            if any(american) or self.account_type is not None:
                raise ValueError("give iban, or account_number and routing_number, not both")
        elif not all(american):
            raise ValueError("give iban, or account_number and routing_number")
        return self

    def typed(self) -> TypedAccount:
        """The account for the vault. A checking account, if nobody says what it is."""
        iban, routing = self.iban, self.routing_number
        number = iban if iban is not None else self.account_number
        return TypedAccount(
            number=Pan(compact(number.get_secret_value()) if number is not None else ""),
            routing_number=Pan(routing.get_secret_value()) if routing is not None else None,
            account_type=None if iban is not None else self.account_type or "CHECKING",
            holder=self.holder_name,
            accepted_at=self.mandate.accepted_at,
            ip_address=self.mandate.ip_address,
            billing_address=self.billing_address.given() if self.billing_address else None,
        )


class CreateWalletToken(Fields):
    """What a wallet gave to the payer's browser, as the text that it is."""

    type: Literal["WALLET"]
    wallet: Annotated[Wallet, Field(strict=False)]
    payload: SecretStr
    billing_address: BillingAddress | None = None

    def typed(self) -> TypedWallet:
        """The payload for the vault, without the spaces around it."""
        return TypedWallet(
            wallet=self.wallet,
            payload=self.payload.get_secret_value().strip(),
            billing_address=self.billing_address.given() if self.billing_address else None,
        )


def type_of(document: Any) -> str:
    """Which body it is. What is none of the others is a card's, which says what `type` may be."""
    if isinstance(document, dict) and "acquirer_token" in document:
        return "ACQUIRER_TOKEN"
    type_ = document.get("type") if isinstance(document, dict) else None
    return type_ if type_ in (MethodType.BANK, MethodType.WALLET) else MethodType.CARD.value


class CreateAnyToken(
    RootModel[
        Annotated[
            Annotated[CreateToken, Tag("CARD")]
            | Annotated[CreateBankToken, Tag("BANK")]
            | Annotated[CreateWalletToken, Tag("WALLET")]
            | Annotated[KeepAcquirerToken, Tag("ACQUIRER_TOKEN")],
            Discriminator(type_of),
        ]
    ]
):
    """The body, as one of the four."""

    def typed(self) -> Typed:
        """What it holds, for the vault."""
        body = self.root
        return body.card() if isinstance(body, CreateToken) else body.typed()
