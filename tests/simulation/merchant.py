"""A merchant's server as it should be: it keeps asking with the same key until it knows.

Every question and answer is kept, so that it can be said at the end whether what was told was
true. See quiescence.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

Answer = Any
"""`status`, `body` (a dict) and `headers`."""

PAUSES_SECONDS = (0.5, 2.0, 5.0, 15.0, 30.0, 61.0, 120.0, 300.0)
"""What a good client waits before it asks again. Over a minute in all: a lease runs out in it."""
DEFINITE = frozenset({200, 201, 402})
REPLAYED = "Idempotent-Replayed"
HELD = "REQUIRES_REVIEW"
"""Of a payment that waits for its review."""


class Api(Protocol):
    """What a merchant needs of the world."""

    scheduler: Any

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        merchant_id: str = ...,
        query: Mapping[str, str] | None = None,
        session_id: str | None = None,
    ) -> Answer | None: ...

    def spawn(self, name: str, work: Callable[[], None], after: float = 0.0) -> Any: ...

    def invoke(self, function: str, event: Any, seconds: float = ...) -> Any: ...


@dataclass
class Asked:
    """One HTTP call: when it began and ended, and what was answered (`status` 0: nothing)."""

    began: float
    ended: float = 0.0
    status: int = 0
    body: dict[str, Any] = field(default_factory=dict)
    replayed: bool = False

    @property
    def definite(self) -> bool:
        return self.status in DEFINITE


@dataclass
class Conversation:
    """All calls with one key and one body, or one series of reads (no key).

    `payer_of` is the checkout session whose payer asks, by its page; None if its merchant does.
    """

    merchant_id: str
    method: str
    path: str
    key: str | None
    sent: Any
    payer_of: str | None = None
    calls: list[Asked] = field(default_factory=list)

    @property
    def row_id(self) -> str:
        """The name of the key's row, by the rule of docs: method, path and key."""
        return sha256("\n".join((self.method, self.path, self.key or "")).encode()).hexdigest()

    @property
    def last(self) -> Asked | None:
        return self.calls[-1] if self.calls else None

    def __str__(self) -> str:
        answers = [f"{call.status or 'nothing'}" for call in self.calls]
        return f"{self.method} {self.path} {self.sent or ''} [{self.key}]: {', '.join(answers)}"


class Merchant:
    """One merchant's server. `conversations` may be shared by several merchants."""

    def __init__(
        self,
        world: Api,
        merchant_id: str,
        conversations: list[Conversation],
        *,
        tries_max: int = len(PAUSES_SECONDS) + 1,
    ) -> None:
        self.world, self.merchant_id = world, merchant_id
        self.conversations, self.tries_max = conversations, tries_max
        self.payer_of: str | None = None

    def as_payer_of(self, session_id: str) -> Merchant:
        """A browser at a session's page: it has the session's key and no other."""
        payer = Merchant(self.world, self.merchant_id, self.conversations)
        payer.payer_of = session_id
        return payer

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.world.scheduler.sleep(seconds)

    def ask(
        self, method: str, path: str, sent: Any = None, key: str | None = None, **query: str
    ) -> Asked:
        """One call, without another try."""
        return self._ask(self._conversation(method, path, sent, key), query)

    def insist(self, path: str, sent: Any, key: str) -> Asked:
        """POST, and again with the same key and longer pauses, until the answer is definite, or a
        person has to answer first."""
        conversation = self._conversation("POST", path, sent, key)
        for number in range(self.tries_max):
            asked = self._ask(conversation, {})
            if not _worth_another_try(asked) or number == self.tries_max - 1:
                break
            self.sleep(PAUSES_SECONDS[min(number, len(PAUSES_SECONDS) - 1)])
        return asked

    def read(self, path: str, **query: str) -> Asked:
        """GET."""
        return self.ask("GET", path, None, None, **query)

    def read_until(self, path: str, settled: Callable[[Mapping[str, Any]], bool]) -> Asked:
        """GET until what it shows is settled, or patience is at its end."""
        asked = self.read(path)
        for pause in PAUSES_SECONDS:
            if asked.status == 200 and settled(asked.body):
                break
            self.sleep(pause)
            asked = self.read(path)
        return asked

    def repeat(self, conversation: Conversation) -> Asked:
        """The same request once more, in the same conversation."""
        return self._ask(conversation, {})

    def at_once(self, *works: Callable[[], object]) -> None:
        """Do several things at once, and wait until all are done."""
        promises = [
            self.world.spawn(f"merchant {number}", _quiet(work))
            for number, work in enumerate(works, 2)
        ]
        for promise in promises:
            promise.wait()

    def _conversation(self, method: str, path: str, sent: Any, key: str | None) -> Conversation:
        conversation = Conversation(self.merchant_id, method, path, key, sent, self.payer_of)
        self.conversations.append(conversation)
        return conversation

    def _ask(self, conversation: Conversation, query: Mapping[str, str]) -> Asked:
        asked = Asked(self.world.scheduler.now)
        conversation.calls.append(asked)
        answer = self.world.call(
            conversation.method,
            conversation.path,
            conversation.sent,
            key=conversation.key,
            merchant_id=self.merchant_id,
            query=query or None,
            session_id=conversation.payer_of,
        )
        asked.ended = self.world.scheduler.now
        if answer is not None:
            asked.status, asked.body = answer.status, answer.body
            asked.replayed = REPLAYED in answer.headers
        return asked


def _worth_another_try(asked: Asked) -> bool:
    """No answer, an error that passes, or one that says so."""
    if asked.status in DEFINITE or (intent_in(asked) or {}).get("status_detail") == HELD:
        return False
    if asked.status in {0, 202} or asked.status >= 500:
        return True
    return bool(asked.body.get("retry") in {"SAME_KEY", "AFTER_RESOLUTION"})


def _quiet(work: Callable[[], object]) -> Callable[[], None]:
    def done() -> None:
        work()

    return done


def intent_in(asked: Asked) -> Mapping[str, Any] | None:
    """The payment that an answer shows, whole or inside a problem document."""
    if "intent_id" in asked.body and "status" in asked.body:
        return asked.body
    inside = asked.body.get("payment_intent")
    return inside if isinstance(inside, dict) else None


def refund_in(asked: Asked) -> Mapping[str, Any] | None:
    """The refund that an answer shows."""
    if "refund_id" in asked.body:
        return asked.body
    inside = asked.body.get("refund")
    return inside if isinstance(inside, dict) else None


def review_in(asked: Asked) -> Mapping[str, Any] | None:
    """The review that an answer shows."""
    return asked.body if "review_id" in asked.body and "intent_id" not in asked.body else None


def session_in(asked: Asked) -> Mapping[str, Any] | None:
    """The checkout session that an answer shows, whole or inside a problem document."""
    if "session_id" in asked.body and "status" in asked.body:
        return asked.body
    inside = asked.body.get("checkout_session")
    return inside if isinstance(inside, dict) else None


def shown_in(conversations: Sequence[Conversation]) -> list[tuple[Conversation, Asked]]:
    """Every call that was answered."""
    return [(one, call) for one in conversations for call in one.calls if call.status]
