"""Checkout sessions, watched: at every write a session agrees with its attempts.

What a session is and what its attempts are is said here once more, from the rows alone: a session
is paid by the one attempt whose authorization was granted, at most one attempt is at work, the row
names the newest, and its end is told once, in the transaction that makes it. An attempt under
review is at work, and one whose review refused it has not paid, whatever was granted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from farthing.clock import from_text
from tests.simulation.reviews import status_of

Item = Mapping[str, Any]
Fail = Callable[[int, str, str], None]
"""Which invariant, of what, and the facts."""

FIXED = (
    "session_id",
    "merchant_id",
    "mode",
    "line_items",
    "currency",
    "success_url",
    "cancel_url",
    "capture_method",
    "saves_card",
    "metadata",
    "created_at",
    "expires_at",
)
MARKERS = frozenset({"due_pk", "due_at"})
ENDS = {"checkout_session.completed": "PAID", "checkout_session.expired": "EXPIRED"}


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", "0"))


@dataclass
class Session:
    """What is stored of one session: its row, its attempts, and the event of its end."""

    row: Item | None = None
    attempts: dict[str, Item] = field(default_factory=dict)
    end: Item | None = None

    @property
    def paid_by(self) -> list[str]:
        """The attempts that were granted, and that nobody refused or has still to look at."""
        return [
            id_
            for id_, intent in self.attempts.items()
            if "authorization" in intent and status_of(intent) in {"", "APPROVED"}
        ]

    @property
    def at_work(self) -> list[str]:
        """The attempts that may still be granted."""
        return [
            id_
            for id_, intent in self.attempts.items()
            if _text(intent, "status") == "PROCESSING"
            and ("authorization" not in intent or status_of(intent) == "OPEN")
        ]

    @property
    def status(self) -> str:
        """What is true of it, but for its time."""
        if self.paid_by:
            return "PAID"
        if self.at_work:
            return "PROCESSING"
        return "EXPIRED" if "expired_at" in (self.row or {}) else "OPEN"


class Sessions:
    """All of them, by id."""

    def __init__(self, fail: Fail) -> None:
        self._fail = fail
        self.known: dict[str, Session] = defaultdict(Session)
        self._touched: set[str] = set()

    def clear(self) -> None:
        """Forget everything: other rows are loaded."""
        self.known.clear()
        self._touched.clear()

    def events(self) -> Iterator[tuple[str, Item]]:
        """The event of each end."""
        for session_id, session in self.known.items():
            if session.end is not None:
                yield session_id, session.end

    def keeps_card_of(self, intent_id: str) -> bool:
        """Whether a payment was granted, of a session that keeps the card of who paid."""
        return any(
            intent_id in session.paid_by
            and bool((session.row or {}).get("saves_card", {}).get("BOOL"))
            for session in self.known.values()
        )

    # --- row by row --------------------------------------------------------------------------

    def session(self, key: Any, old: Item | None, new: Item | None) -> None:
        """A session's own row."""
        session_id = _text(new or old or {}, "session_id")
        if new is None:
            self._fail(3, session_id, "the checkout session was deleted")
            return
        if old is not None:
            self._follows(session_id, old, new)
        self.known[session_id].row = new
        self._touched.add(session_id)

    def _follows(self, session_id: str, old: Item, new: Item) -> None:
        differing = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if fixed := differing.intersection(FIXED):
            self._fail(3, session_id, f"what never changes did: {sorted(fixed)}")
        grown = _number(new, "version") - _number(old, "version")
        if grown != (0 if differing <= MARKERS else 1):
            self._fail(3, session_id, f"version by {grown} with a change of {sorted(differing)}")
        if "expired_at" in old and differing - MARKERS:
            self._fail(3, session_id, f"it is over, and changed: {sorted(differing)}")

    def attempt(self, old: Item | None, new: Item) -> None:
        """A payment's row, if it is a session's."""
        checkout = new.get("checkout", {}).get("M")
        if checkout is None:
            return
        session_id, intent_id = _text(checkout, "session_id"), _text(new, "intent_id")
        if old is not None and old.get("checkout") != new.get("checkout"):
            self._fail(3, intent_id, "it is another session's now")
        self.known[session_id].attempts[intent_id] = new
        self._touched.add(session_id)

    def event(self, old: Item | None, new: Item | None) -> None:
        """The event of a session's end."""
        session_id = _text(new or old or {}, "session_id")
        if new is None:
            self._fail(4, session_id, "the event of its end was deleted")
            return
        if old is None and self.known[session_id].end is not None:
            self._fail(4, session_id, "its end is told twice")
        if old is not None and _text(old, "type") != _text(new, "type"):
            self._fail(4, session_id, f"{_text(old, 'type')} became {_text(new, 'type')}")
        self.known[session_id].end = new
        self._touched.add(session_id)

    # --- what belongs together ---------------------------------------------------------------

    def add_up(self) -> None:
        """What must be true of each session that the transaction touched."""
        touched, self._touched = self._touched, set()
        for session_id in sorted(touched):
            self._adds_up(session_id, self.known[session_id])

    def _adds_up(self, session_id: str, session: Session) -> None:
        if session.row is None:
            self._fail(6, session_id, f"attempts without a session: {sorted(session.attempts)}")
            return
        if len(session.paid_by) > 1:
            self._fail(1, session_id, f"paid by {session.paid_by}")
        if len(session.at_work) > (0 if session.paid_by else 1):
            self._fail(7, session_id, f"at work {session.at_work}, paid by {session.paid_by}")
        newest = next(reversed(session.attempts), "")  # their ids are from clocks that differ
        if _text(session.row, "intent_id") != newest:
            self._fail(6, session_id, f"names {_text(session.row, 'intent_id')}, not {newest}")
        if _number(session.row, "attempts") != len(session.attempts):
            counted = _number(session.row, "attempts")
            self._fail(6, session_id, f"counts {counted} of {sorted(session.attempts)}")
        self._end_is_true(session_id, session)

    def _end_is_true(self, session_id: str, session: Session) -> None:
        told = ENDS.get(_text(session.end or {}, "type"), "")
        true = session.status if session.status in ENDS.values() else ""
        if told != true:
            self._fail(4, session_id, f"is {session.status}, and told is {told or 'nothing'}")
        if session.end is None:
            return
        shown = session.end["object"]["M"]
        if _text(shown, "status") != told:
            self._fail(4, session_id, f"{told} is told, and {_text(shown, 'status')} is shown")
        by = _text(shown, "payment_intent_id")
        if told == "PAID" and [by] != session.paid_by:
            self._fail(4, session_id, f"told to be paid by {by}, and is by {session.paid_by}")


def overdue(sessions: Sessions, now: float, grace_seconds: float) -> Iterator[tuple[str, str]]:
    """Sessions whose time is long over, and that nobody has ended: id and facts."""
    for session_id, session in sessions.known.items():
        expires_at = _text(session.row or {}, "expires_at")
        waits = session.status == "OPEN" and expires_at
        if waits and from_text(expires_at).timestamp() < now - grace_seconds:
            yield session_id, f"was to end at {expires_at}, and is OPEN"
