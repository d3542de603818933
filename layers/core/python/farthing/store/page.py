"""Lists: indexes by name, and pages of items."""

from __future__ import annotations

from dataclasses import dataclass

from farthing.store.item import Item


@dataclass(frozen=True)
class Index:
    """A global secondary index by its name and key attributes."""

    name: str
    pk: str
    sk: str


BY_TIME = Index("by_time", "list_pk", "list_sk")
BY_CUSTOMER = Index("by_customer", "customer_pk", "list_sk")
DUE = Index("due", "due_pk", "due_at")


@dataclass(frozen=True)
class Page:
    """Items of a query, and where the next page starts (None at the end)."""

    items: list[Item]
    next_start: Item | None
