"""What docs/fields.md shows works when it is pasted."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.visit import FRAME, Visit
from tests.support.template import ROOT

PAGE = (ROOT / "docs" / "fields.md").read_text()


def code(language: str) -> str:
    """The page's one block in a language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


def go(visit: Visit) -> None:
    """Open the example, with this stack's address and key in it."""
    html = code("html")
    assert "https://TOKENS/" in html and "pk_test_…" in html
    html = html.replace("https://TOKENS", visit.tokens_url).replace("pk_test_…", visit.key)
    visit.page.goto(visit.shop.put(f"<!doctype html><html lang=en><body>{html}</body></html>"))


def test_the_page_and_the_test_of_it(visit: Visit) -> None:
    # When: the test of the page is run as it is written
    go(visit)
    exec(code("python"), {"page": visit.page})
    # Then
    expect(visit.page.locator("#said")).to_have_text(re.compile(r"^tok_\w{26}$"))


def test_the_page_cannot_pay_before_the_card_is_complete(visit: Visit) -> None:
    go(visit)
    fields = visit.page.frame_locator(FRAME)
    expect(fields.locator("[name=number]")).to_be_focused()
    fields.locator("[name=number]").fill("4242424242424242")
    expect(visit.page.get_by_role("button", name="Pay")).to_be_disabled()
