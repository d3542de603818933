"""The front: what it passes on, what it keeps, and the faults that it stages."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from farthing_cli.emulator import any_free_port
from farthing_cli.failure import Failure
from farthing_cli.front import FAULT_HEADER, Front, Upstreams, setting


class Upstream(BaseHTTPRequestHandler):
    """Tells what it was asked; the path says which fault to ask for."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        told = {"path": self.path, "body": body.decode(), "from": self.headers["X-Forwarded-For"]}
        self.send_response(201)
        if "fault=" in self.path:
            self.send_header(FAULT_HEADER, self.path.rsplit("=", 1)[1])
        answer = json.dumps(told).encode()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def front() -> Iterator[Front]:
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, args=(0.05,), daemon=True).start()
    url = f"http://127.0.0.1:{upstream.server_address[1]}"
    opened = open_front()
    opened.connect(Upstreams(f"{url}/api", f"{url}/tokens", f"{url}/acquirer"))
    yield opened
    opened.close()
    upstream.shutdown()
    upstream.server_close()


def open_front() -> Front:
    for _ in range(20):  # two ports in a row, and the second may be another's
        with contextlib.suppress(Failure):
            return Front(any_free_port())
    pytest.fail("no two free ports in a row")


class Answer(NamedTuple):
    """What the front answered."""

    status: int
    content_type: str | None
    document: dict[str, object]


def ask(port: int, path: str, headers: dict[str, str] | None = None) -> Answer:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
        connection.request("POST", path, b'{"a":1}', headers or {})
        with connection.getresponse() as answer:
            return Answer(answer.status, answer.headers["Content-Type"], json.load(answer))


def test_each_address_leads_to_its_api(front: Front) -> None:
    paths = {
        (front.port, "/v1/refunds?limit=2"): "/api/v1/refunds?limit=2",
        (front.port, "/acquirer/v1/captures"): "/acquirer/v1/captures",
        (front.port + 1, "/v1/tokens"): "/tokens/v1/tokens",
        (front.port + 1, "/fields/v1/frame?key=pk"): "/tokens/fields/v1/frame?key=pk",
    }
    for (port, path), reached in paths.items():
        answer = ask(port, path)
        assert answer.status == 201
        assert answer.document == {"path": reached, "body": '{"a":1}', "from": "127.0.0.1"}


def test_the_frame_is_not_of_the_apis_origin(front: Front) -> None:
    assert ask(front.port, "/fields/v1/frame").status == 404
    assert front.page_origins == [f"http://{h}:{front.port}" for h in ("127.0.0.1", "localhost")]
    assert front.shop_origins == [
        f"http://{h}:{front.port + 2}" for h in ("127.0.0.1", "localhost")
    ]


def test_the_client_cannot_say_where_it_comes_from(front: Front) -> None:
    answer = ask(front.port, "/v1/x", {"X-Forwarded-For": "203.0.113.9"})
    assert answer.document["from"] == "127.0.0.1"


def test_a_path_that_leads_nowhere_is_a_problem_document(front: Front) -> None:
    answer = ask(front.port, "/nowhere")
    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert answer.document["code"] == "not_found"


def test_a_reset_reaches_the_client_as_one(front: Front) -> None:
    with pytest.raises(ConnectionResetError):
        ask(front.port, "/acquirer/v1/authorizations?fault=reset")


def test_no_answer_is_silence_and_holds_no_slot(front: Front) -> None:
    # Given: more silent requests than there are slots
    waiting = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(20)]
    for connection in waiting:
        connection.sendall(b"GET /v1/x?fault=no-answer HTTP/1.1\r\nHost: x\r\n\r\n")
    # Then: another request is served, and the silent ones hear nothing
    assert ask(front.port, "/v1/x").status == 201
    for connection in waiting:
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.close()


def test_a_taken_port_is_said(front: Front) -> None:
    with pytest.raises(Failure, match="FARTHING_PORT"):
        Front(front.port)


def test_a_setting_is_a_positive_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARTHING_CONCURRENCY", "many")
    with pytest.raises(Failure, match="positive whole number"):
        setting("FARTHING_CONCURRENCY", 8)
