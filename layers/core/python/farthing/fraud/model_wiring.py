"""The model in force, read once for the life of the process.

A payment never waits for a model that cannot be read, and never fails by it: then it goes on by
rules alone, an alarm is set off, and the model is looked for again after a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from farthing import runtime
from farthing.fraud.model.artefact import BadModel
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model_file import DEFAULT_FILE, require_known_features
from farthing.fraud.model_row import DEFAULT_MODEL, InForce, model_key
from farthing.observe import count, log_unhandled
from farthing.store import StoreBusy, TenantScope
from farthing.store.port import Gets

UNREADABLE_METRIC = "FraudModelUnreadable"
AGAIN_AFTER_SECONDS = 60
MODELS_KEPT_MAX = 8
"""In one process. The largest takes some 3 MB there."""


@dataclass(frozen=True)
class _Read:
    """A model, or none and until when it is not looked for again."""

    model: Model | None
    until: datetime | None = None


def model_of(tenant: TenantScope, in_force: InForce, store: Gets) -> Model | None:
    """The model that is in force; None if there is none, or it cannot be read. Never raises."""
    if in_force.model is None:
        return None
    kept: dict[tuple[str, str], _Read] = runtime.once("fraud_models", dict)
    name = (tenant.prefix, in_force.model)
    if in_force.model == DEFAULT_MODEL:
        name = ("", DEFAULT_MODEL)
    now = runtime.clock().now()
    found = kept.get(name)
    if found is None or (found.until is not None and found.until <= now):
        found = _read(tenant, in_force.model, store, now)
        kept.pop(name, None)
        while len(kept) >= MODELS_KEPT_MAX:
            kept.pop(next(iter(kept)))
        kept[name] = found
    return found.model


def _read(tenant: TenantScope, name: str, store: Gets, now: datetime) -> _Read:
    try:
        return _Read(_shipped() if name == DEFAULT_MODEL else _stored(tenant, name, store))
    except (BadModel, OSError, StoreBusy, ClientError, BotoCoreError) as error:
        log_unhandled(error)
        count(UNREADABLE_METRIC)
        return _Read(None, now + timedelta(seconds=AGAIN_AFTER_SECONDS))


def _shipped() -> Model:
    return Model.load(DEFAULT_FILE)


def _stored(tenant: TenantScope, sha256: str, store: Gets) -> Model:
    item = store.get(model_key(tenant, sha256))
    if item is None:
        raise BadModel("it is not there")
    model = Model.from_bytes(item["file"])
    if model.sha256 != sha256:
        raise BadModel("it is another one")
    require_known_features(model)
    return model
