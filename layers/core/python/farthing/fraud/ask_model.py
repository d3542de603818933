"""What a model says of a payment: a score in whole millionths, and what speaks most for fraud."""

from __future__ import annotations

from collections.abc import Sequence

from farthing.fraud.model.artefact import BadModel
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES
from farthing.fraud.signals import REASONS_MAX, SCORE_MAX_PPM, Scored


def ask(model: Model, version: str, row: Sequence[float], shadow: bool) -> Scored:
    """The score of a row of FEATURES. A model in the shadow is watched and decides nothing.

    Raises BadModel if the model was trained on other features than these.
    """
    if model.features != tuple(FEATURES):
        raise BadModel("the model was trained on other features than are made here")
    score, shares = model.explain(row)
    against = [share.feature for share in shares if share.amount > 0]
    reasons = tuple(FEATURES[name] for name in against[:REASONS_MAX])
    return Scored(round(score * SCORE_MAX_PPM), version, reasons, shadow)
