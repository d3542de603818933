"""A local HTTP server: canned answers, or the real sandbox behind it."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

SECRET = "reporting-secret-of-the-test"


@dataclass
class Reply:
    """What the server sends. Signed with the right secret unless told otherwise."""

    status: int
    body: bytes
    signature: str | None = None
    content_type: str = "application/json"

    @property
    def sent_signature(self) -> str:
        if self.signature is not None:
            return self.signature
        return hmac.new(SECRET.encode(), self.body, hashlib.sha256).hexdigest()


def reply(status: int, document: Any) -> Reply:
    return Reply(status, json.dumps(document).encode())


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Server:
    """`respond` decides about each request; all are kept in `asked`."""

    url: str = ""
    respond: Callable[[Asked], Reply | None] = lambda _: None
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serving(respond: Callable[[Asked], Reply | None] = lambda _: None) -> Iterator[Server]:
    """A server on a free port of this machine. A reply of None closes without an answer."""
    server = Server(respond=respond)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(
                self.command, self.path, dict(self.headers), self.rfile.read(length).decode()
            )
            server.asked.append(asked)
            made = server.respond(asked)
            if made is None:
                self.close_connection = True
                return
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(made.body)))
            self.send_header("Content-Type", made.content_type)
            self.send_header("Sandbox-Signature", made.sent_signature)
            self.end_headers()
            self.wfile.write(made.body)

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def through_the_sandbox(asked: Asked) -> Reply:
    """The real sandbox's answer to a request."""
    from farthing_sandbox import http, runtime

    event = {
        "httpMethod": asked.method,
        "path": asked.path,
        "headers": asked.headers,
        "queryStringParameters": None,
        "body": asked.body or None,
        "isBase64Encoded": False,
    }
    answer = http.respond(event, runtime.services())
    signature = answer["headers"].get("Sandbox-Signature", "")
    type_ = answer["headers"]["Content-Type"]
    return Reply(answer["statusCode"], answer["body"].encode(), signature, type_)
