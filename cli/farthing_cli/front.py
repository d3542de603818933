"""One local process in the place of domain names, TLS and the Internet.

    :8080  /v1/…, /checkout/…                   → the API          at most 8 requests at a time
    :8080  /acquirer/…                          → the sandbox acquirer, by slots of its own
    :8080  /dashboard, /docs                    → pages that come later
    :8081  /v1/tokens, /fields/…                → the tokens API: another origin, as in production
    :8082  the demo merchant's own site (shop.py), which is no part of Farthing

MiniStack starts a worker process for each concurrent request, so the front admits few of them at a
time; the others wait. The acquirer's requests are made inside API requests that hold a slot, so
they must never wait for the same slots.

The sandbox acquirer cannot break a connection from behind API Gateway: it asks for it in the header
Farthing-Sandbox-Fault, and the front does it.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import urllib3

from farthing_cli.failure import Failure

HOST = "127.0.0.1"
LOOPBACK_HOSTS = (HOST, "localhost")
DEFAULT_PORT = 8080
SHOP_PORT_OFFSET = 2
DEFAULT_CONCURRENCY = 8
ACQUIRER_CONCURRENCY = 16
GATEWAY_TIMEOUT_SECONDS = 29
SLOT_TIMEOUT_SECONDS = 120
SILENCE_SECONDS = 60
IDLE_TIMEOUT_SECONDS = 75
BODY_BYTES_MAX = 10 * 1024 * 1024
CONNECTIONS_WAITING_MAX = 256

FAULT_HEADER = "Farthing-Sandbox-Fault"
NOT_PASSED_ON = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "expect",
        "host",
        "content-length",
        "date",
        "server",
        "x-forwarded-for",
        "farthing-sandbox-fault",
    ]
)
PAGES = ("/dashboard", "/docs")


@dataclass(frozen=True)
class Route:
    """A path prefix, where it leads, and how many requests go there at once."""

    prefix: str
    upstream: str
    slots: threading.Semaphore
    keep_prefix: bool = True

    def path(self, asked: str) -> str:
        """The path at the upstream."""
        return asked if self.keep_prefix else asked.removeprefix(self.prefix.rstrip("/"))


class Server(ThreadingHTTPServer):
    """One port."""

    daemon_threads = True
    request_queue_size = CONNECTIONS_WAITING_MAX
    allow_reuse_address = True

    def __init__(self, port: int, routes: tuple[Route, ...], pool: urllib3.PoolManager) -> None:
        super().__init__((HOST, port), Handler)
        self.routes = routes
        self.pool = pool

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is not an error."""


class Handler(BaseHTTPRequestHandler):
    """Passes one request on and its answer back."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_SECONDS
    server: Server
    disable_nagle_algorithm: ClassVar[bool] = True

    def _serve(self) -> None:
        path = self.path.split("?", 1)[0]
        body = self._body()
        if body is None:
            return
        route = next((r for r in self.server.routes if path.startswith(r.prefix)), None)
        if route is not None:
            self._forward(route, body)
        elif path.rstrip("/").startswith(PAGES):
            self._answer(200, {"Content-Type": "text/html"}, b"<p>This page comes later.</p>\n")
        else:
            self._problem(404, "not_found", "There is no such object", "no such path", "NONE")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _serve

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding"):
            self._problem(411, "invalid_request", "A field is wrong", "no Content-Length", "NONE")
            return None
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self._problem(413, "body_too_large", "The body is too large", "at most 10 MB", "NONE")
            return None
        return self.rfile.read(int(length))

    def _forward(self, route: Route, body: bytes) -> None:
        if not route.slots.acquire(timeout=SLOT_TIMEOUT_SECONDS):
            self._problem(503, "rate_limited", "Too many requests", "the front is full", "NONE")
            return
        try:
            answer = self.server.pool.request(
                self.command,
                route.upstream + route.path(self.path),
                body=body or None,
                headers=self._headers_on(),
            )
        except urllib3.exceptions.HTTPError as error:
            self._problem(504, "internal_error", "Farthing failed", type(error).__name__, "UNKNOWN")
            return
        finally:
            route.slots.release()
        fault = answer.headers.get(FAULT_HEADER)
        if fault == "no-answer":
            self._say_nothing()
        elif fault == "reset":
            self._reset()
        else:
            self._answer(answer.status, answer.headers, answer.data)

    def _headers_on(self) -> dict[str, str]:
        """The client's headers. Its address is ours to say, as it is the gateway's in AWS."""
        kept = {k: v for k, v in self.headers.items() if k.lower() not in NOT_PASSED_ON}
        return kept | {"X-Forwarded-For": self.client_address[0]}

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _problem(self, status: int, code: str, title: str, detail: str, outcome: str) -> None:
        self.close_connection = True
        document = {
            "type": f"/docs/errors#{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "code": code,
            "retry": "NEVER" if outcome == "NONE" else "SAME_KEY",
            "outcome": outcome,
            "request_id": None,
        }
        body = json.dumps(document).encode()
        self._answer(status, {"Content-Type": "application/problem+json"}, body)

    def _say_nothing(self) -> None:
        """Leave the client waiting until it gives up."""
        self.close_connection = True
        select.select([self.connection], [], [], SILENCE_SECONDS)

    def _reset(self) -> None:
        """Break the connection: with no time to linger, closing it sends RST."""
        self.close_connection = True
        no_linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """The functions log; the front is silent."""


@dataclass(frozen=True)
class Upstreams:
    """Where MiniStack answers for each API."""

    api: str
    tokens: str
    acquirer: str


class Front:
    """The two ports. Opened early so that they are surely ours, connected when the APIs exist."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._servers: list[Server] = []
        pool = urllib3.PoolManager(
            maxsize=64,
            retries=False,
            timeout=urllib3.Timeout(connect=2, read=GATEWAY_TIMEOUT_SECONDS),
        )
        try:
            for offset in (0, 1):
                self._servers.append(Server(port + offset, (), pool))
        except OSError:
            self.close()
            raise Failure(
                f"Port {port} or {port + 1} is taken. Move Farthing's with FARTHING_PORT."
            ) from None

    @property
    def api_url(self) -> str:
        """Where the API answers, without /v1."""
        return f"http://{HOST}:{self.port}"

    @property
    def tokens_url(self) -> str:
        """Where card numbers are sent."""
        return f"http://{HOST}:{self.port + 1}"

    @property
    def page_origins(self) -> list[str]:
        """The origins under which a browser on this machine sees our own pages."""
        return [f"http://{host}:{self.port}" for host in LOOPBACK_HOSTS]

    @property
    def shop_origins(self) -> list[str]:
        """The origins of the demo merchant's own pages."""
        return [f"http://{host}:{self.port + SHOP_PORT_OFFSET}" for host in LOOPBACK_HOSTS]

    @property
    def shop_url(self) -> str:
        """Where the demo merchant's own site answers."""
        return self.shop_origins[0]

    @property
    def acquirer_url(self) -> str:
        """Where the sandbox acquirer answers."""
        return f"{self.api_url}/acquirer"

    def connect(self, upstreams: Upstreams) -> None:
        """Start to serve."""
        slots = threading.Semaphore(concurrency())
        acquirer = Route(
            "/acquirer/", upstreams.acquirer, threading.Semaphore(ACQUIRER_CONCURRENCY), False
        )
        self._servers[0].routes = (
            acquirer,
            *(Route(prefix, upstreams.api, slots) for prefix in ("/v1/", "/checkout/")),
        )
        self._servers[1].routes = tuple(
            Route(prefix, upstreams.tokens, slots) for prefix in ("/v1/", "/fields/")
        )
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True).start()

    def close(self) -> None:
        """Close both ports."""
        for server in self._servers:
            if server.routes:
                server.shutdown()
            server.server_close()


def concurrency() -> int:
    """How many API requests are admitted at once. Raises Failure if the setting is no number."""
    return setting("FARTHING_CONCURRENCY", DEFAULT_CONCURRENCY)


def setting(name: str, default: int) -> int:
    """A whole number from the environment. Raises Failure if it is something else."""
    text = os.environ.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise Failure(f"{name} must be a positive whole number, not {text!r}.")
    return int(text)
