"""localstripe, a server that somebody else wrote, in a process of its own; and what it lacks.

It is run from an environment of its own (`make setup`) and never imported. It keeps PaymentIntents,
charges and refunds, over real HTTP and with form bodies. Where it differs from Stripe's
documentation, `Documented` stands between the connector and it; DIFFERENCES says each of these by
its name, and a test fails when one of them is no more. Each write leaves a copy of its store
in /tmp/localstripe.pickle, which we never let it read.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import urllib3

from farthing.acquiring.exchange import Exchanged
from farthing.acquiring.http import Exchange
from farthing.acquiring.stripe.api import CLOCK_HEADER, HEADERS
from farthing.acquiring.stripe.form import encode
from farthing_cli.project import ROOT
from tests.support.stripe.double import tree
from tests.support.stripe.idempotency import IdempotencyLayer, error

PYTHON = ROOT / ".venv-localstripe" / "bin" / "python"
SECRET_KEY = "sk_test_localstripe"
STARTS_WITHIN_SECONDS = 20.0

DIFFERENCES = {
    "idempotency": "does a key's request each time it comes",
    "description": "refuses the parameter when a PaymentIntent is opened",
    "confirmation": "takes no parameters there, so the payment method goes before it",
    "capture_metadata": "refuses the parameter, so it goes after it",
    "amount_received": "does not say it",
    "decline_type": "calls a decline an invalid_request_error, and does not show the PaymentIntent",
    "over_refund": "gives back more than was taken",
    "created": "lists PaymentIntents and refunds of all times, and refuses to be asked for some",
}
"""What localstripe 1.15.10 does otherwise than Stripe's documentation says."""


@dataclass
class Server:
    """A running localstripe."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self) -> Exchange:
        """HTTP to it, by the very code that speaks to Stripe."""
        return Exchange(
            self.url,
            SECRET_KEY,
            answer_bytes_max=8 * 1024 * 1024,
            headers=HEADERS,
            answer_header=CLOCK_HEADER,
        )

    def send_webhooks_to(self, url: str, secret: str) -> None:
        """As one sets it in Stripe's dashboard."""
        body = json.dumps({"url": url, "secret": secret}).encode()
        answer = urllib3.request(
            "POST", f"{self.url}/_config/webhooks/ours", body=body, retries=False
        )
        assert answer.status == 200, answer.data


@contextmanager
def running() -> Iterator[Server]:
    """localstripe, on a free port, empty, until the end of the block."""
    assert PYTHON.exists(), "localstripe is not installed: make setup"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(PYTHON), "-m", "localstripe", "--from-scratch", "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait(process, port)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, "localstripe ended by itself"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("localstripe does not answer")


@dataclass
class Documented:
    """localstripe as Stripe's documentation describes Stripe, as far as the connector needs it."""

    raw: Exchange
    date: str = ""
    layer: IdempotencyLayer = field(init=False)

    def __post_init__(self) -> None:
        self.layer = IdempotencyLayer(time.time, lambda: self.date)

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_seconds: int,
        headers: Mapping[str, str],
    ) -> Exchanged:
        if method == "GET":
            return self._get(path)
        return self.layer(path, body, headers, lambda: (self._post(path, body or b""), True))

    def _ask(self, method: str, path: str, fields: Mapping[str, Any] | None = None) -> Exchanged:
        body = None if fields is None else encode(fields).encode()
        answer: Exchanged = self.raw(method, path, body, 5)
        self.date = answer[2] or self.date
        return answer

    def _get(self, path: str) -> Exchanged:
        path, _, query = path.partition("?")
        asked = tree(parse_qsl(query))
        asked.pop("created", None)
        asked.pop("types", None)
        status, raw, date = self._ask("GET", f"{path}?{encode(asked)}" if asked else path)
        if status != 200:
            return status, raw, date
        told = json.loads(raw)
        if isinstance(told.get("data"), list):
            told["data"] = [self._shown(row) for row in told["data"]]
        return status, json.dumps(self._shown(told)).encode(), date

    def _post(self, path: str, body: bytes) -> Exchanged:
        fields = tree(parse_qsl(body.decode(), keep_blank_values=True))
        fields.pop("description", None)
        if path.endswith("/confirm"):
            return self._confirm(path, fields)
        if path.endswith("/capture"):
            return self._capture(path, fields)
        if path == "/v1/refunds" and self._is_too_much(fields):
            return error(400, "invalid_request_error", self.date, code="charge_already_refunded")
        return self._mended(path, self._ask("POST", path, fields))

    def _confirm(self, path: str, fields: dict[str, Any]) -> Exchanged:
        payment = path.removesuffix("/confirm")
        given = {"payment_method": fields["payment_method"]}
        before = self._ask("POST", payment, given)
        if before[0] != 200:
            return before
        return self._mended(path, self._ask("POST", path, {}))

    def _capture(self, path: str, fields: dict[str, Any]) -> Exchanged:
        metadata = fields.pop("metadata")
        done = self._ask("POST", path, fields)
        if done[0] != 200:
            return done
        marked = self._ask("POST", path.removesuffix("/capture"), {"metadata": metadata})
        return self._mended(path, marked)

    def _is_too_much(self, fields: dict[str, Any]) -> bool:
        _, raw, _ = self._ask("GET", f"/v1/payment_intents/{fields['payment_intent']}")
        charge = json.loads(raw)["latest_charge"]
        return int(fields["amount"]) > charge["amount"] - charge["amount_refunded"]

    def _mended(self, path: str, answer: Exchanged) -> Exchanged:
        status, raw, date = answer
        told = json.loads(raw)
        if status == 402:
            payment = json.loads(self._ask("GET", path.removesuffix("/confirm"))[1])
            more = {"type": "card_error", "payment_intent": self._shown(payment)}
            return status, json.dumps({"error": told["error"] | more}).encode(), date
        if status != 200:
            return answer
        return status, json.dumps(self._shown(told)).encode(), date

    def _shown(self, told: dict[str, Any]) -> dict[str, Any]:
        if told.get("object") != "payment_intent":
            return told
        charge, received = told["latest_charge"], 0
        if told["status"] == "succeeded":
            released = [r["amount"] for r in charge["refunds"]["data"] if not r["metadata"]]
            received = charge["amount"] - sum(released)
        return told | {"amount_received": received}
