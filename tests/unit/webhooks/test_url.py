"""No webhook goes where a merchant has no business: URLs and addresses that are refused."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from farthing.webhooks.address import is_public, may_send_to
from farthing.webhooks.http import HttpSender
from farthing.webhooks.ports import SendError
from farthing.webhooks.url import Target, UrlRefused, parse_url

HOSTILE = [
    "http://example.com/",
    "https://example.com:8443/",
    "https://user@example.com/",
    "https://user:secret@example.com/",
    "https://example.com@169.254.169.254/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "//example.com/",
    "https:///path",
    "https://",
    "",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://a.localhost/",
    "https://localhost./",
    "https://metadata/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://0.0.0.0/",
    "https://0/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://172.16.0.1/",
    "https://192.0.0.192/",
    "https://192.168.1.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:7f00:1]/",
    "https://[::169.254.169.254]/",  # a library let this one pass
    "https://[fec0::1]/",  # and this one
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:a9fe:a9fe::1]/",
    "https://[2001:db8::1]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[100::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[2606:4700::1%25eth0]/",
    "https://[ff02::1]/",
    "https://[example.com]/",
    "https://example.com\\@169.254.169.254/",
    "https://exa mple.com/",
    "https://example.com/\nHost: internal",
    "https://example.com/\tx",
    "https://examplé.com/",
    "https://１２７.0.0.1/",
    "https://example.com/#fragment",
    "https://example.com:99999/",
    "https://example.com:port/",
    "https://-example.com/",
    "https://exam..ple.com/",
    "https://" + "a" * 64 + ".com/",
    "https://example.com/" + "a" * 2048,
]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        parse_url(url, allow_loopback=False)


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_url_is_refused_before_a_byte_is_sent(url: str) -> None:
    """Given a row that was written before the rule; when it is sent to; then nobody is called."""

    def never(*_: Any) -> Any:
        raise AssertionError("nothing may be looked up or connected to")

    answer = HttpSender(False, resolve=never, connect=never).post(url, {}, b"{}")
    assert answer.error is SendError.URL_REFUSED
    assert answer.status_code is None


NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::169.254.169.254",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2606:4700::1%eth0",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450::1",
]


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_an_address_that_is_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_that_is_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_a_name_that_leads_there_is_not_connected_to(text: str) -> None:
    """One bad address among good ones is enough, in whatever order they come."""
    for addresses in ([text], ["8.8.8.8", text], [text, "2606:4700:4700::1111"]):

        def never(*_: Any) -> socket.socket:
            raise AssertionError("connected")

        def found(host: str, port: int, found: list[str] = addresses) -> list[str]:
            return found

        sender = HttpSender(False, resolve=found, connect=never)
        assert sender.post("https://example.com/", {}, b"").error is SendError.ADDRESS_REFUSED


def test_only_loopback_is_what_a_local_stack_may_add() -> None:
    for text in NOT_PUBLIC:
        address = ipaddress.ip_address(text)
        allowed = may_send_to(address, allow_loopback=True)
        assert allowed == (text in ("127.0.0.1", "127.255.255.255", "::1"))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target(True, "example.com", 443, "/")),
        ("https://Example.COM:443/a?b=c&d", Target(True, "example.com", 443, "/a?b=c&d")),
        ("https://example.com?x=1", Target(True, "example.com", 443, "/?x=1")),
        ("https://8.8.8.8/", Target(True, "8.8.8.8", 443, "/")),
        ("https://[2606:4700::1111]/", Target(True, "2606:4700::1111", 443, "/")),
        ("https://xn--exampl-gva.com/", Target(True, "xn--exampl-gva.com", 443, "/")),
    ],
)
def test_a_url_that_is_right(url: str, target: Target) -> None:
    assert parse_url(url, allow_loopback=False) == target


@pytest.mark.parametrize(
    ("url", "host_header"),
    [
        ("http://127.0.0.1:9000/hook", "127.0.0.1:9000"),
        ("http://localhost/hook", "localhost"),
        ("http://[::1]:9000/", "[::1]:9000"),
        ("https://localhost:8443/", "localhost:8443"),
    ],
)
def test_loopback_is_for_the_local_stack(url: str, host_header: str) -> None:
    assert parse_url(url, allow_loopback=True).host_header == host_header
    with pytest.raises(UrlRefused):
        parse_url(url, allow_loopback=False)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "https://example.com:444/", "http://10.0.0.1/", "http://a@localhost/"],
)
def test_the_local_stack_allows_nothing_else(url: str) -> None:
    with pytest.raises(UrlRefused):
        parse_url(url, allow_loopback=True)
