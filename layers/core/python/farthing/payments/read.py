"""Reading payments. Whoever reads one whose outcome is unknown has the acquirer asked first."""

from __future__ import annotations

from collections.abc import Iterator

from farthing.errors import invalid, not_found
from farthing.ids import is_id
from farthing.payments.address import Address
from farthing.payments.intent import Intent, customer_partition, intent_key, key_of, list_partition
from farthing.payments.listing import Listing, list_ids, list_in
from farthing.payments.operation import Operation
from farthing.payments.resolve import read_operation, resolve
from farthing.payments.services import Services
from farthing.store import Item
from farthing.store.page import BY_CUSTOMER

ROW_PAGES_MAX = 100


def retrieve(intent_id: str, services: Services) -> Intent:
    """One payment as it is now. Raises FarthingError (404)."""
    intent = settle_open_operation(_get(intent_id, services), services)
    return settle_open_refunds(intent, services)


def settle_open_operation(intent: Intent, services: Services) -> Intent:
    """The payment, after looking up an operation whose sender is certainly gone."""
    if intent.open_operation is None:
        return intent
    operation = read_operation(
        Address(services.tenant, intent.intent_id, intent.open_operation), services
    )
    if not operation.may_be_taken_over(services.now()):
        return intent
    resolve(operation, services)
    return _get(intent.intent_id, services)


def settle_open_refunds(intent: Intent, services: Services) -> Intent:
    """The payment, after looking up refunds whose senders are certainly gone.

    The payment counts its open refunds, so a read of one that has none costs nothing more.
    """
    if intent.open_refunds == 0:
        return intent
    operations = map(Operation.from_item, refund_operations(intent.key.pk, services))
    gone = [each for each in operations if each.may_be_taken_over(services.now())]
    for operation in gone:
        resolve(operation, services)
    return _get(intent.intent_id, services) if gone else intent


def refund_operations(intent_pk: str, services: Services) -> Iterator[Item]:
    """The refunds' operations of a payment, newest first, read consistently."""
    return rows_of(intent_pk, "OP#re_", services)


def rows_of(intent_pk: str, prefix: str, services: Services) -> Iterator[Item]:
    """The rows of a payment whose sort key begins so, the last one first, read consistently."""
    start: Item | None = None
    for _ in range(ROW_PAGES_MAX):
        page = services.store.query(
            "payments", intent_pk, sk_prefix=prefix, newest_first=True, start=start
        )
        yield from page.items
        start = page.next_start
        if start is None:
            return


def list_intents(listing: Listing, services: Services) -> tuple[list[Intent], bool]:
    """A page of payments, newest first, and whether there are more. Looks nothing up."""
    if listing.starting_after is not None:
        key = intent_key(services.tenant, listing.starting_after)
        listing.require_cursor(services.store.get(key))
    if listing.customer_id is not None:
        if not is_id("cus", listing.customer_id):
            raise invalid("customer_id", "is an id that starts with cus_")
        pk = customer_partition(services.tenant, listing.customer_id)
        items, more = list_in(listing, services, BY_CUSTOMER, pk, "pi")
    else:
        items, more = list_ids(listing, services, list_partition, "pi")
    return [Intent.from_item(item) for item in items], more


def _get(intent_id: str, services: Services) -> Intent:
    item = services.store.get(key_of(services.tenant, intent_id))
    if item is None:
        raise not_found("payment_intent", intent_id)
    return Intent.from_item(item)
