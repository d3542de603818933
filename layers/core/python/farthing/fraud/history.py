"""What a payer usually pays in one currency, and whether a card has paid before.

One row serves rules and model: it keeps the model's `Customer`, whose newest amounts have the
median that rules ask for. The payer is the customer, or the card where nobody is known.

Payments may be told late and out of order; they are kept by their time. The newest operations told
are kept beside them, so that one that is told again counts once. A payment that is not written here
is missing in the history, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from farthing.fraud.counter_row import network
from farthing.fraud.model.history import Customer
from farthing.fraud.window import Attempt
from farthing.store import NOT_CREATED, Condition, Key, Put, TenantScope, Update
from farthing.store.item import SCHEMA_VERSION

PAYMENTS_COUNTED = 25
"""Older ones are no longer in the median."""

PAYMENTS_MIN = 5
"""With fewer, nothing is known to be unusual."""

TOLD_KEPT = 16
"""Whoever tells again does so at once: no more than so many others come between."""

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
class Past:
    """A payer's payments in one currency: the model's customer as an item, which nobody changes,
    and the operations told last. `version` is that of the row."""

    customer: Mapping[str, Any] = field(default_factory=lambda: Customer().to_item())
    told: tuple[str, ...] = ()
    version: int = 0

    def with_payment(self, paid: Paid, ip_address: str | None) -> Past:
        """And one more, unless it was told."""
        if paid.operation_id in self.told:
            return self
        customer = Customer(dict(self.customer))
        customer.paid(paid.at_ms // 1000, paid.amount_cents, network(ip_address))
        told = (*self.told, paid.operation_id)[-TOLD_KEPT:]
        return replace(self, customer=customer.to_item(), told=told)

    @property
    def payments(self) -> int:
        """How many there were, up to `PAYMENTS_COUNTED`."""
        return len(self._amounts())

    def median_cents(self) -> int | None:
        """The median, the lower one of two; None if the history is too short to say."""
        amounts = sorted(self._amounts())
        return amounts[(len(amounts) - 1) // 2] if len(amounts) >= PAYMENTS_MIN else None

    def _amounts(self) -> list[int]:
        amounts: list[int] = self.customer["amounts"]
        return amounts[-PAYMENTS_COUNTED:]


def history_key(tenant: TenantScope, who: str, currency: str) -> Key:
    """A payer's history in one currency. `who` is the customer's id, or the card's fingerprint
    where no customer is known; neither can be taken for the other."""
    return Key("risk", tenant.pk("PAYER", who), f"HISTORY#{currency}")


def card_seen_key(tenant: TenantScope, fingerprint: str) -> Key:
    """There is a row if the card has paid before."""
    return Key("risk", tenant.pk("CARD", fingerprint), "SEEN")


def past_of(item: Mapping[str, Any] | None) -> Past:
    """The history of a row, or of none."""
    if item is None:
        return Past()
    return Past(item["customer"], tuple(item["told"]), item["version"])


def history_write(key: Key, before: Past, after: Past) -> Update | None:
    """The update from one to the other; None if nothing changes."""
    if after.told == before.told:
        return None
    sets = {
        "entity": "payment_history",
        "schema_version": SCHEMA_VERSION,
        "customer": after.customer,
        "told": list(after.told),
        "version": before.version + 1,
        "ttl": after.customer["times"][-1] + KEPT_SECONDS,
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
