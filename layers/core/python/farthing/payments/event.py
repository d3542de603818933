"""Events of a payment: what the merchant is told, written with the change that it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from farthing.clock import to_text
from farthing.payments.intent import Intent
from farthing.store import NOT_CREATED, Key, Put


def event_put(
    intent: Intent, event_id: str, type_: str, object_: Mapping[str, Any], now: datetime
) -> Put:
    """The row of the event that `intent.event_sequence` numbers.

    The number is taken when the row is created: two writers cannot both tell the same place.
    """
    sequence = intent.event_sequence
    return Put(
        Key("payments", intent.key.pk, f"EVT#{sequence:08d}"),
        {
            "entity": "event",
            "event_id": event_id,
            "type": type_,
            "intent_id": intent.intent_id,
            "sequence": sequence,
            "version": intent.version,
            "created_at": to_text(now),
            "merchant_id": intent.tenant.merchant_id,
            "mode": intent.tenant.mode,
            "object": dict(object_),
        },
        NOT_CREATED,
    )
