"""How commands call the API: whose key, what is asked, and what a refusal says."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from farthing_cli import state
from farthing_cli.api import KEY, URL, Api
from farthing_cli.emulator import any_free_port
from farthing_cli.failure import Failure
from tests.unit.cli.test_state import DEV


class Gateway:
    """Answers what it was given, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        self.answers: list[tuple[int, bytes]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                key = self.headers.get("Authorization")
                gateway.asked.append((self.command, self.path, key, body))
                status, text = gateway.answers.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    gateway = Gateway()
    threading.Thread(target=gateway.server.serve_forever, daemon=True).start()
    monkeypatch.setenv(URL, f"{gateway.url}/")
    monkeypatch.setenv(KEY, "sk_test_mine")
    yield gateway
    gateway.server.shutdown()
    gateway.server.server_close()


def test_a_call_goes_where_the_environment_says_with_its_key(gateway: Gateway) -> None:
    gateway.answers = [(200, b'{"a": 1}'), (201, b"{}"), (200, b"{}")]
    api = Api.of()
    assert "sk_test" not in repr(api)
    assert api.get("/v1/x", limit=3, kind="A B", action=None) == {"a": 1}
    api.post("/v1/x", {"b": 2})
    api.delete("/v1/x/1")
    bearer = "Bearer sk_test_mine"
    assert gateway.asked == [
        ("GET", "/v1/x?limit=3&kind=A+B", bearer, b""),
        ("POST", "/v1/x", bearer, b'{"b": 2}'),
        ("DELETE", "/v1/x/1", bearer, b""),
    ]


def test_a_list_is_read_page_by_page_and_no_further_than_asked(gateway: Gateway) -> None:
    def page(*ids: int, more: bool) -> tuple[int, bytes]:
        data = [{"id": one} for one in ids]
        return 200, json.dumps({"data": data, "has_more": more}).encode()

    gateway.answers = [page(*range(100), more=True), page(100, more=False)]
    assert len(list(Api.of().listed("/v1/x", "id", 250, kind="A"))) == 101
    assert [path for _, path, _, _ in gateway.asked] == [
        "/v1/x?limit=100&kind=A",
        "/v1/x?limit=100&starting_after=99&kind=A",
    ]
    gateway.answers = [page(1, 2, more=True)]
    assert len(list(Api.of().listed("/v1/x", "id", 2))) == 2
    gateway.answers = [page(more=True)]
    assert list(Api.of().listed("/v1/x", "id", 2)) == []


def test_a_refusal_is_told_with_each_field(gateway: Gateway) -> None:
    fields = [{"field": "a", "message": "is wrong"}, {"field": "b", "message": "is missing"}]
    problem = {"code": "invalid_request", "detail": "two mistakes", "fields": fields}
    gateway.answers = [(400, json.dumps(problem).encode())]
    with pytest.raises(Failure) as refused:
        Api.of().get("/v1/x")
    assert str(refused.value).splitlines() == [
        "400 invalid_request: two mistakes",
        "  a: is wrong",
        "  b: is missing",
    ]


def test_a_file_is_given_as_it_is_and_its_refusal_is_told(gateway: Gateway) -> None:
    refused = json.dumps({"code": "not_found", "detail": "there is none"}).encode()
    gateway.answers = [(200, b"a,b\n\xff"), (404, refused)]
    assert Api.of().file("/v1/x/report") == b"a,b\n\xff"
    with pytest.raises(Failure, match="404 not_found: there is none"):
        Api.of().file("/v1/x/report")


@pytest.mark.parametrize("text", [b"<html>", b"[1]", b"\xff"])
def test_what_is_no_api_is_told(gateway: Gateway, text: bytes) -> None:
    gateway.answers = [(502, text)]
    with pytest.raises(Failure, match=r"no JSON|no API"):
        Api.of().get("/v1/x")


def test_nobody_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, f"http://127.0.0.1:{any_free_port()}")
    monkeypatch.setenv(KEY, "sk_test_mine")
    with pytest.raises(Failure, match="does not answer"):
        Api.of().get("/v1/x")


def test_without_an_address_it_is_the_local_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(URL, raising=False)
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.setattr(state, "running", lambda: dataclasses.replace(DEV, api_url="http://here"))
    assert Api.of() == Api("http://here", DEV.secret_key)
    for url, key in (("https://api.example", ""), ("", "sk_test_1"), ("ftp://x", "sk"), ("x", "y")):
        monkeypatch.setenv(URL, url)
        monkeypatch.setenv(KEY, key)
        with pytest.raises(Failure, match=URL):
            Api.of()
