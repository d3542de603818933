"""Request bodies of the token service, checked as strictly as the acquirer's."""

from __future__ import annotations

from typing import Literal

from farthing_sandbox import asks
from farthing_sandbox.bodies import Amount, Body, CardBody, Currency, Malformed, Reference, read
from farthing_sandbox.cards import Later
from farthing_sandbox.sources import Card


class IssuerActsBody(Body):
    """A message of the token service to itself."""

    token: Reference
    act: Literal["REPLACES", "SUSPENDS"]


class ProvisionBody(Body):
    """POST /token_service/v1/tokens."""

    reference: Reference
    merchant_reference: Reference
    card: CardBody


class CryptogramBody(Body):
    """POST /token_service/v1/cryptograms."""

    token_reference: Reference
    reference: Reference
    amount_cents: Amount
    currency: Currency


class DeletionBody(Body):
    """POST /token_service/v1/deletions."""

    reference: Reference


def issuer_acts(raw: str) -> asks.IssuerActs | None:
    """A message that says what an issuer does. None if it is another one."""
    try:
        body = read(IssuerActsBody, raw.encode())
    except Malformed:
        return None
    return asks.IssuerActs(body.token, Later(body.act))


def provision(raw: bytes) -> asks.Provision:
    """A card that is to get a network token. Raises Malformed."""
    body = read(ProvisionBody, raw)
    return asks.Provision(body.reference, body.merchant_reference, Card(**vars(body.card)))


def purchase(raw: bytes) -> asks.Purchase:
    """What a cryptogram is asked for. Raises Malformed."""
    return asks.Purchase(**vars(read(CryptogramBody, raw)))


def deletion(raw: bytes) -> str:
    """The reference of the token that is to go. Raises Malformed."""
    return read(DeletionBody, raw).reference
