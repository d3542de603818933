"""The way to Stripe, or to what stands in for it, with what befalls requests and answers on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from farthing.acquiring.answer import Answer
from farthing.acquiring.exchange import (
    Exchanged,
    NoByteSent,
    NoUsableAnswer,
    PostWithHeaders,
)
from farthing.acquiring.port import (
    Capabilities,
    Instruction,
    Kind,
    LookUp,
    Reversal,
    TransactionPage,
)
from farthing.acquiring.stripe.api import Api
from farthing.acquiring.stripe.connector import StripeAcquirer
from farthing.vault.source import Source

MOVES = ("/confirm", "/capture", "/cancel", "/refunds")
"""How the paths of requests end that move money."""


class Doing(StrEnum):
    """What the port is asked, which decides where trouble strikes."""

    MOVE = "the request that moves money"
    LOOK = "every reading"


def changed(document: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """The document with each object of Stripe's in it changed."""
    if isinstance(document.get("data"), list):
        return document | {"data": [change(row) for row in document["data"]]}
    told = document.get("error")
    if told is not None and "payment_intent" in told:
        return {"error": told | {"payment_intent": change(told["payment_intent"])}}
    return change(document)


@dataclass
class Wire:
    """`before` may raise instead of asking, `back` changes what comes back."""

    beyond: PostWithHeaders
    doing: Doing = Doing.MOVE
    before: Callable[[str, str], Exchanged | None] = lambda method, path: None
    back: Callable[[Exchanged], Exchanged] = lambda answer: answer
    late: Callable[[bytes], bool] = lambda body: False
    deadlines: list[int] = field(default_factory=list)
    waiting: list[Callable[[], Exchanged]] = field(default_factory=list)

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_seconds: int,
        headers: Mapping[str, str],
    ) -> Exchanged:
        self.deadlines.append(timeout_seconds)
        if instead := self.before(method, path):
            return instead

        def ask() -> Exchanged:
            return self.beyond(method, path, body, timeout_seconds, headers)

        if body is not None and path.endswith("/confirm") and self.late(body):
            self.waiting.append(ask)
            raise NoUsableAnswer("deadline")
        answer = ask()
        return self.back(answer) if self.is_struck(method, path) else answer

    def is_struck(self, method: str, path: str) -> bool:
        """Whether trouble strikes this request."""
        moves = method == "POST" and path.endswith(MOVES)
        return moves if self.doing is Doing.MOVE else method == "GET"

    def land(self) -> None:
        """What was on its way arrives."""
        waiting, self.waiting = self.waiting, []
        for ask in waiting:
            ask()


@dataclass
class OfOurOperations:
    """The connector as our operations' rows use it: with Stripe's ids, where they know them.

    `forgetful`: as if the answer to each authorization had never been written down.
    """

    wire: Wire
    now: Callable[[], datetime]
    clock: Callable[[], float]
    forgetful: bool = False
    ids: dict[str, str] = field(default_factory=dict)
    merchant_reference: str = "mer_1:test"

    def __post_init__(self) -> None:
        api = Api(self.wire, self.clock)
        self.inner = StripeAcquirer(api, self.now, self.merchant_reference)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def send(self, instruction: Instruction, source: Source | None) -> Answer:
        self.wire.doing = Doing.MOVE
        answer = self.inner.send(self._named(instruction), source)
        if answer.acquirer_id is not None and instruction.kind is Kind.AUTHORIZE:
            self.ids[instruction.reference] = answer.acquirer_id
        return answer

    def look_up(self, instruction: Instruction) -> LookUp:
        self.wire.doing = Doing.LOOK
        return self.inner.look_up(self._named(instruction))

    def reverse(self, instruction: Instruction, reference: str) -> Reversal:
        self.wire.doing = Doing.MOVE
        return self.inner.reverse(self._named(instruction), reference)

    def transactions(self, since: str, after: str | None) -> TransactionPage:
        self.wire.doing = Doing.LOOK
        return self.inner.transactions(since, after)

    def _named(self, instruction: Instruction) -> Instruction:
        from dataclasses import replace

        first = instruction.kind is Kind.AUTHORIZE
        if first and self.forgetful:
            return instruction
        reference = instruction.reference if first else instruction.original_reference
        return replace(instruction, acquirer_id=self.ids.get(reference or ""))


def refuse_connections(method: str, path: str) -> Exchanged:
    """No byte leaves."""
    raise NoByteSent


def rows(beyond: PostWithHeaders, path: str) -> list[dict[str, Any]]:
    """Everything of one kind, as the acquirer lists it."""
    status, raw, _ = beyond("GET", f"{path}?limit=1000", None, 5, {})
    assert status == 200, raw
    listed: list[dict[str, Any]] = json.loads(raw)["data"]
    return listed


def booked(beyond: PostWithHeaders, order_id: str, kind: Kind) -> list[int]:
    """The amounts that Stripe's own objects show approved for a payment, and not undone."""
    found: list[int] = []
    refunds = [r for r in rows(beyond, "/v1/refunds") if r["metadata"].get("farthing_order")]
    for payment in rows(beyond, "/v1/payment_intents"):
        if payment["metadata"].get("farthing_order") != order_id:
            continue
        of_it = [r for r in refunds if r["payment_intent"] == payment["id"]]
        back = sum(r["amount"] for r in of_it if r["metadata"]["farthing_kind"] == "REVERSAL")
        found += _amounts(payment, of_it, kind, undone=back > 0)
    return sorted(found, reverse=True)


def _amounts(
    payment: dict[str, Any], refunds: list[dict[str, Any]], kind: Kind, *, undone: bool
) -> list[int]:
    status, charged = payment["status"], payment["latest_charge"] is not None
    match kind:
        case Kind.AUTHORIZE if status in {"requires_capture", "succeeded"} and not undone:
            return [payment["amount"]]
        case Kind.CAPTURE if status == "succeeded" and not undone:
            return [payment["amount_received"]]
        case Kind.VOID if status == "canceled" and charged:
            return [payment["amount"]]
        case Kind.REFUND:
            return [
                refund["amount"]
                for refund in refunds
                if refund["metadata"]["farthing_kind"] == "REFUND"
                and refund["status"] == "succeeded"
            ]
    return []
