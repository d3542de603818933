"""Curves say what the measures say, and a page of them needs nothing but itself."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from farthing.fraud.model.evaluate import Model
from farthing.fraud.model.features import Payment
from farthing.fraud.model.history import DAY, HOUR
from farthing_cli.app import app
from farthing_cli.failure import Failure
from farthing_cli.fraud import comparison, comparison_page, dataset, training
from farthing_cli.fraud.chart import counts_axis, place_of, thinned
from farthing_cli.fraud.curves import (
    BINS,
    histogram,
    precision_recall,
    reliability,
    roc,
    wilson,
)
from farthing_cli.fraud.dataset import Labelled
from farthing_cli.fraud.inputs import DEFAULT_MODEL
from farthing_cli.fraud.metrics import Scored, area_under_roc, average_precision
from farthing_cli.fraud.replay import Rows

START = 1_790_000_000
SHIPPED = Model.load(DEFAULT_MODEL).artefact.name
SCORES = st.sampled_from([0.0, 0.04, 0.05, 0.3, 0.31, 0.7, 0.99, 1.0])
BOTH = st.lists(st.tuples(SCORES, st.booleans()), min_size=2, max_size=60).filter(
    lambda pairs: len({fraud for _, fraud in pairs}) == 2
)


def scored(pairs: list[tuple[float, bool]]) -> list[Scored]:
    return [Scored(score, fraud, 0, "who") for score, fraud in pairs]


@given(BOTH)
def test_the_area_under_the_curve_is_the_measure(pairs: list[tuple[float, bool]]) -> None:
    some = scored(pairs)
    points = roc(some)
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    assert isclose(area, area_under_roc(some), abs_tol=1e-12)
    assert points[0] == (0.0, 0.0) and points[-1] == (1.0, 1.0)
    mean = sum((b[0] - a[0]) * b[1] for a, b in pairwise(precision_recall(some)))
    assert isclose(mean, average_precision(some), abs_tol=1e-12)


@given(BOTH)
def test_every_payment_is_in_one_bin(pairs: list[tuple[float, bool]]) -> None:
    some, frauds = scored(pairs), sum(fraud for _, fraud in pairs)
    bins = reliability(some)
    assert sum(one.payments for one in bins) == len(some) and len(bins) <= BINS
    assert isclose(sum(one.share * one.payments for one in bins), frauds, abs_tol=1e-9)
    assert all(one.low <= one.share + 1e-12 and one.share <= one.high + 1e-12 for one in bins)
    good, bad = map(sum, zip(*histogram(some), strict=True))
    assert (good, bad) == (len(some) - frauds, frauds)


def test_an_interval_is_wilsons() -> None:
    # As tables have it for one of ten
    low, high = wilson(1, 10)
    assert (round(low, 4), round(high, 4)) == (0.0179, 0.4042)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50))
def test_a_thinned_line_ends_where_the_line_does(points: list[tuple[float, float]]) -> None:
    kept = thinned(points)
    assert kept[0] == points[0] and kept[-1] == points[-1]
    for a, b in points:
        assert any(abs(a - c) < 0.004 and abs(b - d) < 0.004 for c, d in kept)


def test_counts_are_on_an_axis_of_tens() -> None:
    axis = counts_axis(1234, "payments")
    assert [said for _, said in axis.ticks] == ["0", "1", "10", "100", "1,000"]
    places = [axis.place(place_of(count)) for count in (0, 1, 10, 1234)]
    assert places == sorted(places) and places[0] == 0 and places[-1] < 1


# --- the page ------------------------------------------------------------------------------------


def payments() -> list[Labelled]:
    """One in ten is large, and fraud."""
    found = []
    for at in range(0, 30 * DAY, HOUR):
        fraud = at // HOUR % 10 == 0
        paid = Payment(START + at, 90_000 if fraud else 1000, f"c{at // HOUR % 7}", "t")
        found.append(Labelled(paid, fraud))
    return found


@pytest.fixture(scope="module")
def rows() -> Rows:
    return Rows.of(payments())


def compared(rows: Rows, name: str = "other") -> comparison.Comparison:
    model = Model.load(DEFAULT_MODEL)
    other = Model(replace(model.artefact, name=name, calibration=()), "abcdef0123456789")
    until = training.known_until(rows)
    return comparison.compare(model, other, rows, 0, until, "made by a test")


def test_a_page_has_each_curve_with_both_models_and_names_for_everything(rows: Rows) -> None:
    page = comparison_page.html(compared(rows))
    pictures = re.findall(r"<svg.*?</svg>", page, re.S)
    assert len(pictures) == 4
    ids = set(re.findall(r'id="([^"]+)"', page))
    for picture in pictures:
        drawn = ElementTree.fromstring(picture)
        assert drawn.get("role") == "img"
        assert set((drawn.get("aria-labelledby") or "").split()) <= ids
        assert drawn.findtext("title") and drawn.findtext("desc")
        told = [one.text or "" for one in drawn.iter("text")]
        assert any(SHIPPED in one for one in told) and any("other" in one for one in told)
    axes = re.findall(r'class="middle strong"[^>]*>([^<]+)<', page)
    assert {"precision", "share of fraud", "frauds found (recall)", "payments"} <= set(axes)
    said = "551 payments from 2026-09-21 to 2026-10-14, of which 56 are known to be fraud"
    assert said in page
    assert "They are made by a test." in page


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(rows: Rows) -> None:
    page = comparison_page.html(compared(rows, "<script>alert(1)</script>"))
    assert "<script" not in page and "&lt;script" in page
    for outside in ("http://", "https://", "url(", "@import", "<link", "<img", " src="):
        assert outside not in page
    assert "default-src 'none'" in page and "prefers-color-scheme: dark" in page


def test_two_models_of_one_name_are_told_apart(rows: Rows) -> None:
    one, other = compared(rows, SHIPPED).names
    assert one != other and other == f"{SHIPPED} (abcdef01)"


def test_whoever_learned_from_payments_of_the_time_is_named() -> None:
    # Given payments of the months that the model that ships learned from
    early = [
        one._replace(payment=replace(one.payment, at=one.payment.at - 240 * DAY))
        for one in payments()
    ]
    cautions = list(compared(Rows.of(early)).cautions())
    assert [one.split()[0] for one in cautions] == [SHIPPED, "other", "Of"]
    # And of others nobody is
    assert len(list(compared(Rows.of(payments())).cautions())) == 1


def test_what_was_blocked_then_is_said_to_be_missing() -> None:
    blocked = [one._replace(blocked=at % 10 == 1) for at, one in enumerate(payments())]
    found = compared(Rows.of(blocked))
    assert any(one.startswith("55 more were blocked then") for one in found.cautions())
    assert found.first.metrics["payments"] == 551 - 55


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["fraud", *map(str, arguments)])


def test_compare_says_which_is_higher(tmp_path: Path) -> None:
    data, page = tmp_path / "payments.csv", tmp_path / "page.html"
    dataset.write(data, payments())
    ran = run("compare", "default", DEFAULT_MODEL, "--data", data, "--page", page)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    assert "average precision" in ran.output and page.is_file()


def test_what_says_nothing_is_not_compared(tmp_path: Path, rows: Rows) -> None:
    data = tmp_path / "payments.csv"
    dataset.write(data, [one._replace(fraud=False) for one in payments()])
    ran = run("compare", "default", "default", "--data", data)
    assert "nothing to compare" in str(ran.exception)
    ran = run("compare", "default", "default", "--data", data, "--since", "2027-01-01T00:00Z")
    assert "is that old" in str(ran.exception)
    ran = run("train", "--data", data, "--into", tmp_path / "m", "--page", tmp_path / "p.html")
    assert isinstance(ran.exception, Failure) and "--against" in str(ran.exception)
