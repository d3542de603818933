"""A real Chromium, a merchant with pages of its own, and the local stack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from farthing_cli import seed
from farthing_cli.access_table import AccessTable
from tests.browser.shop import Shop
from tests.browser.visit import Visit
from tests.stack.conftest import live as live
from tests.stack.live import Live

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Without these the browser itself talks to third parties, which would hide that a page does."""


TURNS = 2
"""CI runs every other test of these, and the rest at the next commit; `make browser` runs all."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker("browser")
    if turn := os.environ.get("BROWSER_TURN"):
        waits = set(ours) - set(ours[int(turn) % TURNS :: TURNS])
        items[:] = [item for item in items if item not in waits]
        config.hook.pytest_deselected(items=list(waits))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """The merchant's own server."""
    with Shop.open() as running:
        yield running


@pytest.fixture(scope="session")
def stranger() -> Iterator[Shop]:
    """Another server, whose origin nobody has registered."""
    with Shop.open() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _nobody_is_blocked(live: Live) -> None:
    """All payers of these tests have one address, and try the same few cards: no rule counts them.
    What a rule does is shown elsewhere."""
    answer = live.post("fraud/rules", {"document": {"rules": []}})
    assert answer.status == 201, answer.text


@dataclass(frozen=True)
class Merchant:
    """A merchant with one registered origin."""

    live: Live
    table: AccessTable
    merchant_id: str
    secret_key: str
    publishable_key: str


@pytest.fixture(scope="session")
def merchant(live: Live, shop: Shop) -> Merchant:
    table = AccessTable.of(None)
    made = seed.merchant(table, "Browser", [shop.origin])
    return Merchant(live, table, made.merchant_id, made.secret_key, made.publishable_key)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A tab of a browser that has been nowhere."""
    context = chromium.new_context(viewport={"width": 800, "height": 700}, locale="en-GB")
    context.set_default_timeout(15_000)
    tab = context.new_page()
    yield tab
    tab.unroute_all(behavior="ignoreErrors")
    context.close()


@pytest.fixture
def visit(page: Page, shop: Shop, merchant: Merchant) -> Visit:
    """Somebody at the merchant's payment page."""
    return Visit(page, shop, merchant.live.dev["tokens_url"], merchant.publishable_key)
