"""The card fields as people and merchants use them."""

from __future__ import annotations

import re
import uuid
from itertools import pairwise

import pytest
from playwright.sync_api import Route, expect

from farthing.access.change import revoke_key
from farthing.access.issue import issue_key
from farthing.access.keys import key_row
from farthing.access.principal import KeyKind, Mode
from tests.browser.conftest import Merchant
from tests.browser.visit import AMEX, FRAME, VISA, Visit

MASTERCARD = "5555555555554444"
TOKEN = re.compile(r"tok_[0-9a-z]{26}")


def test_a_card_that_is_typed_becomes_a_token_that_pays(visit: Visit, merchant: Merchant) -> None:
    # When
    visit.go().start().type()
    token = visit.pay({"name": "Ada Lovelace", "billing_address": {"country": "IE"}})["token"]
    # Then
    assert TOKEN.fullmatch(token["token"])
    assert {name: token[name] for name in token if name != "token"} == {
        "last_four": "4242",
        "card_brand": "visa",
        "exp_month": 12,
        "exp_year": 2031,
    }
    body = {"amount_cents": 1999, "currency": "eur", "confirm": True, "token": token["token"]}
    paid = merchant.live.post(
        "payment_intents", body, secret=merchant.secret_key, key=str(uuid.uuid4())
    )
    assert (paid.status, paid.body["status"]) == (201, "SUCCEEDED"), paid.text


def test_the_page_is_told_of_each_change_once_and_in_codes(visit: Visit) -> None:
    visit.go().start()
    visit.type(VISA, "1231", "73")
    assert visit.last_change() == {"complete": False, "empty": False, "brand": "visa", "errors": {}}
    visit.field("cvc").press_sequentially("9")
    assert visit.last_change() == {"complete": True, "empty": False, "brand": "visa", "errors": {}}
    changes = visit.told("change")
    assert len(changes) < 8
    assert all(one != other for one, other in pairwise(changes))
    visit.page.evaluate("card.clear()")
    expect(visit.field("number")).to_have_value("")
    assert visit.last_change() == {
        "complete": False,
        "empty": True,
        "brand": "unknown",
        "errors": {},
    }


@pytest.mark.parametrize(
    ("number", "shown", "brand", "badge"),
    [
        (VISA, "4242 4242 4242 4242", "visa", "Visa"),
        (MASTERCARD, "5555 5555 5555 4444", "mastercard", "Mastercard"),
        (AMEX, "3782 822463 10005", "amex", "Amex"),
        ("6011000990139424", "6011 0009 9013 9424", "discover", "Discover"),
    ],
)
def test_a_brand_is_seen_from_its_number(
    visit: Visit, number: str, shown: str, brand: str, badge: str
) -> None:
    visit.go().start()
    visit.field("number").press_sequentially(number)
    expect(visit.field("number")).to_have_value(shown)
    expect(visit.frame.get_by_text(badge, exact=True)).to_be_visible()
    assert visit.last_change()["brand"] == brand


def test_american_express_has_a_code_of_four_digits(visit: Visit) -> None:
    visit.go().start()
    visit.type(AMEX, "1231", "739")
    assert visit.last_change()["complete"] is False
    visit.field("cvc").press_sequentially("18")
    expect(visit.field("cvc")).to_have_value("7391")
    assert visit.last_change()["complete"] is True
    visit.field("number").fill(VISA)  # now three digits are enough, and the fourth goes
    expect(visit.field("cvc")).to_have_value("739")
    assert visit.last_change()["complete"] is True


@pytest.mark.parametrize(
    ("name", "typed", "problem", "words"),
    [
        ("number", "4242424242424241", "invalid", "The card number is not right."),
        ("number", "4242", "incomplete", "The card number is incomplete."),
        ("expiry", "0120", "incomplete", "The expiry date is incomplete."),
        ("expiry", "0121", "expired", "The card has expired."),
        ("expiry", "00", "invalid", "The expiry date is not right."),
        ("cvc", "7", "incomplete", "The security code is incomplete."),
    ],
)
def test_what_is_wrong_is_said_beside_it_until_it_is_right(
    visit: Visit, name: str, typed: str, problem: str, words: str
) -> None:
    # Given
    visit.go().start()
    field = visit.field(name)
    # When
    field.press_sequentially(typed)
    field.press("Tab")
    # Then
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(visit.frame.get_by_text(words)).to_be_visible()
    expect(field).to_have_accessible_description(re.compile(re.escape(words)))
    assert visit.last_change()["errors"] == {name: problem}
    # When
    field.fill({"number": VISA, "expiry": "12/2031", "cvc": "739"}[name])
    # Then
    expect(field).to_have_attribute("aria-invalid", "false")
    expect(visit.frame.get_by_text(words)).to_have_count(0)
    assert visit.last_change()["errors"] == {}


def test_passing_by_an_empty_field_is_no_mistake(visit: Visit) -> None:
    visit.go().start()
    for name in ("number", "expiry", "cvc"):
        visit.field(name).focus()
    visit.page.locator("#email").focus()
    for name in ("number", "expiry", "cvc"):
        expect(visit.field(name)).to_have_attribute("aria-invalid", "false")
    assert visit.told("change") == []


def test_paying_too_soon_says_what_is_missing_and_leads_to_it(visit: Visit) -> None:
    visit.go().start()
    visit.field("number").press_sequentially(VISA)
    assert visit.pay() == {
        "refused": {
            "code": "card_incomplete",
            "message": "Check the card details.",
            "fields": {"expiry": "empty", "cvc": "empty"},
        },
        "isError": True,
    }
    expect(visit.field("expiry")).to_be_focused()
    expect(visit.frame.get_by_text("Enter the expiry date.")).to_be_visible()
    assert not [url for method, url, _ in visit.requests if method == "POST"]


def test_what_the_server_refuses_is_shown_where_it_is(visit: Visit) -> None:
    # Given: a server that knows better
    def answer(route: Route) -> None:
        fields = [{"field": "number", "message": "is a test card"}, {"field": "exp_year"}]
        route.fulfill(status=400, json={"code": "invalid_request", "fields": fields})

    visit.page.route("**/v1/tokens", answer)
    visit.go().start().type()
    # When
    refused = visit.pay()["refused"]
    # Then
    assert refused["code"] == "card_refused"
    assert refused["fields"] == {"number": "refused", "expiry": "refused"}
    expect(visit.frame.get_by_text("This card number was not accepted.")).to_be_visible()
    expect(visit.field("number")).to_be_focused()
    assert visit.last_change()["complete"] is False
    # When: another number is typed, and the server takes it
    visit.page.unroute("**/v1/tokens")
    visit.field("number").fill(MASTERCARD)
    # Then
    expect(visit.frame.get_by_text("This expiry date was not accepted.")).to_have_count(0)
    assert visit.pay()["token"]["last_four"] == "4444"


@pytest.mark.parametrize(
    ("details", "fields"),
    [
        ({"name": VISA}, {"name": "refused"}),
        ({"billing_address": {"country": "Ireland"}}, {"billing_address.country": "refused"}),
        ({"billing_address": {"planet": "Mars"}}, {}),
    ],
)
def test_what_the_page_adds_is_checked_by_the_server(
    visit: Visit, details: dict[str, object], fields: dict[str, str]
) -> None:
    visit.go().start().type()
    refused = visit.pay(details)["refused"]
    assert (refused["code"], refused["fields"]) == ("details_refused", fields)
    assert "token" in visit.pay({"name": "Ada"})


def test_without_a_connection_nothing_is_half_done(visit: Visit) -> None:
    visit.go().start().type()
    visit.page.context.set_offline(True)
    assert visit.pay()["refused"]["code"] == "network_error"
    visit.page.context.set_offline(False)
    assert visit.pay()["token"]["last_four"] == "4242"
    expect(visit.field("number")).to_be_editable()


def test_a_double_click_asks_once_and_both_get_the_same(visit: Visit) -> None:
    visit.go().start().type()
    same, one, other = visit.page.evaluate(
        """async () => {
            const [one, other] = [card.createToken(), card.createToken()];
            const late = new Promise((_, no) => setTimeout(no, 10_000, new Error("no answer")));
            return [one === other, ...(await Promise.race([late, Promise.all([one, other])]))];
        }"""
    )
    assert same is True and one == other and TOKEN.fullmatch(one["token"])
    assert len([url for method, url, _ in visit.requests if method == "POST"]) == 1
    assert visit.pay()["token"]["token"] != one["token"]


def test_who_is_quick_may_ask_before_the_fields_are_there(visit: Visit) -> None:
    visit.go()
    refused = visit.page.evaluate("(key) => { start(key); return pay(); }", visit.key)["refused"]
    assert refused["fields"] == {"number": "empty", "expiry": "empty", "cvc": "empty"}
    assert visit.page.evaluate("told")[0] == ["ready", {}]


def test_fields_that_are_taken_away_end_what_was_under_way(visit: Visit) -> None:
    # Given: a server that takes its time
    visit.page.route("**/v1/tokens", lambda route: None)
    visit.go().start().type()
    # When
    code = visit.page.evaluate(
        """async () => {
            const token = card.createToken();
            card.unmount();
            return token.then(() => "made", (error) => error.code);
        }"""
    )
    # Then
    assert code == "unmounted"
    expect(visit.page.locator(FRAME)).to_have_count(0)
    assert visit.pay()["refused"]["code"] == "unmounted"


def test_a_frame_that_the_page_moves_is_empty_and_works(visit: Visit) -> None:
    visit.go().start().type()
    visit.page.evaluate("document.body.prepend(document.querySelector('#card'))")
    visit.page.wait_for_function("told.filter(([name]) => name === 'ready').length === 2")
    expect(visit.field("number")).to_have_value("")
    assert visit.type(MASTERCARD).pay()["token"]["last_four"] == "4444"


def test_a_token_that_is_under_way_when_the_frame_is_moved_is_given_up(visit: Visit) -> None:
    # Given: a server that takes its time
    visit.page.route("**/v1/tokens", lambda route: None)
    visit.go().start().type()
    # When
    code = visit.page.evaluate(
        """async () => {
            const token = card.createToken();
            document.body.prepend(document.querySelector("#card"));
            return token.then(() => "made", (error) => error.code);
        }"""
    )
    # Then
    assert code == "frame_unavailable"


def test_a_key_that_ended_meanwhile_is_said(visit: Visit, merchant: Merchant) -> None:
    # Given
    table = merchant.table
    key = table.new_key(merchant.merchant_id, Mode.TEST, KeyKind.PUBLISHABLE)
    issue_key(table.store, key, table.now())
    visit.go().start(key=key.text).type()
    # When
    revoke_key(table.store, key_row(key.text), table.now())
    # Then
    assert visit.pay()["refused"]["code"] == "key_refused"


def test_the_frame_is_as_high_as_what_is_in_it(visit: Visit) -> None:
    visit.go().start()
    assert overflow(visit) == 0
    before = visit.page.locator(FRAME).bounding_box()
    visit.pay()
    visit.page.wait_for_timeout(100)
    after = visit.page.locator(FRAME).bounding_box()
    assert before and after and after["height"] > before["height"] + 20
    assert overflow(visit) == 0


def overflow(visit: Visit) -> int:
    """By how many pixels the frame's content does not fit into the frame."""
    root = visit.frame.locator("html")
    hidden: int = root.evaluate("(root) => root.scrollHeight - window.innerHeight")
    return max(0, hidden)


@pytest.mark.parametrize(
    ("options", "lang", "labels", "direction"),
    [
        ({}, "de", ["Kartennummer", "Gültig bis", "Prüfnummer"], "ltr"),
        ({"locale": "fr-CA"}, "en", ["Numéro de carte", "Date d’expiration"], "ltr"),
        ({"locale": "nl"}, "en", ["Card number", "Expiry date", "Security code"], "ltr"),
        ({"labels": {"cvc": "CVC"}}, "en", ["Card number", "Expiry date", "CVC"], "ltr"),
        ({"locale": "he", "labels": {"number": "מספר כרטיס"}}, "en", ["מספר כרטיס"], "rtl"),
    ],
)
def test_the_words_are_of_the_pages_language_or_the_pages_own(
    visit: Visit, options: dict[str, object], lang: str, labels: list[str], direction: str
) -> None:
    visit.go(lang=lang).start(options)
    for label in labels:
        expect(visit.frame.get_by_label(label, exact=True)).to_be_visible()
    expect(visit.frame.locator("html")).to_have_attribute("dir", direction)
    visit.field("number").press_sequentially(VISA)
    expect(visit.field("number")).to_have_value("4242 4242 4242 4242")
    expect(visit.field("number")).to_have_css("direction", "ltr")


def test_the_looks_are_the_pages_within_the_list(visit: Visit) -> None:
    style = {"color": "rgb(10, 20, 30)", "borderRadius": "3px", "fontSize": "18px"}
    visit.go().start({"style": style | {"backgroundImage": "url(/x)", "borderColor": "url(/x)"}})
    for name, value in (("color", "rgb(10, 20, 30)"), ("border-radius", "3px")):
        expect(visit.field("number")).to_have_css(name, value)
    expect(visit.field("number")).to_have_css("font-size", "18px")
    assert visit.told("error") == [
        {
            "code": "style_refused",
            "message": "not taken: backgroundImage, borderColor",
            "fields": {"backgroundImage": "refused", "borderColor": "refused"},
        }
    ]


def test_a_name_that_is_mistyped_is_said(visit: Visit) -> None:
    visit.go()
    said = visit.page.evaluate(
        "(key) => { try { start(key, { styles: {} }) } catch (error) { return error.message } }",
        visit.key,
    )
    assert said == "cardFields: there is no option styles"
    visit.start({"labels": {"card_nr": "Card", "number": "No."}})
    assert visit.told("error")[0] == {
        "code": "labels_refused",
        "message": "not taken: card_nr",
        "fields": {"card_nr": "refused"},
    }
    expect(visit.frame.get_by_label("No.", exact=True)).to_be_visible()
    visit.type()
    refused = visit.pay({"email": "ada@example.com"})["refused"]
    assert (refused["code"], refused["fields"]) == ("details_refused", {"email": "refused"})
    assert "token" in visit.pay()


@pytest.mark.parametrize("key", ["sk_test_" + "x" * 52, "", None, "pk_test_\n", "pk_prod_x"])
def test_a_key_that_does_not_belong_in_a_page_is_refused_in_the_page(
    visit: Visit, key: str | None
) -> None:
    visit.go()
    said = visit.page.evaluate(
        "(key) => { try { start(key) } catch (error) { return error.message } }", key
    )
    assert "publishable key" in said
    expect(visit.page.locator(FRAME)).to_have_count(0)


def test_a_mistake_of_the_page_is_said_to_the_page(visit: Visit) -> None:
    visit.go()
    for mistake in ("Farthing(key).cardFields('#nowhere')", "Farthing(key).cardFields(null)"):
        said = visit.page.evaluate(
            f"(key) => {{ try {{ {mistake} }} catch (error) {{ return error.message }} }}",
            visit.key,
        )
        assert said.startswith("cardFields: there is no")
    visit.start()
    said = visit.page.evaluate("() => { try { card.on('submit') } catch (e) { return e.message } }")
    assert "ready, change, error" in said


def test_a_handler_that_fails_does_not_stop_the_others(visit: Visit) -> None:
    visit.go().start()
    visit.page.evaluate(
        """() => {
            window.also = 0;
            card.on("change", () => { throw new Error("mine") });
            window.stop = card.on("change", () => { window.also += 1 });
        }"""
    )
    visit.type()
    visit.page.wait_for_function("window.also > 0 && errors.length > 0")
    assert all("mine" in said for said in visit.page.evaluate("errors"))
    before = visit.page.evaluate("() => { stop(); return window.also }")
    visit.page.evaluate("card.clear()")
    visit.last_change()
    assert visit.page.evaluate("window.also") == before
