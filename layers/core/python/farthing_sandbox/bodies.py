"""Request bodies, checked strictly: what is not exactly right is refused, and nothing happens.

Messages name the field and never repeat its value, which may be a card number.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from farthing_sandbox import asks, cursor
from farthing_sandbox.asks import Operation
from farthing_sandbox.items import as_json
from farthing_sandbox.notices import Endpoint
from farthing_sandbox.sources import BankAccount, Card, NetworkToken, Source, WalletPayload

if TYPE_CHECKING:
    from collections.abc import Mapping

AMOUNT_MAX_CENTS: Final = 99_999_999
FAULTS_SHOWN_MAX: Final = 5
PAYLOAD_LENGTH_MAX: Final = 16 * 1024
LISTED_DAYS_MAX: Final = 36
"""A day more than the oldest backup of a table that can be restored."""

REFERENCE: Final = r"^[A-Za-z0-9_.:~-]{1,80}$"
"""No `#`, which separates the parts of a key."""
MOMENT: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"

Reference = Annotated[str, Field(pattern=REFERENCE)]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX_CENTS)]
Currency = Annotated[str, Field(pattern=r"^[A-Za-z]{3}$")]

Shape = TypeVar("Shape", bound="Body")


class Malformed(Exception):
    """The body is not what the API takes. The message is safe to show."""


class Body(BaseModel):
    """Strict: no unknown field, no string for a number, no value in an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class CardBody(Body):
    """The card of an authorization."""

    number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$", repr=False)]
    exp_month: Annotated[int, Field(ge=1, le=12)]
    exp_year: Annotated[int, Field(ge=2000, le=2099)]
    cvc: Annotated[str | None, Field(pattern=r"^[0-9]{3,4}$", repr=False)] = None


class NetworkTokenBody(Body):
    """A network token with the cryptogram of this one request."""

    number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$", repr=False)]
    exp_month: Annotated[int, Field(ge=1, le=12)]
    exp_year: Annotated[int, Field(ge=2000, le=2099)]
    cryptogram: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$", repr=False)]


class StoredCredentialBody(Body):
    """How a stored card is used."""

    use: Literal["FIRST", "SUBSEQUENT"]
    initiator: Literal["CUSTOMER", "MERCHANT"]
    network_reference: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9]{1,40}$")] = None


class MandateBody(Body):
    """What the account's holder agreed to."""

    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,35}$")]
    accepted_at: Annotated[str, Field(pattern=MOMENT)]


class BankAccountBody(Body):
    """An account to be debited: an IBAN, or a number and a routing number."""

    iban: Annotated[str | None, Field(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$", repr=False)] = (
        None
    )
    account_number: Annotated[str | None, Field(pattern=r"^[0-9]{4,17}$", repr=False)] = None
    routing_number: Annotated[str | None, Field(pattern=r"^[0-9]{9}$")] = None
    account_type: Literal["CHECKING", "SAVINGS"] | None = None
    holder_name: Annotated[str, Field(min_length=1, max_length=70, repr=False)]
    mandate: MandateBody


class WalletBody(Body):
    """What a wallet encrypted for this acquirer."""

    wallet: Literal["APPLE_PAY", "GOOGLE_PAY"]
    payload: Annotated[str, Field(min_length=1, max_length=PAYLOAD_LENGTH_MAX, repr=False)]


class AuthorizeBody(Body):
    """POST /v1/authorizations."""

    reference: Reference
    order_id: Reference
    amount_cents: Amount
    currency: Currency
    capture: bool
    card: CardBody | None = None
    network_token: NetworkTokenBody | None = None
    bank_account: BankAccountBody | None = None
    wallet: WalletBody | None = None
    stored_credential: StoredCredentialBody | None = None
    merchant_reference: Reference | None = None


class FollowUpBody(Body):
    """POST /v1/captures, /v1/voids, /v1/refunds."""

    reference: Reference
    order_id: Reference
    original_reference: Reference
    amount_cents: Amount
    currency: Currency
    merchant_reference: Reference | None = None


class ReversalBody(Body):
    """POST /v1/reversals."""

    reference: Reference
    order_id: Reference
    original_reference: Reference
    merchant_reference: Reference | None = None


class ListingQuery(Body):
    """The query of GET /v1/operations."""

    since: Annotated[str, Field(pattern=MOMENT)]
    limit: Annotated[str, Field(pattern=r"^([1-9][0-9]?|100)$")] = "100"
    after: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,160}$")] = None


class WebhookEndpointBody(Body):
    """PUT /v1/webhook_endpoint."""

    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,500}$")]
    batches: bool = False


class TransfersQuery(Body):
    """The query of GET /transfers."""

    booked_on: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class DueBody(Body):
    """A message that this acquirer sent to itself."""

    order_id: Reference
    entry: Annotated[str, Field(pattern=cursor.ENTRY)]
    reference: Reference
    what: Literal["REFUND", "DECISION", "RETURN", "REFUND_RETURN", "DISPUTE"] = "REFUND"


class ReferenceBody(Body):
    """A reference alone."""

    reference: Reference


class EntryBody(Body):
    """A line of a settlement's file."""

    reference: Reference
    operation: Literal[
        "CAPTURE",
        "REFUND",
        "RETURN",
        "REFUND_RETURN",
        "DISPUTE",
        "DISPUTE_REVERSAL",
        "DISPUTE_FEE",
    ]
    order_id: Reference
    currency: Currency
    amount_cents: Amount


def authorize(raw: bytes) -> asks.Authorize:
    """An authorization. Raises Malformed."""
    body = read(AuthorizeBody, raw)
    stored = body.stored_credential
    return asks.Authorize(
        reference=body.reference,
        order_id=body.order_id,
        amount_cents=body.amount_cents,
        currency=body.currency,
        capture=body.capture,
        card=payer(body),
        stored_credential=None if stored is None else asks.StoredCredential(**vars(stored)),
        merchant_reference=body.merchant_reference,
    )


def payer(
    body: AuthorizeBody,
) -> Source:
    """What pays. Raises Malformed, unless it is one thing."""
    named = (body.card, body.network_token, body.bank_account, body.wallet)
    if sum(it is not None for it in named) != 1:
        raise Malformed("card, network_token, bank_account, wallet: one of them")
    if body.network_token is not None:
        return NetworkToken(**vars(body.network_token))
    if body.card is not None:
        return Card(**vars(body.card))
    if body.bank_account is not None:
        return account(body.bank_account)
    assert body.wallet is not None
    digest = hashlib.sha256(body.wallet.payload.encode()).hexdigest()
    return WalletPayload(body.wallet.wallet, body.wallet.payload, digest)


def account(body: BankAccountBody) -> BankAccount:
    """An account. Raises Malformed, unless it is named in one way."""
    american = (body.account_number, body.routing_number)
    number = body.iban or body.account_number
    if number is None or (body.iban is None) != all(american):
        raise Malformed("bank_account: an iban, or account_number and routing_number")
    return BankAccount(
        number=number,
        routing_number=body.routing_number,
        account_type=body.account_type,
        holder_name=body.holder_name,
        mandate_reference=body.mandate.reference,
    )


def follow_up(operation: Operation, raw: bytes) -> asks.FollowUp:
    """A capture, void or refund. Raises Malformed."""
    return asks.FollowUp(operation=operation, **vars(read(FollowUpBody, raw)))


def reversal(raw: bytes) -> asks.Reversal:
    """A reversal. Raises Malformed."""
    return asks.Reversal(**vars(read(ReversalBody, raw)))


def listing(query: Mapping[str, str], now: datetime) -> asks.Listing:
    """A page of the list of operations. Raises Malformed."""
    asked = read(ListingQuery, as_json(dict(query)).encode())
    try:
        since = datetime.fromisoformat(asked.since)
        after = None if asked.after is None else cursor.read(asked.after)
    except ValueError:
        raise Malformed("since: not a moment, or after: not a cursor") from None
    if now - since > timedelta(days=LISTED_DAYS_MAX):
        raise Malformed(f"since: more than {LISTED_DAYS_MAX} days ago")
    return asks.Listing(since, int(asked.limit), after)


def webhook_endpoint(raw: bytes) -> Endpoint:
    """Where to post, and in which form. Raises Malformed."""
    body = read(WebhookEndpointBody, raw)
    return Endpoint(body.url, body.batches)


def due(raw: str) -> asks.Due:
    """A message that says what is due. Raises Malformed."""
    return asks.Due(**vars(read(DueBody, raw.encode())))


def transfers(query: Mapping[str, str]) -> str:
    """The day of which transfers are asked for. Raises Malformed."""
    return read(TransfersQuery, as_json(dict(query)).encode()).booked_on


def read(shape: type[Shape], raw: bytes) -> Shape:
    """The body as `shape`. Raises Malformed, naming the first few fields that are wrong."""
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        named = [f"{'.'.join(map(str, f['loc'])) or 'body'}: {f['msg']}" for f in faults]
        raise Malformed("; ".join(named[:FAULTS_SHOWN_MAX])) from None
