"""Card numbers as the schemes number them: checksum, brand, and how to spot one in free text.

What keeps card numbers out of texts keeps IBANs out too: either is enough to take somebody's money.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from farthing import iban

MASK = "[card number]"
PAN_LENGTH_MIN = 13
PAN_LENGTH_MAX = 19

_BRANDS: tuple[tuple[str, str, range], ...] = (
    ("amex", r"3[47]", range(15, 16)),
    ("diners", r"3(0[0-5]|095|[689])", range(14, 20)),
    ("jcb", r"35(2[89]|[3-8])", range(16, 20)),
    ("mastercard", r"(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)", range(16, 17)),
    ("discover", r"(6011|64[4-9]|65)", range(16, 20)),
    ("unionpay", r"62", range(16, 20)),
    ("visa", r"4", range(13, 20)),
    ("maestro", r"(50|5[6-9]|6)", range(12, 20)),
)
"""Brand, prefix of the number, lengths. The first that fits is the brand (ISO/IEC 7812 ranges)."""

BRANDS = frozenset(brand for brand, _, _ in _BRANDS)
"""The brands that are known by a number."""

_BETWEEN_GROUPS = r"[\s.,/|_\-\u2010-\u2015\u200b-\u200f\u2060\ufeff]{1,4}"
"""Whatever people, and those who hide numbers, write between them: invisible characters too."""
_GROUPED_DIGITS = re.compile(rf"\d+(?:{_BETWEEN_GROUPS}\d+)*")


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the ISO/IEC 7812-1 check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def brand_of(number: str) -> str:
    """The card scheme by the number's prefix and length, or `unknown`."""
    for brand, prefix, lengths in _BRANDS:
        if len(number) in lengths and re.match(prefix, number):
            return brand
    return "unknown"


def pans_in(text: str) -> Iterator[str]:
    """Every run of 13 to 19 digits in `text`, bare or grouped, that passes the checksum.

    A run starts and ends with a group, so `4242 4242 4242 4242 12/28` hides nothing, and an
    account number of thirty digits is not searched for something that looks like a card. No card
    number starts with a zero, and zeros before one do not hide it.
    """
    for match in _GROUPED_DIGITS.finditer(_to_ascii_digits(text)):
        groups = re.split(r"\D+", match[0])
        for first in range(len(groups)):
            if not groups[first].strip("0"):
                continue  # the run that starts with the next group is the same one
            digits = ""
            for group in groups[first:]:
                digits = (digits + group).lstrip("0")
                if len(digits) > PAN_LENGTH_MAX:
                    break
                if len(digits) >= PAN_LENGTH_MIN and passes_luhn(digits):
                    yield digits


def holds_pan(text: str) -> bool:
    """Whether `text` seems to hold a card number, or an IBAN."""
    return next(_numbers_in(text), None) is not None


def mask(text: str) -> str:
    """`text` without anything that looks like a card number or an IBAN."""
    for found, instead in dict.fromkeys(_numbers_in(text)):
        text = text.replace(found, instead)
    return text if not holds_pan(text) else MASK


def _numbers_in(text: str) -> Iterator[tuple[str, str]]:
    """What must not be there, and what to write in its place."""
    plain = _to_ascii_digits(text)
    yield from ((found, iban.MASK) for found in iban.ibans_in(plain))
    yield from ((found, MASK) for found in pans_in(plain))


def _to_ascii_digits(text: str) -> str:
    """Full-width and other Unicode digits become ASCII, so that they cannot hide a number."""
    return "".join(str(int(c)) if c.isdecimal() else c for c in text)
