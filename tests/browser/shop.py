"""A merchant's web server: whatever page a test wants, under an origin of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop:
    """Pages by path, for as long as a test needs them, and the addresses that were asked for."""

    def __init__(self, port: int, pages: dict[str, str], asked: list[str]) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.pages = pages
        self.asked = asked

    def put(self, html: str, path: str = "/pay") -> str:
        """Serve a page; its address."""
        self.pages[path] = html
        return self.origin + path

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Shop]:
        """A server on a port of its own."""
        pages: dict[str, str] = {}
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                html = pages.get(self.path.split("?", 1)[0])
                body = (html or "").encode()
                self.send_response(200 if html is not None else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield cls(server.server_address[1], pages, asked)
        finally:
            server.shutdown()
            server.server_close()
