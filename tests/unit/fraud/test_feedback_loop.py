"""From decisions to labels to a model to better decisions, on simulated payments."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from farthing.fraud.model.history import DAY, LABEL_DELAY_SECONDS
from farthing_cli.app import app
from farthing_cli.fraud import dataset, simulator, training
from farthing_cli.fraud.dataset import Labelled
from farthing_cli.fraud.replay import Rows, known_at, known_by
from tests.unit.fraud.test_training import shop

DAYS = 60


def run(*arguments: Any) -> Any:
    ran = CliRunner().invoke(app, ["fraud", *map(str, arguments)])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With payments.ndjson: decided by the default rules and the model that ships."""
    there = tmp_path_factory.mktemp("loop")
    data = there / "payments.ndjson"
    run("simulate", "--into", data, "--days", DAYS, "--customers", 600, "--seed", 5)
    run("train", "--data", data, "--into", there / "own.farthing", "--against", "default")
    return there


def test_decisions_become_a_model_that_is_compared_and_tried(folder: Path) -> None:
    data, page = folder / "payments.ndjson", folder / "page.html"
    # Given past decisions that come out as they were
    assert "come out as they were" in run("backtest", "--data", data, "--check").stdout
    # When a model is trained on what became of them, and compared with that which decided
    last = dataset.read(data)[-1].payment.at
    later = str(last - 25 * DAY)
    said = run(
        "compare",
        folder / "own.farthing",
        "default",
        "--data",
        data,
        "--since",
        later,
        "--page",
        page,
    ).output
    assert "average precision" in said and "<svg" in page.read_text()
    # Then a backtest says what it would have done, and each payment is in it once
    asked = ("backtest", "--data", data, "--model", folder / "own.farthing", "--json")
    told = json.loads(run(*asked).stdout)
    lines = data.read_text().splitlines()
    for part in (told["changes"], told["truths"].values()):
        assert sum(one["count"] for one in part) == len(lines)
    assert told["without_features"] == 0
    # And what was blocked then is neither good nor fraud
    blocked = sum(json.loads(line)["blocked"] for line in lines)
    assert told["truths"]["BLOCKED"]["count"] == blocked > 0


def test_the_stored_features_are_those_that_a_replay_makes(folder: Path) -> None:
    payments = dataset.read(folder / "payments.ndjson")
    stored = Rows.of(payments)
    replayed = Rows.of([one._replace(features=None) for one in payments])
    assert stored.values.tobytes() == replayed.values.tobytes()


def test_what_was_blocked_is_not_learned_from(folder: Path) -> None:
    payments = dataset.read(folder / "payments.ndjson")
    rows = Rows.of(payments)
    chosen = training.between(rows, 0, payments[-1].payment.at)
    assert any(one.blocked for one in payments)
    assert not any(payments[at].blocked for at in chosen)
    assert {one.id for one in payments if one.fraud} >= {
        payments[at].id for at in chosen if payments[at].fraud
    }


def test_a_label_that_comes_after_the_training_day_changes_nothing(folder: Path) -> None:
    # Given a training day, and the same payments with every later label another
    day = simulator.START + 55 * DAY
    payments = dataset.read(folder / "payments.ndjson")
    changed = [
        one._replace(fraud=not one.fraud, labelled_at=day + DAY) if known_at(one) > day else one
        for one in payments
    ]
    # When a model of that day is trained on each
    models = [
        training.train(Rows.of(known_by(some, day)), "own", "simulated")[0]
        for some in (payments, changed)
    ]
    # Then it is the same, to the byte
    assert changed != payments
    assert models[0] == models[1]


def learned_labels(payments: list[Labelled]) -> list[tuple[int, bool]]:
    rows = Rows.of(payments)
    parts = training.plan(rows)
    chosen = training.between(rows, parts.learned_from, parts.learned_until)
    told = training.labels(rows, chosen, parts.measured_from)
    return [(payments[at].payment.at, fraud) for at, fraud in zip(chosen, told, strict=True)]


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), weeks=st.integers(0, 6))
def test_no_label_that_is_younger_than_seven_days_is_used(seed: int, weeks: int) -> None:
    # Given payments whose labels come at any time
    dice = Random(seed)
    payments = [
        one._replace(labelled_at=one.payment.at + int(dice.uniform(0, weeks + 1) * 7 * DAY))
        if one.fraud
        else one
        for one in shop(days=40, seed=seed)
    ]
    parts = training.plan(Rows.of(payments))
    # Then what is learned from is a week older than the day on which it is learned
    learned = learned_labels(payments)
    assert all(parts.measured_from - at > LABEL_DELAY_SECONDS for at, _ in learned)
    # And of labels that came later than that day it does not matter what they say, or when
    later = [
        one._replace(labelled_at=parts.measured_from + dice.randrange(1, 90 * DAY))
        if one.fraud and known_at(one) > parts.measured_from
        else one
        for one in payments
    ]
    assert learned_labels(later) == learned
    forgotten = [
        one._replace(fraud=False, labelled_at=None) if known_at(one) > parts.measured_from else one
        for one in payments
    ]
    assert learned_labels(forgotten) == learned
