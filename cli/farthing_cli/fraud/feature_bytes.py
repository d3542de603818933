"""The features that a decision was scored by, as they are kept: 25 doubles, in their order."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from farthing.fraud.model.features import FEATURES
from farthing_cli.failure import Failure

_ROW = struct.Struct(f"<{len(FEATURES)}d")


def packed(features: Sequence[float]) -> bytes:
    """As a decision keeps them."""
    return _ROW.pack(*features)


def features_of(decision: Any, where: str) -> tuple[float, ...] | None:
    """Those of a decision as `export` writes it; None if it has none. Raises Failure."""
    known = decision.get("known") if isinstance(decision, Mapping) else None
    text = known.get("features") if isinstance(known, Mapping) else None
    if text is None:
        return None
    try:
        return _ROW.unpack(base64.b64decode(text, validate=True))
    except (TypeError, ValueError, binascii.Error, struct.error):
        raise Failure(f"{where}: the features are not {len(FEATURES)} numbers.") from None
