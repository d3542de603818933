"""Somebody who pays: a page of the merchant's with fields, and hands to type with."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import FrameLocator, Locator, Page

from farthing_cli.card_frame import script_tag
from tests.browser.shop import Shop
from tests.support.template import ROOT

FRAME = "iframe[name=farthing-card-fields]"
ACCOUNT_FRAME = "iframe[name=farthing-account-fields]"
VISA = "4242424242424242"
AMEX = "378282246310005"
SPY = (ROOT / "tests" / "browser" / "spy.js").read_text()

PAGE = """<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><title>Pay</title></head>
<body>
<label>E-mail <input id="email"></label>
<div id="card"></div>
<button id="pay">Pay</button>
<script>{before}</script>
{tag}
<script>
window.told = [];
window.errors = [];
addEventListener("error", (e) => errors.push(e.message));
window.start = (key, options, call = "cardFields") => {{
  window.card = Farthing(key)[call]("#card", options);
  for (const name of ["ready", "change", "error"]) {{
    card.on(name, (detail) => told.push([name, detail]));
  }}
}};
const refusal = ({{ code, message, fields }}) => ({{ code, message, fields }});
window.pay = (details) => card.createToken(details).then(
  (token) => ({{ token }}),
  (error) => ({{ refused: refusal(error), isError: error instanceof Error }}),
);
document.querySelector("#pay").onclick = async () => {{ window.result = await window.pay(); }};
</script>
</body>
</html>
"""


class Visit:
    """One tab at the merchant's payment page."""

    def __init__(self, page: Page, shop: Shop, tokens_url: str, key: str) -> None:
        self.page = page
        self.shop = shop
        self.tokens_url = tokens_url
        self.key = key
        self.named = FRAME
        self.requests: list[tuple[str, str, str]] = []
        page.context.on("request", lambda one: self.requests.append(_request(one)))

    def html(self, *, lang: str = "en", before: str = SPY, tag: str | None = None) -> str:
        """The payment page."""
        return PAGE.format(lang=lang, before=before, tag=tag or script_tag(self.tokens_url))

    def go(self, *, lang: str = "en", before: str = SPY, tag: str | None = None) -> Visit:
        """Open the page, without fields yet."""
        self.page.goto(self.shop.put(self.html(lang=lang, before=before, tag=tag)))
        return self

    def start(self, options: dict[str, Any] | None = None, key: str | None = None) -> Visit:
        """Put the fields there, and wait until they are ready."""
        self.page.evaluate("([key, options]) => start(key, options)", [key or self.key, options])
        self.page.wait_for_function("told.some(([name]) => name === 'ready')")
        return self

    def start_account(self, currency: str, options: dict[str, Any] | None = None) -> Visit:
        """Put an account's fields there instead, and wait until they are ready."""
        self.named = ACCOUNT_FRAME
        given = {"currency": currency, **(options or {})}
        self.page.evaluate(
            "([key, given]) => start(key, given, 'accountFields')", [self.key, given]
        )
        self.page.wait_for_function("told.some(([name]) => name === 'ready')")
        return self

    @property
    def frame(self) -> FrameLocator:
        """Inside the frame."""
        return self.page.frame_locator(self.named)

    def field(self, name: str) -> Locator:
        """One input, by its name."""
        return self.frame.locator(f"[name={name}]")

    def type(self, number: str = VISA, expiry: str = "1231", cvc: str = "739") -> Visit:
        """Type a card, key by key."""
        for name, text in (("number", number), ("expiry", expiry), ("cvc", cvc)):
            self.field(name).press_sequentially(text)
        return self

    def pay(self, details: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask for a token: {"token": …} or {"refused": …}."""
        result: dict[str, Any] = self.page.evaluate("(details) => pay(details)", details or {})
        return result

    def told(self, name: str) -> list[dict[str, Any]]:
        """The details of each event of a name, in order."""
        events = self.page.evaluate("told")
        return [detail for event, detail in events if event == name]

    def last_change(self) -> dict[str, Any]:
        """What the page knows of the card by now."""
        self.page.wait_for_timeout(50)  # a message is on its way
        return self.told("change")[-1]

    def everything(self) -> str:
        """All that the page could get hold of."""
        self.page.wait_for_timeout(50)
        text: str = self.page.evaluate("everything()")
        return text

    def heard(self) -> list[tuple[str, Any]]:
        """What the page recorded: where, and what."""
        return [(where, json.loads(text)) for where, text in self.page.evaluate("heard")]


def _request(one: Any) -> tuple[str, str, str]:
    return (one.method, one.url, one.post_data or "")
