"""Brands against the ranges that the schemes publish, and numbers hidden in text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.cards import brand_of, holds_pan, mask, passes_luhn
from farthing.vault.pan import bin_of


def with_check_digit(prefix: str, length: int) -> str:
    body = prefix.ljust(length - 1, "0")
    return next(body + digit for digit in "0123456789" if passes_luhn(body + digit))


@pytest.mark.parametrize(
    ("prefix", "length", "brand"),
    [
        ("4", 13, "visa"),
        ("4", 16, "visa"),
        ("4", 19, "visa"),
        ("51", 16, "mastercard"),
        ("55", 16, "mastercard"),
        ("50", 16, "maestro"),
        ("56", 16, "maestro"),
        ("222100", 16, "mastercard"),
        ("222099", 16, "unknown"),
        ("272099", 16, "mastercard"),
        ("272100", 16, "unknown"),
        ("34", 15, "amex"),
        ("37", 15, "amex"),
        ("37", 16, "unknown"),
        ("300", 14, "diners"),
        ("305", 14, "diners"),
        ("306", 14, "unknown"),
        ("36", 14, "diners"),
        ("3528", 16, "jcb"),
        ("3589", 16, "jcb"),
        ("3527", 16, "unknown"),
        ("6011", 16, "discover"),
        ("644", 16, "discover"),
        ("643", 16, "maestro"),
        ("65", 16, "discover"),
        ("62", 16, "unionpay"),
        ("67", 12, "maestro"),
        ("9", 16, "unknown"),
    ],
)
def test_the_prefix_and_length_say_the_brand(prefix: str, length: int, brand: str) -> None:
    assert brand_of(with_check_digit(prefix, length)) == brand


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "card 4242 4242 4242 4242 12/28",
        "4242-4242-4242-4242 123",
        "4242.4242.4242.4242",
        "order 17 4242424242424242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242  4242  4242  4242",
        "4242\u20134242\u20134242\u20134242",
        "04242424242424242",
        "3782 822463 10005",
        "４２４２４２４２４２４２４２４２",  # full-width digits
    ],
)
def test_a_number_in_text_is_found_and_masked(text: str) -> None:
    assert holds_pan(text)
    assert not holds_pan(mask(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4242424242424241",  # fails the checksum
        "424242424242",  # too short
        "2026-11-22T09:00:00.123Z",
        "123456789012",
        "0000000000000000000",
        "42424242424242424242424242424242",  # too long to be one
    ],
)
def test_other_digits_are_left_alone(text: str) -> None:
    assert not holds_pan(text)
    assert mask(text) == text


@pytest.mark.parametrize("pattern", ["0-", "4 ", "4242 "])
def test_a_long_text_is_searched_in_a_time_that_grows_with_it(pattern: str) -> None:
    # Given as much as a body may hold, of what strangers may post to us
    text = pattern * (64 * 1024 // len(pattern))
    began = time.process_time()
    # When
    mask(text)
    # Then: a search that began anew at each zero took a minute
    assert time.process_time() - began < 10


@given(st.integers(12, 19), st.data())
def test_the_bin_and_last_four_never_give_the_number_away(length: int, data: st.DataObject) -> None:
    number = data.draw(st.text("0123456789", min_size=length, max_size=length))
    shown = bin_of(number)
    assert number.startswith(shown)
    assert length - len(shown) - 4 >= 5
    assert len(shown) == 6 or length < 15
