"""Whose word counts for the country of an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from farthing.fraud.country import Viewer, country_of, unknown, viewer_of
from farthing.fraud.country_wiring import country_reader
from tests.support.mmdb import mmdb

PAYER = "203.0.113.7"
SECRET = "a secret of the distribution"
TOLD = {
    "CloudFront-Viewer-Country": "DE",
    "CloudFront-Viewer-Address": f"{PAYER}:46532",
    "Farthing-Origin-Secret": SECRET,
}


def of_file(ip_address: str) -> str | None:
    return {PAYER: "AT", "2001:db8::1": "CH"}.get(ip_address)


def test_what_cloudfront_says_of_the_payer_counts() -> None:
    viewer = viewer_of(TOLD, SECRET)
    assert viewer == Viewer(PAYER, "DE")
    assert country_of(PAYER, viewer, unknown) == "DE"
    assert country_of(f"::ffff:{PAYER}", viewer, of_file) == "DE"
    of_six = TOLD | {"CloudFront-Viewer-Address": "2001:db8::1:46532"}
    assert country_of("2001:0db8::1", viewer_of(of_six, SECRET), of_file) == "DE"


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        (TOLD, None),
        (TOLD, ""),
        (TOLD, "another"),
        (TOLD | {"Farthing-Origin-Secret": ""}, ""),
        (TOLD | {"Farthing-Origin-Secret": "guessed ü"}, SECRET),
        ({name: text for name, text in TOLD.items() if "Secret" not in name}, SECRET),
        ({name: text for name, text in TOLD.items() if "Address" not in name}, SECRET),
        ({name: text for name, text in TOLD.items() if "Country" not in name}, SECRET),
    ],
)
def test_what_a_stranger_says_counts_for_nothing(
    headers: dict[str, str], secret: str | None
) -> None:
    assert viewer_of(headers, secret) is None
    assert country_of(PAYER, viewer_of(headers, secret), of_file) == "AT"


def test_the_country_of_the_merchants_server_is_not_the_payers() -> None:
    server = Viewer("198.51.100.1", "US")
    assert country_of(PAYER, server, of_file) == "AT"
    assert country_of(PAYER, server, unknown) is None


@pytest.mark.parametrize("told", ["XX", "T1", "EU", "", "Germany", "D", "1A"])
def test_what_is_no_country_is_not_known(told: str) -> None:
    assert country_of(PAYER, Viewer(PAYER, told), unknown) is None
    assert country_of(PAYER, None, lambda _: told) is None
    assert country_of(PAYER, Viewer(PAYER, told), of_file) == "AT"


def test_what_is_no_address_has_no_country() -> None:
    for none in (None, "", "203.0.113", "localhost"):
        assert country_of(none, Viewer("", "DE"), lambda _: "DE") is None


def test_without_a_file_that_can_be_read_nothing_is_known(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"no database")
    for path in (None, "", str(tmp_path / "none.mmdb"), str(broken)):
        assert country_reader(path)(PAYER) is None


def test_a_file_of_either_layout_tells(tmp_path: Path) -> None:
    pytest.importorskip("maxminddb")
    file = tmp_path / "countries.mmdb"
    file.write_bytes(
        mmdb(
            {
                "203.0.113.0/24": {"country": {"iso_code": "DE"}},
                "198.51.100.0/24": {"country_code": "AT"},
                "192.0.2.0/24": {"continent": "EU"},
            }
        )
    )
    read = country_reader(str(file))
    assert [read(f"{net}.9") for net in ("203.0.113", "198.51.100", "192.0.2")] == [
        "DE",
        "AT",
        None,
    ]
    assert read("8.8.8.8") is None
    assert read("2001:db8::1") is None
