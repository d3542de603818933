"""Who may embed the card frame, and with which headers a browser gets it."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.access.account import Account, CardEntry
from farthing.access.change import revoke_key
from farthing.access.issue import close_account, issue_key, open_merchant
from farthing.access.keys import key_row, merchant_row, new_key
from farthing.access.origin import is_origin
from farthing.access.principal import KeyKind, Mode
from farthing.card_entry.embedding import Refusal, embedding_of
from farthing.card_entry.headers import frame_headers, frame_policy
from farthing.clock import from_text
from farthing.store import EXISTS, Update
from farthing.store.item import Item, Key
from farthing_cli.fields_check import directives
from tests.support.lambdas import Context, event_of, load

NOW = from_text("2026-11-22T09:00:00Z")
CHECKOUT = "https://pay.example"
SHOPS = ("https://shop.example", "https://www.shop.example:8443")
EXAMPLE = f"pk_test_{'x' * 43}"


def opened(merchant_id: str = "mer_a", *, kind: KeyKind = KeyKind.PUBLISHABLE, **more: Any) -> str:
    """A merchant, and the text of a key of it."""
    account = Account("A", "2026-11-22", **{"origins": SHOPS, **more})
    key = new_key(f"key_{merchant_id}", merchant_id, Mode.TEST, kind, os.urandom(32))
    open_merchant(runtime.system_store(), merchant_id, account, [key], NOW)
    return key.text


def embedders(key: str) -> tuple[str, ...] | Refusal | None:
    found = embedding_of(runtime.system_store(), key, [CHECKOUT], NOW)
    assert bool(found.origins) is (found.refusal is None)
    return found.refusal or found.origins


def test_a_merchants_pages_may_embed_its_frame_and_nobody_elses(aws: None) -> None:
    key, other = opened("mer_a"), opened("mer_b", origins=("https://other.example",))
    assert embedders(key) == SHOPS
    assert embedders(other) == ("https://other.example",)


def test_without_origins_nobody_may(aws: None) -> None:
    assert embedders(opened(origins=())) is Refusal.NO_ORIGINS


def test_where_cards_go_to_the_acquirer_nobody_may(aws: None) -> None:
    assert embedders(opened(card_entry=CardEntry.EXTERNAL)) is Refusal.EXTERNAL


def test_a_key_that_ended_opens_nothing(aws: None) -> None:
    # Given
    revoked, store = opened("mer_a"), runtime.system_store()
    revoke_key(store, key_row(revoked), NOW)
    expired = new_key("key_e", "mer_a", Mode.TEST, KeyKind.PUBLISHABLE, os.urandom(32))
    issue_key(store, expired, NOW - timedelta(days=2), NOW)
    # Then
    assert embedders(revoked) is embedders(expired.text) is Refusal.UNKNOWN_KEY


def test_a_secret_key_in_a_page_opens_nothing(aws: None) -> None:
    assert embedders(opened(kind=KeyKind.SECRET)) is Refusal.UNKNOWN_KEY


def test_a_closed_account_shows_no_fields(aws: None) -> None:
    key = opened()
    close_account(runtime.system_store(), "mer_a", NOW)
    assert embedders(key) is Refusal.UNKNOWN_KEY


class Nobody:
    """A table that must not be asked."""

    def get(self, key: Key) -> Item | None:
        raise AssertionError("asked the table")


@pytest.mark.parametrize(
    "key", ["", "pk_test_", "pk_test_short", "ck_test_short", "x" * 99, "pk_test_" + "ä" * 43]
)
def test_what_is_no_key_is_refused_without_asking(key: str) -> None:
    assert embedding_of(Nobody(), key, [CHECKOUT], NOW).refusal is Refusal.UNKNOWN_KEY


def test_a_checkout_sessions_frame_is_for_our_own_page_alone() -> None:
    key = "ck_test_" + "a" * 43
    assert embedding_of(Nobody(), key, [CHECKOUT], NOW).origins == (CHECKOUT,)
    assert embedding_of(Nobody(), key, [""], NOW).refusal is Refusal.NO_ORIGINS


def test_what_is_no_origin_does_not_get_into_a_header_whoever_wrote_it(aws: None) -> None:
    # Given
    key, bad = (
        opened(),
        ["*", "https://a.example; script-src *", "https://a.example\r\nX: y", SHOPS[0]],
    )
    store = runtime.system_store()
    store.write(Update(merchant_row("mer_a"), when=EXISTS, set={"origins": bad}))
    # Then
    assert embedders(key) == (SHOPS[0],)


@given(st.lists(st.text(alphabet="ab.:/*;' \r\n19", max_size=30).map(lambda t: f"https://{t}")))
def test_a_policy_lets_in_the_registered_pages_and_says_nothing_else(texts: list[str]) -> None:
    account = Account("A", "2026", tuple(texts))
    key = new_key("key_1", "mer_a", Mode.TEST, KeyKind.PUBLISHABLE, bytes(32))

    class Table:
        def get(self, asked: Key) -> Item | None:
            if asked == merchant_row("mer_a"):
                return account.to_item()
            return {"kind": "PUBLISHABLE", "merchant_id": "mer_a"}

    found = embedding_of(Table(), key.text, [], NOW)
    policy = frame_policy(found.origins)
    assert "\n" not in policy and "\r" not in policy
    empty = directives(frame_policy([]))
    assert directives(policy) == empty | {"frame-ancestors": " ".join(found.origins) or "'none'"}
    assert list(found.origins) == [text for text in texts if is_origin(text)]


def test_the_frame_may_do_nothing_but_what_it_is_for() -> None:
    headers = frame_headers(SHOPS)
    assert directives(headers["Content-Security-Policy"]) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(SHOPS),
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "payment=()" in headers["Permissions-Policy"]


def ask(event: str, **query: str) -> tuple[int, dict[str, str], str]:
    asked = event_of(event)
    if query:
        asked["queryStringParameters"] = query
    answer = load("fields").handler(asked, Context())
    headers = {name.lower(): values[0] for name, values in answer["multiValueHeaders"].items()}
    return answer["statusCode"], headers, answer["body"]


def test_the_function_serves_the_frame_with_the_policy_of_its_merchant(aws: None) -> None:
    status, headers, body = ask("fields.frame", key=opened())
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    ancestors = directives(headers["content-security-policy"])["frame-ancestors"]
    assert ancestors == " ".join(SHOPS)
    assert 'autocomplete="cc-number"' in body


@pytest.mark.parametrize(
    ("query", "status", "why"),
    [
        ({"key": EXAMPLE}, 404, "no valid publishable key"),
        ({"key": "<script>alert(1)</script>"}, 404, "no valid publishable key"),
        ({"key": "ck_test_" + "a" * 43}, 403, "no origin is registered"),
    ],
)
def test_a_frame_that_nobody_may_embed_says_why_and_repeats_nothing(
    aws: None, query: dict[str, str], status: int, why: str
) -> None:
    got, headers, body = ask("fields.frame", **query)
    assert (got, headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert directives(headers["content-security-policy"]) == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert why in body
    assert query["key"] not in body


def test_our_own_checkout_page_is_told_to_the_function(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKOUT_ORIGIN", "http://127.0.0.1:8080,http://localhost:8080")
    status, headers, _ = ask("fields.frame", key="ck_live_" + "a" * 43)
    ancestors = directives(headers["content-security-policy"])["frame-ancestors"]
    assert (status, ancestors) == (200, "http://127.0.0.1:8080 http://localhost:8080")


def test_what_is_logged_of_a_request_is_no_key(aws: None, caplog: pytest.LogCaptureFixture) -> None:
    key = opened()
    ask("fields.frame", key=key)
    (line,) = (vars(record) for record in caplog.records if record.message == "answered")
    assert (line["route"], line["status"]) == ("/fields/v1/frame", 200)
    assert key not in repr(line)


def test_an_account_is_as_it_is_now(aws: None) -> None:
    key, store = opened(), runtime.system_store()
    moved = replace(Account("A", "2026-11-22"), origins=("https://new.example",)).to_item()
    store.write(Update(merchant_row("mer_a"), when=EXISTS, set={"origins": moved["origins"]}))
    assert embedders(key) == ("https://new.example",)
