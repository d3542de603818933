"""Where a merchant's models are kept, and which one is in force.

A model is known by its SHA-256: the same bytes are the same model, and none is ever changed. Which
one is asked, and whether its score decides, is a row under a version; each version is kept, so one
can go back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.clock import to_text
from farthing.fraud.rule_row import follows
from farthing.fraud.versions import version_sk
from farthing.store import NOT_CREATED, Item, Key, Put, TenantScope, Write

DEFAULT_MODEL = "default"
"""The model that ships, by its name in paths and rows."""

UPLOADED_SK = "UPLOADED#"


class ModelMode(StrEnum):
    """WATCH keeps the score with the decision and changes nothing; DECIDE lets it decide, where no
    list and no rule did."""

    WATCH = "WATCH"
    DECIDE = "DECIDE"


@dataclass(frozen=True)
class InForce:
    """Which model is asked: by its SHA-256, `default`, or None, which has no mode."""

    version: int
    model: str | None
    mode: ModelMode | None
    activated_at: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Description:
    """What a model says of itself in its header, and what was said of it with the upload.

    `features` are those that it asks, which may be fewer than it names.
    """

    sha256: str
    name: str
    trained_on: str | None
    features: tuple[str, ...]
    metrics: Mapping[str, int | float]
    note: str | None = None
    created_at: str | None = None

    def to_item(self) -> Item:
        """As kept; the metrics as text, because they have fractions."""
        metrics = json.dumps(dict(self.metrics), separators=(",", ":"))
        return {**vars(self), "features": list(self.features), "metrics": metrics}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Description:
        """As read, with or without the file beside it."""
        return cls(
            sha256=item["sha256"],
            name=item["name"],
            trained_on=item["trained_on"],
            features=tuple(item["features"]),
            metrics=json.loads(item["metrics"]),
            note=item["note"],
            created_at=item["created_at"],
        )


NEVER_CHOSE = InForce(0, DEFAULT_MODEL, ModelMode.WATCH)
"""What whoever never chose has: the model that ships was trained on simulated payments."""


def models_pk(tenant: TenantScope) -> str:
    """The partition of what is in force, its history, and the list of models."""
    return tenant.pk("MODELS")


def model_in_force_key(tenant: TenantScope) -> Key:
    """What is in force now."""
    return Key("risk", models_pk(tenant), "IN_FORCE")


def model_version_key(tenant: TenantScope, version: int) -> Key:
    """What was in force under a version."""
    return Key("risk", models_pk(tenant), version_sk(version))


def model_key(tenant: TenantScope, sha256: str) -> Key:
    """A model's file, in a partition of its own: it is large."""
    return Key("risk", tenant.pk("MODEL", sha256), "MODEL")


def model_line_key(tenant: TenantScope, described: Description) -> Key:
    """The same without its file, in the order of the uploads."""
    return Key("risk", models_pk(tenant), f"{UPLOADED_SK}{described.created_at}#{described.sha256}")


def in_force_of(item: Mapping[str, Any] | None) -> InForce:
    """What a row says; without one, NEVER_CHOSE."""
    if item is None:
        return NEVER_CHOSE
    mode = item["mode"]
    return InForce(
        item["version"],
        item["model"],
        ModelMode(mode) if mode else None,
        item["activated_at"],
        item["note"],
    )


def in_force_writes(
    tenant: TenantScope, after: InForce, activated_at: datetime
) -> tuple[Write, Write]:
    """The transaction that puts it in force; its version is the next one."""
    item: Item = {
        "entity": "model_in_force",
        "version": after.version,
        "model": after.model,
        "mode": after.mode.value if after.mode else None,
        "activated_at": to_text(activated_at),
        "note": after.note,
    }
    return (
        Put(model_version_key(tenant, after.version), item, NOT_CREATED),
        Put(model_in_force_key(tenant), item, follows(after.version - 1)),
    )


def upload_writes(tenant: TenantScope, described: Description, file: bytes) -> tuple[Write, Write]:
    """The transaction that keeps a model's file and lists it."""
    item = described.to_item()
    return (
        Put(
            model_key(tenant, described.sha256),
            {"entity": "model", **item, "file": file},
            NOT_CREATED,
        ),
        Put(model_line_key(tenant, described), {"entity": "model_line", **item}, NOT_CREATED),
    )
