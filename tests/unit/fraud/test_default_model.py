"""The model that ships, on simulated payments that it has never seen."""

from __future__ import annotations

from collections import Counter
from statistics import mean

import pytest

from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES, TERMINAL_FEATURES
from farthing.fraud.model.history import DAY
from farthing_cli.fraud import simulator, training
from farthing_cli.fraud.metrics import measure
from farthing_cli.fraud.replay import Rows
from tests.support.template import ROOT

FILE = ROOT / "layers/core/python/farthing/fraud/model/default.farthing"
OTHER_SEED = 77
DAYS = 45


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows.of(simulator.simulate(OTHER_SEED, DAYS, people=800, terminals=False))


def test_it_says_that_it_was_trained_on_simulated_data() -> None:
    model = Model.load(FILE)
    assert model.artefact.card["trained_on"].startswith("simulated data")
    assert "**Trained on simulated data" in FILE.with_suffix(".md").read_text()
    assert model.sha256 in FILE.with_suffix(".md").read_text()


def test_it_is_small_and_asks_for_the_features_that_are_made() -> None:
    assert FILE.stat().st_size < 300_000
    assert Model.load(FILE).features == tuple(FEATURES)


def test_it_does_not_ask_for_a_terminal_which_no_payment_here_has() -> None:
    model = Model.load(FILE)
    asked = {model.features[at] for at in model.artefact.trees.feature}
    assert not asked & set(TERMINAL_FEATURES)
    assert model.artefact.card["without"] == ", ".join(sorted(TERMINAL_FEATURES))


def test_it_tells_attacks_that_it_has_not_seen(rows: Rows) -> None:
    # Given a month in which histories have grown
    model, since = Model.load(FILE), simulator.START + 15 * DAY
    chosen = training.between(rows, since, simulator.START + DAYS * DAY)
    # When it scores what follows
    found = measure(training.scored(model, rows, chosen))
    # Then it finds much more than chance would, which is the share of fraud
    assert found["average_precision"] > 20 * found["frauds"] / found["payments"]
    assert found["auc"] > 0.9
    assert found["precision_above_0.7"] > 0.6


def test_card_testing_scores_high_while_it_goes_on(rows: Rows) -> None:
    # Given an attack: many cards from one address, most of them refused
    tries = Counter(one.payment.ip for one in rows.payments if one.failed)
    ip, _ = tries.most_common(1)[0]
    attack = [at for at, one in enumerate(rows.payments) if one.payment.ip == ip]
    assert len({rows.payments[at].payment.card for at in attack}) > 10
    # Then what comes after the first few scores far above what is usual
    model = Model.load(FILE)
    usual = mean(model.score(rows[at]) for at in range(0, len(rows.payments), 50))
    assert mean(model.score(rows[at]) for at in attack[6:]) > max(10 * usual, 0.5)


def test_the_same_seed_makes_the_same_payments() -> None:
    once, again = (simulator.simulate(5, 10, people=100) for _ in range(2))
    assert once == again
    assert once != simulator.simulate(6, 10, people=100)
    assert [one.payment.at for one in once] == sorted(one.payment.at for one in once)


def test_online_the_same_people_pay_at_no_terminal_and_none_is_compromised() -> None:
    there, online = (simulator.simulate(5, 30, 100, terminals=at) for at in (True, False))
    assert all(one.payment.terminal is None for one in online)
    at_a_terminal = {(one.payment.at, one.payment.customer, one.fraud) for one in there}
    assert {(one.payment.at, one.payment.customer, one.fraud) for one in online} < at_a_terminal
