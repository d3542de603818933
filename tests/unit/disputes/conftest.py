"""Disputes on the whole path in this process: the sandbox opens them, its messages are carried."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from farthing.acquiring.dispute import Case, Stage, Standing
from farthing.disputes.converge import converge
from farthing.disputes.dispute import Dispute
from farthing.disputes.wiring import services_of
from farthing.store import TenantScope, Write
from farthing.store.table import DynamoStore
from farthing_sandbox import disputes as theirs
from farthing_sandbox import runtime as sandbox
from farthing_sandbox.operations import DISPUTED_AFTER_SECONDS
from tests.support import inbox
from tests.support.lambdas import MERCHANT, Answer, Context, load
from tests.support.stack import Stack

DISPUTED = "4000000000000259"
DAY = 24 * 60 * 60
OPENS_SECONDS = DISPUTED_AFTER_SECONDS + 1
DECIDES_SECONDS = theirs.DECIDES_AFTER_SECONDS + 1
INQUIRED, ARBITRATED = 1091, 1092
WINS = {"uncategorized_text": "WINNING_EVIDENCE"}
LOSES = {"uncategorized_text": "LOSING_EVIDENCE"}
PDF = base64.b64encode(b"%PDF-1.7 a receipt").decode()


@dataclass
class Court:
    """A merchant with disputed payments. What the sandbox tells waits in `told`."""

    stack: Stack
    waiting: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    heard: int = 0

    def paid(self, amount_cents: int = 1000, **more: Any) -> str:
        """A payment that will be disputed."""
        answer = self.stack.pay(amount_cents, number=DISPUTED, **more)
        assert answer.status == 201, answer.text
        intent_id: str = answer.body["intent_id"]
        return intent_id

    def opened(self, amount_cents: int = 1000) -> dict[str, Any]:
        """A dispute of which we have heard."""
        intent_id = self.paid(amount_cents)
        self.stack.advance(OPENS_SECONDS)
        self.carry()
        return self.of(intent_id)

    def of(self, intent_id: str) -> dict[str, Any]:
        """The payment's dispute."""
        found = self.stack.get("disputes", query={"payment_intent_id": intent_id}).body["data"]
        assert len(found) == 1, found
        dispute: dict[str, Any] = found[0]
        return dispute

    def look(self, dispute: dict[str, Any]) -> dict[str, Any]:
        """The dispute as it is now."""
        body: dict[str, Any] = self.stack.get(f"disputes/{dispute['dispute_id']}").body
        return body

    def carry(self) -> None:
        """The sandbox's messages come to it, and its notices to us."""
        self.wake()
        notices, self.told = self.told, []
        for notice in notices:
            self.hear(notice)

    def wake(self) -> None:
        """The sandbox's messages come to it."""
        messages, self.waiting = self.waiting, []
        records = [{"messageId": str(n), "body": body} for n, body in enumerate(messages)]
        answer = load("sandbox_acquirer").handler({"Records": records}, Context())
        assert answer == {"batchItemFailures": []}

    def hear(self, notice: dict[str, Any]) -> list[str]:
        """One notice, which has come to our queue; what of it comes again."""
        self.heard += 1
        event_id = f"{notice['id']}-{self.heard}"
        return inbox.work_off(inbox.heard("sandbox", notice, event_id=event_id))

    def answer(self, dispute: dict[str, Any], body: Any, **more: Any) -> Answer:
        """Evidence."""
        return self.stack.post(f"disputes/{dispute['dispute_id']}/evidence", body, **more)

    def accept(self, dispute: dict[str, Any], **more: Any) -> Answer:
        return self.stack.post(f"disputes/{dispute['dispute_id']}/accept", {}, **more)

    def answers_sent(self) -> list[str]:
        """The answers that reached the acquirer: `evidence` or `acceptance`."""
        return [
            path.rpartition("/")[2]
            for method, path in self.stack.acquirer.requests
            if method == "POST" and path.startswith("/v1/disputes/")
        ]

    def run_deadlines(self) -> dict[str, Any]:
        """The hourly run."""
        seen: dict[str, Any] = load("dispute_deadlines").handler(
            {}, Context(remaining_milliseconds=300_000)
        )
        return seen


@pytest.fixture
def court(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Court:
    court = Court(stack)
    monkeypatch.setattr(sandbox, "defer", lambda message, _: court.waiting.append(message))

    def post(_: Any, url: str, body: bytes, headers: dict[str, str]) -> None:
        court.told.append(json.loads(body))

    monkeypatch.setattr(sandbox.Surroundings, "post", post)
    line = stack.acquirer
    where = json.dumps({"url": "https://farthing.example/hook"}).encode()
    line.ask("PUT", "/v1/webhook_endpoint", where, f"Bearer {line.secret}")
    return court


class Crash(Exception):
    """The process ends here."""


@dataclass
class Meanwhile:
    """What happens at the n-th transaction from now on: before it, or in its place."""

    at: int
    act: Callable[[], None]
    seen: int = 0

    def before(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.act()


Plan = Callable[[int, Callable[[], None]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    """Have something happen right before the n-th write of the store."""
    plans: list[Meanwhile] = []
    real = DynamoStore.write

    def write(self: DynamoStore, *writes: Write) -> None:
        for plan in plans:
            plan.before()
        real(self, *writes)

    monkeypatch.setattr(DynamoStore, "write", write)

    def plan(at: int, act: Callable[[], None]) -> None:
        plans[:] = [Meanwhile(at, act)]

    yield plan


def case(intent_id: str, **changes: Any) -> Case:
    """A chargeback as an acquirer has it."""
    known = Case(
        reference="DSP-A",
        order_id=intent_id,
        merchant_reference=f"{MERCHANT}:test",
        stage=Stage.CHARGEBACK,
        standing=Standing.NEEDS_RESPONSE,
        amount_cents=1000,
        fee_cents=1500,
        currency="eur",
        reason="fraudulent",
        opened_at="2026-11-22T09:00:00.000Z",
        due_by="2030-11-22T09:00:00.000Z",
    )
    return replace(known, **changes)


def bring(told: Case, connector: str = "sandbox") -> Dispute:
    """Bring a dispute to where a case has it."""
    assert told.order_id is not None
    services = services_of(TenantScope(MERCHANT, "test"))
    return converge(told, told.order_id, connector, services)
