"""A merchant's server: keeps what it is sent, and answers as the test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PING = b'"type":"webhook_endpoint.ping"'


@dataclass
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`statuses` are answered in turn; after the last one, 200. Pings of new endpoints are apart:
    they are answered with 200."""

    url: str
    statuses: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    pings: list[Received] = field(default_factory=list)

    @classmethod
    @contextmanager
    def start(cls) -> Iterator[Receiver]:
        receiver = cls("")

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver.take(Received(headers, body)))
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def take(self, received: Received) -> int:
        """Keep one request. The status to answer it with."""
        if PING in received.body:
            self.pings.append(received)
            return 200
        self.received.append(received)
        return self.statuses.pop(0) if self.statuses else 200

    def wait_for(self, count: int, seconds: int = 60) -> list[Received]:
        """What came, once it is `count` requests. Fails the test if it takes too long."""
        for _ in range(seconds * 10):
            if len(self.received) >= count:
                return self.received
            time.sleep(0.1)
        raise AssertionError(f"{len(self.received)} of {count} requests came in {seconds} s")
