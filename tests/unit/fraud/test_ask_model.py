"""What a model's answer becomes: whole millionths, and words."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from farthing.fraud.ask_model import ask
from farthing.fraud.model.artefact import Artefact, BadModel, Trees
from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES, History, Payment, row
from farthing.fraud.model.history import Tries
from farthing.fraud.signals import REASONS_MAX
from tests.unit.fraud.test_default_model import FILE

AT = 1_790_000_000
TESTED = row(
    Payment(AT, 300, "card_x", card="card_x", ip="203.0.113.7", card_country="de", ip_country="us"),
    History(
        ip=Tries(
            {
                "failures": [AT - n for n in range(4)],
                "cards": [f"card_{n}" for n in range(9)],
                "card_times": [AT - n for n in range(9)],
            }
        )
    ),
)
"""A payment in the midst of card testing."""


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(FILE)


@pytest.mark.parametrize("shadow", [True, False])
def test_the_score_is_the_models_and_the_reasons_are_its_strongest(
    model: Model, shadow: bool
) -> None:
    # When
    said = ask(model, "default-2", TESTED, shadow=shadow)
    # Then
    assert said.score_ppm == round(model.score(TESTED) * 1_000_000) > 500_000
    assert (said.model_version, said.shadow) == ("default-2", shadow)
    strongest = model.explain(TESTED)[1][:REASONS_MAX]
    assert said.reasons == tuple(FEATURES[share.feature] for share in strongest)
    assert FEATURES["ip_cards_1d"] in said.reasons


def test_what_speaks_against_fraud_is_no_reason() -> None:
    # Given a model of one question: whether the amount is above ten
    trees = Trees(
        roots=array("h", [0]),
        feature=array("B", [0]),
        flags=array("B", [0]),
        threshold=array("d", [1000]),
        left=array("h", [~0]),
        right=array("h", [~1]),
        expected=array("f", [0]),
        leaf=array("d", [-1, 1]),
    )
    model = Model(Artefact("one", tuple(FEATURES), trees))
    # Then a small amount is no reason, and a large one is
    small, large = (row(Payment(AT, cents, "c"), History()) for cents in (999, 1001))
    assert ask(model, "one", small, shadow=False).reasons == ()
    assert ask(model, "one", large, shadow=False).reasons == ("the amount",)


def test_a_model_of_other_features_is_not_asked(model: Model) -> None:
    other = Model(replace(model.artefact, features=(*list(FEATURES)[1:], "colour")))
    with pytest.raises(BadModel, match="other features"):
        ask(other, "m", TESTED, shadow=False)
