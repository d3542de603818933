"""IBANs: what is one, what is none, and how they are found in texts."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import iban
from farthing.cards import holds_pan, mask

REAL = (
    "DE89370400440532013000",
    "GB82WEST12345698765432",
    "FR1420041010050500013M02606",
    "NL91ABNA0417164300",
    "MT84MALT011000012345MTLCAST001S",
    "NO9386011117947",
    "CH9300762011623852957",
)
"""Examples of the registry."""

_OF = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}


@st.composite
def ibans(draw: st.DrawFn) -> str:
    """An IBAN of any country, made by the rules of the table."""
    country = draw(st.sampled_from(sorted(iban.LENGTHS)))
    parts = iban._PART.findall(iban._BY_COUNTRY[country])
    bban = "".join(
        draw(st.text(_OF[kind], min_size=int(count), max_size=int(count))) for count, kind in parts
    )
    return f"{country}{iban.check_digits_of(country, bban)}{bban}"


@pytest.mark.parametrize("number", REAL)
def test_examples_of_the_registry_are_taken(number: str) -> None:
    assert iban.why_wrong(number) is None


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("", "country"),
        ("US64SVBKUS6S3300958879", "country"),
        ("XX89370400440532013000", "country"),
        ("DE8937040044053201300", "22 characters"),
        ("DE893704004405320130000", "22 characters"),
        ("DE8937040044053201300A", "letters or digits"),
        ("GB82WES112345698765432", "letters or digits"),
        ("DE90370400440532013000", "check digits"),
        ("DE89370400440532013001", "check digits"),
        ("DE89370400440532031000", "check digits"),
    ],
)
def test_what_is_none_is_refused_and_not_repeated(number: str, why: str) -> None:
    told = iban.why_wrong(number)
    assert told is not None and why in told
    assert len(number) < 5 or number[4:] not in told


@pytest.mark.parametrize("digits", ["00", "01", "99"])
def test_check_digits_that_nobody_makes_are_refused(digits: str) -> None:
    """They would pass the division: 97 more or less than one that is made."""
    for tail in range(97):
        number = f"DE{digits}0000000000{tail:08d}"
        assert iban.why_wrong(number) is not None


@given(ibans())
def test_every_country_takes_its_own(number: str) -> None:
    assert iban.why_wrong(number) is None
    assert len(number) == iban.LENGTHS[number[:2]] <= iban.LENGTH_MAX


@given(ibans(), st.data())
def test_one_wrong_character_or_two_exchanged_are_noticed(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(4, len(number) - 2))
    pool = string.digits if number[place].isdigit() else string.ascii_uppercase
    other = data.draw(st.sampled_from([c for c in pool if c != number[place]]))
    assert iban.why_wrong(number[:place] + other + number[place + 1 :]) is not None
    first, second = number[place], number[place + 1]
    if first != second and first.isdigit() == second.isdigit():
        swapped = number[:place] + second + first + number[place + 2 :]
        assert iban.why_wrong(swapped) is not None


@given(ibans())
def test_it_is_found_in_a_text_however_it_is_written_and_masked(number: str) -> None:
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    for written in (number, number.lower(), grouped, grouped.replace(" ", "-")):
        for text in (
            written,
            f"from {written}, please",
            f"iban:{written}\nthank you",
            f"({written})",
        ):
            assert holds_pan(text), text
            assert not holds_pan(mask(text))


@given(st.text(string.ascii_lowercase + string.digits, min_size=26, max_size=26))
def test_our_own_ids_and_references_are_none(entropy: str) -> None:
    for text in (f"pi_{entropy}", f"op_{entropy}", f"01{entropy[2:].upper()}", f"ltx_{entropy}"):
        assert list(iban.ibans_in(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "order DE12 of 2026-11-22",
        "no12 apples",
        "DE89370400440532013001",  # the check digits are wrong
        "xDE89370400440532013000",  # no word begins there
        "DE893704004405320130007",  # nor does it end
        "SE45",
        "it10 times",
        "be68 5390 0754 7035",  # right but for the last digit
    ],
)
def test_other_texts_are_left_alone(text: str) -> None:
    assert list(iban.ibans_in(text)) == []
    assert mask(text) == text
