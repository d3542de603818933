"""What is learned from, what is measured on, and what the commands say."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import FEATURES, Payment, pack_row
from farthing.fraud.model.history import DAY, HOUR, LABEL_DELAY_SECONDS
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.fraud import calibration, dataset, replay, training
from farthing_cli.fraud.dataset import Labelled
from farthing_cli.fraud.metrics import Scored, above, area_under_roc, average_precision, measure
from farthing_cli.fraud.replay import Rows, known_at, known_by

START = 1_790_000_000
FEATURE_NAMES = list(FEATURES)


def shop(days: int = 60, seed: int = 1) -> list[Labelled]:
    """A few customers; one payment in forty is of ten times what they usually pay, and fraud."""
    dice = random.Random(seed)
    found = []
    for at in range(0, days * DAY, HOUR // 2):
        who = dice.randrange(40)
        fraud = dice.random() < 0.025
        cents = int((1000 + 50 * who) * dice.uniform(0.5, 1.5) * (10 if fraud else 1))
        paid = Payment(START + at, cents, f"c{who}", f"t{dice.randrange(8)}")
        found.append(Labelled(paid, fraud, id=f"pi_{at}"))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With payments.csv, and model.farthing and its card made from it."""
    there = tmp_path_factory.mktemp("fraud")
    dataset.write(there / "payments.csv", shop())
    ran = run("train", "--data", there / "payments.csv", "--into", there / "model.farthing")
    assert ran.exit_code == 0, ran.output
    return there


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["fraud", *map(str, arguments)])


def test_what_is_trained_tells_later_fraud_and_says_on_its_card_what_it_is(folder: Path) -> None:
    model = Model.load(folder / "model.farthing")
    assert model.features == tuple(FEATURES)
    assert model.artefact.metrics["average_precision"] > 0.9
    assert (folder / "model.farthing").stat().st_size < 300_000
    page = (folder / "model.md").read_text()
    assert "Trained on payments of your own" in page
    assert json.loads((folder / "model.json").read_text())["sha256"] == model.sha256


def test_the_same_payments_train_the_same_file(folder: Path) -> None:
    again = folder / "again.farthing"
    assert run("train", "--data", folder / "payments.csv", "--into", again).exit_code == 0
    assert again.read_bytes() == (folder / "model.farthing").read_bytes()


def test_a_feature_that_is_left_out_is_never_asked(folder: Path) -> None:
    into, data = folder / "without.farthing", folder / "payments.csv"
    left_out = ("--without", "amount", "--without", "hour")
    assert run("train", "--data", data, "--into", into, *left_out).exit_code == 0
    model = Model.load(into)
    asked = {model.features[at] for at in model.artefact.trees.feature}
    assert asked and not asked & {"amount", "hour"}
    assert model.artefact.card["without"] == "amount, hour"
    wrong = run("train", "--data", data, "--into", into, "--without", "colour")
    assert "There is no feature colour" in str(wrong.exception)


def test_labels_of_the_last_seven_days_change_neither_model_nor_metrics(folder: Path) -> None:
    # Given the same payments, the labels of the last seven days turned round
    payments = shop()
    young = payments[-1].payment.at - LABEL_DELAY_SECONDS
    turned = [p._replace(fraud=p.fraud != (p.payment.at >= young)) for p in payments]
    # When a model is trained on them
    packed, _ = training.train(Rows.of(turned), "own", "payments of your own")
    # Then it is the same, to the byte
    assert packed == (folder / "model.farthing").read_bytes()


def test_nothing_is_learned_from_payments_whose_label_came_after_the_measuring_began() -> None:
    rows = Rows.of(shop(days=40))
    parts = training.plan(rows, holdout_days=7)
    learned = training.between(rows, parts.learned_from, parts.learned_until)
    last = rows.payments[learned[-1]].payment.at
    assert parts.measured_from - last > LABEL_DELAY_SECONDS
    assert rows.payments[-1].payment.at - parts.mature_until == LABEL_DELAY_SECONDS


def test_a_model_of_a_day_knows_nothing_of_what_came_later(folder: Path) -> None:
    # Given the same payments until a day, and later ones with labels that came later
    day = START + 50 * DAY
    whole, until = shop(), [one for one in shop() if one.payment.at <= day]
    told = [one._replace(labelled_at=day + 1) if known_at(one) > day else one for one in whole]
    for name, payments in (("whole", told), ("until", known_by(until, day))):
        dataset.write(folder / f"{name}.csv", payments)
    # When a model of that day is trained on each
    for name in ("whole", "until"):
        data, into = folder / f"{name}.csv", folder / f"{name}.farthing"
        ran = run("train", "--data", data, "--into", into, "--as-of", str(day))
        assert ran.exit_code == 0, ran.output
    # Then it is the same, to the byte
    assert (folder / "whole.farthing").read_bytes() == (folder / "until.farthing").read_bytes()


def test_what_was_not_let_through_or_not_sent_teaches_nothing() -> None:
    # Given payments of which some were blocked or never sent, and some held and called fraud
    payments = shop(days=40)
    blocked = [one._replace(blocked=True) if one.fraud else one for one in payments]
    held = [one._replace(unsent=True) for one in payments]
    # Then what was blocked is not learned from, and of what was held only what is known
    for found, some in ((blocked, False), (held, True)):
        rows = Rows.of(found)
        chosen = training.between(rows, START, START + 20 * DAY)
        assert any(rows.payments[at].fraud for at in chosen) is some
    assert all(rows.payments[at].fraud for at in chosen)
    # And nothing of it is in a history
    assert all(each[FEATURE_NAMES.index("customer_payments_7d")] == 0 for each in replay.rows(held))


def test_a_payment_keeps_the_features_that_it_was_scored_by(tmp_path: Path) -> None:
    # Given lines of an export, one with features
    stored = tuple(float(number) for number in range(len(FEATURES)))
    known = {"features": pack_row(stored)}
    line = {"paid_at": "2026-11-01T09:00:00.123Z", "amount_cents": 100, "customer": "c"}
    line |= {"terminal": "t", "fraud": False, "outcome": "APPROVED", "labelled_at": None}
    lines = [line, {**line, "decision": {"known": known}}]
    file = tmp_path / "payments.ndjson"
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    # Then that one's row is what was stored, the other's is made
    rows = Rows.of(dataset.read(file))
    assert tuple(rows[1]) == stored
    assert (rows[0][0], rows[0][1]) == (100.0, 9.0)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "row 2 is no JSON object"),
        ("[1]", "row 2 is no JSON object"),
        ('{"amount_cents": 1}', "row 2: paid_at is ''"),
        ('{"decision": {"known": {"features": "AAAA"}}}', "row 2: the features are not 25 numbers"),
        ('{"decision": {"known": {"features": "?"}}}', "row 2: the features are not 25 numbers"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, why: str) -> None:
    good = {"paid_at": 1, "amount_cents": 1, "customer": "c", "terminal": "t", "fraud": False}
    text = json.dumps({**good, **json.loads(line)}) if "decision" in line else line
    file = tmp_path / "payments.ndjson"
    file.write_text(f"{json.dumps(good)}\n{text}\n")
    with pytest.raises(Failure) as refused:
        dataset.read(file)
    assert why in str(refused.value)


def test_where_disputes_take_longer_more_days_at_the_end_are_left_out(folder: Path) -> None:
    rows = Rows.of(shop())
    parts = training.plan(rows, holdout_days=7, label_days=30)
    assert rows.payments[-1].payment.at - parts.mature_until == 30 * DAY
    assert parts.mature_until - parts.measured_from == 7 * DAY
    # And the command has it of whoever calls it
    data, into = folder / "payments.csv", folder / "patient.farthing"
    options = ("--holdout-days", 7, "--label-days", 30)
    assert run("train", "--data", data, "--into", into, *options).exit_code == 0
    measured_until = datetime.fromtimestamp(parts.mature_until, UTC).date().isoformat()
    assert Model.load(into).artefact.card["measured_on"].endswith(measured_until)


def test_evaluate_and_explain_say_what_the_model_does(folder: Path) -> None:
    at = ("--data", folder / "payments.csv", "--model", folder / "model.farthing")
    measured = run("evaluate", *at)
    assert measured.exit_code == 0, measured.output
    assert "average precision" in measured.output
    # Given the last fraud
    fraud = next(p for p in reversed(shop()) if p.fraud)
    explained = run("explain", *at, "--payment", fraud.id)
    # Then the amount is what speaks for fraud
    assert explained.exit_code == 0, explained.output
    assert "amount" in explained.output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("paid_at,amount_cents\n1,2\n", "lacks customer, fraud"),
        ("paid_at,amount_cents,customer,terminal,fraud\n", "has no payments"),
        ("paid_at,amount_cents,customer,terminal,fraud\n1,9.5,c,t,0\n", "row 1: amount_cents"),
        ("paid_at,amount_cents,customer,terminal,fraud\n1,9,,t,0\n", "row 1: customer is empty"),
        ("paid_at,amount_cents,customer,terminal,fraud\n1,9,c,t,maybe\n", "row 1: fraud"),
        ("paid_at,amount_cents,customer,terminal,fraud\n2026-01-01,9,c,t,0\n", "with its zone"),
        ("paid_at,amount_cents,customer,terminal,fraud\n1,9,c,t,0\n", "The payments span 0 days"),
    ],
)
def test_data_that_cannot_be_used_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "payments.csv"
    path.write_text(text)
    ran = run("train", "--data", path, "--into", tmp_path / "model")
    assert isinstance(ran.exception, Failure)
    assert why in str(ran.exception)
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_model_file_is_refused(folder: Path) -> None:
    path = folder / "payments.csv"
    ran = run("evaluate", "--data", path, "--model", path)
    assert "is no model: the file does not begin like a model" in str(ran.exception)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    paid = Payment(START, 5, "c", "t", "card", "192.0.2.1", "de", "fr")
    payments = [
        Labelled(paid, fraud=True, failed=True, labelled_at=START + 5, id="pi_1"),
        Labelled(Payment(START + 1, 5, "c"), fraud=False),
    ]
    assert dataset.write(tmp_path / "payments.csv", reversed(payments)) == 2
    assert dataset.read(tmp_path / "payments.csv") == payments


def test_an_address_counts_as_it_does_online(tmp_path: Path) -> None:
    # Given addresses of one household, and a text that stands for an address
    written = ["2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1", "192.0.2.1", "somewhere"]
    payments = [Labelled(Payment(START, 5, "c", ip=ip), fraud=False) for ip in written]
    dataset.write(tmp_path / "payments.csv", payments)
    # Then
    read = [one.payment.ip for one in dataset.read(tmp_path / "payments.csv")]
    assert read == ["2001:db8::/64"] * 2 + ["192.0.2.1"] * 2 + ["somewhere"]


few_scores = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@given(st.lists(st.tuples(few_scores, st.booleans()), min_size=2, max_size=30))
def test_measures_are_what_their_definitions_say(pairs: list[tuple[float, bool]]) -> None:
    scored = [Scored(score, fraud, 0, at) for at, (score, fraud) in enumerate(pairs)]
    bad = [score for score, fraud in pairs if fraud]
    good = [score for score, fraud in pairs if not fraud]
    if not bad or not good:
        assert measure(scored) == {"payments": len(pairs), "frauds": len(bad)}
        return
    # AUC: over all pairs, a tie is half
    wins = sum((b > g) + (b == g) / 2 for b in bad for g in good)
    assert math.isclose(area_under_roc(scored), wins / (len(bad) * len(good)))
    # AP: at each fraud, the precision of all that scores at least as high
    at_least = [(sum(b >= s for b in bad), sum(g >= s for g in good)) for s in bad]
    precisions = [b / (b + g) for b, g in at_least]
    assert math.isclose(average_precision(scored), sum(precisions) / len(bad))
    precision, recall = above(scored, 0.5)
    blocked = sum(b > 0.5 for b in bad), sum(g > 0.5 for g in good)
    assert recall == blocked[0] / len(bad)
    assert precision == (blocked[0] / sum(blocked) if any(blocked) else 1.0)


def test_a_card_that_was_found_makes_room_for_the_next_day() -> None:
    # Given a customer who is found on the first day, and two more frauds on the second
    scored = [Scored(0.9, True, 0, "a"), Scored(0.9, True, 1, "a"), Scored(0.8, True, 1, "b")]
    scored += [Scored(0.1, False, day, f"good{n}") for day in (0, 1) for n in range(200)]
    # Then each day finds one in a hundred
    assert measure(scored)["card_precision_100"] == 0.01


@given(st.integers(0, 1000))
def test_calibration_rises_and_comes_near_to_what_happens(seed: int) -> None:
    # Given a model that says twice what is true
    dice = np.random.default_rng(seed)
    true = dice.beta(0.3, 3, size=4000) / 2
    happened = dice.random(4000) < true
    points = calibration.curve(zip((2 * true).tolist(), happened.tolist(), strict=True))
    # Then the curve rises, and halves it
    assert points == tuple(sorted(points))
    scores = np.interp(2 * true, *zip(*points, strict=True))
    assert abs(scores.mean() - happened.mean()) < 0.01
    assert np.abs(scores - true).mean() < 0.05


def test_a_few_frauds_calibrate_nothing() -> None:
    assert calibration.curve([(0.5, True), (0.1, False)] * 20) == ()
