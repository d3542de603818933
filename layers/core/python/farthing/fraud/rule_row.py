"""Where a merchant's rules are kept: each version for good, and which one is in force.

Publishing writes the next version and puts it in force, both or neither; of two at once, one is
told that the rules have changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from farthing.clock import to_text
from farthing.fraud.rule_document import read_rules, write_rules
from farthing.fraud.rules import RuleSet
from farthing.fraud.versions import version_sk
from farthing.store import NOT_CREATED, Condition, Item, Key, Put, TenantScope, Write

DEFAULT_VERSION = 0
"""That of the rules that a merchant has who never published any. `DEFAULT_RULES` is their file."""

DEFAULT_RULES = Path(__file__).with_name("default_rules.json")


@dataclass(frozen=True)
class Published:
    """A version as it is shown: the document, when it came in force, and why."""

    version: int
    document: Mapping[str, Any]
    published_at: str | None = None
    note: str | None = None


def default_rules() -> RuleSet:
    """The rules of whoever published none."""
    return read_rules(json.loads(DEFAULT_RULES.read_text()), DEFAULT_VERSION)


def rules_pk(tenant: TenantScope) -> str:
    """The partition of all versions."""
    return tenant.pk("RULES")


def in_force_key(tenant: TenantScope) -> Key:
    """The rules in force."""
    return Key("risk", rules_pk(tenant), "IN_FORCE")


def version_key(tenant: TenantScope, version: int) -> Key:
    """One version, for replays."""
    return Key("risk", rules_pk(tenant), version_sk(version))


def rules_of(item: Mapping[str, Any] | None) -> RuleSet:
    """The rules of a row; without one, those of whoever published none.

    The document is kept as text: it has fractions, which items do not.
    """
    if item is None:
        return default_rules()
    return read_rules(json.loads(item["document"]), item["version"])


def published_of(item: Mapping[str, Any] | None) -> Published:
    """What was published, as a row says it; without one, the rules of whoever published none.

    A document of long ago is shown as it is, also if it would not be taken today.
    """
    if item is None:
        return Published(DEFAULT_VERSION, write_rules(default_rules()))
    return Published(
        item["version"], json.loads(item["document"]), item["published_at"], item["note"]
    )


def publish_writes(
    tenant: TenantScope, rule_set: RuleSet, published_at: datetime, note: str | None = None
) -> list[Write]:
    """The transaction that puts `rule_set` in force; its version is the next one."""
    item: Item = {
        "entity": "rules",
        "version": rule_set.version,
        "document": json.dumps(write_rules(rule_set), separators=(",", ":")),
        "published_at": to_text(published_at),
        "note": note,
    }
    return [
        Put(version_key(tenant, rule_set.version), item, NOT_CREATED),
        Put(in_force_key(tenant), item, follows(rule_set.version - 1)),
    ]


def follows(version: int) -> Condition:
    """FOLLOWS: the version before is the one in force."""
    if version == DEFAULT_VERSION:
        return NOT_CREATED
    return Condition("FOLLOWS", "#version = :version", {"version": version})
