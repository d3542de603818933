"""The features that a decision was scored by, out of the decision as `export` writes it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from farthing.fraud.model.features import FEATURES, unpack_row
from farthing_cli.failure import Failure


def features_of(decision: Any, where: str) -> tuple[float, ...] | None:
    """None if it has none. Raises Failure that begins with `where`."""
    known = decision.get("known") if isinstance(decision, Mapping) else None
    text = known.get("features") if isinstance(known, Mapping) else None
    if not text:
        return None
    try:
        return tuple(unpack_row(base64.b64decode(text, validate=True)))
    except (TypeError, ValueError):
        raise Failure(f"{where}: the features are not {len(FEATURES)} numbers.") from None
