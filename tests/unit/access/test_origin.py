"""Origins: one form for each, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.access.origin import is_origin, parse_origin

SAFE = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://Shop.EXAMPLE", "https://shop.example"),
        ("HTTPS://shop.example:443", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://a.b-c.d1", "https://a.b-c.d1"),
        ("https://shop", "https://shop"),
        ("http://localhost", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://shop.localhost:3000", "http://shop.localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://127.0.0.1", "https://127.0.0.1"),
    ],
)
def test_an_origin_has_one_form(text: str, origin: str) -> None:
    assert parse_origin(text) == origin
    assert is_origin(origin)
    assert is_origin(text) is (text == origin)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "nothing else"),
        ("shop.example", "nothing else"),
        ("ftp://shop.example", "nothing else"),
        ("https://shop.example/", "without a path"),
        ("https://shop.example/pay", "without a path"),
        ("https://*.shop.example", "wildcards"),
        ("https://shop.example:*", "wildcards"),
        ("*", "wildcards"),
        ("https://user@shop.example", "nothing else"),
        ("https://shop.example?x", "nothing else"),
        ("https://bücher.example", "xn--"),
        ("https://shop.example\n", "nothing else"),
        ("https://shop.example; script-src *", "wildcards"),
        ("https://shop.example https://evil.example", "without a path"),
        ("https://shop.example,https://b.example", "without a path"),
        ("https://[::1]", "no address"),
        ("https://shop.example:", "nothing else"),
        ("https://shop.example:0443", "nothing else"),
        ("https://shop.example:65536", "no port 65536"),
        ("https://shop.example.", "no host name"),
        ("https://-shop.example", "no host name"),
        ("https://shop..example", "no host name"),
        ("https://" + "a" * 64 + ".example", "no host name"),
        ("https://" + "a." * 130 + "example", "nothing else"),
        ("https://192.168.0.1", "is an address"),
        ("https://127.0.0.2", "is an address"),
        ("https://2130706433", "is an address"),
        ("https://0x7f000001", "is an address"),
        ("https://127.1", "is an address"),
        ("http://shop.example", "reached by https"),
        ("http://localhost.example", "reached by https"),
        ("http://notlocalhost", "reached by https"),
        ("null", "nothing else"),
        ("'none'", "nothing else"),
    ],
)
def test_what_is_none_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_origin(text)
    assert not is_origin(text)


ALMOST = st.one_of(
    st.text(),
    st.text(alphabet="abc.-:/*;' \t\r\n\",[]@?#%019é"),
    st.builds(
        "{}://{}{}".format,
        st.sampled_from(["https", "http", "HTTPS", "ws", "javascript", ""]),
        st.text(alphabet="ab.-1*", max_size=12),
        st.sampled_from(
            ["", ":1", ":443", ":80", ":99999", ":x", "/", "/a", " ", ";", "\n", "\x00"]
        ),
    ),
)


@given(ALMOST)
def test_what_passes_can_stand_in_a_policy_and_is_what_a_browser_calls_it(text: str) -> None:
    try:
        origin = parse_origin(text)
    except ValueError:
        return
    assert SAFE.fullmatch(origin)
    assert parse_origin(origin) == origin
    assert not origin.endswith((":443", ":80")) or origin.startswith(("https://", "http://"))
    host = origin.split("://")[1].split(":")[0]
    assert (
        origin.startswith("https://")
        or host in {"127.0.0.1", "localhost"}
        or (host.endswith(".localhost"))
    )


HOSTS = st.from_regex(
    r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,10}[a-z0-9])?){1,3}", fullmatch=True
)


@given(HOSTS, st.integers(1, 65535))
def test_every_host_by_https_is_one(host: str, port: int) -> None:
    wanted = f"https://{host}" if port == 443 else f"https://{host}:{port}"
    assert parse_origin(f"https://{host}:{port}") == wanted
    assert parse_origin(f"https://{host.upper()}") == f"https://{host}"
