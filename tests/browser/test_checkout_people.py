"""The hosted page for people: by keyboard, by ear, on a phone, in the dark, in their language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from farthing.money import EXPONENTS, Money
from tests.browser.payer import DECLINED, Payer, payer
from tests.browser.visit import FRAME
from tests.stack.live import Live

PHONE = {
    "viewport": {"width": 390, "height": 664},
    "device_scale_factor": 3,
    "is_mobile": True,
    "has_touch": True,
}
COLOURS = ["#0b6b4f", "#ffffff", "#000000", "#ffe600", "#ff0000", "#7f7f7f", "#1e90ff", "#2b0b3f"]


@pytest.fixture
def open_payers(live: Live, chromium: Browser) -> Iterator[Any]:
    opened: list[Payer] = []

    def one(about: dict[str, Any] | None = None, **how: Any) -> Payer:
        opened.append(payer(live, chromium, about, **how))
        return opened[-1]

    yield one
    for each in opened:
        each.context.close()


def test_it_is_paid_by_keyboard_alone(open_payers: Any) -> None:
    ada = open_payers()
    ada.at("form")
    expect(ada.button()).to_be_enabled(timeout=30_000)
    page = ada.page
    page.locator("#cancel").focus()
    page.keyboard.press("Tab")  # into the frame, which takes the focus in its own time
    expect(page.frame_locator(FRAME).locator("input[name=number]")).to_be_focused()
    for text in ("4242424242424242", "1231", "123"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("Ada Lovelace")
    page.keyboard.press("Tab")
    expect(page.locator("#name")).to_have_value("Ada Lovelace")
    assert page.evaluate("document.activeElement.id") == "pay"
    page.keyboard.press("Enter")
    ada.arrives()
    assert ada.charges() == [3390]


def test_everything_has_a_name_and_what_changes_is_told(open_payers: Any) -> None:
    ada = open_payers()
    ada.at("form")
    page = ada.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay by card")
    expect(page.get_by_role("textbox", name="Name on the card")).to_be_visible()
    expect(page.get_by_role("button", name="Pay €33.90")).to_be_visible()
    expect(page.get_by_role("complementary", name="Leaf & Kettle")).to_be_visible()
    expect(page.get_by_role("main")).to_be_visible()
    expect(page.get_by_role("link", name="Back to Leaf & Kettle")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
    # A name that is missing is said beside its field, which is where the keyboard is then
    expect(ada.button()).to_be_enabled(timeout=30_000)
    ada.button().click()
    name = page.locator("#name")
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_accessible_description("Enter the name on the card.")
    expect(name).to_be_focused()
    ada.pay(DECLINED)
    expect(page.get_by_role("alert")).to_contain_text("The card was declined")


def test_a_view_that_comes_takes_the_keyboard_with_it(live: Live, open_payers: Any) -> None:
    ada = open_payers()
    live.post(f"checkout_sessions/{ada.session['session_id']}/expire", {})
    ada.at("over")
    assert ada.page.evaluate("document.activeElement.dataset.view") == "over"
    expect(ada.page.locator("#hearing")).to_contain_text("This checkout has ended")


def test_on_a_phone_it_fits_and_pays(open_payers: Any) -> None:
    long = {"name": "Porcelain" * 12, "quantity": 3, "amount_cents": 12345}
    ada = open_payers({"line_items": [long]}, **PHONE)
    ada.at("form")
    expect(ada.button()).to_be_enabled(timeout=30_000)
    width = ada.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["viewport"]["width"]  # nothing to be pushed from side to side
    box = ada.button().bounding_box()
    assert box is not None and box["height"] >= 44 and box["width"] > 300
    assert ada.page.locator("#name").evaluate("(it) => getComputedStyle(it).fontSize") == "16px"
    ada.pay()
    ada.arrives()
    assert ada.charges() == [37035]


def test_on_a_very_narrow_screen_nothing_is_cut_off(open_payers: Any) -> None:
    ada = open_payers(viewport={"width": 320, "height": 600})
    ada.at("form")
    assert ada.page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize(
    ("locale", "total", "title"),
    [
        ("de-DE", "33,90\u00a0€", "Mit Karte zahlen"),
        ("fr-FR", "33,90\u00a0€", "Payer par carte"),
        ("en-US", "€33.90", "Pay by card"),
        ("ja-JP", "€33.90", "Pay by card"),
    ],
)
def test_it_speaks_the_payers_language(
    open_payers: Any, locale: str, total: str, title: str
) -> None:
    ada = open_payers(locale=locale)
    ada.at("form")
    expect(ada.page.locator("#total")).to_have_text(total)
    expect(ada.page.locator("#title")).to_have_text(title)
    language = locale[:2] if locale[:2] in ("de", "fr") else "en"
    assert ada.page.locator("html").get_attribute("lang") == language
    labels = {"de": "Kartennummer", "fr": "Numéro de carte", "en": "Card number"}
    frame = ada.page.frame_locator(FRAME)
    expect(frame.get_by_label(labels[language])).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("currency", ["jpy", "kwd", "usd"])
def test_an_amount_has_the_digits_of_its_currency(open_payers: Any, currency: str) -> None:
    line = {"name": "Tea", "quantity": 1, "amount_cents": 1234567}
    ada = open_payers({"currency": currency, "line_items": [line]})
    ada.at("form")
    shown = ada.page.locator("#total").inner_text()
    digits = "".join(c for c in shown if c.isdigit() or c == ".")
    assert digits == str(Money(1234567, currency)).split()[0]


def test_every_currency_is_written_as_we_count_it(open_payers: Any, live: Live) -> None:
    """The page's own arithmetic, for every currency and the amounts at their edges."""
    ada = open_payers()
    ada.at("form")
    address = ada.page.locator("script[type=module]").get_attribute("src")
    assert address is not None
    amounts = [1, 9, 10, 99, 100, 1001, 99_999_999]
    written = ada.page.evaluate(
        """async ([address, currencies, amounts]) => {
          const { moneyOf } = await import(new URL(address, document.baseURI).href);
          return currencies.map(([currency, exponent]) =>
            amounts.map((amount) => moneyOf("en-US", currency, exponent)(amount)));
        }""",
        [address.replace("main.js", "money.js"), list(EXPONENTS.items()), amounts],
    )
    for (currency, _), texts in zip(EXPONENTS.items(), written, strict=True):
        for amount, text in zip(amounts, texts, strict=True):
            digits = "".join(c for c in text if c.isdigit() or c == ".")
            assert digits == str(Money(amount, currency)).split()[0], (currency, text)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whatever_a_merchants_colour_is_the_text_can_be_read(open_payers: Any, scheme: str) -> None:
    ada = open_payers(color_scheme=scheme)
    ada.at("form")
    address = ada.page.locator("script[type=module]").get_attribute("src")
    assert address is not None
    contrasts = ada.page.evaluate(
        """async ([address, colours, scheme]) => {
          const { coloursOf, contrast } = await import(new URL(address, document.baseURI).href);
          const numbers = (text) => text.match(/\\d+/g).map(Number);
          const paper = scheme === "dark" ? [20, 22, 27] : [255, 255, 255];
          return colours.map((colour) => {
            const made = coloursOf(colour, scheme);
            const of = (name) => numbers(made[name]);
            return [
              contrast(of("--accent"), of("--on-accent")),
              contrast(of("--accent"), paper),
              contrast(of("--accent-ink"), paper),
            ];
          });
        }""",
        [address.replace("main.js", "colour.js"), COLOURS, scheme],
    )
    for colour, (text, button, ink) in zip(COLOURS, contrasts, strict=True):
        assert text >= 4.5, (colour, text)
        assert button >= 3, (colour, button)
        assert ink >= 4.5, (colour, ink)


def test_what_is_no_colour_is_none(open_payers: Any) -> None:
    ada = open_payers()
    ada.at("form")
    address = ada.page.locator("script[type=module]").get_attribute("src")
    assert address is not None
    made = ada.page.evaluate(
        """async (address) => {
          const { coloursOf } = await import(new URL(address, document.baseURI).href);
          const wrong = ["red", "#fff", "", null, "#12345g", "#000000;x"];
          return wrong.map((colour) => coloursOf(colour, "light"));
        }""",
        address.replace("main.js", "colour.js"),
    )
    assert made == [None] * 6


def test_in_the_dark_the_page_and_the_frame_are_dark(open_payers: Any) -> None:
    ada = open_payers(color_scheme="dark")
    ada.at("form")
    page = ada.page
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 27)"
    expect(ada.button()).to_be_enabled(timeout=30_000)
    field = page.frame_locator(FRAME).locator("input[name=number]")
    paint = field.evaluate("(it) => getComputedStyle(it).backgroundColor")
    assert paint == "rgb(27, 30, 37)"


def test_who_wants_less_motion_gets_less(open_payers: Any) -> None:
    ada = open_payers(reduced_motion="reduce")
    ada.at("form")
    duration = ada.page.locator(".spinner").evaluate(
        "(it) => getComputedStyle(it).animationDuration"
    )
    assert duration == "2.4s"
