"""What a hostile page can get out of an account's frame, or into it: nothing that matters."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.accounts import AGREED, IBAN, NUMBER, PAYS, ROUTING, sent, type_ach, type_iban
from tests.browser.shop import Shop
from tests.browser.test_isolation import leaks
from tests.browser.visit import ACCOUNT_FRAME, Visit

OWN_WORD = "Lovelace"


def test_a_page_chooses_nothing_else_of_the_mandate(visit: Visit) -> None:
    type_iban(visit.go().start_account("eur"))
    # Given: a page that holds the port itself
    forged = {
        "type": "create_token",
        "id": 1,
        **AGREED,
        "mandate": {"accepted_at": "2025-01-01T00:00:00Z", "ip_address": "198.51.100.9"},
        "ip_address": "198.51.100.9",
        "holder_name": "Eve",
        "iban": PAYS,
        "key": "sk_test_x",
    }
    with visit.page.expect_response("**/v1/tokens"):
        visit.page.evaluate("(it) => { for (const port of ports) port.postMessage(it) }", forged)
    # Then
    [body] = sent(visit)
    assert set(body) == {"type", "iban", "holder_name", "mandate"}
    assert (body["iban"], body["holder_name"]) == (IBAN, "Ada Lovelace")
    assert set(body["mandate"]) == {"accepted_at"}
    assert body["mandate"]["accepted_at"] > "2025-06"


def test_what_was_typed_cannot_be_changed_while_it_is_under_way(visit: Visit) -> None:
    # Given: a server that takes its time
    held: list[Route] = []
    visit.page.route("**/v1/tokens", lambda route: held.append(route))
    type_ach(visit.go().start_account("usd"))
    # When
    visit.page.evaluate("(details) => { window.made = pay(details) }", AGREED)
    # Then
    expect(visit.field("account_number")).not_to_be_editable()
    expect(visit.field("account_type")).to_be_disabled()
    held[0].continue_()
    assert visit.page.evaluate("made")["token"]["last_four"] == "6789"
    expect(visit.field("account_type")).to_be_enabled()


@pytest.mark.parametrize("currency", ["eur", "usd"])
def test_no_digit_reaches_the_page_and_nothing_reaches_anybody_else(
    visit: Visit, currency: str
) -> None:
    """Given a page that keeps every message, event, call, entry and change that it can see."""
    # When: an account is typed, mistyped, left, and made a token of
    visit.go().start_account(currency, {"autofocus": True})
    if currency == "eur":
        type_iban(visit, IBAN[:-1] + "1")
        visit.pay(AGREED)
        visit.field("iban").fill(IBAN)
    else:
        type_ach(visit, ROUTING[:-1] + "2")
        visit.pay(AGREED)
        visit.field("routing_number").fill(ROUTING)
    visit.page.locator("#email").focus()
    token = visit.pay(AGREED)["token"]
    # Then: the page has what it may have
    assert token["last_four"] == (IBAN if currency == "eur" else NUMBER)[-4:]
    everything = visit.everything() + json.dumps(visit.heard())
    for secret in (IBAN, ROUTING, NUMBER):
        assert leaks(everything, secret, OWN_WORD) == []
    assert {"message", "port", "sent", "dom"} <= {where for where, _ in visit.heard()}
    said = [what for where, what in visit.heard() if where == "port"]
    assert {one["type"] for one in said} == {"height", "ready", "change", "refused", "token"}
    # And: the account went to one address, once
    secret = IBAN if currency == "eur" else NUMBER
    with_account = [(method, url) for method, url, body in visit.requests if secret in url + body]
    assert with_account == [("POST", f"{visit.tokens_url}/v1/tokens")]


def test_a_card_and_an_account_in_a_page_do_not_mix(visit: Visit) -> None:
    visit.go().start().type()
    visit.page.evaluate(
        """(key) => {
            const more = document.createElement("div");
            document.body.append(more);
            window.account = Farthing(key).accountFields(more, { currency: "eur" });
            return new Promise((ready) => account.on("ready", ready));
        }""",
        visit.key,
    )
    frame = visit.page.frame_locator(ACCOUNT_FRAME)
    expect(frame.locator("input")).to_have_count(2)
    frame.locator("[name=iban]").fill(IBAN)
    frame.locator("[name=holder_name]").fill("Ada Lovelace")
    one, other = visit.page.evaluate(
        "Promise.all([card.createToken(), account.createToken({ mandate_accepted: true })])"
    )
    assert (one["card_brand"], other["country"]) == ("visa", "DE")


def test_a_page_that_is_not_registered_cannot_embed_the_frame(
    visit: Visit, stranger: Shop, page: Page
) -> None:
    # When
    page.goto(stranger.put(visit.html()))
    page.evaluate("(key) => start(key, { currency: 'eur' }, 'accountFields')", visit.key)
    page.wait_for_function("told.some(([name]) => name === 'error')")
    # Then
    [error] = visit.told("error")
    assert error["code"] == "frame_unavailable"
    assert stranger.origin in error["message"]
    assert [where for where, _ in visit.heard() if where == "message"] == []
    assert visit.pay(AGREED)["refused"]["code"] == "frame_unavailable"
