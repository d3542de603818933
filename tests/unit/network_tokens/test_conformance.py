"""The connector of the sandbox's token service, on the sandbox and on the simulator's."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from farthing.acquiring.answer import Answer
from farthing.acquiring.port import Instruction
from farthing.acquiring.sandbox import NoByteSent, NoUsableAnswer, SandboxAcquirer
from farthing.network_tokens.sandbox import SandboxTokenService
from farthing.vault.card import Card
from farthing.vault.pan import Pan
from farthing.vault.source import Source
from farthing_sandbox import runtime as sandbox_runtime
from tests.simulation.acquirer import HostileAcquirer, signed
from tests.simulation.acquirer_faults import Behaviour
from tests.support.aws import fake_aws
from tests.support.lambdas import Context, load
from tests.support.stack import Exchanged, Stack, start
from tests.unit.acquiring.test_conformance import Certain
from tests.unit.network_tokens.conftest import NO_TOKEN, REPLACED, SAVED

pytest.register_assert_rewrite("tests.unit.network_tokens.conformance")

from tests.unit.acquiring.conformance import Trouble  # noqa: E402
from tests.unit.network_tokens.conformance import Conformance, Harness  # noqa: E402

ACQUIRERS_SECRET, SECRET = "acquirer-secret", "tokens-secret"


def card(number: str) -> Card:
    return Card(Pan(number), 12, 2030, "123")


@dataclass
class Wire:
    """The way to the token service, with what befalls it."""

    beyond: Any
    trouble: Trouble | None = None
    deadlines: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __call__(self, method: str, path: str, body: bytes | None, timeout: int) -> Exchanged:
        end = path.removeprefix("/token_service/v1/").split("/")[0]
        self.deadlines[end] = max(self.deadlines[end], timeout)
        if self.trouble is Trouble.REFUSED:
            raise NoByteSent
        if self.trouble is Trouble.LOST:
            raise NoUsableAnswer
        if self.trouble is Trouble.BUSY:
            return signed(503, {"error": {"code": "BUSY"}}, SECRET)
        return self.back(*self.beyond(method, path, body, timeout))

    def back(self, status: int, raw: bytes, signature: str) -> Exchanged:
        if self.trouble is Trouble.NO_ANSWER:
            raise NoUsableAnswer
        spoilt: dict[Trouble | None, Exchanged] = {
            None: (status, raw, signature),
            Trouble.HTML: (502, b"<html><body>Bad Gateway</body></html>", ""),
            Trouble.GARBAGE: (status, raw[: len(raw) // 2], signature),
            Trouble.UNSIGNED: (status, raw, ""),
            Trouble.FORGED: signed(status, json.loads(raw), "somebody-elses-secret"),
            Trouble.OTHER_ERROR: (500, raw, signature),
            Trouble.NO_DOCUMENT: signed(status, [json.loads(raw)], SECRET),  # type: ignore[arg-type]
            Trouble.OTHER_REFERENCE: signed(
                status, json.loads(raw) | {"reference": "SOMEBODYELSES"}, SECRET
            ),
        }
        return spoilt[self.trouble]


class OnTheSandbox:
    """On the real sandbox."""

    def __init__(self, stack: Stack, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(sandbox_runtime, "defer", lambda *_: None)
        line = stack.acquirer
        self.wire = Wire(lambda method, path, body, _: line.shown(SECRET, method, path, body))
        self.service = SandboxTokenService(self.wire, SECRET.encode())
        self.acquirer = SandboxAcquirer(line, ACQUIRERS_SECRET.encode())

    def card(self) -> Card:
        return card(REPLACED)

    def refused_card(self) -> Card:
        return card(NO_TOKEN)

    def meets(self, trouble: Trouble | None) -> None:
        self.wire.trouble = trouble

    def suspend(self, reference: str) -> None:
        self.issuer(reference, "SUSPENDS")

    def replace_card(self, reference: str) -> None:
        self.issuer(reference, "REPLACES")

    def issuer(self, reference: str, act: str) -> None:
        record = {"messageId": "m", "body": json.dumps({"token": reference, "act": act})}
        answer = load("sandbox_acquirer").handler({"Records": [record]}, Context())
        assert answer == {"batchItemFailures": []}

    def pay(self, instruction: Instruction, source: Source) -> Answer:
        return self.acquirer.send(instruction, source)

    def tokens(self) -> int:
        rows = boto3.client("dynamodb").scan(TableName="SandboxTable")["Items"]
        return sum(row["sk"]["S"] == "TOKEN" and row["content"]["S"] != "" for row in rows)

    @property
    def waits_seconds(self) -> dict[str, int]:
        return self.wire.deadlines


class OnTheSimulator:
    """On the token service that the simulator runs."""

    def __init__(self) -> None:
        self.now = 1_780_000_000.0
        self.beyond = HostileAcquirer(
            Certain(),  # type: ignore[arg-type]
            lambda: self.now,
            self.sleep,
            behaviour=Behaviour(),
            payments_secret=ACQUIRERS_SECRET,
            tokens_secret=SECRET,
        )
        self.beyond.tokens.gives_none = frozenset({NO_TOKEN[-4:]})
        self.wire = Wire(self.beyond.post(SECRET))
        self.service = SandboxTokenService(self.wire, SECRET.encode())
        post = self.beyond.post(ACQUIRERS_SECRET)
        self.acquirer = SandboxAcquirer(post, ACQUIRERS_SECRET.encode())

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def card(self) -> Card:
        return card(SAVED)

    def refused_card(self) -> Card:
        return card(NO_TOKEN)

    def meets(self, trouble: Trouble | None) -> None:
        self.wire.trouble = trouble

    def suspend(self, reference: str) -> None:
        self.beyond.tokens.suspend(reference)

    def replace_card(self, reference: str) -> None:
        self.beyond.tokens.replace_card(reference)

    def pay(self, instruction: Instruction, source: Source) -> Answer:
        return self.acquirer.send(instruction, source)

    def tokens(self) -> int:
        return len(self.beyond.tokens.made())

    @property
    def waits_seconds(self) -> dict[str, int]:
        return self.wire.deadlines


@pytest.fixture(scope="module")
def on_the_sandbox() -> Iterator[OnTheSandbox]:
    """One service for all tests."""
    with pytest.MonkeyPatch.context() as patch, fake_aws(patch):
        yield OnTheSandbox(start(patch), patch)


class TestOnTheSandbox(Conformance):
    """The connector of the sandbox, on the sandbox."""

    @pytest.fixture
    def place(self, on_the_sandbox: OnTheSandbox) -> Harness:
        on_the_sandbox.meets(None)
        return on_the_sandbox


class TestOnTheSimulator(Conformance):
    """The same connector, on the service that the simulator runs."""

    @pytest.fixture
    def place(self) -> Harness:
        return OnTheSimulator()
