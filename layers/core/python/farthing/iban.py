"""IBANs (ISO 13616): structure by country, check digits, and how to spot one in free text.

The countries are those of SEPA, the only ones whose accounts are debited here. Each has one length
and one structure of what follows the check digits: `n` digits, `a` letters, `c` either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

MASK = "[account number]"
LENGTH_MAX = 34

_STRUCTURES = """
AD 8n12c    AL 8n16c    AT 16n      BE 12n    BG 4a6n8c    CH 5n12c   CY 8n16c  CZ 20n
DE 18n      DK 14n      EE 16n      ES 20n    FI 14n       FR 10n11c2n          GB 4a14n
GI 4a15c    GR 7n16c    HR 17n      HU 24n    IE 4a14n     IS 22n     IT 1a10n12c
LI 5n12c    LT 16n      LU 3n13c    LV 4a13c  MC 10n11c2n  MD 20c     ME 18n    MK 3n10c2n
MT 4a5n18c  NL 4a10n    NO 11n      PL 24n    PT 21n       RO 4a16c   RS 18n    SE 20n
SI 15n      SK 20n      SM 1a10n12c VA 18n
"""
"""SWIFT's IBAN registry, release 101, for the countries of the EPC's list of SEPA (EPC409-09)."""

_CLASSES = {"n": "[0-9]", "a": "[A-Z]", "c": "[0-9A-Z]"}
_PART = re.compile(r"(\d+)([nac])")


def _length(structure: str) -> int:
    return 4 + sum(int(count) for count, _ in _PART.findall(structure))


_WORDS = _STRUCTURES.split()
_BY_COUNTRY = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))
LENGTHS: Mapping[str, int] = {country: _length(what) for country, what in _BY_COUNTRY.items()}
"""Country → characters of its IBANs."""

_BEGINS = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}")
_BETWEEN_GROUPS = frozenset(" \t\u00a0\u202f-.")
_NEVER_MADE = frozenset({"00", "01", "99"})
"""98 less a remainder of 97 comes to none of them, though each of them would pass the check."""


def compact(text: str) -> str:
    """An IBAN as it is kept: without the spaces that people write, in upper case."""
    return text.replace(" ", "").upper()


def why_wrong(iban: str) -> str | None:
    """What keeps a compact text from being an IBAN of SEPA; None if nothing does.

    The answer never repeats what was in it.
    """
    length = LENGTHS.get(iban[:2])
    if length is None:
        return "is an IBAN of a country of SEPA"
    if len(iban) != length:
        return f"has {length} characters in this country"
    if not _pattern(iban[:2]).fullmatch(iban[2:]):
        return "has letters or digits where this country has none"
    return None if _checks(iban) else "is mistyped: its check digits are wrong"


def check_digits_of(country: str, bban: str) -> str:
    """The two check digits of a country's account number (ISO 7064, MOD 97-10)."""
    return f"{98 - _number(bban + country) * 100 % 97:02d}"


def ibans_in(text: str) -> Iterator[str]:
    """Every IBAN in `text` as it stands there, bare or grouped, in either case.

    Only where a word begins, of the very length and structure of its country, and with right check
    digits: what is no IBAN passes all that about once in a hundred texts that look just like one.
    """
    for begin in _BEGINS.finditer(text):
        end = _end(text, begin.start())
        if end is None:
            continue
        raw = text[begin.start() : end]
        iban = "".join(c for c in raw if c not in _BETWEEN_GROUPS).upper()
        if why_wrong(iban) is None:
            yield raw


@cache
def _pattern(country: str) -> re.Pattern[str]:
    """What follows the country's code. Made when it is first asked for: few countries are."""
    parts = _PART.findall(_BY_COUNTRY[country])
    return re.compile("[0-9]{2}" + "".join(f"{_CLASSES[kind]}{{{n}}}" for n, kind in parts))


def _end(text: str, start: int) -> int | None:
    """Where the IBAN that begins at `start` would end, if it can be one."""
    left = LENGTHS.get(text[start : start + 2].upper(), 0)
    if not left:
        return None
    at, gap = start, 0
    while left and at < len(text) and gap < 2:
        if text[at].isascii() and text[at].isalnum():
            left, gap = left - 1, 0
        elif text[at] in _BETWEEN_GROUPS:
            gap += 1
        else:
            return None
        at += 1
    ends = at == len(text) or not text[at].isalnum()
    return at if not left and ends else None


def _checks(iban: str) -> bool:
    return iban[2:4] not in _NEVER_MADE and _number(iban[4:] + iban[:4]) % 97 == 1


def _number(text: str) -> int:
    """Letters count from 10 on: A is 10, Z is 35."""
    return int("".join(str(int(c, 36)) for c in text))
