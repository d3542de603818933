"""Which files of models are taken, and what they say of themselves.

The header is whatever its maker wrote: only what is checked here is ever kept or shown.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from farthing.cards import holds_pan
from farthing.fraud.model import artefact
from farthing.fraud.model.artefact import BadModel
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES
from farthing.fraud.model_row import Description

UPLOAD_BYTES_MAX = 300_000
"""An item holds 400 kB."""

NAME_LENGTH_MAX = 100
TRAINED_ON_LENGTH_MAX = 500
METRICS_MAX = 40
METRIC_MAX = 10**15
DEFAULT_FILE = Path(artefact.__file__).with_name("default.farthing")

_METRIC = re.compile(r"[a-z0-9_.%]{1,60}")
_NO_PAYMENT_HAS = "terminal_"


def described(data: bytes) -> Description:
    """What an uploaded file is. Raises BadModel, saying why it is not taken."""
    if len(data) > UPLOAD_BYTES_MAX:
        raise BadModel(f"the file has {len(data)} bytes, at most {UPLOAD_BYTES_MAX} are taken")
    found = _description(Model.from_bytes(data))
    missing = [name for name in found.features if name.startswith(_NO_PAYMENT_HAS)]
    if missing:
        raise BadModel(f"it asks {', '.join(missing)}, and no payment here has a terminal")
    return found


def require_known_features(model: Model) -> None:
    """Raises BadModel for a model that asks what this version does not know."""
    unknown = sorted(set(model.features) - FEATURES.keys())
    if unknown:
        raise BadModel(f"this version makes no feature {', '.join(unknown)}")
    if model.features != tuple(FEATURES):
        raise BadModel("it was trained on rows of other features than are made here: train it anew")


@cache
def default_description() -> Description:
    """What the model that ships says of itself."""
    return _description(Model.load(DEFAULT_FILE))


def _description(model: Model) -> Description:
    require_known_features(model)
    header = model.artefact
    asked = set(header.trees.feature)
    return Description(
        sha256=model.sha256,
        name=_text("name", header.name, NAME_LENGTH_MAX),
        trained_on=_trained_on(header.card.get("trained_on")),
        features=tuple(name for n, name in enumerate(model.features) if n in asked),
        metrics=_metrics(header.metrics),
    )


def _trained_on(text: Any) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise BadModel("its card says trained_on, and no text")
    return _text("trained_on", text, TRAINED_ON_LENGTH_MAX)


def _text(what: str, text: str, length_max: int) -> str:
    if not 0 < len(text) <= length_max or not text.isprintable():
        raise BadModel(f"its {what} is no text of 1 to {length_max} characters")
    if holds_pan(text):
        raise BadModel(f"its {what} holds what looks like a card number")
    return text


def _metrics(metrics: dict[str, Any]) -> dict[str, int | float]:
    if len(metrics) > METRICS_MAX:
        raise BadModel(f"it has {len(metrics)} metrics, at most {METRICS_MAX} are kept")
    for name, value in metrics.items():
        if not _METRIC.fullmatch(name) or type(value) not in (int, float):
            raise BadModel("its metrics are not numbers by their names")
        if not abs(value) <= METRIC_MAX:  # nor NaN
            raise BadModel(f"its metric {name} is no number to show")
    return metrics
