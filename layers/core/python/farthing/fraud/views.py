"""A merchant's rules, list entries and models as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from farthing.clock import to_text
from farthing.fraud.lists import Entry
from farthing.fraud.model_row import DEFAULT_MODEL, Description, InForce
from farthing.fraud.rule_row import Published
from farthing.ids import instant_of


def rules_object(published: Published, *, livemode: bool) -> dict[str, Any]:
    """A version of the rules. What everybody begins with was published by nobody."""
    return {
        "version": published.version,
        "document": dict(published.document),
        "published_at": published.published_at,
        "note": published.note,
        "livemode": livemode,
    }


def rules_line(published: Published, *, livemode: bool) -> dict[str, Any]:
    """A version in a list: how many rules it has, and not which."""
    shown = rules_object(published, livemode=livemode)
    del shown["document"]
    return {**shown, "rule_count": len(published.document["rules"])}


def entry_object(entry: Entry, now: datetime, *, livemode: bool) -> dict[str, Any]:
    """An entry of a list. One whose time is over counts no more; it goes within days."""
    return {
        "entry_id": entry.entry_id,
        "kind": entry.kind.value,
        "value": entry.value,
        "action": entry.action.value,
        "reason": entry.reason,
        "status": "ACTIVE" if entry.counts(now) else "EXPIRED",
        "expires_at": to_text(entry.expires_at) if entry.expires_at else None,
        "created_at": to_text(instant_of(entry.entry_id)),
        "livemode": livemode,
    }


def model_object(name: str, model: Description, *, livemode: bool) -> dict[str, Any]:
    """A model by the name that it is activated by: its SHA-256, or `default`, which ships."""
    return {
        "model": name,
        "sha256": model.sha256,
        "shipped": name == DEFAULT_MODEL,
        "name": model.name,
        "trained_on": model.trained_on,
        "features": list(model.features),
        "metrics": dict(model.metrics),
        "note": model.note,
        "created_at": model.created_at,
        "livemode": livemode,
    }


def in_force_object(found: InForce, *, livemode: bool) -> dict[str, Any]:
    """Which model is, or was, in force. Null is: none."""
    return {
        "version": found.version,
        "model": found.model,
        "mode": found.mode.value if found.mode else None,
        "activated_at": found.activated_at,
        "note": found.note,
        "livemode": livemode,
    }
