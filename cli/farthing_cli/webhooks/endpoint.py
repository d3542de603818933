"""An endpoint on this machine: registered at the local stack while it is open, and no longer."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from farthing_cli.api import Api, part
from farthing_cli.webhooks.hearing import Hearing

HOST = "127.0.0.1"
BODY_BYTES_MAX = 1024 * 1024
IDLE_SECONDS = 30
PATH = "/v1/webhook_endpoints"
DESCRIPTION = "farthing listen"


@contextmanager
def registered(
    api: Api, hearing: Hearing, patterns: Sequence[str], *, checked: bool
) -> Iterator[str]:
    """Hear what the merchant is told, as long as this is open; gives the endpoint's URL.

    Raises Failure if the API refuses it.
    """
    server = _Server((HOST, 0), _Handler)
    server.hearing, server.checked = hearing, checked
    url = f"http://{HOST}:{server.server_address[1]}/"
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    try:
        wanted = {"url": url, "event_types": list(patterns), "description": DESCRIPTION}
        endpoint = api.post(PATH, wanted)
        server.secret = endpoint["secret"]
        server.ready.set()
        try:
            yield url
        finally:
            api.delete(f"{PATH}/{part(endpoint['endpoint_id'])}")
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hearing: Hearing
    checked: bool
    secret: str = ""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ready = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that went away: it comes again."""


class _Handler(BaseHTTPRequestHandler):
    timeout = IDLE_SECONDS
    server: _Server

    def do_POST(self) -> None:
        """One delivery. What comes before we know our secret waits for it."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self._answer(413, None)
            return
        body = self.rfile.read(int(length))
        if not self.server.ready.wait(IDLE_SECONDS):
            self._answer(503, None)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        secret = self.server.secret if self.server.checked else None
        heard = self.server.hearing.delivered(headers, body, secret)
        self._answer(heard.reply.status, heard.reply.retry_after)
        self.server.hearing.answered(heard)

    def _answer(self, status: int, retry_after: str | None) -> None:
        self.send_response_only(status)
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """The events are what is shown."""
