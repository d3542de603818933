"""A customer: whom the merchant charges, and the row that says which card is the default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from farthing.payments.customer_methods import SavedMethods
from farthing.store import EXISTS, Condition, Item, Key, TenantScope, Update

PREFIX = "cus"
ENTITY = "customer"


@dataclass(frozen=True)
class Customer:
    """One customer of one merchant in one mode. `version` grows with each change of its methods."""

    customer_id: str
    created_at: str
    email: str | None = None
    name: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    methods: SavedMethods = field(default_factory=SavedMethods)
    version: int = 1


def customer_key(tenant: TenantScope, customer_id: str) -> Key:
    """Where a customer is."""
    return Key("payments", tenant.pk("CUS", customer_id), "CUSTOMER")


def customers_partition(tenant: TenantScope) -> str:
    """The list of customers by time. One shard, which takes 1,000 new customers a second."""
    return tenant.pk("LIST", "CUSTOMER", "0")


def to_item(customer: Customer, tenant: TenantScope) -> Item:
    """As stored."""
    return {
        "entity": ENTITY,
        "customer_id": customer.customer_id,
        "email": customer.email,
        "name": customer.name,
        "description": customer.description,
        "metadata": customer.metadata,
        "payment_method_ids": list(customer.methods.ids),
        "default_payment_method_id": customer.methods.default_id,
        "version": customer.version,
        "created_at": customer.created_at,
        "list_pk": customers_partition(tenant),
        "list_sk": customer.customer_id,
    }


def from_item(item: Item) -> Customer:
    """As read. Raises ValueError if the row breaks the rule of one default."""
    return Customer(
        customer_id=item["customer_id"],
        created_at=item["created_at"],
        email=item["email"],
        name=item["name"],
        description=item["description"],
        metadata=item["metadata"],
        methods=SavedMethods(tuple(item["payment_method_ids"]), item["default_payment_method_id"]),
        version=item["version"],
    )


def unchanged_since(version: int) -> Condition:
    """CUSTOMER_UNCHANGED: nobody changed the customer's methods since they were read."""
    return EXISTS & Condition("CUSTOMER_UNCHANGED", "#version = :version", {"version": version})


def change_methods(customer: Customer, methods: SavedMethods, tenant: TenantScope) -> Update:
    """The write that makes `methods` the customer's, if they are still what was read."""
    return Update(
        customer_key(tenant, customer.customer_id),
        when=unchanged_since(customer.version),
        set={
            "payment_method_ids": list(methods.ids),
            "default_payment_method_id": methods.default_id,
            "version": customer.version + 1,
        },
    )


def render(customer: Customer, *, livemode: bool) -> dict[str, Any]:
    """A customer as the API shows it."""
    return {
        "customer_id": customer.customer_id,
        "email": customer.email,
        "name": customer.name,
        "description": customer.description,
        "default_payment_method_id": customer.methods.default_id,
        "created_at": customer.created_at,
        "metadata": customer.metadata,
        "livemode": livemode,
    }
