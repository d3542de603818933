"""Which URLs an endpoint may have: https on port 443, nothing hidden in them.

The rules hold when an endpoint is made and again at each attempt. What a name resolves to is
checked at the attempt alone, on the addresses that are then connected to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from farthing.webhooks.address import Address, may_send_to

URL_LENGTH_MAX = 2048
HTTPS_PORT = 443
HTTP_PORT = 80
_ALLOWED_CHARACTERS = re.compile(r"[!-~]+")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME_LENGTH_MAX = 253


class UrlRefused(Exception):
    """The URL breaks a rule, which the text names."""


@dataclass(frozen=True)
class Target:
    """A URL taken apart: what to connect to, and what to ask for there."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """The Host header: brackets around IPv6, and the port if it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS_PORT if self.secure else HTTP_PORT
        return host if self.port == usual else f"{host}:{self.port}"


def parse_url(text: str, *, allow_loopback: bool) -> Target:
    """The target of `text`. Raises UrlRefused.

    With `allow_loopback`, http and any port are allowed for a host that says it is this machine.
    """
    if len(text) > URL_LENGTH_MAX:
        raise UrlRefused(f"is longer than {URL_LENGTH_MAX} characters")
    if not _ALLOWED_CHARACTERS.fullmatch(text) or "\\" in text:
        raise UrlRefused("holds characters that a URL does not (write them percent-encoded)")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UrlRefused("is not a URL") from error
    if "@" in parts.netloc:
        raise UrlRefused("holds a user name or password")
    if "#" in text:
        raise UrlRefused("holds a fragment, which is never sent")
    host = (parts.hostname or "").lower()
    loopback = allow_loopback and _is_loopback(host)
    if parts.scheme != "https" and not (loopback and parts.scheme == "http"):
        raise UrlRefused("does not begin with https://")
    _check_host(parts.netloc, host, loopback=loopback)
    secure = parts.scheme == "https"
    port = port if port is not None else (HTTPS_PORT if secure else HTTP_PORT)
    if port != HTTPS_PORT and not loopback:
        raise UrlRefused("names another port than 443")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, port, path)


def _check_host(netloc: str, host: str, *, loopback: bool) -> None:
    bracketed = netloc.startswith("[")
    address = _literal(host)
    if bracketed != isinstance(address, IPv6Address):
        raise UrlRefused("has a host that is not one")
    if loopback:
        return
    if address is not None:
        if not may_send_to(address, allow_loopback=False):
            raise UrlRefused("names an address that is not public")
        return
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise UrlRefused("has an address in a form other than the usual one")
    if len(host) > _NAME_LENGTH_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlRefused("has a host that is not one")
    if len(labels) < 2 or labels[-1] == "localhost":
        raise UrlRefused("has a host that is not public")


def _is_loopback(host: str) -> bool:
    address = _literal(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _literal(host: str) -> Address | None:
    for kind in (IPv4Address, IPv6Address):
        try:
            return kind(host)
        except ValueError:
            continue
    return None
