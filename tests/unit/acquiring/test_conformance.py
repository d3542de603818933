"""The connectors that there are, each on every acquirer that it can be put before.

The sandbox's connector runs on the real sandbox, idempotent and not, and on the simulator's
acquirer, whose look-ups may lag as well.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from farthing.acquiring.connectors import capabilities_of
from farthing.acquiring.port import Kind
from farthing.acquiring.sandbox import (
    CAPABILITIES,
    IDEMPOTENT_SETTING,
    NoByteSent,
    NoUsableAnswer,
    Post,
    SandboxAcquirer,
)
from farthing.vault.card import Card
from farthing.vault.pan import Pan
from farthing_sandbox import runtime as sandbox_runtime
from tests.simulation.acquirer import HostileAcquirer, signed
from tests.simulation.acquirer_faults import Behaviour, Fault
from tests.support.aws import fake_aws
from tests.support.lambdas import Context, load
from tests.support.stack import APPROVED, DECLINED, Exchanged, Stack, start

pytest.register_assert_rewrite("tests.unit.acquiring.conformance")

from tests.unit.acquiring.conformance import Conformance, Harness, Trouble  # noqa: E402

SECRET = "acquirer-secret"
LANDS_LATE = "4000009900000046"
REFUNDS_PEND = "4000009900000087"

CHANGED: dict[Trouble, Callable[[dict[str, Any]], Any]] = {
    Trouble.NO_DOCUMENT: lambda told: [told],
    Trouble.OTHER_ERROR: lambda told: told | {"error": {"code": "BUSY", "message": ""}},
    Trouble.OTHER_AMOUNT: lambda told: told | {"amount_cents": 1001},
    Trouble.OTHER_CURRENCY: lambda told: told | {"currency": "usd"},
    Trouble.OTHER_OPERATION: lambda told: told | {"operation": "DISPUTE"},
    Trouble.OTHER_REFERENCE: lambda told: told | {"reference": "SOMEBODYELSES"},
    Trouble.OTHER_ORDER: lambda told: told | {"order_id": "pi_somebodyelses"},
    Trouble.OTHER_STATUS: lambda told: told | {"status": "MAYBE"},
}


def number(digits: str) -> Card:
    return Card(Pan(digits), 12, 2030, "123")


@dataclass
class Wire:
    """The way to an acquirer that speaks the sandbox's protocol, with what befalls it."""

    beyond: Post
    trouble: Trouble | None = None
    deadlines: list[int] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: bytes | None, timeout: int) -> Exchanged:
        self.deadlines.append(timeout)
        if self.trouble is Trouble.REFUSED:
            raise NoByteSent
        if self.trouble is Trouble.LOST:
            raise NoUsableAnswer
        if self.trouble is Trouble.BUSY:
            return signed(503, {"error": {"code": "BUSY", "message": "try again"}}, SECRET)
        return self.back(*self.beyond(method, path, body, timeout))

    def back(self, status: int, raw: bytes, signature: str) -> Exchanged:
        match self.trouble:
            case Trouble.NO_ANSWER:
                raise NoUsableAnswer
            case Trouble.HTML:
                return 502, b"<html><body>Bad Gateway</body></html>", ""
            case Trouble.GARBAGE:
                return status, raw[: len(raw) // 2], signature
            case Trouble.UNSIGNED:
                return status, raw, ""
            case Trouble.FORGED:
                return signed(status, json.loads(raw), "somebody-elses-secret")
            case None:
                return status, raw, signature
            case Trouble.OTHER_ERROR if status == 200:
                return 500, raw, signature
        changed = json.dumps(CHANGED[self.trouble](json.loads(raw))).encode()
        return status, changed, hmac.new(SECRET.encode(), changed, hashlib.sha256).hexdigest()


class OnTheWire:
    """What every harness of this protocol has in common."""

    wire: Wire

    def card(self) -> Card:
        return number(APPROVED)

    def meets(self, trouble: Trouble | None) -> None:
        self.wire.trouble = trouble

    @property
    def longest_wait_seconds(self) -> int:
        return max(self.wire.deadlines)


class OnTheSandbox(OnTheWire):
    """The connector on the real sandbox."""

    def __init__(self, stack: Stack, idempotent: bool, patch: pytest.MonkeyPatch) -> None:
        setting = "true" if idempotent else "false"
        patch.setenv(IDEMPOTENT_SETTING, setting)
        self.stack, self.waiting = stack, list[str]()
        patch.setattr(sandbox_runtime, "defer", lambda body, _: self.waiting.append(body))
        self.wire = Wire(stack.acquirer)
        declared = capabilities_of("sandbox", {IDEMPOTENT_SETTING: setting})
        self.acquirer = SandboxAcquirer(self.wire, SECRET.encode(), declared)

    def declined_card(self) -> Card:
        return number(DECLINED)

    def late_card(self) -> Card:
        return number(LANDS_LATE)

    def pending_card(self) -> Card:
        return number(REFUNDS_PEND)

    def end_pending(self) -> None:
        records = [{"messageId": "m", "body": body} for body in self.waiting]
        self.waiting.clear()
        answer = load("sandbox_acquirer").handler({"Records": records}, Context())
        assert answer == {"batchItemFailures": []}

    def advance(self, seconds: int) -> None:
        self.stack.advance(seconds)

    def booked(self, order_id: str, kind: Kind) -> list[int]:
        return [
            row["amount_cents"]
            for row in self.stack.books(order_id=order_id)
            if (row["operation"], row["status"]) == (kind, "APPROVED")
        ]


class Certain:
    """Dice that always fall the same way."""

    def random(self) -> float:
        return 0.9

    def chance(self, probability: float) -> bool:
        return probability > 0

    def choice(self, things: Any) -> Any:
        return things[0]

    def between(self, low: float, high: float) -> float:
        return high


class OnTheSimulator(OnTheWire):
    """The connector on the simulator's acquirer, at its best but for what a card says."""

    def __init__(self, *, idempotent: bool, lag_seconds: int = 0) -> None:
        self.declared = replace(
            CAPABILITIES,
            idempotent_by_reference=idempotent,
            key_retention_seconds=CAPABILITIES.key_retention_seconds if idempotent else 0,
            lookup_lag_seconds=lag_seconds,
        )
        self.now, self.due, self.order = 1_780_000_000.0, list[Any](), itertools.count()
        behaviour = Behaviour(
            idempotent_by_reference=idempotent,
            lookup_lag_seconds=lag_seconds,
            max_flight_seconds=self.declared.max_flight_seconds,
            clock_offset_seconds=77.0,
        )
        self.beyond = HostileAcquirer(
            Certain(),  # type: ignore[arg-type]
            lambda: self.now,
            self.sleep,
            lambda at, do: heapq.heappush(self.due, (at, next(self.order), do)),
            behaviour,
            payments_secret=SECRET,
        )
        self.wire = Wire(self.beyond.post(SECRET))
        self.acquirer = SandboxAcquirer(self.through, SECRET.encode(), self.declared)
        self.refund_fault: Fault | None = None

    def through(self, method: str, path: str, body: bytes | None, timeout: int) -> Exchanged:
        """What a card brings befalls its charge or its refund alone."""
        card = json.loads(body).get("card", {}) if body else {}
        fault = {DECLINED: Fault.DECLINE, LANDS_LATE: Fault.DELAYED}.get(card.get("number"))
        if path == "/v1/refunds":
            fault = self.refund_fault
        faults = frozenset({fault}) if fault else frozenset[Fault]()
        behaviour = replace(self.beyond.behaviour, chance=1.0 if fault else 0.0, faults=faults)
        self.beyond.behaviour = behaviour
        return self.wire(method, path, body, timeout)

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self.due and self.due[0][0] <= until:
            self.now, _, do = heapq.heappop(self.due)
            do()
        self.now = until

    def declined_card(self) -> Card:
        return number(DECLINED)

    def late_card(self) -> Card:
        return number(LANDS_LATE)

    def pending_card(self) -> Card:
        self.refund_fault = Fault.PENDING
        return number(REFUNDS_PEND)

    def end_pending(self) -> None:
        self.refund_fault = None
        self.advance(60)

    def advance(self, seconds: int) -> None:
        self.sleep(seconds)

    def booked(self, order_id: str, kind: Kind) -> list[int]:
        return [
            row.amount_cents
            for row in self.beyond.books.rows
            if (row.order_id, row.operation, row.status) == (order_id, kind, "APPROVED")
        ]


@pytest.fixture(scope="module", params=["sandbox", "sandbox, not idempotent"])
def on_the_sandbox(request: pytest.FixtureRequest) -> Iterator[OnTheSandbox]:
    """One acquirer for all tests of a mode."""
    with pytest.MonkeyPatch.context() as patch, fake_aws(patch):
        yield OnTheSandbox(start(patch), request.param == "sandbox", patch)


class TestOnTheSandbox(Conformance):
    """The connector of the sandbox, on the sandbox."""

    @pytest.fixture
    def place(self, on_the_sandbox: OnTheSandbox) -> Harness:
        on_the_sandbox.meets(None)
        return on_the_sandbox


SIMULATED = {
    "simulator": {"idempotent": True},
    "simulator, not idempotent": {"idempotent": False},
    "simulator, behind": {"idempotent": True, "lag_seconds": 10},
}


class TestOnTheSimulator(Conformance):
    """The same connector, on the acquirer that the simulator runs."""

    @pytest.fixture(params=SIMULATED)
    def place(self, request: pytest.FixtureRequest) -> Harness:
        return OnTheSimulator(**SIMULATED[request.param])
