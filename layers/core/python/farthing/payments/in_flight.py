"""What of a payment is not over yet, row by row: money is held, or nobody knows what became of
it."""

from __future__ import annotations

from farthing.payments.operation import UNRESOLVED
from farthing.payments.states import Status
from farthing.store import Item


def in_flight(item: Item) -> str | None:
    """In a word, what of this row somebody still waits for; None if it is over or no such row."""
    match item.get("entity"):
        case "operation" if item["state"] in UNRESOLVED:
            return f"{item['kind']} {item['state']}"
        case "intent" if item["status"] == Status.PROCESSING:
            return str(item.get("status_detail", Status.PROCESSING.value))
    return None
