"""What a customer usually pays, and whether a card has paid before.

The newest amounts in one currency, each with its operation: their median says what is usual, and
one outlier does not move it. As with failures, the newest of a set are the same in whatever order
and however often they are told. A payment that is not written here is missing in the median, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from farthing.fraud.window import Attempt
from farthing.store import NOT_CREATED, Condition, Key, Put, TenantScope, Update
from farthing.store.item import SCHEMA_VERSION

PAYMENTS_KEPT = 25
PAYMENTS_MIN = 5
"""With fewer, nothing is known to be unusual."""

KEPT_SECONDS = 400 * 24 * 3600


@dataclass(frozen=True, order=True)
class Paid:
    """A payment that was approved."""

    at_ms: int
    operation_id: str
    amount_cents: int

    @classmethod
    def of(cls, operation_id: str, amount_cents: int) -> Paid:
        """By an operation, at the time of its id."""
        return cls(Attempt.of(operation_id).at_ms, operation_id, amount_cents)


@dataclass(frozen=True)
class History:
    """A customer's newest payments in one currency, sorted. `version` is that of the row."""

    recent: tuple[Paid, ...] = ()
    version: int = 0

    def with_payment(self, paid: Paid) -> History:
        """And one more, if it is new."""
        return replace(self, recent=tuple(sorted({*self.recent, paid})[-PAYMENTS_KEPT:]))

    def median_cents(self) -> int | None:
        """The median, the lower one of two; None if the history is too short to say."""
        if len(self.recent) < PAYMENTS_MIN:
            return None
        amounts = sorted(paid.amount_cents for paid in self.recent)
        return amounts[(len(amounts) - 1) // 2]


def history_key(tenant: TenantScope, customer_id: str, currency: str) -> Key:
    """A customer's history in one currency."""
    return Key("risk", tenant.pk("CUSTOMER", customer_id), f"HISTORY#{currency}")


def card_seen_key(tenant: TenantScope, fingerprint: str) -> Key:
    """There is a row if the card has paid before."""
    return Key("risk", tenant.pk("CARD", fingerprint), "SEEN")


def history_of(item: Mapping[str, Any] | None) -> History:
    """The history of a row, or of none."""
    if item is None:
        return History()
    return History(tuple(Paid(*paid) for paid in item["recent"]), item["version"])


def history_write(key: Key, before: History, after: History) -> Update | None:
    """The update from one to the other; None if nothing changes."""
    if after.recent == before.recent:
        return None
    sets = {
        "entity": "payment_history",
        "schema_version": SCHEMA_VERSION,
        "recent": [[one.at_ms, one.operation_id, one.amount_cents] for one in after.recent],
        "version": before.version + 1,
        "ttl": after.recent[-1].at_ms // 1000 + KEPT_SECONDS,
    }
    return Update(key, history_as_read(before.version), set=sets)


def history_as_read(version: int) -> Condition:
    """HISTORY_AS_READ: no payment was added since it was read."""
    if version == 0:
        return Condition("HISTORY_AS_READ", "attribute_not_exists(#version)")
    return Condition("HISTORY_AS_READ", "#version = :version", {"version": version})


def card_seen_write(tenant: TenantScope, fingerprint: str, paid: Paid) -> Put:
    """A card's first payment. Whoever finds one there leaves it."""
    item = {"entity": "card_seen", "operation_id": paid.operation_id, "at_ms": paid.at_ms}
    return Put(card_seen_key(tenant, fingerprint), item, NOT_CREATED)
