"""The sandbox acquirer is told where to post, as its own client tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from farthing_cli import acquirer_webhook
from farthing_cli.failure import Failure
from tests.unit.cli.test_state import DEV


class Acquirer(ThreadingHTTPServer):
    """Remembers what it was asked, and answers with `status`."""

    status = 204

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/acquirer"


class Handler(BaseHTTPRequestHandler):
    server: Acquirer

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shown = str(self.headers["Authorization"])
        self.server.asked.append((self.command, self.path, shown, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class Account:
    """Secrets Manager with one secret."""

    def client(self, service: str) -> Account:
        assert service == "secretsmanager"
        return self

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:
        return {"SecretString": f"value of {SecretId}"}


@pytest.fixture
def acquirer() -> Iterator[Acquirer]:
    server = Acquirer()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def register(acquirer_url: str) -> None:
    dev = replace(DEV, acquirer_url=acquirer_url)
    outputs = {"AcquirerSecretId": "acquirer", "TokenServiceSecretId": "service"}
    acquirer_webhook.register(dev, Account(), outputs)  # type: ignore[arg-type]


def test_each_is_told_its_own_address_of_the_api(acquirer: Acquirer) -> None:
    register(acquirer.url)
    ours, path = "http://127.0.0.1:8080/v1/acquirer_webhooks", "/v1/webhook_endpoint"
    assert acquirer.asked == [
        ("PUT", f"/acquirer{path}", "Bearer value of acquirer", {"url": f"{ours}/sandbox"}),
        (
            "PUT",
            f"/acquirer/token_service{path}",
            "Bearer value of service",
            {"url": f"{ours}/sandbox_tokens"},
        ),
    ]


def test_a_refusal_or_silence_is_said(acquirer: Acquirer) -> None:
    acquirer.status = 401
    with pytest.raises(Failure, match="401"):
        register(acquirer.url)
    with pytest.raises(Failure, match="does not answer"):
        register("http://127.0.0.1:9")
