"""Reading disputes: one, a payment's, a page of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from farthing.acquiring.dispute import Stage, Standing
from farthing.clock import to_text
from farthing.disputes.dispute import (
    LIST_SHARDS,
    Dispute,
    dispute_key,
    key_of,
    list_partition,
    show_dispute,
)
from farthing.disputes.evidence import Evidence, evidence_key, show_evidence
from farthing.disputes.services import Services
from farthing.disputes.settle_answer import settle_open_answer
from farthing.errors import UNKNOWN_CURSOR, FarthingError, invalid, not_found
from farthing.payments.intent import key_of as intent_key_of
from farthing.payments.listing import Listing, page_of
from farthing.store import Condition, Item
from farthing.store.newest import Stretch, TooMuchToLookThrough, newest
from farthing.store.page import BY_TIME


@dataclass(frozen=True)
class DisputeListing:
    """What is asked of the list. `due_before`: an answer is waited for until then, or less long."""

    limit: int
    starting_after: str | None = None
    status: Standing | None = None
    stage: Stage | None = None
    currency: str | None = None
    due_before: datetime | None = None
    intent_id: str | None = None

    def filter(self) -> Condition | None:
        """What an item must fulfil."""
        wanted = {"status": self.status, "stage": self.stage, "currency": self.currency}
        given = {name: str(value) for name, value in wanted.items() if value is not None}
        rules = [f"#{name} = :{name}" for name in given]
        if self.due_before is not None:
            rules.append("#due_by < :due_before")
            given["due_before"] = to_text(self.due_before)
        return Condition("AS_ASKED", " AND ".join(rules), given) if rules else None

    def lets_through(self, dispute: Dispute) -> bool:
        """The same of a dispute that was read."""
        due_before = to_text(self.due_before) if self.due_before is not None else None
        return (
            self.status in {None, dispute.standing}
            and self.stage in {None, dispute.stage}
            and self.currency in {None, dispute.currency}
            and (due_before is None or (dispute.due_by or "~") < due_before)
        )


def retrieve(dispute_id: str, services: Services) -> dict[str, Any]:
    """One dispute with its evidence; if an answer is out of which nobody knows, it is looked for.

    Raises FarthingError (404).
    """
    key, of_evidence = (
        key_of(services.tenant, dispute_id),
        evidence_key(services.tenant, dispute_id),
    )
    found = services.store.batch_get([key, of_evidence])
    if key not in found:
        raise not_found("dispute", dispute_id)
    dispute = settle_open_answer(Dispute.from_item(found[key]), services)
    evidence = Evidence.from_item(found.get(of_evidence))
    return show_dispute(dispute) | {"evidence": show_evidence(evidence)}


def list_disputes(listing: DisputeListing, services: Services) -> tuple[list[dict[str, Any]], bool]:
    """A page of disputes, newest first, and whether there are more. Those of one payment are read
    consistently. Raises FarthingError."""
    if listing.starting_after is not None:
        seen = services.store.get(dispute_key(services.tenant, listing.starting_after))
        if seen is None:
            raise FarthingError(UNKNOWN_CURSOR, f"starting_after: no {listing.starting_after}")
    if listing.intent_id is not None:
        page, more = page_of(_of_payment(listing, services), Listing(listing.limit))
    else:
        page, more = _of_all(listing, services)
    return [show_dispute(Dispute.from_item(item)) for item in page], more


def _of_all(listing: DisputeListing, services: Services) -> tuple[list[Item], bool]:
    partitions = [list_partition(services.tenant, shard) for shard in range(LIST_SHARDS)]
    stretch = Stretch(listing.limit, listing.starting_after, only=listing.filter())
    try:
        return newest(services.store, "payments", BY_TIME, partitions, stretch)
    except TooMuchToLookThrough as error:
        raise invalid("status", "too many to look through: ask for fewer filters") from error


def _of_payment(listing: DisputeListing, services: Services) -> Iterator[Item]:
    pk = intent_key_of(services.tenant, listing.intent_id or "").pk
    page = services.store.query("payments", pk, sk_prefix="DISPUTE#", newest_first=True)
    for pointer in page.items:
        dispute_id = pointer["dispute_id"]
        if listing.starting_after is None or dispute_id < listing.starting_after:
            item = services.store.get(dispute_key(services.tenant, dispute_id))
            if item is not None and listing.lets_through(Dispute.from_item(item)):
                yield item
