"""`farthing listen`: a stack that delivers, the listener, and a server that it passes events to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3
from typer.testing import CliRunner, Result

from farthing.webhooks.deliver import body_of
from farthing.webhooks.endpoint import Payload
from farthing.webhooks.event import Event
from farthing.webhooks.signature import make_secret, signed_headers, verify
from farthing_cli.api import KEY, URL, Api
from farthing_cli.app import app
from farthing_cli.emulator import any_free_port
from farthing_cli.failure import Failure
from farthing_cli.webhooks.feed import webhook_body
from farthing_cli.webhooks.forward import Forwarder
from tests.stack.receiver import Receiver
from tests.unit.webhooks.world import event_row

SECRET = make_secret(b"e" * 32)
EVENT = Event.of(event_row(1, 3, type_="refund.succeeded"))
BODY = body_of(EVENT, Payload.FULL)


@dataclass
class Stack:
    """The API that a listener registers at. `on_register` is told the endpoint's URL."""

    url: str = ""
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    registered: list[dict[str, Any]] = field(default_factory=list)
    feed: list[dict[str, Any]] = field(default_factory=list)
    looks_that_fail: int = 0
    on_register: Callable[[str], None] = lambda url: None

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        if path.startswith("/v1/events"):
            return self._events(path)
        if method == "POST":
            wanted = json.loads(body)
            self.registered.append(wanted)
            self.endpoints["we_1"] = wanted
            threading.Thread(target=self.on_register, args=[wanted["url"]], daemon=True).start()
            return 201, {"endpoint_id": "we_1", "secret": SECRET}
        return 200, {"deleted": self.endpoints.pop(path.rpartition("/")[2])}

    def _events(self, path: str) -> tuple[int, dict[str, Any]]:
        if "after=end" in path:
            return 200, {"data": [], "has_more": False, "next": "0"}
        if self.looks_that_fail:
            self.looks_that_fail -= 1
            return 503, {"code": "rate_limited", "detail": "later"}
        after = int(path.partition("after=")[2].partition("&")[0])
        data = self.feed[after : after + 1]
        after += len(data)
        return 200, {"data": data, "has_more": after < len(self.feed), "next": str(after)}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    stack = Stack()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, document = stack.answer(self.command, self.path, body)
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    stack.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.delenv(URL, raising=False)
    monkeypatch.setattr(Api, "of", lambda: Api(stack.url, "sk_test_1"))
    yield stack
    server.shutdown()
    server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.start() as receiver:
        yield receiver


class Deliveries:
    """What Farthing's sender does with a listener: posts, and remembers the answers."""

    def __init__(self, *bodies: bytes, secret: str = SECRET) -> None:
        self.bodies, self.secret, self.answers = bodies, secret, list[tuple[int, str | None]]()

    def __call__(self, url: str) -> None:
        for number, body in enumerate(self.bodies):
            headers = signed_headers([self.secret], f"evt_{number}", int(time.time()), body)
            with urllib3.PoolManager(retries=False, timeout=10) as pool:
                answer = pool.request("POST", url, body=body, headers=headers)
            self.answers.append((answer.status, answer.headers.get("Retry-After")))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["listen", *arguments])


def lines(ran: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


def test_an_event_is_checked_signed_anew_and_its_answer_is_farthings(
    stack: Stack, receiver: Receiver
) -> None:
    """Given a server that fails once; when two deliveries come; then each is passed on under the
    session's secret, and what the server said is what the sender hears."""
    receiver.statuses = [500]
    stack.on_register = sender = Deliveries(BODY, BODY)
    ran = run("--forward-to", receiver.url, "--count", "1", "--format", "json")
    assert ran.exit_code == 0, ran.output
    assert [status for status, _ in sender.answers] == [500, 200]
    assert [one["status"] for one in lines(ran)] == [500, 200]
    assert lines(ran)[1]["event"]["data"]["event_id"] == EVENT.event_id
    session = run("--print-secret").stdout.strip()
    for got in receiver.received:
        assert got.body == BODY
        headers = {name.lower(): value for name, value in got.headers.items()}
        verify([session], headers, got.body, now_seconds=int(time.time()))
    assert session in ran.stderr
    assert stack.endpoints == {}, "the endpoint is left behind"
    assert stack.registered[0]["event_types"] == ["*"]


def test_the_sessions_secret_is_stable_belongs_to_the_key_and_can_be_given(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run("--print-secret").stdout
    assert first.startswith("whsec_")
    assert run("--print-secret").stdout == first
    assert run("--print-secret", "--secret", SECRET).stdout.strip() == SECRET
    monkeypatch.setattr(Api, "of", lambda: Api(stack.url, "sk_test_2"))
    assert run("--print-secret").stdout != first
    assert stack.registered == []


def test_a_server_that_is_not_there_is_a_502(stack: Stack) -> None:
    stack.on_register = sender = Deliveries(BODY)
    url = f"http://localhost:{any_free_port()}/hook"
    ran = run("--forward-to", url, "--count", "1", "--timeout", "1")
    assert isinstance(ran.exception, Failure)
    assert str(ran.exception) == "0 of 1 events were taken."
    assert [status for status, _ in sender.answers] == [502]
    assert "nobody listens there" in ran.stdout
    assert stack.endpoints == {}


@pytest.mark.parametrize(
    ("beginning", "status"),
    [(b"HTTP/1.1 200 OK\r\n\r\n", 200), (b"HTTP/1.1 200 OK\r\nX-Slow: ", 502)],
    ids=["body", "headers"],
)
def test_a_server_that_drips_is_waited_for_no_longer_than_the_deadline(
    beginning: bytes, status: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(beginning)
                for _ in range(40):
                    time.sleep(0.1)
                    connection.sendall(b"x")

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        began = time.monotonic()
        reply = Forwarder(url, SECRET, timeout_seconds=0.5).forward("evt_1", BODY)
    assert reply.status == status
    assert time.monotonic() - began < 2


def test_what_a_server_says_of_when_to_come_again_is_passed_on(stack: Stack) -> None:
    class Later(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(503)
            self.send_header("Retry-After", "7")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Later) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        stack.on_register = sender = Deliveries(BODY)
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        assert run("--forward-to", url, "--timeout", "0.5").exit_code == 0
    assert sender.answers == [(503, "7")]


def test_a_signature_that_is_not_farthings_is_refused_unless_told_otherwise(
    stack: Stack, receiver: Receiver
) -> None:
    stack.on_register = sender = Deliveries(BODY, secret=make_secret(b"x" * 32))
    ran = run("--forward-to", receiver.url, "--timeout", "0.5")
    assert ran.exit_code == 0
    assert ([status for status, _ in sender.answers], receiver.received) == ([400], [])
    ran = run("--forward-to", receiver.url, "--skip-verify", "--count", "1")
    assert ran.exit_code == 0
    assert len(receiver.received) == 1


def test_without_a_server_events_are_shown(stack: Stack) -> None:
    stack.on_register = Deliveries(BODY)
    ran = run("--count", "1", "--events", "refund.*")
    assert ran.exit_code == 0
    assert "refund.succeeded evt_0 signed right" in ran.stdout
    assert EVENT.event_id in ran.stdout
    assert stack.registered[0]["event_types"] == ["refund.*"]


def test_the_endpoints_own_ping_is_answered_and_passed_to_nobody(
    stack: Stack, receiver: Receiver
) -> None:
    stack.on_register = sender = Deliveries(b'{"type":"webhook_endpoint.ping"}', BODY)
    ran = run("--forward-to", receiver.url, "--count", "1")
    assert ran.exit_code == 0
    assert [status for status, _ in sender.answers] == [204, 200]
    assert [got.body for got in receiver.received] == [BODY]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_the_endpoint_back(stack: Stack, number: int) -> None:
    stack.on_register = lambda url: os.kill(os.getpid(), number)
    before = signal.getsignal(number)
    assert run("--timeout", "20").exit_code == 0
    assert stack.endpoints == {}
    assert signal.getsignal(number) is before
    # And who waited for events has not got them
    assert isinstance(run("--timeout", "20", "--count", "1").exception, Failure)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://192.168.0.1/",
        "https://127.0.0.1/",
        "http://127.0.0.1@example.com/",
        "http://localhost.example.com/",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:3000/#here",
        "127.0.0.1:3000",
        "",
    ],
)
def test_nothing_is_passed_to_another_machine(stack: Stack, url: str) -> None:
    if url:
        assert isinstance(run("--forward-to", url).exception, Failure)
    assert stack.registered == []


@pytest.mark.parametrize(
    "arguments",
    [["--events", "nothing"], ["--secret", "whsec_x"], ["--secret", "whpk_" + "A" * 43 + "="]],
)
def test_a_mistake_is_told_before_anything_is_registered(
    stack: Stack, arguments: list[str]
) -> None:
    assert isinstance(run("--timeout", "0", *arguments).exception, Failure)
    assert stack.registered == []


def test_a_stack_elsewhere_is_followed_by_its_feed(
    stack: Stack, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a stack that cannot reach this machine; when its feed has events; then each is passed
    on in order, in the bytes of a webhook, and nothing is registered."""
    monkeypatch.setenv(URL, "https://api.example")
    monkeypatch.setenv(KEY, "sk_test_1")
    rows = [event_row(1, n) for n in (1, 2, 3)]
    stack.feed = [Event.of(row).view(livemode=False) for row in rows]
    stack.looks_that_fail = 1
    ran = run("--forward-to", receiver.url, "--events", "refund.*", "--events", "*.x", "--count")
    assert ran.exit_code == 2
    ran = run("--forward-to", receiver.url, "--count", "3", "--timeout", "30")
    assert ran.exit_code == 0, ran.output
    bodies = [body_of(Event.of(row), Payload.FULL) for row in rows]
    assert [got.body for got in receiver.received] == bodies
    ids = [got.headers["webhook-id"] for got in receiver.received]
    assert ids == [row["event_id"] for row in rows]
    assert stack.registered == []


def test_a_feed_that_stays_away_ends_it(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL, "https://api.example")
    monkeypatch.setattr("farthing_cli.webhooks.feed.POLL_SECONDS", 0.01)
    stack.looks_that_fail = 5
    ran = run("--timeout", "30")
    assert "503" in str(ran.exception)


def test_an_event_of_the_feed_has_the_bytes_of_a_webhook() -> None:
    assert webhook_body(EVENT.view(livemode=False)) == BODY
