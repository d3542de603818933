"""A payment method: a saved card or bank account. It holds the token and face, never the number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from farthing.clock import to_text
from farthing.method_type import MethodType
from farthing.network_tokens.due import due_marker
from farthing.network_tokens.port import TokenStatus
from farthing.store import EXISTS, Condition, Item, Key, TenantScope, Update
from farthing.vault.card_face import CardFace

PREFIX = "pm"
ENTITY = "payment_method"

METHOD_SAVED = EXISTS & Condition("METHOD_SAVED", "attribute_not_exists(#deleted_at)")
"""The method is there and was not deleted."""

GONE = ("deleted_at", "closed_at")
"""What a saved method says if it can pay no more: it is deleted, or its card expired long ago."""

MAY_PAY = METHOD_SAVED & Condition("NOT_CLOSED", "attribute_not_exists(#closed_at)")


@dataclass(frozen=True)
class PaymentMethod:
    """A saved card or account of one customer. Whether it is the default, the customer's row says.

    An account has no brand and no expiry; it has a `bank` and the mandate that lets it be debited.
    """

    method_id: str
    customer_id: str
    token: str
    last_four: str | None
    card_brand: str | None
    bin: str
    fingerprint: str
    exp_month: int | None
    exp_year: int | None
    billing_address: dict[str, str] | None
    created_at: str
    network_reference: str | None = None
    """What the scheme called the first authorization; later charges refer to it."""
    deleted_at: str | None = None
    type: MethodType = MethodType.CARD
    bank: dict[str, str | None] | None = None
    mandate: dict[str, str | None] | None = None
    connector: str | None = None
    """Whose token it holds, if it is an acquirer's own."""
    network_token: TokenStatus | None = None
    """Where its network token is; None if nobody ever wanted one."""
    network_token_at: str | None = None
    event_sequence: int = 0


def from_face(
    face: CardFace,
    method_id: str,
    customer_id: str,
    billing_address: dict[str, str] | None,
    now: datetime,
) -> PaymentMethod:
    """A new payment method of a token's card or account."""
    return PaymentMethod(
        method_id=method_id,
        customer_id=customer_id,
        token=face.token,
        type=face.type,
        connector=face.connector,
        last_four=face.last_four,
        card_brand=face.card_brand,
        bin=face.bin,
        fingerprint=face.fingerprint,
        exp_month=face.exp_month,
        exp_year=face.exp_year,
        billing_address=billing_address or face.billing_address,
        created_at=to_text(now),
        bank=face.bank,
        mandate=face.mandate,
    )


def method_key(tenant: TenantScope, method_id: str) -> Key:
    """Where a payment method is."""
    return Key("payments", tenant.pk("PM", method_id), "METHOD")


def methods_partition(tenant: TenantScope) -> str:
    """The list of payment methods by time. One shard, as for customers."""
    return tenant.pk("LIST", "METHOD", "0")


def methods_of_customer_partition(tenant: TenantScope, customer_id: str) -> str:
    """The list of one customer's payment methods."""
    return tenant.pk("CUSTOMER", customer_id, "METHODS")


def to_item(method: PaymentMethod, tenant: TenantScope) -> Item:
    """As stored, with its places in the lists."""
    item: Item = {
        "entity": ENTITY,
        "method_id": method.method_id,
        "customer_id": method.customer_id,
        "type": method.type.value,
        "token": method.token,
        "last_four": method.last_four,
        "card_brand": method.card_brand,
        "bin": method.bin,
        "fingerprint": method.fingerprint,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "billing_address": method.billing_address,
        "created_at": method.created_at,
        "customer_pk": methods_of_customer_partition(tenant, method.customer_id),
        "list_pk": methods_partition(tenant),
        "list_sk": method.method_id,
    }
    # Absent rather than null: conditions ask for presence.
    optional = {
        "network_reference": method.network_reference,
        "deleted_at": method.deleted_at,
        "bank": method.bank,
        "mandate": method.mandate,
        "connector": method.connector,
    }
    return item | {name: value for name, value in optional.items() if value is not None}


def from_item(item: Item) -> PaymentMethod:
    """As read."""
    return PaymentMethod(
        method_id=item["method_id"],
        customer_id=item["customer_id"],
        token=item["token"],
        last_four=item["last_four"],
        card_brand=item["card_brand"],
        bin=item["bin"],
        fingerprint=item["fingerprint"],
        exp_month=item["exp_month"],
        exp_year=item["exp_year"],
        billing_address=item["billing_address"],
        created_at=item["created_at"],
        network_reference=item.get("network_reference"),
        deleted_at=item.get("deleted_at"),
        type=MethodType(item["type"]),
        bank=item.get("bank"),
        mandate=item.get("mandate"),
        connector=item.get("connector"),
        network_token=TokenStatus(item["network_token"]) if "network_token" in item else None,
        network_token_at=item.get("network_token_at"),
        event_sequence=item.get("event_sequence", 0),
    )


def mark_deleted(method: PaymentMethod, tenant: TenantScope, now: datetime) -> Update:
    """The write that deletes: the row stays for payments in flight and leaves the lists.

    Where there may be a network token, somebody is to see to it that there is none.
    """
    at, gone = to_text(now), method.network_token in {None, TokenStatus.DELETED}
    marker = {} if gone else due_marker(method.method_id, at)
    return Update(
        method_key(tenant, method.method_id),
        when=METHOD_SAVED,
        set={"deleted_at": at} | marker,
        remove=("list_pk", "list_sk", "customer_pk"),
    )


def render(method: PaymentMethod, *, is_default: bool, livemode: bool) -> dict[str, Any]:
    """A payment method as the API shows it."""
    return {
        "method_id": method.method_id,
        "customer_id": method.customer_id,
        "type": method.type.value,
        "last_four": method.last_four,
        "card_brand": method.card_brand,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "fingerprint": method.fingerprint or None,
        "billing_address": method.billing_address,
        "bank": method.bank,
        "mandate": method.mandate,
        "is_default": is_default,
        "tokenized_card_id": method.token,
        "network_token": _shown_token(method),
        "created_at": method.created_at,
        "livemode": livemode,
    }


def _shown_token(method: PaymentMethod) -> dict[str, Any] | None:
    """What is shown of the network token: nothing, while its service has not said anything."""
    if method.network_token in {None, TokenStatus.PENDING}:
        return None
    return {"status": method.network_token, "updated_at": method.network_token_at}
