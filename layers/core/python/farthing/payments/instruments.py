"""What pays: a single-use token, or a saved method; read, checked, and claimed by Tx-1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from farthing.clock import to_text
from farthing.errors import TOKEN_NOT_USABLE, FarthingError, invalid, not_found
from farthing.http.response import Response
from farthing.method_type import MethodType
from farthing.payments.conditions import kept_for, method_usable, token_pays
from farthing.payments.guarded import Guarded
from farthing.payments.intent import Instrument
from farthing.payments.payment_method import method_key
from farthing.payments.services import Services
from farthing.store import Check, Item, Key, TenantScope, Update
from farthing.vault.card_face import card_face_key

METHOD_TRIES_MAX = 3
"""How often a payment is begun anew because its saved method has changed meanwhile."""


@dataclass(frozen=True)
class Paying:
    """How the request says it pays: at most one of the two."""

    token: str | None = None
    method_id: str | None = None

    def key(self, tenant: TenantScope) -> Key | None:
        """The row that tells about it, or None if the request names nothing."""
        if self.token is not None:
            return card_face_key(tenant, self.token)
        if self.method_id is not None:
            return method_key(tenant, self.method_id)
        return None


class MethodMoved(Exception):
    """The saved method was used for the first time after it was read, or its network token
    changed; here is how it is now."""

    def __init__(self, instrument: Instrument) -> None:
        super().__init__("the method changed in the meantime")
        self.instrument = instrument


def read_instrument(paying: Paying, item: Item | None, customer_id: str | None) -> Instrument:
    """The instrument of a row. Raises FarthingError if it cannot pay for this customer."""
    if paying.token is not None:
        if item is None:
            raise FarthingError(TOKEN_NOT_USABLE, "there is no such token")
        return of_face(item, customer_id)
    if item is None or "deleted_at" in item:
        raise not_found("payment_method", paying.method_id or "")
    if customer_id is not None and item["customer_id"] != customer_id:
        raise invalid("payment_method_id", "belongs to another customer")
    if "closed_at" in item:
        raise card_removed()
    return of_method(item)


def card_removed() -> FarthingError:
    """The card of a saved method expired so long ago that its number is not kept any more."""
    return invalid(
        "payment_method_id", "its card has expired and is not kept any more; save another"
    )


def of_face(item: Mapping[str, Any], customer_id: str | None) -> Instrument:
    """A single-use token as an instrument."""
    return Instrument(
        token=item["token"],
        method_id=None,
        customer_id=customer_id,
        type=MethodType(item.get("type", MethodType.CARD)),
        scheme=scheme_of(item),
        last_four=item["last_four"],
        card_brand=item["card_brand"],
        bin=item["bin"],
        fingerprint=item["fingerprint"],
        connector=item.get("connector"),
        billing_country=_country(item),
        mandate=item.get("mandate"),
    )


def of_method(item: Mapping[str, Any]) -> Instrument:
    """A saved method as an instrument."""
    return Instrument(
        token=item["token"],
        method_id=item["method_id"],
        customer_id=item["customer_id"],
        type=MethodType(item.get("type", MethodType.CARD)),
        scheme=scheme_of(item),
        last_four=item["last_four"],
        card_brand=item["card_brand"],
        bin=item["bin"],
        fingerprint=item["fingerprint"],
        network_reference=item.get("network_reference"),
        connector=item.get("connector"),
        billing_country=_country(item),
        mandate=item.get("mandate"),
        network_token=item.get("network_token"),
    )


def scheme_of(item: Mapping[str, Any]) -> str | None:
    """The scheme by which an account is debited; None for everything else."""
    bank = item.get("bank")
    return bank["scheme"] if bank else None


def _country(item: Mapping[str, Any]) -> str | None:
    """That of the billing address, if it was given."""
    country = (item.get("billing_address") or {}).get("country")
    return country if isinstance(country, str) else None


def claim(
    instrument: Instrument, intent_id: str, services: Services, *, is_kept: bool = False
) -> Guarded:
    """The write of Tx-1 that lets this instrument pay for this intent, or does not.

    `is_kept`: the intent claimed it before, and waited for a person since.
    """
    tenant, now = services.tenant, to_text(services.now())
    if instrument.method_id is None:
        face = card_face_key(tenant, instrument.token)
        when = kept_for(intent_id) if is_kept else token_pays(intent_id, now)
        update = Update(face, when, set={"claimed_by": intent_id})
        return Guarded(update, _token_refused)
    method = method_key(tenant, instrument.method_id)
    check = Check(method, method_usable(instrument.network_reference, instrument.network_token))

    def refuse(item: Item | None) -> Response:
        if item is None or "deleted_at" in item:
            raise not_found("payment_method", instrument.method_id or "")
        if "closed_at" in item:
            raise card_removed()
        used, token = item.get("network_reference"), item.get("network_token")
        raise MethodMoved(replace(instrument, network_reference=used, network_token=token))

    return Guarded(check, refuse)


def _token_refused(item: Item | None) -> Response:
    used = item is not None and "claimed_by" in item
    raise FarthingError(
        TOKEN_NOT_USABLE,
        "the token was used before" if used else "the token has expired; make a new one",
    )
