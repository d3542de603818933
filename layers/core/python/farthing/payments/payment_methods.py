"""Payment methods: save a token's card or account, read, list, make default, delete.

Whatever changes which methods a customer has, or which is the default, goes

    read the customer ─► decide (SavedMethods) ─► one transaction, if the customer is unchanged
           ▲                                                │
           └──────────── somebody was faster ◄──────────────┘   at most CHANGE_ATTEMPTS_MAX times
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from farthing.errors import CONFLICT, TOKEN_NOT_USABLE, FarthingError, invalid, not_found
from farthing.http.page import PageRequest, unknown_cursor
from farthing.ids import is_id
from farthing.method_type import MethodType
from farthing.payments import customer as customers
from farthing.payments.customer import Customer, change_methods, customer_key
from farthing.payments.payment_method import (
    PREFIX,
    PaymentMethod,
    from_face,
    from_item,
    mark_deleted,
    method_key,
    methods_of_customer_partition,
    methods_partition,
    to_item,
)
from farthing.store import NOT_CREATED, ConditionFailed, Put, TenantScope, Write
from farthing.store.page import BY_CUSTOMER, BY_TIME
from farthing.store.port import BatchGets, Gets, Lists, Writes
from farthing.vault.card_face import (
    TOKEN_PREFIX,
    CardFace,
    card_face_key,
    claim,
    why_unusable,
)
from farthing.vault.retention import after_deletion

CHANGE_ATTEMPTS_MAX = 12

SAVED = (MethodType.CARD, MethodType.BANK)
"""What can be saved. A wallet's payload pays once: there is nothing to be charged again."""


class MethodStore(Gets, BatchGets, Lists, Writes, Protocol):
    """What is needed of the payments table."""


@dataclass(frozen=True)
class NewMethod:
    """What the merchant asks to save. `type` is what they take the token for, if they say."""

    customer_id: str
    token: str
    billing_address: dict[str, str] | None = None
    is_default: bool = False
    type: MethodType | None = None


@dataclass(frozen=True)
class Shown:
    """A payment method, and whether it is its customer's default."""

    method: PaymentMethod
    is_default: bool


def attach(
    store: MethodStore,
    tenant: TenantScope,
    new: NewMethod,
    method_id: str,
    now: datetime,
    also: Sequence[Write] = (),
) -> Shown:
    """Save the card or account of a single-use token, which is used up by this.

    `also` is whatever belongs into the same transaction. Raises FarthingError if there is no such
    customer, or the token is used, expired or unknown, or of a type that cannot be saved.
    """

    def try_once() -> Shown:
        customer, face = _read_for_attach(store, tenant, new, now)
        method = from_face(face, method_id, customer.customer_id, new.billing_address, now)
        methods = customer.methods.attach(method_id, as_default=new.is_default)
        token_claim = replace(claim(tenant, face.token, method_id, now), remove=("expires_at",))
        _commit(
            store,
            change_methods(customer, methods, tenant),
            token_claim,
            Put(method_key(tenant, method_id), to_item(method, tenant), NOT_CREATED),
            also=also,
        )
        return Shown(method, methods.default_id == method_id)

    return _until_unraced(try_once)


def make_default(store: MethodStore, tenant: TenantScope, method_id: str) -> Shown:
    """Make a payment method its customer's default. Raises FarthingError if there is none."""

    def try_once() -> Shown:
        method, customer = _read(store, tenant, method_id)
        if customer.methods.default_id != method_id:
            _commit(store, change_methods(customer, customer.methods.prefer(method_id), tenant))
        return Shown(method, is_default=True)

    return _until_unraced(try_once)


def delete(store: MethodStore, tenant: TenantScope, method_id: str, now: datetime) -> None:
    """Delete a payment method; the newest other one becomes the default if it was that.

    Raises FarthingError if there is none. Its row stays, and for some days its card, so that a
    payment in flight finds what it was made with.
    """

    def try_once() -> None:
        method, customer = _read(store, tenant, method_id)
        _commit(
            store,
            change_methods(customer, customer.methods.detach(method_id), tenant),
            mark_deleted(method, tenant, now),
            after_deletion(card_face_key(tenant, method.token), method.token, now),
        )

    _until_unraced(try_once)


def get(store: MethodStore, tenant: TenantScope, method_id: str) -> Shown:
    """One payment method. Raises FarthingError if this merchant has none of that id."""
    method, customer = _read(store, tenant, method_id)
    return Shown(method, customer.methods.default_id == method_id)


def listed(
    store: MethodStore, tenant: TenantScope, wanted: PageRequest, customer_id: str | None
) -> tuple[list[Shown], bool]:
    """A page of payment methods, newest first, and whether there are more."""
    index, partition = BY_TIME, methods_partition(tenant)
    if customer_id is not None:
        _customer(store, tenant, customer_id)
        index, partition = BY_CUSTOMER, methods_of_customer_partition(tenant, customer_id)
    _check_cursor(store, tenant, wanted.starting_after, customer_id)
    page = store.query_index(
        "payments",
        index,
        partition,
        sk_before=wanted.starting_after,
        newest_first=True,
        limit=wanted.limit + 1,
    )
    found = [from_item(item) for item in page.items]
    return _with_defaults(store, tenant, found[: wanted.limit]), len(found) > wanted.limit


class _Raced(Exception):
    """Somebody else changed something between our read and our write."""


Result = TypeVar("Result")


def _until_unraced(try_once: Callable[[], Result]) -> Result:
    """Read, decide and write again while others are faster, a bounded number of times."""
    for _ in range(CHANGE_ATTEMPTS_MAX):
        try:
            return try_once()
        except _Raced:
            continue
    raise FarthingError(
        CONFLICT, "the customer's payment methods keep changing", retry_after_seconds=1
    )


def _commit(store: MethodStore, *writes: Write, also: Sequence[Write] = ()) -> None:
    """Write all or nothing. Raises _Raced if one of `writes` no longer fits what was read.

    `also` stands first, so that a failing condition of it is what the caller hears of.
    """
    try:
        store.write(*also, *writes)
    except ConditionFailed as failed:
        if failed.index < len(also):
            raise
        raise _Raced from failed


def _read(
    store: MethodStore, tenant: TenantScope, method_id: str
) -> tuple[PaymentMethod, Customer]:
    """A saved method and its customer, who still has it. Raises FarthingError otherwise."""
    item = store.get(method_key(tenant, method_id)) if is_id(PREFIX, method_id) else None
    if item is None:
        raise not_found("payment method", method_id)
    method = from_item(item)
    customer = _customer(store, tenant, method.customer_id)
    if method_id not in customer.methods.ids:  # deleted, by now if not before
        raise not_found("payment method", method_id)
    return method, customer


def _customer(store: MethodStore, tenant: TenantScope, customer_id: str) -> Customer:
    item = store.get(customer_key(tenant, customer_id)) if _is_customer(customer_id) else None
    if item is None:
        raise not_found("customer", customer_id)
    return customers.from_item(item)


def _read_for_attach(
    store: MethodStore, tenant: TenantScope, new: NewMethod, now: datetime
) -> tuple[Customer, CardFace]:
    """The customer and the token's card face, by one read."""
    if not _is_customer(new.customer_id):
        raise not_found("customer", new.customer_id)
    if not is_id(TOKEN_PREFIX, new.token):
        raise FarthingError(TOKEN_NOT_USABLE, "there is no such token")
    keys = customer_key(tenant, new.customer_id), card_face_key(tenant, new.token)
    found = store.batch_get(keys)
    customer, face = (found.get(key) for key in keys)
    if customer is None:
        raise not_found("customer", new.customer_id)
    if problem := why_unusable(face, now):
        raise problem
    saved = CardFace.from_item(found[keys[1]])
    _require_saveable(saved, new)
    return customers.from_item(customer), saved


def _require_saveable(face: CardFace, new: NewMethod) -> None:
    """Raises FarthingError for a token of another type, or of one that pays once."""
    if face.type not in SAVED:
        raise invalid("token", f"is a {face.type}'s: it pays once and cannot be saved")
    if new.type not in {None, face.type}:
        raise invalid("type", f"is {face.type}: the token is")


def _check_cursor(
    store: MethodStore, tenant: TenantScope, cursor: str | None, customer_id: str | None
) -> None:
    """A cursor names a method of this list. It may have been deleted since it was seen."""
    if cursor is None:
        return
    item = store.get(method_key(tenant, cursor))
    if item is None or customer_id not in {None, item["customer_id"]}:
        raise unknown_cursor(cursor)


def _with_defaults(
    store: MethodStore, tenant: TenantScope, methods: list[PaymentMethod]
) -> list[Shown]:
    """What the customers' rows say of the methods: an index may show one that is deleted."""
    if not methods:
        return []
    keys = {method.customer_id: customer_key(tenant, method.customer_id) for method in methods}
    rows = store.batch_get(list(keys.values()))
    saved = {id_: customers.from_item(rows[key]).methods for id_, key in keys.items()}
    return [
        Shown(method, saved[method.customer_id].default_id == method.method_id)
        for method in methods
        if method.method_id in saved[method.customer_id].ids
    ]


def _is_customer(customer_id: str) -> bool:
    return is_id(customers.PREFIX, customer_id)
