"""The hosted page as it is served: what a browser lets it do, and what it loads."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from farthing.acquiring.decline import REASONS
from farthing.checkout import page
from farthing.checkout.page import Site, content_policy
from farthing_cli.card_frame import inventory
from tests.support.lambdas import Context, event_of, load
from tests.support.template import ROOT

FOLDER = ROOT / "functions" / "checkout_page" / "static"
TEXTS = {path.name: path.read_text() for path in FOLDER.iterdir()}
SITE = Site(TEXTS)
TOKENS = "https://tokens.example/dev"
SCRIPTS = sorted(name for name in TEXTS if name.endswith(".js"))


class Elements(HTMLParser):
    """Every element with its attributes, and the text inside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def served() -> Any:
    return page.document(SITE, TOKENS, "https:")


def elements() -> Elements:
    return Elements(served().body)


def test_the_policy_lets_it_talk_to_itself_and_to_the_card_frame_alone() -> None:
    directives = dict(
        directive.split(" ", 1)
        for directive in served().headers["Content-Security-Policy"].split("; ")
    )
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self' https://tokens.example/dev/fields/v1/",
        "style-src": "'self'",
        "img-src": "'self' https:",
        "connect-src": "'self'",
        "frame-src": "https://tokens.example",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert "unsafe" not in content_policy(f"{TOKENS}/", "https:")


def test_it_is_kept_by_nobody_and_tells_nobody_where_it_was() -> None:
    headers = served().headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_nothing_is_inline() -> None:
    found = elements()
    assert found.inline == []
    for tag, attributes in found.found:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag


def test_every_script_and_style_is_asked_for_with_its_hash() -> None:
    asked = []
    for tag, attributes in elements().found:
        if tag == "script" or attributes.get("rel") in {"stylesheet", "modulepreload"}:
            address = str(attributes.get("src") or attributes.get("href"))
            assert attributes["integrity"], address
            asked.append(address)
            name = address.rsplit("/", 1)[-1]
            if name in TEXTS:
                assert attributes["integrity"] == SITE.integrity(name)
                assert address == f"files/{SITE.version}/{name}"
    ours = {address.rsplit("/", 1)[-1] for address in asked} & set(TEXTS)
    assert ours == {*SCRIPTS, "checkout.css"}
    (other,) = (address for address in asked if address.startswith("http"))
    assert other.startswith(f"{TOKENS}/fields/v1/fields-")


def test_its_loader_is_the_one_that_the_card_frame_was_built_with() -> None:
    """Otherwise: `make web`."""
    (loader,) = (file for file in inventory() if file.kind == "loader")
    assert json.loads(TEXTS["fields.json"]) == {
        "path": loader.path,
        "integrity": loader.integrity,
    }


def test_every_place_of_the_document_is_filled() -> None:
    assert "{{" not in served().body
    with pytest.raises(ValueError, match="nothing fills"):
        page.document(Site(TEXTS | {"index.html": "{{something else}}"}), TOKENS, "https:")


@pytest.mark.parametrize("name", sorted(set(TEXTS) - {"index.html", "fields.json"}))
def test_a_file_is_served_for_good_under_its_version(name: str) -> None:
    answer = page.file(SITE, SITE.version, name)
    assert answer.body == TEXTS[name]
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    kinds = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    assert answer.content_type.startswith(kinds[name.rsplit(".", 1)[-1]])


@pytest.mark.parametrize("name", ["index.html", "fields.json", "app.py", "../app.py", "x.js", ""])
def test_nothing_else_is(name: str) -> None:
    with pytest.raises(Exception, match="no file"):
        page.file(SITE, SITE.version, name)


def test_another_version_is_another_address() -> None:
    changed = Site(TEXTS | {"money.js": TEXTS["money.js"] + "\n"})
    assert changed.version != SITE.version
    with pytest.raises(Exception, match="no file"):
        page.file(changed, SITE.version, "money.js")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_makes_no_markup_of_text_and_names_no_other_host(name: str) -> None:
    text = TEXTS[name]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b", text)
    assert not re.search(r"https?://[a-z0-9]", text)
    assert "localStorage" not in text and "sessionStorage" not in text and "cookie" not in text
    assert len(text.splitlines()) < 300


def words() -> dict[str, dict[str, str]]:
    """Language → name → text, read out of texts.js."""
    blocks = re.findall(r"const (\w\w) = \{\n(.*?)\n\};", TEXTS["texts.js"], re.DOTALL)
    return {
        lang: dict(re.findall(r'^  (\w+): "(.*)",$', block, re.MULTILINE)) for lang, block in blocks
    }


def test_every_language_says_everything_with_the_same_places_to_fill() -> None:
    spoken = words()
    assert set(spoken) == {"en", "de", "fr"}
    english = spoken["en"]
    assert len(english) > 40
    for lang, said in spoken.items():
        assert set(said) == set(english), lang
        for name, text in said.items():
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[name]))


WHAT_A_PAYER_CAN_MEND = {"INSUFFICIENT_FUNDS", "EXPIRED_CARD", "INCORRECT_CVC", "INVALID_NUMBER"}


def test_a_decline_that_a_payer_can_mend_is_said_in_words_of_its_own() -> None:
    """All others in general: main.js asks whether there are words for a reason."""
    said = [name.removeprefix("declined_") for name in words()["en"]]
    known = {name for name in said if name.isupper()}
    assert known <= set(REASONS)
    assert known >= WHAT_A_PAYER_CAN_MEND
    assert "declined_any" in words()["en"]


def test_whatever_the_page_says_it_says_by_a_name_that_is_there() -> None:
    said = set()
    for name in set(SCRIPTS) - {"texts.js"}:
        said |= set(re.findall(r'say\("(\w+)"', TEXTS[name]))
    assert said and said <= set(words()["en"])


def test_pictures_may_come_from_this_machine_where_shops_may_be_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def images() -> str:
        answer = load("checkout_page").handler(event_of("checkout_page.document"), Context())
        policy = answer["multiValueHeaders"]["Content-Security-Policy"][0]
        return next(d for d in policy.split("; ") if d.startswith("img-src"))

    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test")
    assert images() == "img-src 'self' https:"
    monkeypatch.setenv("CHECKOUT_ALLOW_LOOPBACK", "true")
    assert images() == "img-src 'self' https: http://127.0.0.1:* http://localhost:*"
