"""A merchant's endpoint on this machine: shows what it is told, and checks each signature."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from farthing.webhooks.signature import SignatureRefused, verify
from farthing_cli.failure import Failure
from farthing_cli.state import Dev

HOST = "127.0.0.1"
BODY_BYTES_MAX = 1024 * 1024
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Message:
    """One webhook as it arrived."""

    refusal: str
    """Why the signature is not right; empty if it is."""
    event: dict[str, Any]

    @classmethod
    def of(cls, headers: dict[str, str], body: bytes, secret: str, now_seconds: int) -> Message:
        """Check the signature, then parse."""
        try:
            verify([secret], headers, body, now_seconds=now_seconds)
        except SignatureRefused as refused:
            return cls(str(refused), {})
        return cls("", json.loads(body))


class Listener:
    """An endpoint of the demo merchant, registered while it is open."""

    def __init__(self, dev: Dev, heard: Callable[[Message], None]) -> None:
        self._dev = dev
        self._heard = heard
        self._secret = ""
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT_SECONDS)
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self.url = f"http://{HOST}:{self._server.server_address[1]}/"

    def open(self) -> None:
        """Listen and register. Raises Failure if the API refuses."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        answer = self._call("POST", "", {"url": self.url, "event_types": ["*"]})
        self._endpoint_id, self._secret = answer["endpoint_id"], answer["secret"]

    def close(self) -> None:
        """Take the registration back."""
        self._call("DELETE", f"/{self._endpoint_id}")
        self._server.shutdown()
        self._server.server_close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._pool.request(
            method,
            f"{self._dev.api_url}/v1/webhook_endpoints{path}",
            headers={"Authorization": f"Bearer {self._dev.secret_key}"},
            body=json.dumps(body) if body else None,
        )
        if answer.status >= 400:
            raise Failure(f"The API answered {answer.status}: {answer.data.decode()}")
        return answer.json()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", "0")), BODY_BYTES_MAX)
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(length)
                message = Message.of(headers, body, listener._secret, int(time.time()))
                listener._heard(message)
                self.send_response(400 if message.refusal else 204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """The messages are what is shown."""

        return Handler
