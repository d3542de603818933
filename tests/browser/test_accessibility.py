"""The card fields for who uses a keyboard, a screen reader, autofill, or high contrast."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.visit import FRAME, VISA, Visit

FIELDS = {
    "number": ("Card number", "cc-number"),
    "expiry": ("Expiry date", "cc-exp"),
    "cvc": ("Security code", "cc-csc"),
}


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_has_a_name_and_says_what_it_is_for(visit: Visit, name: str) -> None:
    visit.go().start()
    label, autocomplete = FIELDS[name]
    field = visit.frame.get_by_role("textbox", name=label, exact=True)
    expect(field).to_have_attribute("name", name)
    expect(field).to_have_attribute("autocomplete", autocomplete)
    expect(field).to_have_attribute("inputmode", "numeric")
    expect(field).to_have_attribute("required", "")
    visit.frame.get_by_text(label, exact=True).click()
    expect(field).to_be_focused()


def test_the_frame_has_a_title_and_the_page_another_name_for_it(visit: Visit) -> None:
    visit.go().start()
    expect(visit.page.locator(FRAME)).to_have_attribute("title", "Card details")
    expect(visit.frame.locator("html")).to_have_attribute("lang", "en")
    visit.go(lang="de").start({"labels": {"title": "Kartendaten"}})
    expect(visit.page.locator(FRAME)).to_have_attribute("title", "Kartendaten")
    expect(visit.frame.locator("html")).to_have_attribute("lang", "de")
    frame = visit.page.frame("farthing-card-fields")
    assert frame is not None and frame.title() == "Kartendaten"


def test_what_a_screen_reader_is_told(visit: Visit) -> None:
    visit.go().start()
    visit.field("number").press_sequentially("4242424242424241")
    visit.field("number").press("Tab")
    expect(visit.frame.locator("body")).to_match_aria_snapshot(
        """
        - textbox "Card number": 4242 4242 4242 4241
        - text: Visa
        - paragraph: The card number is not right.
        - textbox "Expiry date"
        - textbox "Security code"
        """
    )
    expect(visit.field("number")).to_have_accessible_description(
        "Visa The card number is not right."
    )
    live = visit.frame.locator("#number-error")
    expect(live).to_have_attribute("aria-live", "polite")


def test_a_card_is_paid_with_a_keyboard_alone(visit: Visit) -> None:
    # When
    visit.go().start()
    keyboard = visit.page.keyboard
    visit.page.locator("#email").focus()
    keyboard.type("ada@example.com")
    for name, text in (("number", VISA), ("expiry", "1231"), ("cvc", "73")):
        keyboard.press("Tab")  # into the frame, which takes the focus in its own time
        expect(visit.field(name)).to_be_focused()
        keyboard.type(text)
    keyboard.press("Shift+Tab")
    expect(visit.field("expiry")).to_be_focused()
    keyboard.press("Tab")
    expect(visit.field("cvc")).to_be_focused()
    keyboard.press("End")
    keyboard.type("9")
    keyboard.press("Tab")
    expect(visit.page.locator("#pay")).to_be_focused()
    keyboard.press("Enter")
    # Then
    visit.page.wait_for_function("window.result")
    assert visit.page.evaluate("result.token.last_four") == "4242"


def test_correcting_with_the_keyboard_keeps_the_caret(visit: Visit) -> None:
    visit.go().start()
    visit.field("number").press_sequentially("42424242")
    keyboard = visit.page.keyboard
    keyboard.press("Home")
    for _ in range(5):
        keyboard.press("ArrowRight")
    keyboard.press("Backspace")  # behind the gap: takes the digit before it
    keyboard.type("9")
    expect(visit.field("number")).to_have_value("4249 4242")
    keyboard.press("End")
    for _ in range(20):
        keyboard.press("Backspace")
    expect(visit.field("number")).to_have_value("")
    keyboard.press("Tab")
    keyboard.type("12")
    expect(visit.field("expiry")).to_have_value("12 / ")
    keyboard.press("Backspace")
    expect(visit.field("expiry")).to_have_value("1")


@pytest.mark.parametrize(
    ("filled", "shown"),
    [("12/31", "12 / 31"), ("12/2031", "12 / 2031"), ("2031-12", "12 / 2031"), ("1231", "12 / 31")],
)
def test_whatever_fills_in_a_date_is_understood(visit: Visit, filled: str, shown: str) -> None:
    visit.go().start()
    visit.field("number").fill(VISA)
    visit.field("expiry").fill(filled)
    visit.field("cvc").fill("739")
    expect(visit.field("expiry")).to_have_value(shown)
    assert visit.last_change()["complete"] is True
    token = visit.pay()["token"]
    assert (token["exp_month"], token["exp_year"]) == (12, 2031)


def test_enter_in_a_field_sends_nothing_anywhere(visit: Visit) -> None:
    visit.go().start().type()
    visit.field("cvc").press("Enter")
    visit.page.wait_for_timeout(200)
    expect(visit.field("number")).to_have_value("4242 4242 4242 4242")
    assert not [url for method, url, _ in visit.requests if method == "POST"]


def test_nothing_moves_for_who_wants_nothing_to_move(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    visit.go().start()
    expect(visit.field("number")).to_have_css("transition-duration", "0s")
    visit.page.emulate_media(reduced_motion="no-preference")
    expect(visit.field("number")).to_have_css("transition-duration", re.compile("0.12s"))


def test_what_has_the_focus_is_seen_with_the_systems_colours(visit: Visit) -> None:
    visit.page.emulate_media(forced_colors="active")
    visit.go().start()
    visit.page.evaluate("card.focus()")
    expect(visit.field("number")).to_be_focused()
    expect(visit.field("number")).to_have_css("outline-width", "2px")
    expect(visit.field("number")).not_to_have_css("outline-color", "rgba(0, 0, 0, 0)")


def test_the_first_field_gets_the_focus_when_it_is_asked_for(visit: Visit) -> None:
    visit.go().start({"autofocus": True})
    expect(visit.field("number")).to_be_focused()


def test_it_fits_on_a_phone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 600})
    visit.go().start()
    for name in FIELDS:
        box = visit.field(name).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 320
        assert box["height"] >= 40  # a finger's width
    size = visit.field("number").evaluate("(field) => getComputedStyle(field).fontSize")
    assert float(size.removesuffix("px")) >= 16  # else a phone zooms in
