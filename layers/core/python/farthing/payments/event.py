"""Events: what the merchant is told, written with the change that it tells of.

Each is numbered within what it is about: a payment; a payment method; or a checkout session, which
has one event at most, when it ends.

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
from farthing.store import NOT_CREATED, Item, Key, Put, TenantScope

DUE_SHARDS = 32
"""Every event of the installation enters and leaves them, whole: see docs/data.md."""

STREAM_SECONDS = 5 * 60
"""How long the stream has for an event before the sweep looks for it."""

ONLY = 1
"""The number of a session's one event."""


METHOD_UPDATED = "payment_method.updated"

_PARTITIONS = {"pi": "PI", "cs": "CS", "pm": "PM"}
"""What an event is about, by the prefix of its id → the kind of its partition."""


def partition(tenant: TenantScope, subject_id: str) -> str:
    """Where the rows of a payment, a checkout session or a payment method are."""
    return tenant.pk(_PARTITIONS[subject_id.partition("_")[0]], subject_id)


def event_key(tenant: TenantScope, subject_id: str, sequence: int) -> Key:
    """The row of an event of one of these."""
    return Key("payments", partition(tenant, subject_id), f"EVT#{sequence:08d}")


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
    key = event_key(intent.tenant, intent.intent_id, sequence)
    told: Item = {
        "type": type_,
        "intent_id": intent.intent_id,
        "sequence": sequence,
        "version": intent.version,
        "object": dict(object_),
    }
    return _put(key, intent.tenant, event_id, told, now)


def session_event_put(
    tenant: TenantScope, event_id: str, type_: str, session: Mapping[str, Any], now: datetime
) -> Put:
    """The row that tells of a session's end: it has one place, so a session ends once, in one way.

    `session` is shown as it ended, with the payment by which it did.
    """
    session_id = session["session_id"]
    told: Item = {
        "type": type_,
        "session_id": session_id,
        "intent_id": session["payment_intent_id"],
        "sequence": ONLY,
        "version": ONLY,
        "object": dict(session),
    }
    return _put(event_key(tenant, session_id, ONLY), tenant, event_id, told, now)


def method_event_put(
    tenant: TenantScope, event_id: str, method: Mapping[str, Any], sequence: int, now: datetime
) -> Put:
    """The row that tells of a change of a payment method, which is shown as it is then. It has no
    version but its number."""
    method_id = method["method_id"]
    told: Item = {
        "type": METHOD_UPDATED,
        "method_id": method_id,
        "intent_id": None,
        "sequence": sequence,
        "version": sequence,
        "object": dict(method),
    }
    return _put(event_key(tenant, method_id, sequence), tenant, event_id, told, now)


def _put(key: Key, tenant: TenantScope, event_id: str, told: Item, now: datetime) -> Put:
    row: Item = {
        "entity": "event",
        "event_id": event_id,
        "created_at": to_text(now),
        "merchant_id": tenant.merchant_id,
        "mode": tenant.mode,
        "due_pk": due_pk(shard_of(event_id, DUE_SHARDS)),
        "due_at": later(now, seconds=STREAM_SECONDS),
    }
    return Put(key, row | told, NOT_CREATED)
