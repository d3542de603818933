"""What is kept of a receiver's answer, and what it asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.webhooks.reply import (
    BODY_CHARACTERS_KEPT,
    kept_reply,
    masked,
    retry_after_seconds,
)
from farthing.webhooks.signature import make_secret, sign

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


def test_a_secret_at_the_edge_of_what_is_kept_is_masked_before_it_is_cut() -> None:
    secret = make_secret(b"s" * 32)
    body = "x" * (BODY_CHARACTERS_KEPT - 10) + " " + secret
    assert "whsec_" not in kept_reply([], body.encode()).body


def test_few_headers_are_kept() -> None:
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=b"), ("Retry-After", "5")]
    reply = kept_reply(headers, b"\xff no text")
    assert dict(reply.headers) == {"content-type": "text/plain", "retry-after": "5"}
    assert reply.body == "\ufffd no text"
