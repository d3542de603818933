"""Refund use cases: create, read, list."""

from __future__ import annotations

from collections.abc import Iterator

from farthing.acquiring.answer import Outcome
from farthing.errors import not_found
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response, accepted
from farthing.ids import is_id
from farthing.payments import idempotency
from farthing.payments.address import Address
from farthing.payments.begin import Asking
from farthing.payments.conclusion import FIRST_LOOK_SECONDS
from farthing.payments.conditions import NOT_DISPUTED, enough_left_to_refund
from farthing.payments.guarded import Guarded, commit
from farthing.payments.intent import Intent, intent_key, key_of
from farthing.payments.listing import Listing, list_ids, page_of
from farthing.payments.operation import LEASE_SECONDS
from farthing.payments.perform import impossible, key_write, require_time, send
from farthing.payments.read import refund_operations, settle_open_operation
from farthing.payments.refund import (
    Refund,
    RefundStatus,
    Reservation,
    payment_disputed,
    refund_exceeds_charge,
    refund_key,
    refund_list_partition,
    reserve,
    show_refund,
)
from farthing.payments.refund_outcome import conclude_refund
from farthing.payments.replay import replay
from farthing.payments.resolve import read_operation, resolve
from farthing.payments.services import Services
from farthing.store import NOT_CREATED, Item, Put, StoreBusy, Update


def create(
    intent_id: str,
    amount_cents: int | None,
    reason: str | None,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
) -> Response:
    """Give back an amount, or all that is left. Raises FarthingError."""
    row = idempotency.row_key(services.tenant, request.row_id)
    key = key_of(services.tenant, intent_id)
    found = services.store.batch_get([row, key])
    earlier = idempotency.examine(found.get(row), request, services.now())
    if not earlier.is_new:
        return replay(earlier, services)
    if key not in found:
        raise not_found("payment_intent", intent_id)
    intent = settle_open_operation(Intent.from_item(found[key]), services)
    asking = Asking(request.row_id, 201, request_id, services.new_id("re"), services.now())
    reservation = reserve(intent, amount_cents, reason, asking)
    require_time(services)
    refused = commit(services.store, _reservation(reservation, request, services))
    if refused is not None:
        return refused
    return _send(reservation, services)


def retrieve(refund_id: str, services: Services) -> Refund:
    """One refund; if nobody knows its outcome, the acquirer is asked first."""
    refund = _read(refund_id, services)
    if refund.status is not RefundStatus.PENDING:
        return refund
    operation = read_operation(
        Address(services.tenant, refund.intent_id, refund.refund_id), services
    )
    if not operation.may_be_taken_over(services.now()):
        return refund
    resolve(operation, services)
    return _read(refund_id, services)


def list_refunds(
    listing: Listing, intent_id: str | None, services: Services
) -> tuple[list[Refund], bool]:
    """A page of refunds, newest first, and whether there are more; of one payment if it is named.

    The refunds of one payment are read consistently, from the operations beside it.
    """
    if listing.starting_after is not None:
        key = refund_key(services.tenant, listing.starting_after)
        listing.require_cursor(services.store.get(key))
    if intent_id is None:
        items, more = list_ids(listing, services, refund_list_partition, "re")
    else:
        items, more = page_of(_of_intent(intent_id, listing, services), listing)
    return [Refund.from_item(item) for item in items], more


def _of_intent(intent_id: str, listing: Listing, services: Services) -> Iterator[Item]:
    for operation in refund_operations(key_of(services.tenant, intent_id).pk, services):
        refund_id = operation["operation_id"]
        if listing.starting_after is None or refund_id < listing.starting_after:
            item = services.store.get(refund_key(services.tenant, refund_id))
            if item is not None:
                yield item


def _send(reservation: Reservation, services: Services) -> Response:
    """Send it and write what became of it. From here on nobody may say that nothing happened."""
    operation = reservation.operation
    answer = send(operation, services)
    theirs = idempotency.Earlier(intent_id=operation.intent_id, operation_id=operation.operation_id)
    try:
        response = conclude_refund(operation, answer, services)
        if answer.outcome is Outcome.UNKNOWN:
            services.later.look(operation.address, FIRST_LOOK_SECONDS)
        return response or replay(theirs, services)
    except StoreBusy:
        services.later.look(operation.address, LEASE_SECONDS)
        return accepted(show_refund(reservation.refund))


def _reservation(
    reservation: Reservation, request: IdempotentRequest, services: Services
) -> list[Guarded]:
    """Tx-1 of a refund: key, the amount taken from what is left, refund, operation."""
    refund, operation = reservation.refund, reservation.operation
    take = Update(
        intent_key(services.tenant, refund.intent_id),
        enough_left_to_refund(refund.amount_cents) & NOT_DISPUTED,
        add={"amount_refundable": -refund.amount_cents, "open_refunds": 1, "version": 1},
    )
    return [
        key_write(operation, request, services),
        Guarded(take, _too_much),
        Guarded(Put(refund.key, refund.to_item(), NOT_CREATED), impossible),
        Guarded(Put(operation.address.key, operation.to_item(), NOT_CREATED), impossible),
    ]


def _too_much(item: Item | None) -> Response:
    if item is None:
        raise LookupError("an intent vanished")
    intent = Intent.from_item(item)
    raise payment_disputed() if intent.open_disputes else refund_exceeds_charge(intent)


def _read(refund_id: str, services: Services) -> Refund:
    item = (
        services.store.get(refund_key(services.tenant, refund_id))
        if is_id("re", refund_id)
        else None
    )
    if item is None:
        raise not_found("refund", refund_id)
    return Refund.from_item(item)
