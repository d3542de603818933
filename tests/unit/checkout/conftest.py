"""A merchant with a session, and its payer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from farthing import runtime
from farthing.access.account import Settings
from farthing.access.authorize import authorize
from farthing.access.issue import open_account
from farthing.access.principal import KeyKind, Principal
from tests.support.lambdas import MERCHANT, Answer, Context, call
from tests.support.stack import APPROVED, Stack

DAY = 24 * 60 * 60


@dataclass
class Counter:
    """The merchant's server: it makes sessions. And their payers, who have no more than a link."""

    stack: Stack
    sessions: dict[str, str] = field(default_factory=dict)
    """Session → the key that was in its link."""

    def wanted(self, **more: Any) -> dict[str, Any]:
        return {
            "line_items": [{"name": "Tea", "quantity": 2, "amount_cents": 450}],
            "currency": "eur",
            "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/basket",
        } | more

    def create(
        self, *, key: str | None = None, settings: Settings | None = None, **more: Any
    ) -> Answer:
        wanted = self.wanted(**more)
        answer = self.stack.post("checkout_sessions", wanted, key=key, settings=settings)
        if answer.status == 201:
            self.sessions[answer.body["session_id"]] = answer.body["url"].split("#")[1]
        return answer

    def session(self, **more: Any) -> str:
        answer = self.create(**more)
        assert answer.status == 201, answer.text
        session_id: str = answer.body["session_id"]
        return session_id

    def payer(self, session_id: str) -> Principal:
        """Who has the link, as the authorizer says now."""
        runtime.begin(Context())
        text = self.sessions[session_id]
        principal = authorize(runtime.system_store(), text, runtime.clock().now())
        assert principal is not None
        return principal

    def as_payer(
        self, function: str, method: str, path: str, body: Any = None, *, of: str, **more: Any
    ) -> Answer:
        more.setdefault("scopes", "checkout tokens")
        return call(function, method, path, body, kind=KeyKind.CHECKOUT, session_id=of, **more)

    def token(self, session_id: str, number: str = APPROVED, **more: Any) -> Answer:
        card = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
        return self.as_payer("tokens", "POST", "/v1/tokens", card, of=session_id, **more)

    def pay(
        self,
        session_id: str,
        number: str = APPROVED,
        *,
        token: str | None = None,
        key: str | None = None,
        **more: Any,
    ) -> Answer:
        token = token or self.token(session_id, number).body["token"]
        path = f"/v1/checkout_sessions/{session_id}/pay"
        return self.as_payer(
            "checkout_sessions",
            "POST",
            path,
            {"token": token},
            of=session_id,
            key=key or token,
            **more,
        )

    def seen(self, session_id: str) -> dict[str, Any]:
        """What the payer's page is shown."""
        path = f"/v1/checkout_sessions/{session_id}"
        answer = self.as_payer("checkout_sessions", "GET", path, of=session_id)
        assert answer.status == 200, answer.text
        return answer.body

    def read(self, session_id: str) -> dict[str, Any]:
        """What the merchant is shown."""
        answer = self.stack.get(f"checkout_sessions/{session_id}")
        assert answer.status == 200, answer.text
        return answer.body

    def told(self, session_id: str) -> list[str]:
        """The types of the session's events, as they are stored."""
        events = self.stack.items("event")
        return [e["type"]["S"] for e in events if e.get("session_id", {}).get("S") == session_id]

    def charges(self) -> list[tuple[str, int]]:
        """What the acquirer's books say was taken: payment, amount."""
        intents = [item["intent_id"]["S"] for item in self.stack.items("intent")]
        return [
            (row["order_id"], row["amount_cents"])
            for intent_id in intents
            for row in self.stack.books(order_id=intent_id)
            if row["operation"] == "CAPTURE" and row["status"] == "APPROVED"
        ]


@pytest.fixture
def counter(stack: Stack) -> Counter:
    open_account(runtime.system_store(), MERCHANT, "Example", [], runtime.clock().now())
    return Counter(stack)


def rows(table: str, prefix: str = "") -> list[dict[str, Any]]:
    """All items of a table whose partition begins so."""
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=table)["Items"]
    return [item for item in items if item["pk"]["S"].startswith(prefix)]
