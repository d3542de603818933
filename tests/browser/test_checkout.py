"""The hosted checkout page in a real Chromium: whatever a payer does, the card is charged once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.payer import (
    ANSWER_SECONDS_MAX,
    DECLINED,
    NEVER_ANSWERS,
    NO_FUNDS,
    REVIEWED,
    Payer,
    payer,
)
from tests.browser.shop import Shop
from tests.browser.visit import FRAME
from tests.stack.live import Live

At = Callable[..., Payer]


@pytest.fixture
def at_checkout(live: Live, chromium: Browser) -> Iterator[At]:
    """Payers, each with a browser that is closed at the end."""
    opened: list[Payer] = []

    def one(about: dict[str, Any] | None = None, **how: Any) -> Payer:
        opened.append(payer(live, chromium, about, **how))
        return opened[-1]

    yield one
    for each in opened:
        for page in each.context.pages:
            page.unroute_all(behavior="ignoreErrors")
        each.context.close()


def test_a_payer_pays_and_comes_back_to_the_shop(at_checkout: At) -> None:
    ada = at_checkout()
    expect(ada.page.locator("#merchant")).to_have_text("Leaf & Kettle")
    expect(ada.page.locator("#total")).to_have_text("€33.90")
    expect(ada.page.locator("#items li").first).to_contain_text("2 × €14.50")
    expect(ada.page.locator("#pay-text")).to_have_text("Pay €33.90")
    ada.pay()
    ada.at("paid")
    ada.arrives()
    expect(ada.page.locator("#status")).to_have_text("PAID")
    assert ada.charges() == [3390]
    # And the way back does not lead to the form again
    ada.page.go_back()
    assert "checkout" not in ada.page.url or ada.page.locator("body[data-state=form]").count() == 0


def test_from_the_shop_to_the_page_and_back(live: Live, at_checkout: At) -> None:
    ada = at_checkout()
    page = ada.context.new_page()
    page.goto(live.dev["shop_url"])
    page.locator("article", has_text="Porcelain cup").get_by_role("button", name="Buy").click()
    ada.at("form", page)
    expect(page.locator("#total")).to_have_text("€22.00")
    ada.pay(page=page)
    page.wait_for_url("**/thanks?session=cs_*", timeout=ANSWER_SECONDS_MAX * 1000)
    expect(page.locator("#outcome")).to_have_text("Thank you for your order")
    expect(page.locator("body")).to_contain_text("It is on its way.")


def test_a_declined_payer_is_told_why_in_words_and_pays_with_another_card(
    at_checkout: At,
) -> None:
    ada = at_checkout()
    ada.pay(NO_FUNDS)
    ada.says("There is not enough money on this card. Nothing was charged.")
    expect(ada.page.locator("#notice")).to_have_attribute("role", "alert")
    # Then the number is gone, the name is still there, and the next card is typed at once
    frame = ada.page.frame_locator(FRAME)
    expect(frame.locator("input[name=number]")).to_have_value("")
    expect(ada.page.locator("#name")).to_have_value("Ada Lovelace")
    assert ada.page.evaluate("document.activeElement.name") == "farthing-card-fields"
    ada.pay(DECLINED)
    ada.says("Your bank said no, without a reason. Nothing was charged.")
    ada.pay()
    ada.arrives()
    assert ada.charges() == [3390]
    assert ada.read()["attempts"] == 3


def test_an_outcome_that_is_not_known_is_waited_for_and_nobody_pays_again(
    at_checkout: At,
) -> None:
    """Given a card that is charged, and whose answer never comes."""
    ada = at_checkout()
    ada.pay(NEVER_ANSWERS)
    ada.at("waiting")
    waiting = ada.page.locator("[data-view=waiting]")
    expect(waiting).to_contain_text("Do not pay again.")
    expect(ada.button()).not_to_be_visible()
    expect(ada.page.locator("#hearing")).to_contain_text("Do not pay again.")
    ada.arrives()
    expect(ada.page.locator("#status")).to_have_text("PAID")
    assert ada.charges() == [3390]


def test_a_payer_whose_payment_somebody_looks_at_waits(at_checkout: At) -> None:
    ada = at_checkout()
    ada.pay(REVIEWED)
    ada.at("waiting")
    expect(ada.page.locator("[data-view=waiting]")).to_contain_text("Do not pay again.")
    assert ada.charges() == []
    review = ada.read()["payment_intent_id"].replace("pi_", "rev_")
    assert ada.live.post(f"reviews/{review}/approve", {}).status == 200
    ada.arrives()
    assert ada.charges() == [3390]


def test_a_page_that_is_loaded_again_in_the_middle_goes_on_waiting(at_checkout: At) -> None:
    ada = at_checkout()
    with ada.page.expect_request(lambda one: one.url.endswith("/pay")):
        ada.pay(NEVER_ANSWERS)
    ada.page.wait_for_timeout(2000)  # until it is at the acquirer
    ada.page.reload()
    ada.at("waiting")
    expect(ada.page.locator("[data-view=waiting]")).to_contain_text("Do not pay again.")
    ada.arrives()
    assert ada.charges() == [3390]


def test_a_page_that_is_loaded_again_before_anybody_knows_of_the_payment_finds_out(
    at_checkout: At,
) -> None:
    """Given a reload in the moment in which the payment leaves the browser."""
    ada = at_checkout()
    ada.type()
    ada.page.route("**/pay", lambda route: route.continue_())
    with ada.page.expect_request(lambda one: one.url.endswith("/pay")):
        ada.button().click()
    ada.page.reload()
    if ada.read()["status"] == "OPEN":  # it never left: then the form is what is right
        ada.pay()
    ada.arrives()
    assert ada.charges() == [3390]


def test_a_paid_page_that_is_opened_again_says_so(at_checkout: At) -> None:
    ada = at_checkout()
    ada.pay()
    ada.arrives()
    again = ada.open()
    ada.at("paid", again)
    expect(again.locator("[data-view=paid]")).to_contain_text("Paid. Thank you!")
    assert ada.charges() == [3390]


def test_a_double_click_charges_once(at_checkout: At) -> None:
    ada = at_checkout()
    ada.type()
    ada.button().dblclick(no_wait_after=True)
    ada.arrives()
    assert ada.charges() == [3390]
    assert len([url for url in ada.requests if url.endswith("/pay")]) == 1


def test_two_tabs_that_pay_at_once_charge_once(at_checkout: At) -> None:
    """Given what no button can prevent: two tokens, two requests, one session."""
    ada = at_checkout()
    other = ada.open()
    ada.type()
    ada.type(page=other)
    for page in (ada.page, other):
        page.evaluate("setTimeout(() => document.querySelector('#form').requestSubmit(), 50)")
    ada.arrives()
    other.wait_for_url("**/thanks?session=cs_*", timeout=ANSWER_SECONDS_MAX * 1000)
    assert ada.charges() == [3390]
    assert ada.read()["attempts"] == 1


def test_a_tab_that_others_paid_in_shows_it_when_it_is_looked_at(at_checkout: At) -> None:
    ada = at_checkout()
    other = ada.open()
    ada.at("form", other)
    ada.pay()
    ada.arrives()
    other.bring_to_front()
    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    ada.at("paid", other)


def test_an_answer_that_gets_lost_is_asked_for_again_and_charges_once(at_checkout: At) -> None:
    """Given a connection that breaks after the payment was sent."""
    ada = at_checkout()
    lost: list[int] = []

    def lose(route: Route) -> None:
        if len(lost) < 2:
            lost.append(route.fetch(timeout=ANSWER_SECONDS_MAX * 1000).status)
            route.abort("connectionreset")
        else:
            route.continue_()

    ada.page.route("**/pay", lose)
    ada.pay()
    ada.arrives()
    assert lost == [200, 200]
    assert ada.charges() == [3390]


def test_a_payment_that_cannot_be_sent_leaves_the_form(at_checkout: At) -> None:
    """Given an acquirer that nobody reaches, as our API says it."""
    ada = at_checkout()
    problem = '{"code":"acquirer_unreachable","retry":"SAME_KEY","outcome":"NONE"}'
    ada.page.route("**/pay", lambda route: route.fulfill(status=503, body=problem))
    ada.pay()
    ada.says("The payment could not be sent")
    ada.page.unroute("**/pay")
    ada.pay()
    ada.arrives()
    assert ada.charges() == [3390]


def test_a_payer_may_go_back_to_the_shop(live: Live, at_checkout: At) -> None:
    ada = at_checkout()
    ada.at("form")
    link = ada.page.get_by_role("link", name="Back to Leaf & Kettle")
    link.click()
    ada.page.wait_for_url(f"{live.dev['shop_url']}/?cancelled")
    expect(ada.page.get_by_role("status")).to_contain_text("without paying")
    # And by the browser's own way back the session is as it was
    ada.page.go_back()
    ada.at("form")
    ada.pay()
    ada.arrives()
    assert ada.charges() == [3390]


def test_an_ended_session_says_so_and_takes_no_card(live: Live, at_checkout: At) -> None:
    ada = at_checkout()
    ada.type()
    live.post(f"checkout_sessions/{ada.session['session_id']}/expire", {})
    ada.button().click()
    ada.at("over")
    expect(ada.page.locator("[data-view=over]")).to_contain_text("This checkout has ended")
    assert ada.charges() == []
    again = ada.open()
    ada.at("over", again)
    expect(again.get_by_role("link", name="Back to Leaf & Kettle").last).to_be_visible()


@pytest.mark.parametrize("fragment", ["", "#", "#ck_test_short", "#" + "x" * 60])
def test_a_link_without_its_key_opens_nothing(at_checkout: At, fragment: str) -> None:
    ada = at_checkout()
    page = ada.context.new_page()
    page.goto(ada.session["url"].split("#")[0] + fragment)
    ada.at("broken", page)
    assert not [url for url in ada.requests if "/v1/checkout_sessions" in url]


def test_a_link_with_another_sessions_key_opens_nothing(at_checkout: At) -> None:
    ada, other = at_checkout(), at_checkout()
    page = ada.context.new_page()
    link, key = ada.session["url"].split("#")[0], other.session["url"].split("#")[1]
    page.goto(f"{link}#{key}")
    ada.at("broken", page)


# --- who may see it, and whom it talks to --------------------------------------------------------


def test_it_talks_to_nobody_but_us(live: Live, at_checkout: At) -> None:
    ada = at_checkout()
    ada.pay(DECLINED)
    ada.says("The card was declined")
    ours = {live.dev[name].split("//")[1] for name in ("api_url", "tokens_url")}
    assert ada.hosts() == ours
    # And the key of the link is in no address that was asked for
    key = ada.session["url"].split("#")[1]
    assert not [url for url in ada.requests if key in url.split("#")[0] and "/frame?" not in url]


def test_a_picture_comes_from_where_the_merchant_says_and_learns_nothing(
    at_checkout: At, stranger: Shop
) -> None:
    picture = f"{stranger.origin}/tea.png"
    line = {"name": "Tea", "quantity": 1, "amount_cents": 100, "image_url": picture}
    ada = at_checkout({"line_items": [line]})
    with ada.page.expect_request(picture) as asked:
        ada.at("form")
    headers = asked.value.all_headers()
    assert "referer" not in headers and "cookie" not in headers and "authorization" not in headers
    expect(ada.page.locator("#items img")).to_have_css("visibility", "hidden")  # there is none


def test_no_page_can_put_it_into_a_frame(at_checkout: At, stranger: Shop) -> None:
    """Given a hostile page that lays the checkout under buttons of its own."""
    ada = at_checkout()
    page = ada.context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(stranger.put(f'<iframe id="it" src="{ada.session["url"]}"></iframe>', "/trap"))
    page.wait_for_timeout(1500)
    assert any("frame-ancestors" in text for text in refused), refused
    framed = page.frame_locator("#it").locator("body[data-state]")
    assert framed.count() == 0
    assert not [url for url in ada.requests if "/v1/checkout_sessions" in url]


def test_a_page_that_opened_it_cannot_reach_into_it(at_checkout: At, stranger: Shop) -> None:
    ada = at_checkout()
    page = ada.context.new_page()
    page.goto(stranger.put("<p>hello</p>", "/opener"))
    with page.expect_popup() as popup:
        page.evaluate("(url) => { window.it = open(url); }", ada.session["url"])
    ada.at("form", popup.value)
    assert popup.value.evaluate("window.opener") is None
    assert page.evaluate("window.it.closed") is True


def test_what_would_run_in_it_is_not_run(at_checkout: At) -> None:
    """Given items that are written to break out of the page."""
    bad = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
    ada = at_checkout({"line_items": [{"name": bad, "quantity": 1, "amount_cents": 100}]})
    ada.at("form")
    expect(ada.page.locator("#items .what")).to_have_text(bad)
    violated = ada.page.evaluate(
        """async () => {
          const seen = [];
          addEventListener("securitypolicyviolation", (e) => seen.push(e.effectiveDirective));
          const script = document.createElement("script");
          try { script.textContent = "window.broken = 1"; document.head.append(script); }
          catch (error) { seen.push(error.name); }
          await fetch("https://elsewhere.example/").catch(() => {});
          await new Promise((done) => setTimeout(done, 300));
          return [seen, window.broken ?? null];
        }"""
    )
    assert violated[1] is None
    assert "connect-src" in violated[0]
    assert {"TypeError", "require-trusted-types-for"} & set(violated[0])


def test_a_changed_script_is_not_run(at_checkout: At) -> None:
    """Given a file that somebody changed on its way: its hash is another one."""
    ada = at_checkout()
    page = ada.context.new_page()

    def changed(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + "\nwindow.changed = 1;")

    page.route("**/main.js", changed)
    page.goto(ada.session["url"])
    page.wait_for_timeout(1500)
    assert page.evaluate("window.changed ?? null") is None
    assert page.locator("body[data-state=loading]").count() == 1
