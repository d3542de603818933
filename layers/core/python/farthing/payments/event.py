"""Events of a payment: what the merchant is told, written with the change that it tells of.

An event waits in the due index from the transaction that writes it until its fan-out is done. The
stream is the fast way to that; whatever the stream loses is found there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from farthing.clock import later, to_text
from farthing.ids import shard_of
from farthing.payments.intent import Intent
from farthing.store import NOT_CREATED, Key, Put, TenantScope

DUE_SHARDS = 32
"""Every event of the installation enters and leaves them, whole: see docs/data.md."""

STREAM_SECONDS = 5 * 60
"""How long the stream has for an event before the sweep looks for it."""


def event_key(tenant: TenantScope, intent_id: str, sequence: int) -> Key:
    """The row of a payment's event."""
    return Key("payments", tenant.pk("PI", intent_id), f"EVT#{sequence:08d}")


def due_pk(shard: int) -> str:
    """One shard of the events that wait for their fan-out."""
    return f"EVENT#{shard}"


def event_put(
    intent: Intent, event_id: str, type_: str, object_: Mapping[str, Any], now: datetime
) -> Put:
    """The row of the event that `intent.event_sequence` numbers.

    The number is taken when the row is created: two writers cannot both tell the same place.
    """
    sequence = intent.event_sequence
    return Put(
        event_key(intent.tenant, intent.intent_id, sequence),
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
            "due_pk": due_pk(shard_of(event_id, DUE_SHARDS)),
            "due_at": later(now, seconds=STREAM_SECONDS),
        },
        NOT_CREATED,
    )
