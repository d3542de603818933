"""The sender against real sockets on this machine."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from farthing.webhooks.address import Address
from farthing.webhooks.http import HttpSender, connect
from farthing.webhooks.ports import Answer, SendError

Behaviour = Callable[[socket.socket], None]
HOST = "hooks.example.com"


class Receiver:
    """A server on this machine that does one thing to each connection."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.connections = 0
        self._behaviour = behaviour
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError), connection:
                self._behaviour(connection)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"


@contextlib.contextmanager
def receiver(behaviour: Behaviour) -> Iterator[Receiver]:
    made = Receiver(behaviour)
    try:
        yield made
    finally:
        made.listener.shutdown(socket.SHUT_RDWR)
        made.listener.close()


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(b"}"):
        more = connection.recv(65536)
        if not more:
            break
        data += more
    return data


def says(reply: bytes, seen: list[bytes] | None = None) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        request = read_request(connection)
        if seen is not None:
            seen.append(request)
        connection.sendall(reply)

    return behave


def post(url: str, deadline_seconds: float = 5) -> Answer:
    sender = HttpSender(True, deadline_seconds=deadline_seconds)
    return sender.post(url, {"webhook-id": "evt_1", "content-type": "application/json"}, b"{}")


@pytest.mark.parametrize("status", [200, 204, 299])
def test_2xx_succeeds(status: int) -> None:
    seen: list[bytes] = []
    with receiver(says(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status, seen)) as there:
        answer = post(there.url)
    assert answer.succeeded
    assert answer.status_code == status
    head = seen[0].decode().lower()
    assert head.startswith("post /hook?a=b http/1.1\r\n")
    assert f"\r\nhost: 127.0.0.1:{there.port}\r\n" in head
    assert "\r\nwebhook-id: evt_1\r\n" in head
    assert head.endswith("\r\n\r\n{}")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(status: int) -> None:
    with receiver(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as inside:
        reply = f"HTTP/1.1 {status} X\r\nLocation: {inside.url}\r\nContent-Length: 0\r\n\r\n"
        with receiver(says(reply.encode())) as there:
            answer = post(there.url)
        assert (answer.status_code, answer.succeeded) == (status, False)
        assert inside.connections == 0


def test_little_of_a_large_reply_is_read() -> None:
    sent: list[int] = []

    def pour(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        with contextlib.suppress(OSError):
            while len(sent) < 10_000:
                sent.append(connection.send(b"x" * 65536))

    with receiver(pour) as there:
        answer = post(there.url)
        time.sleep(0.2)
    assert answer.status_code == 200
    assert sum(sent) < 50_000_000  # what fits into the kernel's buffers, not what was promised


def test_headers_count_towards_what_is_read() -> None:
    """Given more headers than are read; then the status counts, and the last header is unseen."""
    many = b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(20))
    head = b"HTTP/1.1 200 OK\r\nServer: s\r\n" + many + b"Retry-After: 5\r\n\r\n"
    with receiver(says(head)) as there:
        answer = post(there.url)
    assert answer.succeeded
    assert answer.reply is not None
    assert dict(answer.reply.headers) == {"server": "s"}


def test_a_receiver_that_only_ever_says_to_go_on_is_left() -> None:
    def go_on(connection: socket.socket) -> None:
        read_request(connection)
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" * 100)

    with receiver(go_on) as there:
        answer = post(there.url)
    assert answer.error is SendError.CONNECTION_BROKEN
    assert answer.duration_ms < 2000


def test_a_receiver_that_drips_ends_at_the_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100):
            connection.sendall(b"x-%d: y\r\n" % number)
            time.sleep(0.1)

    with receiver(drip) as there:
        started = time.monotonic()
        answer = post(there.url, deadline_seconds=0.5)
    assert answer.error is SendError.TIMED_OUT
    assert time.monotonic() - started < 2


def test_a_receiver_that_says_nothing_ends_at_the_deadline() -> None:
    with receiver(lambda connection: time.sleep(3)) as there:
        answer = post(there.url, deadline_seconds=0.3)
    assert answer.error is SendError.TIMED_OUT
    assert 250 <= answer.duration_ms < 2000


def test_a_body_that_drips_does_not_undo_the_status() -> None:
    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        time.sleep(2)

    with receiver(drip) as there:
        answer = post(there.url, deadline_seconds=0.4)
    assert answer.status_code == 200
    assert answer.duration_ms < 1500


def test_a_look_up_that_hangs_ends_at_the_deadline() -> None:
    def hang(host: str, port: int) -> list[str]:
        time.sleep(2)
        return ["8.8.8.8"]

    answer = HttpSender(False, deadline_seconds=0.2, resolve=hang).post("https://a.com/", {}, b"")
    assert answer.error is SendError.TIMED_OUT


def test_a_name_that_does_not_exist() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror

    answer = HttpSender(False, resolve=nowhere).post("https://a.com/", {}, b"")
    assert answer.error is SendError.NAME_NOT_RESOLVED


def test_nobody_listens() -> None:
    with receiver(says(b"")) as there:
        url = there.url
    assert post(url).error is SendError.CONNECTION_FAILED


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 9999 X\r\n\r\n"])
def test_what_answers_is_not_http(reply: bytes) -> None:
    with receiver(says(reply)) as there:
        assert post(there.url).error is SendError.CONNECTION_BROKEN


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for HOST, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


def tls_post(
    host: str, certificate: Path, resolutions: list[list[str]]
) -> tuple[Answer, list[Any]]:
    """Post to `host`, whose addresses change with each look-up; the checked one leads here."""
    names: list[str | None] = []
    seen: list[bytes] = []
    dialled: list[str] = []
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    server.sni_callback = lambda _, name, __: names.append(name)

    def behave(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as secure:
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seen)(secure)

    with receiver(behave) as there:

        def here(address: Address, port: int, timeout_seconds: float) -> socket.socket:
            dialled.append(f"{address}:{port}")
            return socket.create_connection(("127.0.0.1", there.port), timeout_seconds)

        sender = HttpSender(
            False, deadline_seconds=5, resolve=lambda *_: resolutions.pop(0), connect=here
        )
        trusting = ssl.create_default_context(cafile=str(certificate))
        sender.__dict__["_tls"] = trusting
        answer = sender.post(f"https://{host}/hook", {}, b"{}")
    return answer, [names, seen, dialled]


def test_the_checked_address_is_dialled_with_the_name_kept(certificate: Path) -> None:
    """A resolver that answers differently the second time is not asked a second time."""
    rebinding = [["93.184.215.14"], ["169.254.169.254"]]
    answer, (names, seen, dialled) = tls_post(HOST, certificate, rebinding)
    assert answer.status_code == 200
    assert dialled == ["93.184.215.14:443"]
    assert names == [HOST]
    assert f"\r\nhost: {HOST}\r\n" in seen[0].decode().lower()
    assert rebinding == [["169.254.169.254"]]


def test_a_certificate_of_somebody_else_is_refused(certificate: Path) -> None:
    answer, (_, seen, _) = tls_post("other.example.com", certificate, [["93.184.215.14"]])
    assert answer.error is SendError.TLS_FAILED
    assert seen == []


def test_the_next_address_is_tried() -> None:
    tried: list[str] = []

    def refuse(address: Address, port: int, timeout_seconds: float) -> socket.socket:
        tried.append(str(address))
        raise ConnectionRefusedError

    found = ["2606:4700::1", "1.1.1.1", "8.8.8.8", "9.9.9.9"]
    sender = HttpSender(False, resolve=lambda *_: found, connect=refuse)
    assert sender.post("https://a.com/", {}, b"").error is SendError.CONNECTION_FAILED
    assert tried == ["1.1.1.1", "8.8.8.8", "9.9.9.9"]


def test_an_address_that_is_silent_leaves_time_for_the_next() -> None:
    given: list[float] = []

    def silent(address: Address, port: int, timeout_seconds: float) -> socket.socket:
        given.append(timeout_seconds)
        time.sleep(timeout_seconds)
        raise TimeoutError

    found = ["1.1.1.1", "8.8.8.8", "9.9.9.9"]
    sender = HttpSender(False, deadline_seconds=0.9, resolve=lambda *_: found, connect=silent)
    assert sender.post("https://a.com/", {}, b"").error is SendError.TIMED_OUT
    assert given == pytest.approx([0.3, 0.3, 0.3], abs=0.15)


def test_connect_dials_the_address_and_no_name() -> None:
    from ipaddress import ip_address

    with receiver(says(b"")) as there:
        connect(ip_address("127.0.0.1"), there.port, 1).close()
