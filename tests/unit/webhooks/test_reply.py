"""What is kept of a receiver's answer, and what it asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.clock import to_text
from farthing.webhooks.attempt import Attempt
from farthing.webhooks.delivery import ATTEMPTS_KEPT_MAX, new_delivery
from farthing.webhooks.delivery_row import delivery_put
from farthing.webhooks.event import Event
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.keys import delivery_key
from farthing.webhooks.missed import PAGE_EVENTS
from farthing.webhooks.reply import (
    BODY_BYTES_KEPT,
    HEADER_BYTES_KEPT,
    HEADERS_KEPT,
    kept_reply,
    masked,
    retry_after_seconds,
)
from farthing.webhooks.signature import make_secret, sign
from farthing.webhooks.url import URL_LENGTH_MAX
from tests.unit.webhooks.world import START, TENANT, an_id, event_row

NOW = 1_795_338_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 120 ", 120),
        ("Sun, 22 Nov 2026 09:02:00 GMT", 120),
        ("Sun, 22 Nov 2026 08:00:00 GMT", 0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("99999999999999999999", None),
        ("Sun, 99 Nov 2026 09:02:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: int | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_it(value: str) -> None:
    found = retry_after_seconds(value, NOW)
    assert found is None or found >= 0


def test_secrets_signatures_and_card_numbers_are_masked() -> None:
    secret = make_secret(b"s" * 32)
    signature = sign(secret, "evt_1", 1, b"{}")
    assert masked(f"got {signature} by {secret}") == "got [secret] by [secret]"
    assert masked("for 4242 4242 4242 4242") == "[card number]"


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.replace("/", "\\/"),
        lambda text: text.replace("/", "\\u002F").replace("+", "\\u002b"),
        lambda text: quote(text, safe=""),
        lambda text: text.replace("+", "&#43;").replace("/", "&#x2F;").replace("=", "&equals;"),
    ],
)
def test_secrets_are_masked_however_a_page_writes_their_signs(
    written: Callable[[str], str],
) -> None:
    secret = make_secret(b"\xfb\xff\xfe" * 10 + b"ab")
    signature = sign(secret, "evt_1", 1, b"{}")
    assert {"+", "/", "="} <= set(secret + signature)
    assert masked(f'"{written(secret)}" "{written(signature)}"') == '"[secret]" "[secret]"'


def test_a_secret_at_the_edge_of_what_is_kept_is_masked_before_it_is_cut() -> None:
    secret = make_secret(b"s" * 32)
    body = "x" * (BODY_BYTES_KEPT - 10) + " " + secret
    assert "whsec_" not in kept_reply([], body.encode()).body


@pytest.mark.parametrize("letter", ["x", "\xe9", "\N{EURO SIGN}", "\U0001f600"])
def test_what_is_kept_is_bounded_in_bytes(letter: str) -> None:
    reply = kept_reply([("Server", letter * 9000)], (letter * 9000).encode())
    assert BODY_BYTES_KEPT - 4 < len(reply.body.encode()) <= BODY_BYTES_KEPT
    assert HEADER_BYTES_KEPT - 4 < len(reply.headers["server"].encode()) <= HEADER_BYTES_KEPT
    assert set(reply.body) == set(reply.headers["server"]) == {letter}


def test_a_page_of_the_fullest_deliveries_fits_into_a_transaction() -> None:
    """Given as many attempts as are kept, each with all that is kept of an answer; then DynamoDB
    takes PAGE_EVENTS of their rows at once: four megabytes."""
    everything = kept_reply([(name, "x" * 9000) for name in HEADERS_KEPT], b"x" * 9000)
    tried = Attempt(1, to_text(START), "u" * URL_LENGTH_MAX, 10**9, 500, None, 15_000, everything)
    placed = PlacedEvent(Event.of(event_row(1, 1)), 0, 1, to_text(START))
    one = new_delivery(TENANT, placed, an_id("we", 1), START)
    full = replace(one, attempts=(tried,) * ATTEMPTS_KEPT_MAX)
    row = {**delivery_put(full).item, **vars(delivery_key(TENANT, full.delivery_id))}
    assert PAGE_EVENTS * len(json.dumps(row)) < 4 * 1024**2


def test_few_headers_are_kept() -> None:
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=b"), ("Retry-After", "5")]
    reply = kept_reply(headers, b"\xff no text")
    assert dict(reply.headers) == {"content-type": "text/plain", "retry-after": "5"}
    assert reply.body == "\ufffd no text"
