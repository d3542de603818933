"""In which country an address is: from CloudFront, else from a file, else not known.

A payment's address is the payer's. CloudFront tells the country of whoever called, which on the
checkout page is the payer, and behind a merchant's server is that server: so what it tells counts
only for the address that it tells it of. And it counts only if CloudFront itself said it: anybody
can send such headers to a gateway that is open to all. The distribution adds a header with a
secret; without a secret of ours, or with another one, these headers are no more than what a
stranger says.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

COUNTRY_HEADER = "cloudfront-viewer-country"
ADDRESS_HEADER = "cloudfront-viewer-address"
SECRET_HEADER = "farthing-origin-secret"

NO_COUNTRIES = frozenset({"A1", "A2", "AP", "EU", "O1", "T1", "XX", "ZZ"})
"""What databases and networks say of proxies, satellites, continents, Tor, and of nothing known."""

CountryReader = Callable[[str], str | None]
"""The country of an address, or None. Never raises."""

_COUNTRY = re.compile(r"[A-Z]{2}")


def unknown(ip_address: str) -> None:
    """The reader of whoever has no file."""
    del ip_address


@dataclass(frozen=True)
class Viewer:
    """Who called, as CloudFront says."""

    ip_address: str
    country: str


def viewer_of(headers: Mapping[str, str], secret: str | None) -> Viewer | None:
    """Who called, if CloudFront says so and shows our secret. Names of headers in any case."""
    given = {name.lower(): value for name, value in headers.items()}
    shown = given.get(SECRET_HEADER, "")
    if not secret or not hmac.compare_digest(shown.encode(), secret.encode()):
        return None
    # The address and its port, for IPv6 too: 2001:db8::1:46532
    address, colon, _ = given.get(ADDRESS_HEADER, "").rpartition(":")
    country = given.get(COUNTRY_HEADER, "")
    return Viewer(address.strip("[]"), country) if colon and country else None


def country_of(ip_address: str | None, viewer: Viewer | None, read: CountryReader) -> str | None:
    """The country of a payer's address, two capital letters; None if nobody knows."""
    payer = _parsed(ip_address)
    if payer is None:
        return None
    if viewer is not None and _parsed(viewer.ip_address) == payer:
        told = _country(viewer.country)
        if told is not None:
            return told
    return _country(read(str(payer)))


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _parsed(text: str | None) -> Address | None:
    """IPv4 that is written as IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _country(told: str | None) -> str | None:
    code = (told or "").upper()
    return code if _COUNTRY.fullmatch(code) and code not in NO_COUNTRIES else None
