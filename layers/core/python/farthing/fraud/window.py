"""How often something was tried in vain lately, exact in any hour: one counter as a value.

            begin            failed: the issuer said no
    attempt ──────► in flight ──────────────────────────► one of the last four failures
                        └─────────────────────────────► forgotten
                             ended otherwise: approved, blocked, never sent, undone

    09:00     ×     ×  ×              ×       ?       10:00      × failed    ? in flight
              └───────── an hour ─────────────┘
                       5 > 3: the next attempt is declined

An attempt counts by when it was made, whatever became of it, until it is known that it did not
fail. So to come from in flight to failed changes no count, and one whose end is never told counts
like a failure and is no longer looked at once the longest window is past.

The time is part of the attempt: whoever writes of an attempt, and however often, writes the same
pair. Failures are thus a set of which the newest four are kept, and in which order they come, or
come again, makes no difference; clocks that disagree move an attempt by their error and no other.
Four are enough to say exactly whether there were more than three, in any window.

An attempt begins at most once, before its end: in the transaction that creates its operation.

An address's counter also remembers with which cards was tried there lately, whatever became of it:
no window counts them, but the model asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from farthing.fraud.model.history import CARDS_MAX, DAY
from farthing.ids import instant_of

FAILURES_KEPT = 4
LIMIT_MAX = FAILURES_KEPT - 1
"""More than this many cannot be told apart from each other."""

IN_FLIGHT_KEPT = 16
"""A limit that blocks lets no more than `LIMIT_MAX + 1` in. Where nothing blocks, the oldest are
dropped: they count no more while they are in flight, and again if they fail."""

TEN_MINUTES_SECONDS = 600
HOUR_SECONDS = 3600
LONGEST_SECONDS = HOUR_SECONDS
FORGOTTEN_SECONDS = 2 * LONGEST_SECONDS
"""After it an attempt in flight is swept up: no window reaches so far, even by a clock that is an
hour wrong."""

CARDS_SECONDS = DAY
"""For so long it is of interest that a card was tried from an address."""

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def milliseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True, order=True)
class Attempt:
    """One try. Its time is the time of its operation's id, so it is the same for everybody."""

    at_ms: int
    operation_id: str

    @classmethod
    def of(cls, operation_id: str) -> Attempt:
        """The attempt of an operation. Raises ValueError for what is no id."""
        return cls(milliseconds(instant_of(operation_id)), operation_id)


@dataclass(frozen=True)
class TriedCard:
    """A card, by its fingerprint, and when it was last tried."""

    at_ms: int
    fingerprint: str


@dataclass(frozen=True)
class Counted:
    """The attempts of one window, oldest first."""

    failed: tuple[Attempt, ...] = ()
    in_flight: tuple[Attempt, ...] = ()

    @property
    def total(self) -> int:
        """Exact up to `FAILURES_KEPT`, and never less than that if there were more."""
        return len(self.failed) + len(self.in_flight)

    @property
    def operation_ids(self) -> tuple[str, ...]:
        """Which they are."""
        return tuple(attempt.operation_id for attempt in sorted(self.failed + self.in_flight))


@dataclass(frozen=True)
class Counter:
    """What is kept of one card or address; all parts are sorted. `version` is that of the row."""

    failed: tuple[Attempt, ...] = ()
    in_flight: tuple[Attempt, ...] = ()
    version: int = 0
    cards: tuple[TriedCard, ...] = ()

    def begun(self, attempt: Attempt, card: str | None = None) -> Counter:
        """With an attempt in flight, unless it is known already to have failed. On an address,
        `card` is the fingerprint of what was tried."""
        if card is not None:
            return self._with_card(card, attempt.at_ms).begun(attempt)
        if attempt in self.failed:
            return self
        since_ms = attempt.at_ms - FORGOTTEN_SECONDS * 1000
        fresh = (one for one in self.in_flight if one.at_ms > since_ms)
        return self._with(self.failed, {*fresh, attempt})

    def failed_with(self, attempt: Attempt) -> Counter:
        """With an attempt that the issuer declined."""
        return self._with({*self.failed, attempt}, set(self.in_flight) - {attempt})

    def ended_otherwise(self, attempt: Attempt) -> Counter:
        """Without an attempt that did not fail."""
        return replace(self, in_flight=tuple(one for one in self.in_flight if one != attempt))

    def within(self, window_seconds: int, now: datetime) -> Counted:
        """The attempts later than `window_seconds` before `now`, as far as they are kept."""
        if not 0 < window_seconds <= LONGEST_SECONDS:
            raise ValueError(f"a window of {window_seconds} s: nothing is kept for it")
        since_ms = milliseconds(now) - window_seconds * 1000
        return Counted(_later(self.failed, since_ms), _later(self.in_flight, since_ms))

    def trips(self, window_seconds: int, limit: int, now: datetime) -> bool:
        """Whether there were more than `limit` in the window."""
        if not 0 <= limit <= LIMIT_MAX:
            raise ValueError(f"a limit of {limit}: {FAILURES_KEPT} failures are kept")
        return self.within(window_seconds, now).total > limit

    def _with_card(self, card: str, at_ms: int) -> Counter:
        """The newest, each by the last time that it was tried."""
        known_ms = max((one.at_ms for one in self.cards if one.fingerprint == card), default=at_ms)
        others = [one for one in self.cards if one.fingerprint != card]
        tried = [*others, TriedCard(max(at_ms, known_ms), card)]
        tried.sort(key=lambda one: one.at_ms)
        return replace(self, cards=tuple(tried[-CARDS_MAX:]))

    def _with(self, failed: Iterable[Attempt], in_flight: Iterable[Attempt]) -> Counter:
        """The newest of each. What is in flight and older than four failures never matters again:
        a window that has it has those four."""
        kept = tuple(sorted(failed)[-FAILURES_KEPT:])
        matter = sorted(in_flight)
        if len(kept) == FAILURES_KEPT:
            matter = [one for one in matter if one > kept[0]]
        return replace(self, failed=kept, in_flight=tuple(matter[-IN_FLIGHT_KEPT:]))


def _later(attempts: tuple[Attempt, ...], since_ms: int) -> tuple[Attempt, ...]:
    return tuple(one for one in attempts if one.at_ms > since_ms)
