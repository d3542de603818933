"""A merchant's own site, to try Farthing with: what a shop's server has to do, and no more.

    GET  /                  what is sold
    POST /buy               a checkout session, and the payer's browser is sent to its page
    GET  /thanks?session=   back from the page: the order is fulfilled by what the API says of it
    GET  /direct            the card fields in the shop's own page
    POST /direct            the token that they made pays

Orders are kept in this process. The secret key never leaves it.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

from farthing.ids import is_id
from farthing_cli import shop_pages
from farthing_cli.failure import Failure
from farthing_cli.shop_pages import CATALOGUE, Product

HOST = "127.0.0.1"
BODY_BYTES_MAX = 10_000
TIMEOUT_SECONDS = 40
QUANTITY_MAX = 20

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Merchant:
    """What the shop's server knows of Farthing."""

    api_url: str
    tokens_url: str
    secret_key: str
    publishable_key: str


@dataclass
class Order:
    """What somebody wants. It is sent once: `sent` says whether it was."""

    number: str
    product: Product
    quantity: int
    sent: bool = False

    @property
    def amount_cents(self) -> int:
        """What it costs."""
        return self.quantity * self.product.amount_cents


@dataclass
class Backend:
    """The shop's server, without HTTP."""

    merchant: Merchant
    url: str
    orders: dict[str, Order] = field(default_factory=dict)
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=TIMEOUT_SECONDS)
    )

    def order(self, product_id: str, quantity: str) -> Order | None:
        """A new order; None for what is not sold."""
        product = CATALOGUE.get(product_id)
        if product is None or not quantity.isdecimal() or not 0 < int(quantity) <= QUANTITY_MAX:
            return None
        order = Order(uuid.uuid4().hex[:12], product, int(quantity))
        self.orders[order.number] = order
        return order

    def checkout(self, order: Order) -> Answer:
        """A checkout session for it. The same order asked for twice is the same session."""
        product = order.product
        body = {
            "line_items": [
                {
                    "name": product.name,
                    "quantity": order.quantity,
                    "amount_cents": product.amount_cents,
                    "image_url": f"{self.url}/{product.picture}",
                }
            ],
            "currency": shop_pages.CURRENCY,
            "success_url": f"{self.url}/thanks?session={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self.url}/?cancelled",
            "metadata": {"order": order.number},
        }
        return self.ask("POST", "/v1/checkout_sessions", body, key=order.number)

    def came_back(self, session_id: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """The session as the API has it, and the events of its payment; the order is sent if paid.

        That a browser came here says nothing: anybody can open this address.
        """
        if not is_id("cs", session_id):
            return None, []
        status, session = self.ask("GET", f"/v1/checkout_sessions/{session_id}")
        if status != 200:
            return None, []
        order = self.orders.get(session["metadata"].get("order", ""))
        if order is not None and session["status"] == "PAID":
            order.sent = True
        intent_id = session["payment_intent_id"]
        if intent_id is None:
            return session, []
        _, events = self.ask("GET", f"/v1/events?payment_intent_id={intent_id}&limit=20")
        return session, events.get("data", [])

    def charge(self, order: Order, token: str) -> Answer:
        """Pay an order by a token of the card fields in our own page."""
        body = {
            "amount_cents": order.amount_cents,
            "currency": shop_pages.CURRENCY,
            "token": token,
            "confirm": True,
            "metadata": {"order": order.number},
        }
        status, answer = self.ask("POST", "/v1/payment_intents", body, key=token)
        order.sent = order.sent or answer.get("status") == "SUCCEEDED"
        return status, answer

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """One call of the API."""
        headers = {"Authorization": f"Bearer {self.merchant.secret_key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        sent = None if body is None else json.dumps(body).encode()
        try:
            answer = self.pool.request(
                method, self.merchant.api_url + path, body=sent, headers=headers
            )
            return answer.status, json.loads(answer.data)
        except (urllib3.exceptions.HTTPError, ValueError):
            return 502, {"title": "No answer", "detail": "Farthing did not answer"}


class Shop:
    """The site. Its port is taken early, and it opens when there is an API to ask."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._is_open = False
        try:
            self._server = Server((HOST, port), Handler)
        except OSError:
            raise Failure(
                f"Port {port} is taken. Move Farthing's with FARTHING_PORT (three in a row)."
            ) from None

    def open(self, merchant: Merchant) -> None:
        """Start to serve."""
        self._server.backend = Backend(merchant, self.url)
        self._is_open = True
        threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True).start()

    def close(self) -> None:
        """Close the port."""
        if self._is_open:
            self._server.shutdown()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    """One port."""

    daemon_threads = True
    allow_reuse_address = True
    backend: Backend

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error of ours."""


class Handler(BaseHTTPRequestHandler):
    """One request of a browser."""

    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_SECONDS
    server: Server

    def do_GET(self) -> None:
        """Pages and their files."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        backend = self.server.backend
        match parts.path:
            case "/":
                self._page(shop_pages.home(cancelled="cancelled" in parts.query))
            case "/thanks":
                session, events = backend.came_back(query.get("session", ""))
                order = backend.orders.get((session or {}).get("metadata", {}).get("order", ""))
                sent = order is not None and order.sent
                self._page(shop_pages.thanks(session, events, sent=sent))
            case "/direct":
                merchant = backend.merchant
                self._page(shop_pages.direct(merchant.tokens_url, merchant.publishable_key))
            case path:
                self._file(path.lstrip("/"))

    def do_POST(self) -> None:
        """What a form sends."""
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            self.close_connection = True
            self._json(413, {"title": "Too much"})
            return
        text = self.rfile.read(int(length)).decode(errors="replace")
        sent = {name: values[0] for name, values in parse_qs(text).items()}
        backend = self.server.backend
        order = backend.order(sent.get("product", ""), sent.get("quantity", "1"))
        if order is None:
            self._json(404, {"title": "That is not sold here"})
        elif self.path == "/buy":
            status, session = backend.checkout(order)
            if status == 201:
                self._answer(303, b"", "text/plain", {"Location": session["url"]})
            else:
                self._json(502, session)
        elif self.path == "/direct":
            self._json(*backend.charge(order, sent.get("token", "")))
        else:
            self._json(404, {"title": "No such page"})

    def _page(self, html: str) -> None:
        self._answer(200, html.encode(), "text/html; charset=utf-8", {})

    def _file(self, name: str) -> None:
        found = shop_pages.file(name)
        if found is None:
            self._answer(404, b"No such page.\n", "text/plain", {})
        else:
            self._answer(200, found[0].encode(), found[1], {})

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._answer(status, json.dumps(body).encode(), "application/json", {})

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The shop is silent."""
