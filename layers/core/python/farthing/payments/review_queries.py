"""Reading reviews, and the signals that a payment was decided on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from farthing.errors import not_found
from farthing.fraud.signals import Decision, percent
from farthing.payments.intent import Intent, intent_key
from farthing.payments.listing import Listing, list_all
from farthing.payments.read import retrieve as retrieve_intent
from farthing.payments.read import rows_of
from farthing.payments.review import (
    LIST_SHARDS,
    PREFIX,
    ReviewStatus,
    intent_id_of,
    list_partition,
    review_key,
    show_review,
)
from farthing.payments.services import Services
from farthing.store import Item
from farthing.store.page import BY_TIME


def retrieve(review_id: str, services: Services) -> dict[str, Any]:
    """One review as it is now. Raises FarthingError (404)."""
    item = services.store.get(intent_key(services.tenant, intent_id_of(review_id)))
    intent = Intent.from_item(item) if item is not None else None
    if intent is None or intent.review is None:
        raise not_found("review", review_id)
    return show_review(intent)


def list_reviews(listing: Listing, services: Services) -> tuple[list[dict[str, Any]], bool]:
    """A page of reviews, newest first, and whether there are more. Open ones have partitions of
    their own, so however many were closed, those are found at once."""
    if listing.starting_after is not None:
        key = review_key(services.tenant, intent_id_of(listing.starting_after))
        listing.require_cursor(services.store.get(key))
    partitions = _partitions(listing.status, services)
    items, more = list_all(listing, services, BY_TIME, partitions, PREFIX)
    return [item["review"] for item in items], more


def _partitions(status: str | None, services: Services) -> Sequence[str]:
    wanted = {True, False} if status is None else {status == ReviewStatus.OPEN}
    return [
        list_partition(services.tenant, shard, is_open=is_open)
        for is_open in sorted(wanted)
        for shard in range(LIST_SHARDS)
    ]


def signals(intent_id: str, services: Services) -> list[dict[str, Any]]:
    """All signals of a payment, those of its newest decision first. Raises FarthingError (404)."""
    intent = retrieve_intent(intent_id, services)
    found = sorted(_decisions(intent, services), reverse=True, key=lambda one: one[0])
    return [
        _show(signal) | {"payment_intent_id": intent_id, "decided_at": at}
        for decision_id, at, decision in found
        for signal in Decision.from_item(decision).shown_signals(decision_id)
    ]


def _show(signal: Item) -> Item:
    """With its score as scores are shown."""
    shown = {name: value for name, value in signal.items() if name != "score_ppm"}
    return shown | {"score": percent(signal["score_ppm"])}


def _decisions(intent: Intent, services: Services) -> Iterator[tuple[str, str, Item]]:
    """Each decision with its id and time: those of operations, and those that let nothing through.

    A fallback carries the decision of the operation before it, and an approval that of the row that
    was held. What the first release decided has no signals.
    """
    for item in rows_of(intent.key.pk, "OP#op_", services):
        own = not item.get("fallback_of") and not _answers_a_review(item)
        if own and "known" in (item["decision"] or {}):
            yield item["operation_id"], item["created_at"], item["decision"]
    for item in rows_of(intent.key.pk, "FRAUD#", services):
        yield item["decision_id"], item["created_at"], item["decision"]


def _answers_a_review(item: Item) -> bool:
    step = item.get("review")
    return step is not None and step["status"] != ReviewStatus.OPEN
