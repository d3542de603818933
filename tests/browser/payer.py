"""Somebody at the hosted checkout page, who has no more than its link."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, expect

from tests.browser.visit import FRAME
from tests.stack.live import Live

VISA = "4242424242424242"
DECLINED = "4000000000000002"
NO_FUNDS = "4000000000009995"
NEVER_ANSWERS = "4000009900000012"
REVIEWED = "4000000000009235"
ANSWER_SECONDS_MAX = 60
"""The sandbox keeps quiet for 15 s, and a cold function takes its time."""


def order(live: Live, **more: Any) -> dict[str, Any]:
    """A session of the demo merchant."""
    shop_url = live.dev["shop_url"]
    body = {
        "line_items": [
            {"name": "Sencha", "quantity": 2, "amount_cents": 1450},
            {"name": "Shipping", "quantity": 1, "amount_cents": 490},
        ],
        "currency": "eur",
        "success_url": f"{shop_url}/thanks?session={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{shop_url}/?cancelled",
    }
    answer = live.post("checkout_sessions", body | more)
    assert answer.status == 201, answer.text
    session: dict[str, Any] = answer.body
    return session


@dataclass
class Payer:
    """One browser at one session's page, in one or several tabs."""

    live: Live
    context: BrowserContext
    session: dict[str, Any]
    requests: list[str] = field(default_factory=list)
    paid_with: list[Response] = field(default_factory=list)
    _page: Page | None = None

    def __post_init__(self) -> None:
        self.context.on("request", lambda one: self.requests.append(one.url))
        self.context.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.url.endswith("/pay"):
            self.paid_with.append(response)

    @property
    def page(self) -> Page:
        """The tab that was opened first."""
        if self._page is None:
            self._page = self.open()
        return self._page

    def open(self) -> Page:
        """One more tab at the page."""
        page = self.context.new_page()
        page.goto(self.session["url"])
        return page

    def type(self, number: str = VISA, page: Page | None = None) -> None:
        """Fill in the form."""
        page = page or self.page
        self.at("form", page)
        expect(page.locator("#pay")).to_be_enabled(timeout=ANSWER_SECONDS_MAX * 1000)
        frame = page.frame_locator(FRAME)
        for name, value in (("number", number), ("expiry", "12/31"), ("cvc", "123")):
            frame.locator(f"input[name={name}]").fill(value)
        page.locator("#name").fill("Ada Lovelace")
        self.button(page).scroll_into_view_if_needed()
        page.wait_for_timeout(300)  # a click right after a scroll may land where it was before

    def pay(self, number: str = VISA, page: Page | None = None) -> None:
        """Fill in the form and send it."""
        self.type(number, page)
        self.button(page).click()

    def button(self, page: Page | None = None) -> Locator:
        return (page or self.page).locator("#pay")

    def at(self, state: str, page: Page | None = None) -> None:
        """Wait until the page shows a view."""
        view = (page or self.page).locator(f"body[data-state={state}]")
        expect(view).to_be_attached(timeout=ANSWER_SECONDS_MAX * 1000)

    def says(self, text: str, page: Page | None = None) -> None:
        expect((page or self.page).locator("#notice")).to_contain_text(
            text, timeout=ANSWER_SECONDS_MAX * 1000
        )

    def arrives(self) -> None:
        """Wait until the payer is back in the shop."""
        url = f"{self.live.dev['shop_url']}/thanks?session={self.session['session_id']}"
        self.page.wait_for_url(url, timeout=ANSWER_SECONDS_MAX * 1000)

    def read(self) -> dict[str, Any]:
        """The session as its merchant sees it."""
        body: dict[str, Any] = self.live.get(f"checkout_sessions/{self.session['session_id']}").body
        return body

    def charges(self) -> list[int]:
        """What the acquirer's books say was taken, of all attempts of the session."""
        listed = self.live.get("payment_intents?limit=100").body["data"]
        ours = [i for i in listed if i["checkout_session_id"] == self.session["session_id"]]
        return [
            row["amount_cents"]
            for intent in ours
            for row in self.live.books(intent["intent_id"])
            if (row["operation"], row["status"]) == ("CAPTURE", "APPROVED")
        ]

    def hosts(self) -> set[str]:
        """Whom the browser talked to."""
        return {urlsplit(url).netloc for url in self.requests if url.startswith("http")}


def payer(live: Live, chromium: Browser, about: dict[str, Any] | None = None, **how: Any) -> Payer:
    """A payer with a browser of their own."""
    settings = {"viewport": {"width": 1180, "height": 800}, "locale": "en-GB"} | how
    context = chromium.new_context(**settings)
    context.set_default_timeout(20_000)
    return Payer(live, context, order(live, **(about or {})))


def new_key() -> str:
    return str(uuid.uuid4())
