"""The account fields as people and merchants use them."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.accounts import AGREED, IBAN, NUMBER, PAYS, ROUTING, sent, type_ach, type_iban
from tests.browser.conftest import Merchant
from tests.browser.visit import ACCOUNT_FRAME, VISA, Visit
from tests.stack.live import Answer


def paid(merchant: Merchant, token: str, currency: str) -> Answer:
    body = {"amount_cents": 1999, "currency": currency, "confirm": True, "token": token}
    return merchant.live.post(
        "payment_intents", body, secret=merchant.secret_key, key=str(uuid.uuid4())
    )


def test_an_iban_that_is_typed_becomes_a_token_that_pays(visit: Visit, merchant: Merchant) -> None:
    # When
    type_iban(visit.go().start_account("eur"), PAYS)
    expect(visit.field("iban")).to_have_value("DE73 0099 0000 0000 0000 04")
    assert visit.last_change() == {
        "complete": True,
        "empty": False,
        "country": "DE",
        "errors": {},
    }
    token = visit.pay({**AGREED, "billing_address": {"country": "DE"}})["token"]
    # Then
    assert re.fullmatch(r"tok_[0-9a-z]{26}", token["token"])
    assert {name: token[name] for name in token if name != "token"} == {
        "last_four": "0004",
        "country": "DE",
        "account_type": None,
        "mandate_reference": token["token"][4:].upper(),
    }
    answer = paid(merchant, token["token"], "eur")
    assert (answer.status, answer.body["status"]) == (202, "PROCESSING"), answer.text
    assert answer.body["status_detail"] == "AWAITING_BANK"
    # And: the payer agreed now, from where the call came
    [body] = sent(visit)
    agreed_at = datetime.fromisoformat(body["mandate"].pop("accepted_at"))
    assert timedelta() <= datetime.now(UTC) - agreed_at < timedelta(minutes=2)
    assert body == {
        "type": "BANK",
        "iban": PAYS,
        "holder_name": "Ada Lovelace",
        "mandate": {},
        "billing_address": {"country": "DE"},
    }


def test_an_american_account_becomes_one_too(visit: Visit, merchant: Merchant) -> None:
    # When
    type_ach(visit.go().start_account("usd"), "110000000", "000000000004")
    visit.field("account_type").select_option("SAVINGS")
    token = visit.pay(AGREED)["token"]
    # Then
    assert (token["last_four"], token["country"], token["account_type"]) == (
        "0004",
        "US",
        "SAVINGS",
    )
    answer = paid(merchant, token["token"], "usd")
    assert (answer.status, answer.body["status_detail"]) == (202, "AWAITING_BANK"), answer.text


@pytest.mark.parametrize("said", [{}, {"mandate_accepted": False}, {"mandate_accepted": "true"}])
def test_without_the_mandate_there_is_no_token(visit: Visit, said: dict[str, Any]) -> None:
    type_iban(visit.go().start_account("eur"))
    assert visit.pay(said)["refused"] == {
        "code": "mandate_missing",
        "message": "Agree to the debit first.",
        "fields": {"mandate_accepted": "empty"},
    }
    assert sent(visit) == []
    # When: the payer agrees
    assert visit.pay(AGREED)["token"]["last_four"] == "3000"


@pytest.mark.parametrize(
    ("currency", "name", "typed", "problem", "words"),
    [
        ("eur", "iban", "DE90370400440532013000", "invalid", "The IBAN is not right."),
        ("eur", "iban", "DE8937", "incomplete", "The IBAN is incomplete."),
        ("eur", "iban", "US64", "unsupported", "Accounts in this country cannot be debited."),
        ("usd", "routing_number", "021000022", "invalid", "The routing number is not right."),
        ("usd", "account_number", "123", "incomplete", "The account number is incomplete."),
        ("usd", "account_number", "12A4", "invalid", "An account number has 4 to 17 digits."),
    ],
)
def test_what_is_wrong_is_said_beside_it_until_it_is_right(
    visit: Visit, currency: str, name: str, typed: str, problem: str, words: str
) -> None:
    # Given
    visit.go().start_account(currency)
    field = visit.field(name)
    # When
    field.press_sequentially(typed)
    field.press("Tab")
    # Then
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(visit.frame.get_by_text(words)).to_be_visible()
    expect(field).to_have_accessible_description(words)
    assert visit.last_change()["errors"] == {name: problem}
    # When
    field.fill({"iban": IBAN, "routing_number": ROUTING, "account_number": NUMBER}[name])
    # Then
    expect(field).to_have_attribute("aria-invalid", "false")
    expect(visit.frame.get_by_text(words)).to_have_count(0)
    assert visit.last_change()["errors"] == {}


def test_paying_too_soon_says_what_is_missing_and_leads_to_it(visit: Visit) -> None:
    visit.go().start_account("usd")
    visit.field("routing_number").press_sequentially(ROUTING)
    refused = visit.pay()["refused"]
    assert refused == {
        "code": "account_incomplete",
        "message": "Check the account details.",
        "fields": {
            "account_number": "empty",
            "holder_name": "empty",
            "mandate_accepted": "empty",
        },
    }
    expect(visit.field("account_number")).to_be_focused()
    expect(visit.frame.get_by_text("Enter the account holder’s name.")).to_be_visible()
    assert sent(visit) == []


def test_what_the_server_refuses_is_shown_where_it_is(visit: Visit) -> None:
    # Given: an IBAN with letters where its country has none, and a card number for a name
    visit.go().start_account("eur")
    visit.field("iban").fill("DE0537040044053201300A")
    visit.field("holder_name").fill(VISA)
    # When
    refused = visit.pay(AGREED)["refused"]
    # Then
    assert (refused["code"], refused["fields"]) == ("account_refused", {"holder_name": "refused"})
    expect(visit.frame.get_by_text("This name was not accepted.")).to_be_visible()
    expect(visit.field("holder_name")).to_be_focused()
    # When
    visit.field("holder_name").fill("Ada Lovelace")
    refused = visit.pay(AGREED)["refused"]
    # Then
    assert (refused["code"], refused["fields"]) == ("account_refused", {"iban": "refused"})
    expect(visit.frame.get_by_text("This IBAN was not accepted.")).to_be_visible()


def test_a_clock_that_is_wrong_is_said(visit: Visit) -> None:
    """Given a payer whose clock is an hour ahead, which no mandate can be."""
    visit.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=1))
    type_iban(visit.go().start_account("eur"))
    refused = visit.pay(AGREED)["refused"]
    assert (refused["code"], refused["fields"]) == ("clock_wrong", {})
    assert "clock" in refused["message"]


def test_an_account_is_typed_with_a_keyboard_alone(visit: Visit) -> None:
    # Given
    visit.go().start_account("usd")
    keyboard = visit.page.keyboard
    visit.page.locator("#email").focus()
    # When
    for name, keys in {
        "routing_number": ROUTING,
        "account_number": NUMBER,
        "account_type": "S",
        "holder_name": "Ada Lovelace",
    }.items():
        keyboard.press("Tab")
        expect(visit.field(name)).to_be_focused()
        keyboard.type(keys)
    keyboard.press("Tab")
    expect(visit.page.locator("#pay")).to_be_focused()
    # Then
    token = visit.pay(AGREED)["token"]
    assert (token["last_four"], token["account_type"]) == ("6789", "SAVINGS")


def test_correcting_an_iban_keeps_the_caret(visit: Visit) -> None:
    visit.go().start_account("eur", {"autofocus": True})
    expect(visit.field("iban")).to_be_focused()
    keyboard = visit.page.keyboard
    keyboard.type("gb82wes1234")
    keyboard.press("Home")
    for _ in range(8):
        keyboard.press("ArrowRight")
    keyboard.type("t")
    expect(visit.field("iban")).to_have_value("GB82 WEST 1234")
    keyboard.press("Backspace")
    expect(visit.field("iban")).to_have_value("GB82 WES1 234")
    keyboard.press("Tab")
    expect(visit.field("holder_name")).to_be_focused()
    keyboard.type("Ada King")
    for _ in range(5):
        keyboard.press("ArrowLeft")
    keyboard.type(" L.")
    expect(visit.field("holder_name")).to_have_value("Ada L. King")


@pytest.mark.parametrize(
    ("currency", "said"),
    [
        (
            "eur",
            """
            - textbox "IBAN": DE90 3704 0044 0532 0130 00
            - paragraph: The IBAN is not right.
            - textbox "Account holder"
            """,
        ),
        (
            "usd",
            """
            - textbox "Routing number"
            - textbox "Account number"
            - combobox "Account type":
              - option "Checking" [selected]
              - option "Savings"
            - textbox "Account holder"
            """,
        ),
    ],
)
def test_what_a_screen_reader_is_told(visit: Visit, currency: str, said: str) -> None:
    visit.go().start_account(currency)
    expect(visit.page.locator(ACCOUNT_FRAME)).to_have_attribute("title", "Bank account")
    if currency == "eur":
        visit.field("iban").press_sequentially("DE90370400440532013000")
    expect(visit.frame.locator("body")).to_match_aria_snapshot(said)


@pytest.mark.parametrize(
    ("lang", "labels"),
    [
        ("de", ["Routing-Nummer", "Kontonummer", "Art des Kontos", "Kontoinhaber"]),
        ("fr", ["Numéro de routage", "Titulaire du compte"]),
        ("es", ["Número de ruta", "Titular de la cuenta"]),
    ],
)
def test_the_words_are_of_the_pages_language(visit: Visit, lang: str, labels: list[str]) -> None:
    visit.go(lang=lang).start_account("usd", {"labels": {"savings": "Ersparnis"}})
    for label in labels:
        expect(visit.frame.get_by_label(label, exact=True)).to_be_visible()
    expect(visit.field("account_type").locator("option").nth(1)).to_have_text("Ersparnis")


def test_a_mistake_of_the_page_is_said_to_the_page(visit: Visit) -> None:
    visit.go()
    for options, words in (
        ({}, "accountFields: currency is one of eur, usd"),
        ({"currency": "gbp"}, "accountFields: currency is one of eur, usd"),
        ({"currency": "eur", "styles": {}}, "accountFields: there is no option styles"),
    ):
        said = visit.page.evaluate(
            """([key, options]) => {
                try { start(key, options, "accountFields") } catch (error) { return error.message }
            }""",
            [visit.key, options],
        )
        assert said == words
    visit.start_account("eur")
    refused = visit.pay({"name": "Ada"})["refused"]
    assert (refused["code"], refused["fields"]) == ("details_refused", {"name": "refused"})


def test_it_fits_on_a_phone(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 700})
    visit.go().start_account("usd")
    for name in ("routing_number", "account_number", "account_type", "holder_name"):
        box = visit.field(name).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 320
        assert box["height"] >= 40  # a finger's width
