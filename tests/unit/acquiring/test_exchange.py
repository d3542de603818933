"""HTTP to an acquirer, over real sockets: headers, TLS, no redirect, a bounded answer."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from farthing.acquiring.exchange import NoByteSent, NoUsableAnswer
from farthing.acquiring.http import Exchange

REQUESTS: list[tuple[str, str, dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        REQUESTS.append((self.command, self.path, headers, self.rfile.read(length)))
        moved = self.path == "/moved"
        body = b"x" * 2000 if self.path == "/long" else b"{}"
        self.send_response(302 if moved else 200)
        if moved:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Wanted", "this")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def server(context: ssl.SSLContext | None = None) -> Iterator[int]:
    REQUESTS.clear()
    made = HTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        made.socket = context.wrap_socket(made.socket, server_side=True)
        made.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made.server_port
    finally:
        made.shutdown()
        thread.join()
        made.server_close()


def exchange(url: str, **more: Any) -> Exchange:
    return Exchange(url, "secret", answer_bytes_max=1000, **more)


def test_headers_of_the_acquirer_and_of_the_request_go_with_it() -> None:
    with server() as port:
        one = exchange(
            f"http://127.0.0.1:{port}/",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            answer_header="Wanted",
        )
        assert one("POST", "/v1/x", b"a=1", 5, {"Idempotency-Key": "k"}) == (200, b"{}", "this")
    ((method, path, headers, body),) = REQUESTS
    assert (method, path, body) == ("POST", "/v1/x", b"a=1")
    assert headers["authorization"] == "Bearer secret"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["idempotency-key"] == "k"


def test_by_default_it_speaks_json_and_reads_the_sandboxs_signature() -> None:
    with server() as port:
        assert exchange(f"http://127.0.0.1:{port}")("GET", "/", None, 5) == (200, b"{}", "")
    ((_, _, headers, _),) = REQUESTS
    assert headers["content-type"] == "application/json"


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with server() as port:
        assert exchange(f"http://127.0.0.1:{port}")("POST", "/moved", b"{}", 5)[0] == 302
    assert [path for _, path, _, _ in REQUESTS] == ["/moved"]


def test_an_answer_is_bounded() -> None:
    with server() as port, pytest.raises(NoUsableAnswer):
        exchange(f"http://127.0.0.1:{port}")("GET", "/long", None, 5)


def test_where_nobody_listens_no_byte_is_sent() -> None:
    with server() as port:
        pass
    with pytest.raises(NoByteSent):
        exchange(f"http://127.0.0.1:{port}")("POST", "/", b"{}", 5)


def test_a_certificate_that_nobody_vouches_for_gets_no_request(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    with server(context) as port, pytest.raises((NoUsableAnswer, NoByteSent)):
        exchange(f"https://localhost:{port}")("POST", "/", b"{}", 5)
    assert REQUESTS == []


def self_signed(folder: Path) -> Path:
    """A certificate for localhost, by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
