"""The local stack, used as its users use it: over HTTP, with the keys of `.farthing/dev.json`."""

from __future__ import annotations

import json
import subprocess
import uuid
from dataclasses import dataclass
from typing import Any

import boto3
import urllib3

from farthing_cli.project import ROOT

REQUEST_TIMEOUT_SECONDS = 90
APPROVED = "4242424242424242"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: urllib3.HTTPHeaderDict
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class Live:
    """A running stack and the demo merchant's keys."""

    def __init__(self, dev: dict[str, Any]) -> None:
        self.dev = dev
        self._http = urllib3.PoolManager(maxsize=64, block=False)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        secret: str | None = None,
        base: str = "api_url",
        raw: bytes | None = None,
    ) -> Answer:
        headers = {"Content-Type": "application/json"}
        headers["Authorization"] = f"Bearer {secret or self.dev['secret_key']}"
        if key is not None:
            headers["Idempotency-Key"] = key
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        answer = self._http.request(
            method,
            self.dev[base] + path,
            body=data,
            headers=headers,
            timeout=REQUEST_TIMEOUT_SECONDS,
            retries=False,
        )
        return Answer(answer.status, answer.headers, answer.data.decode())

    def post(self, path: str, body: Any, **more: Any) -> Answer:
        more.setdefault("key", str(uuid.uuid4()))
        return self.call("POST", f"/v1/{path}", body, **more)

    def get(self, path: str, **more: Any) -> Answer:
        return self.call("GET", f"/v1/{path}", **more)

    def token(self, number: str = APPROVED, *, secret: str | None = None) -> str:
        card = {"number": number, "exp_month": 12, "exp_year": 2031, "cvc": "987"}
        secret = secret or self.dev["publishable_key"]
        answer = self.call("POST", "/v1/tokens", card, secret=secret, base="tokens_url")
        assert answer.status == 201, answer.text
        token: str = answer.body["token"]
        return token

    def pay(self, amount_cents: int = 100, number: str = APPROVED, **more: Any) -> Answer:
        body = {"amount_cents": amount_cents, "currency": "eur", "confirm": True}
        return self.post("payment_intents", body | {"token": self.token(number)} | more)

    def books(self, intent_id: str) -> list[dict[str, Any]]:
        """What the acquirer really did for a payment."""
        answer = self.call("GET", f"/transactions?order_id={intent_id}", base="acquirer_url")
        rows: list[dict[str, Any]] = answer.body["data"]
        return rows

    def moved(self, intent_id: str, operation: str) -> int:
        return sum(
            row["amount_cents"]
            for row in self.books(intent_id)
            if row["operation"] == operation and row["status"] == "APPROVED"
        )

    def told(self, intent_id: str) -> list[dict[str, Any]]:
        """The payment's events, in the order of the merchant's feed."""
        found, cursor = [], ""
        while True:
            page = self.get(f"events?limit=100&after={cursor}").body
            found += [it for it in page["data"] if it["payment_intent_id"] == intent_id]
            cursor = page["next"]
            if not page["has_more"]:
                return found

    def aws(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.dev["aws_endpoint_url"],
            region_name=self.dev["aws_region"],
            aws_access_key_id=self.dev["aws_access_key_id"],
            aws_secret_access_key=self.dev["aws_secret_access_key"],
        )

    def farthing(self, *arguments: str) -> str:
        """The command line, as in a terminal."""
        ran = self.run(*arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line, also where it is to fail."""
        return subprocess.run(
            [ROOT / ".venv" / "bin" / "farthing", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def advance(self, duration: str) -> None:
        """Move every function's clock forward. It stays there: time does not go back."""
        self.farthing("clock", "advance", duration)
