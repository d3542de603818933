"""A packed model gives LightGBM's own doubles, and a file that is none is refused."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
import struct
from dataclasses import replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.fraud.model.artefact import BadModel, pack, unpack
from farthing.fraud.model.evaluate import ZERO, Model
from farthing_cli.failure import Failure
from farthing_cli.fraud.packing import artefact_of

NAN, INF = math.nan, math.inf
TRICKY = (NAN, 0.0, -0.0, ZERO, -ZERO, 2 * ZERO, -2 * ZERO, 5e-324, INF, -INF, 1e300, 1e305, -1e305)
PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "verbose": -1,
    "num_threads": 1,
    "min_data_in_leaf": 2,
    "min_data_in_bin": 1,
}
TREATMENTS: tuple[dict[str, Any], ...] = ({}, {"zero_as_missing": True}, {"use_missing": False})


def trained(seed: int, features: int = 4, trees: int = 12, **more: Any) -> lgb.Booster:
    """A small booster of rows with holes and zeros in them."""
    dice = np.random.default_rng(seed)
    rows = dice.normal(size=(160, features)).round(dice.integers(1, 6))
    labels = (rows[:, 0] + rows[:, -1] + 0.3 * dice.normal(size=160) > 0.4).astype(float)
    rows[dice.random(rows.shape) < dice.choice([0, 0.2])] = NAN
    rows[dice.random(rows.shape) < 0.1] = 0.0
    return lgb.train(PARAMETERS | more, lgb.Dataset(rows, labels), trees)


def packed(booster: lgb.Booster, **more: Any) -> bytes:
    return pack(artefact_of(booster.model_to_string(), "test", **more))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_row_scores_as_in_lightgbm_bit_for_bit(data: st.DataObject) -> None:
    # Given a booster, with any way of treating what is missing
    booster = trained(
        data.draw(st.integers(0, 10_000)),
        features=data.draw(st.integers(1, 5)),
        trees=data.draw(st.integers(1, 20)),
        num_leaves=data.draw(st.integers(2, 16)),
        sigmoid=data.draw(st.sampled_from([1.0, 0.7])),
        **data.draw(st.sampled_from(TREATMENTS)),
    )
    model = Model.from_bytes(packed(booster))
    # When rows are scored whose values are missing, nothing, endless, or a threshold itself
    thresholds = sorted(set(model.artefact.trees.threshold)) or [0.0]
    value = st.one_of(
        st.sampled_from(TRICKY),
        st.sampled_from(thresholds),
        st.sampled_from(thresholds).map(lambda t: math.nextafter(t, INF)),
        st.floats(-4, 4),
    )
    width = len(model.features)
    rows = data.draw(st.lists(st.lists(value, min_size=width, max_size=width), min_size=8))
    # Then they score as there, and the shares of the features make up the whole of it
    raw = booster.predict(np.array(rows), raw_score=True)
    probability = booster.predict(np.array(rows))
    assert [model.raw(row) for row in rows] == list(raw)
    assert [model.probability(row) for row in rows] == list(probability)
    for row in rows:
        score, shares = model.explain(row)
        assert score == model.score(row)
        assert math.isclose(
            model.mean() + math.fsum(share.amount for share in shares),
            model.raw(row),
            abs_tol=1e-9,
        )


def test_reasons_name_what_was_asked_the_strongest_first() -> None:
    # Given labels that the first feature decides almost alone
    model = Model.from_bytes(packed(trained(3, trees=30)))
    # When a row is high in it and low in the others
    _, shares = model.explain([3.0, 0.0, 0.0, 0.0])
    # Then it stands first, and what speaks against fraud stands last
    assert shares[0].feature == model.features[0]
    assert [share.amount for share in shares] == sorted((s.amount for s in shares), reverse=True)


def test_a_calibrated_score_lies_on_the_lines_between_the_points() -> None:
    points = ((0.1, 0.0), (0.5, 0.2), (0.9, 1.0))
    model = Model.from_bytes(packed(trained(1), calibration=points))
    rows = [[a, b, 0.5, c] for a in (-2.0, 0.0, 2.0) for b in (0.0, NAN) for c in (-2.0, 0.4, 2.0)]
    for row in rows:
        expected = np.interp(model.probability(row), *zip(*points, strict=True))
        assert math.isclose(model.score(row), expected, abs_tol=1e-12)
    assert any(0 < model.score(row) < 1 for row in rows)


def test_what_is_packed_comes_back_and_is_the_same_file_again() -> None:
    booster = trained(5)
    data = packed(booster, metrics={"auc": 0.9}, card={"trained_on": "simulated data"})
    artefact = unpack(data)
    assert pack(artefact) == data
    assert artefact.features == tuple(booster.feature_name())
    assert (artefact.metrics, artefact.card["trained_on"]) == ({"auc": 0.9}, "simulated data")


GOOD = packed(trained(7))


@given(at=st.integers(0, len(GOOD) - 1), flip=st.integers(1, 255))
def test_a_file_with_one_wrong_byte_is_refused(at: int, flip: int) -> None:
    with pytest.raises(BadModel):
        unpack(GOOD[:at] + bytes([GOOD[at] ^ flip]) + GOOD[at + 1 :])


@given(st.integers(0, len(GOOD) - 1))
def test_a_file_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(BadModel):
        unpack(GOOD[:length])


def forged(body: bytes, version: int = 1) -> bytes:
    """A file whose header is right, whatever is in it."""
    return struct.pack("<8sH32s", b"FARTHING", version, hashlib.sha256(body).digest()) + body


def described(**changed: Any) -> bytes:
    """GOOD with another description under a right header."""
    (length,) = struct.unpack_from("<I", GOOD, 42)
    text = json.dumps(json.loads(GOOD[46 : 46 + length]) | changed).encode()
    return forged(struct.pack("<I", len(text)) + text + GOOD[46 + length :])


class _Executed(Exception):
    pass


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise _Executed",)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not begin like a model"),
        (pickle.dumps(_Bomb()), "does not begin like a model"),
        (forged(pickle.dumps(_Bomb())), "longer than the file"),
        (forged(GOOD[42:], version=2), "of format 2, this version reads up to 1"),
        (forged(GOOD[42:] + b"\0"), "behind the last array"),
        (forged(struct.pack("<I", 50_000) + b"[" * 50_000), "not JSON"),
        (forged(struct.pack("<I", 2) + b"[]"), "not an object"),
        (b"FARTHING" + bytes(1_000_000), "at most 1000000 are read"),
        (described(sigmoid=NAN), "NaN is no number"),
        (described(features=["only one"]), "a feature beyond the last"),
        (described(counts={"trees": -1, "nodes": 0, "leaves": 0}), "-1 is no count"),
        (described(counts={"trees": 1, "nodes": 30_000, "leaves": 1}), "ends within its feature"),
        (described(calibration=[[0.2, 0.5], [0.8, 0.4]]), "does not rise"),
        (described(name=None, card=3), "not one of a model"),
    ],
)
def test_what_is_no_model_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(BadModel, match=why):
        Model.from_bytes(data)


@pytest.mark.parametrize(
    ("array", "value", "why"),
    [
        ("left", 0, "does not stand after it"),  # would walk in a circle
        ("right", 32_000, "does not stand after it"),
        ("left", -32_000, "a leaf is named that is not there"),
        ("roots", 32_000, "begins after the last node"),
        ("flags", 1, "flags are unknown"),
        ("threshold", NAN, "threshold is not a number"),
        ("leaf", INF, "leaf is not finite"),
    ],
)
def test_trees_that_lead_nowhere_are_refused(array: str, value: Any, why: str) -> None:
    artefact = unpack(GOOD)
    getattr(artefact.trees, array)[0] = value
    with pytest.raises(BadModel, match=why):
        pack(artefact)


def test_a_row_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="a row has 4 values, not 3"):
        Model.from_bytes(GOOD).raw([0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("booster", "why"),
    [
        (lambda: trained(1, objective="regression"), "not the objective regression"),
        (lambda: trained(1, linear_tree=True), "linear leaves"),
        (lambda: trained(1, boosting="rf", bagging_freq=1, bagging_fraction=0.5), "random forest"),
    ],
)
def test_a_booster_that_cannot_be_packed_is_refused(booster: Any, why: str) -> None:
    with pytest.raises(Failure, match=why):
        packed(booster())


def test_a_model_without_a_split_has_one_answer() -> None:
    artefact = artefact_of(trained(1, min_data_in_leaf=500).model_to_string(), "constant")
    model = Model.from_bytes(pack(replace(artefact, name="constant")))
    assert model.raw([1.0, 2.0, 3.0, 4.0]) == model.raw([NAN] * 4) == model.mean()
    assert model.explain([1.0, 2.0, 3.0, 4.0])[1] == []
