"""Reading payments. Whoever reads one whose outcome is unknown has the acquirer asked first."""

from __future__ import annotations

from farthing.errors import not_found
from farthing.ids import is_id
from farthing.payments.intent import Intent, customer_partition, intent_key, list_partition
from farthing.payments.listing import Listing, list_ids, list_in
from farthing.payments.operation import Address
from farthing.payments.resolve import read_operation, resolve
from farthing.payments.services import Services
from farthing.store.page import BY_CUSTOMER


def retrieve(intent_id: str, services: Services) -> Intent:
    """One payment as it is now. Raises FarthingError (404)."""
    return settle_open_operation(_get(intent_id, services), services)


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


def list_intents(listing: Listing, services: Services) -> tuple[list[Intent], bool]:
    """A page of payments, newest first, and whether there are more. Looks nothing up."""
    if listing.starting_after is not None:
        key = intent_key(services.tenant, listing.starting_after)
        listing.require_cursor(services.store.get(key))
    if listing.customer_id is not None:
        pk = customer_partition(services.tenant, listing.customer_id)
        items, more = list_in(listing, services, BY_CUSTOMER, pk, "pi")
    else:
        items, more = list_ids(listing, services, list_partition, "pi")
    return [Intent.from_item(item) for item in items], more


def _get(intent_id: str, services: Services) -> Intent:
    item = None
    if is_id("pi", intent_id):
        item = services.store.get(intent_key(services.tenant, intent_id))
    if item is None:
        raise not_found("payment_intent", intent_id)
    return Intent.from_item(item)
