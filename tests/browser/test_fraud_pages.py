"""The pages of `farthing fraud`: whole on a narrow screen, in light and in dark, and alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from farthing.fraud.model.evaluate import Model
from farthing.fraud.rule_row import default_rules
from farthing_cli.fraud import backtest_page, comparison, comparison_page, training
from farthing_cli.fraud.backtest import backtest
from farthing_cli.fraud.inputs import DEFAULT_MODEL
from farthing_cli.fraud.past import past
from farthing_cli.fraud.replay import Rows
from farthing_cli.fraud.simulated_decisions import lines
from farthing_cli.fraud.simulator import simulate

LONG_NAME = "a_model_with_a_name_that_nobody_breaks_" * 3


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One of each, of simulated payments."""
    model, folder = Model.load(DEFAULT_MODEL), tmp_path_factory.mktemp("pages")
    payments = simulate(3, 25, 300, terminals=False)
    decided = [past(line, "here") for line in lines(payments, model)]
    found = backtest(decided, default_rules(), None, decided[-1].at)
    rows = Rows.of(payments)
    compared = comparison.compare(
        model, model, rows, 0, training.known_until(rows), f"payments of {LONG_NAME}"
    )
    written = {
        "backtest.html": backtest_page.html(found, f"Backtest: {LONG_NAME}", ["A caution."]),
        "comparison.html": comparison_page.html(compared),
    }
    for name, html in written.items():
        (folder / name).write_text(html, encoding="utf-8")
    return sorted(folder.iterdir())


@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_whole_and_asks_for_nothing(
    chromium: Browser, pages: list[Path], width: int, scheme: str
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    tab, asked, said = context.new_page(), list[str](), list[str]()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    for page in pages:
        tab.goto(page.as_uri())
        # Nothing is beyond the edge but tables, which can be moved by whoever has no mouse
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.locator(".wide:not([tabindex='0'])").count() == 0
        # What is said is readable on what it is written on, charts too
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") is (scheme == "light")
        inks = tab.evaluate(
            "[...document.querySelectorAll('p, td, svg text')].map(one => "
            "one.matches('text') ? getComputedStyle(one).fill : getComputedStyle(one).color)"
        )
        assert inks and paper not in inks
        assert tab.get_by_role("img").count() >= 1
    assert [url for url in asked if not url.startswith("file://")] == []
    assert said == []
    context.close()
