"""From past payments to a packed model that was measured on later ones.

    first payment          learned_until    measured_from      mature_until     last payment
    |------ learned from ------|---- 7 days ----|-- measured on --|-- label days --|

On the day when a model would be trained, the labels of the last seven days are not known: nothing
is learned from them, and nothing of the last seven days is measured. Where disputes take longer,
more days are left out at the end: what nobody has disputed yet would count as good.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from farthing.fraud.model.artefact import Artefact, pack
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES
from farthing.fraud.model.history import DAY, LABEL_DELAY_SECONDS
from farthing_cli.failure import Failure
from farthing_cli.fraud import calibration
from farthing_cli.fraud.metrics import Scored, measure
from farthing_cli.fraud.packing import artefact_of
from farthing_cli.fraud.replay import Rows, known_at

ROUNDS = 200
PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "num_leaves": 16,
    "learning_rate": 0.05,
    "min_data_in_leaf": 50,
    "lambda_l2": 50.0,
    "min_gain_to_split": 3.0,
    "feature_fraction": 0.7,
    "max_bin": 4095,  # fraud is in the tails, which fewer bins would lump together
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": 1,
    "verbose": -1,
}
"""Chosen on weeks of the handbook's data that are older than those that `bench` measures on."""

LABEL_DAYS = LABEL_DELAY_SECONDS // DAY
LABEL_DAYS_MAX = 180
FRAUDS_MIN = 20
HOLDOUT_DAYS = 14


@dataclass(frozen=True)
class Plan:
    """Which payments are for what, in Unix seconds; each `until` excludes its moment."""

    learned_from: int
    learned_until: int
    measured_from: int
    mature_until: int

    @property
    def compared_from(self) -> int:
        """The earlier half of what is measured on makes the calibration, the later the metrics."""
        return (self.measured_from + self.mature_until) // 2


def plan(rows: Rows, holdout_days: int = HOLDOUT_DAYS, label_days: int = LABEL_DAYS) -> Plan:
    """The last days with known labels are measured on. Raises Failure if little is left."""
    first, last = rows.payments[0].payment.at, rows.payments[-1].payment.at
    mature_until = known_until(rows, label_days)
    measured_from = mature_until - holdout_days * DAY
    learned_until = measured_from - LABEL_DELAY_SECONDS
    if learned_until <= first:
        needed = holdout_days + LABEL_DAYS + label_days
        raise Failure(
            f"The payments span {(last - first) // DAY} days, more than {needed} are needed: "
            f"{holdout_days} to measure on, {LABEL_DAYS} before and {label_days} after them whose "
            "labels are not known yet."
        )
    return Plan(first, learned_until, measured_from, mature_until)


def known_until(rows: Rows, label_days: int = LABEL_DAYS) -> int:
    """Before then payments are so old that their labels are known."""
    return rows.payments[-1].payment.at - label_days * DAY


def between(rows: Rows, since: int, until: int) -> list[int]:
    """Which payments of that time can teach anything by the time that their labels are used."""
    known_by = until + LABEL_DELAY_SECONDS
    return [
        at
        for at, one in enumerate(rows.payments)
        if since <= one.payment.at < until
        and one.teaches
        and (not (one.unsent or one.voided) or known_at(one) <= known_by)
    ]


def labels(rows: Rows, chosen: Sequence[int], known_by: int) -> list[bool]:
    """Which of the payments were known to be fraud by then."""
    payments = (rows.payments[at] for at in chosen)
    return [one.fraud and known_at(one) <= known_by for one in payments]


def fit(
    rows: Rows, chosen: Sequence[int], known_by: int, without: Collection[str] = frozenset()
) -> str:
    """A booster's text, learned from the chosen payments by what was known of them then.

    It never asks for a feature of `without`: one that can only be noise in these payments.
    """
    fraud = labels(rows, chosen, known_by)
    frauds = sum(fraud)
    if frauds < FRAUDS_MIN:
        raise Failure(f"There are {frauds} frauds to learn from, at least {FRAUDS_MIN} are needed.")
    if importlib.util.find_spec("lightgbm") is None:
        raise Failure("Training needs LightGBM: pip install 'farthing[fraud]'")
    import lightgbm
    import numpy as np

    names, wanted = list(FEATURES), np.array(fraud, dtype=np.float64)
    values = rows.matrix()[list(chosen)]
    values[:, [names.index(name) for name in without]] = math.nan
    data = lightgbm.Dataset(values, wanted, feature_name=names)
    return str(lightgbm.train(dict(PARAMETERS), data, ROUNDS).model_to_string())


def scored(model: Model, rows: Rows, chosen: Sequence[int]) -> list[Scored]:
    """The model's own scores of the chosen payments, beside all that the data know of them."""
    found = []
    for at in chosen:
        one = rows.payments[at]
        day, who = one.payment.at // DAY, one.payment.customer
        found.append(Scored(model.score(rows[at]), one.fraud, day, who))
    return found


def train(
    rows: Rows,
    name: str,
    trained_on: str,
    holdout_days: int = HOLDOUT_DAYS,
    without: Collection[str] = frozenset(),
    label_days: int = LABEL_DAYS,
) -> tuple[bytes, Artefact]:
    """The packed model and what is in it. Raises Failure when there is too little to learn from."""
    parts = plan(rows, holdout_days, label_days)
    chosen = between(rows, parts.learned_from, parts.learned_until)
    text = fit(rows, chosen, parts.measured_from, without)
    middle = parts.compared_from
    uncalibrated = Model(artefact_of(text, name))
    before = scored(uncalibrated, rows, between(rows, parts.measured_from, middle))
    points = calibration.curve((one.score, one.fraud) for one in before)
    calibrated = Model(artefact_of(text, name, calibration=points))
    after = scored(calibrated, rows, between(rows, middle, parts.mature_until))
    card = {
        "trained_on": trained_on,
        "learned_from": _day(parts.learned_from),
        "learned_until": _day(parts.learned_until),
        "calibrated_on": f"{_day(parts.measured_from)} to {_day(middle)}" if points else "nothing",
        "measured_on": f"{_day(middle)} to {_day(parts.mature_until)}",
        "payments": len(chosen),
        "frauds": sum(labels(rows, chosen, parts.measured_from)),
        "label_delay_days": LABEL_DELAY_SECONDS // DAY,
        "without": ", ".join(sorted(without)) or "nothing",
        "rounds": ROUNDS,
        "parameters": dict(PARAMETERS),
    }
    artefact = artefact_of(text, name, calibration=points, metrics=measure(after), card=card)
    return pack(artefact), artefact


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
