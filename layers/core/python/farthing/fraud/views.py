"""A merchant's rules, list entries and models as the API shows them."""

from __future__ import annotations

from typing import Any

from farthing.fraud.rule_row import Published


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
