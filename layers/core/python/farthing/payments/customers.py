"""Customers: create, read, list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from farthing.clock import to_text
from farthing.errors import not_found
from farthing.http.page import PageRequest, unknown_cursor
from farthing.ids import is_id
from farthing.payments.customer import (
    PREFIX,
    Customer,
    customer_key,
    customers_partition,
    from_item,
    to_item,
)
from farthing.store import NOT_CREATED, Put, TenantScope, Write
from farthing.store.page import BY_TIME
from farthing.store.port import Gets, Lists, Writes


class CustomerStore(Gets, Lists, Writes, Protocol):
    """What is needed of the payments table."""


@dataclass(frozen=True)
class CustomerFields:
    """What the merchant says of a customer."""

    email: str | None = None
    name: str | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None


def create(
    store: CustomerStore,
    tenant: TenantScope,
    fields: CustomerFields,
    customer_id: str,
    now: datetime,
    also: Sequence[Write] = (),
) -> Customer:
    """Write a new customer, and `also` whatever belongs into the same transaction."""
    customer = Customer(
        customer_id=customer_id,
        created_at=to_text(now),
        email=fields.email,
        name=fields.name,
        description=fields.description,
        metadata=fields.metadata or {},
    )
    row = Put(customer_key(tenant, customer_id), to_item(customer, tenant), NOT_CREATED)
    store.write(row, *also)
    return customer


def get(store: CustomerStore, tenant: TenantScope, customer_id: str) -> Customer:
    """One customer. Raises FarthingError if this merchant has none of that id."""
    item = None
    if is_id(PREFIX, customer_id):
        item = store.get(customer_key(tenant, customer_id))
    if item is None:
        raise not_found("customer", customer_id)
    return from_item(item)


def listed(
    store: CustomerStore, tenant: TenantScope, wanted: PageRequest
) -> tuple[list[Customer], bool]:
    """A page of customers, newest first, and whether there are more."""
    cursor = wanted.starting_after
    if cursor is not None and store.get(customer_key(tenant, cursor)) is None:
        raise unknown_cursor(cursor)
    page = store.query_index(
        "payments",
        BY_TIME,
        customers_partition(tenant),
        sk_before=cursor,
        newest_first=True,
        limit=wanted.limit + 1,
    )
    found = [from_item(item) for item in page.items]
    return found[: wanted.limit], len(found) > wanted.limit
