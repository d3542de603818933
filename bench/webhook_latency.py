"""From an event to its first attempt on a running `make dev`, as a receiver on loopback sees it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from farthing_cli import state
from farthing_cli.aws import Account
from farthing_cli.clock import TestClock
from farthing_cli.webhooks.demo import Demo

WAIT_SECONDS = 60
APPROVED = "4242424242424242"
GIVEN = {"amount_cents": 1999, "currency": "eur"}


class Arrivals(ThreadingHTTPServer):
    """A receiver that notes when each event came first."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        arrivals = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at = time.time()
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response_only(204)
                self.end_headers()
                if event["type"] != "webhook_endpoint.ping":
                    began = datetime.fromisoformat(event["timestamp"]).timestamp()
                    arrivals.seconds.setdefault(event["data"]["event_id"], at - began)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def _endpoint(demo: Demo) -> Iterator[Arrivals]:
    server = Arrivals()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wanted = {"url": f"http://127.0.0.1:{server.server_address[1]}/", "event_types": ["*"]}
    endpoint_id = demo.api.post("/v1/webhook_endpoints", wanted)["endpoint_id"]
    try:
        yield server
    finally:
        demo.api.delete(f"/v1/webhook_endpoints/{endpoint_id}")
        server.shutdown()


def latency(payments: int) -> list[float]:
    """Seconds from event to arrival, sorted, of payments one after the other (two events each)."""
    dev = state.running()
    demo = Demo(dev)
    ahead = TestClock(Account.of(dev), dev.stack_name).offset_seconds()
    tokens = [demo.card(APPROVED) for _ in range(payments)]
    with _endpoint(demo) as arrivals:
        for token in tokens:
            demo.pay(GIVEN, token=token)
        until = time.monotonic() + WAIT_SECONDS
        while len(arrivals.seconds) < 2 * payments and time.monotonic() < until:
            time.sleep(0.1)
        return sorted(seconds + ahead for seconds in arrivals.seconds.values())


def shown(seconds: list[float], events: int) -> str:
    """The figures in a line; that nothing came is one too."""
    if not seconds:
        return f"event to first attempt: none of {events} events came"
    p50, p99 = (seconds[min(int(share * len(seconds)), len(seconds) - 1)] for share in (0.5, 0.99))
    times = f"p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms"
    return f"event to first attempt: {times}, {len(seconds)} of {events} events"
