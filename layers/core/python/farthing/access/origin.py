"""Web origins: what an operator may register, and what stands in a Content-Security-Policy.

A browser names a page's origin `scheme://host[:port]`, in lower case, without the scheme's own
port. Here an origin has that one form, and nothing else passes: no path, no wildcard, and no
character that could end the header in which it stands.

https alone, but on this machine's own loopback. Of IP addresses a policy matches 127.0.0.1 and no
other (Content Security Policy Level 3, host-part matching), so no other is taken.
"""

from __future__ import annotations

import re

LENGTH_MAX = 255
PORT_MAX = 65535
PORTS_OF_SCHEMES = {"https": 443, "http": 80}
LOOPBACK_ADDRESS = "127.0.0.1"

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LOOKS_LIKE_AN_ADDRESS = re.compile(r"(.*\.)?(0x[0-9a-f]*|[0-9]+)")


def parse_origin(text: str) -> str:
    """The origin that `text` writes. Raises ValueError that says what is wrong with it."""
    match = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
    if match is None or len(text) > LENGTH_MAX:
        raise ValueError(
            f"{text[:LENGTH_MAX]!r} is not https://host or https://host:port: {_why(text)}"
        )
    scheme, host, port = match.groups()
    _check_host(host)
    if scheme == "http" and not _is_loopback(host):
        raise ValueError(f"{host} is reached by https: http is for this machine alone")
    if port is not None and int(port) > PORT_MAX:
        raise ValueError(f"there is no port {port}")
    named = port is not None and int(port) != PORTS_OF_SCHEMES[scheme]
    return f"{scheme}://{host}:{port}" if named else f"{scheme}://{host}"


def is_origin(text: str) -> bool:
    """Whether `text` is an origin in its one form."""
    try:
        return parse_origin(text) == text
    except ValueError:
        return False


def _check_host(host: str) -> None:
    if host == LOOPBACK_ADDRESS:
        return
    if _LOOKS_LIKE_AN_ADDRESS.fullmatch(host):
        raise ValueError(f"{host} is an address: browsers match none but {LOOPBACK_ADDRESS} here")
    if not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError(f"{host} is no host name")


def _is_loopback(host: str) -> bool:
    return host in (LOOPBACK_ADDRESS, "localhost") or host.endswith(".localhost")


def _why(text: str) -> str:
    """The commonest mistakes, by name."""
    after_scheme = text.split("://", 1)[-1]
    if not text.isascii():
        return "write the host as xn--…, in ASCII"
    if "*" in text:
        return "each origin is named, without wildcards"
    if "/" in after_scheme:
        return "without a path, and without a / at the end"
    if "[" in text:
        return f"browsers match no address but {LOOPBACK_ADDRESS} here"
    return "nothing else belongs there"
