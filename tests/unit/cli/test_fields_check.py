"""`farthing fields check`: whatever is changed on the way to the browser makes a difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from farthing.card_entry.headers import file_headers, frame_headers, loader_headers
from farthing_cli.card_frame import FOLDER, inventory
from farthing_cli.fields_check import Difference, Fetch, Received, differences

SHOP = "https://shop.example"
KEY = "pk_test_x"
BUILT = inventory()
SCRIPT = next(file.path for file in BUILT if file.kind == "script")
LOADER = next(file.path for file in BUILT if file.kind == "loader")
PAGE = (FOLDER / "frame.html").read_bytes()


def received(
    body: bytes, content_type: str, headers: dict[str, str], status: int = 200
) -> Received:
    """An answer as the gateway sends it."""
    of_the_way = {
        "Date": "now",
        "X-Amzn-RequestId": "1",
        "Content-Length": str(len(body)),
        "Via": "1.1 x",
    }
    sent = headers | of_the_way | {"Content-Type": f"{content_type}; charset=utf-8"}
    return Received(status, {name.lower(): value for name, value in sent.items()}, body)


def as_built(path: str) -> Received:
    name = urlsplit(path).path.rsplit("/", 1)[-1]
    if name == "frame":
        assert path.endswith(f"?key={KEY}")
        return received(PAGE, "text/html", frame_headers([SHOP]))
    if name == "fields.js":
        return received((FOLDER / LOADER).read_bytes(), "text/javascript", loader_headers())
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    headers = file_headers(is_for_other_pages=name == LOADER)
    return received((FOLDER / name).read_bytes(), kind, headers)


def tampered(where: str, change: Callable[[Received], Received]) -> Fetch:
    def fetch(path: str) -> Received:
        answer = as_built(path)
        return change(answer) if urlsplit(path).path.endswith(f"/{where}") else answer

    return fetch


def body(old: bytes, new: bytes) -> Callable[[Received], Received]:
    def change(answer: Received) -> Received:
        assert old in answer.body
        return replace(answer, body=answer.body.replace(old, new))

    return change


def header(name: str, value: str | None) -> Callable[[Received], Received]:
    def change(answer: Received) -> Received:
        others = {key: text for key, text in answer.headers.items() if key != name}
        return replace(answer, headers=others | ({name: value} if value is not None else {}))

    return change


def policy(old: str, new: str) -> Callable[[Received], Received]:
    def change(answer: Received) -> Received:
        text = answer.headers["content-security-policy"]
        assert old in text
        return header("content-security-policy", text.replace(old, new))(answer)

    return change


def found(fetch: Fetch, origins: list[str] | None = None) -> list[Difference]:
    return differences(fetch, BUILT, KEY, origins)


def test_what_was_built_makes_no_difference() -> None:
    assert found(as_built) == []
    assert found(as_built, [SHOP]) == []


@pytest.mark.parametrize(
    ("where", "change", "what"),
    [
        (SCRIPT, body(b"number", b"numbers"), "is not what was built"),
        (LOADER, body(b"farthing", b"farthin_"), "is not what was built"),
        ("fields.js", body(b"farthing", b"farthin_"), "is not what was built"),
        (SCRIPT, header("x-content-type-options", None), "x-content-type-options is missing"),
        (SCRIPT, header("content-type", "text/html"), "content-type is 'text/html'"),
        (
            SCRIPT,
            header("access-control-allow-origin", "*"),
            "access-control-allow-origin was added",
        ),
        (SCRIPT, lambda answer: replace(answer, status=502), "status 502"),
        ("frame", body(b"</form>", b"<p></form>"), "the page is not the one that was built"),
        (
            "frame",
            body(b"</head>", b"<script src=x.js></script>"),
            "a script that nobody listed: x.js",
        ),
        ("frame", body(b"</head>", b"<script>x</script>"), "nobody listed: in the page itself"),
        ("frame", body(b"<form", b"<form onsubmit=x"), "a script that nobody listed"),
        (
            "frame",
            body(b'integrity="sha384-', b'integrity="sha384-A'),
            "a script that nobody listed",
        ),
        (
            "frame",
            body(b"</head>", b"<link rel=stylesheet href=x.css>"),
            "a style that nobody listed",
        ),
        (
            "frame",
            policy("script-src 'self'", "script-src 'self' 'unsafe-inline'"),
            "content-security",
        ),
        ("frame", policy("connect-src 'self'", "connect-src *"), "content-security-policy is"),
        ("frame", policy("base-uri 'none'; ", ""), "content-security-policy is"),
        ("frame", policy("default-src", "img-src *; default-src"), "content-security-policy is"),
        ("frame", policy(SHOP, f"{SHOP} *"), "may be embedded by https://shop.example *"),
        ("frame", policy(f"frame-ancestors {SHOP}; ", ""), "may be embedded by everybody"),
        ("frame", header("content-security-policy", None), "content-security-policy is missing"),
        ("frame", header("strict-transport-security", "max-age=0"), "max-age=0"),
        ("frame", header("set-cookie", "a=b"), "set-cookie was added"),
        ("frame", header("content-security-policy-report-only", "x"), "report-only was added"),
        ("frame", lambda answer: replace(answer, status=404), "status 404"),
    ],
)
def test_whatever_is_otherwise_is_named(
    where: str, change: Callable[[Received], Received], what: str
) -> None:
    said = found(tampered(where, change))
    assert any(one.where == where and what in one.what for one in said), said


def test_who_may_embed_can_be_named() -> None:
    assert found(as_built, [SHOP, "https://other.example"]) == [
        Difference("frame", f"may be embedded by {SHOP}")
    ]


def test_the_order_of_a_policy_is_no_difference() -> None:
    turned = policy("img-src 'none'; base-uri 'none'", "base-uri 'none';  img-src 'none'")
    assert found(tampered("frame", turned)) == []
