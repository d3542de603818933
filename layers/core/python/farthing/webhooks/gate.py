"""The gate before an endpoint: how many attempts it has to bear at once, and when it gets none.

    CLOSED ── 10 failures in a row ──► OPEN for a minute ──► HALF OPEN: one attempt, the probe
       ▲                                 ▲                              │
       │                                 └──────── it failed ───────────┤
       └───────────────────────────────────────── it succeeded ─────────┘

One row an endpoint. An attempt takes a place in it before it is sent, and gives it back after with
what came of it; a place whose holder died is free again when its lease has run out. So an endpoint
that hangs holds five workers and no more, and one that is dead costs an attempt a minute.

The row also says since when there were nothing but failures: after days of them the endpoint is
turned off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from farthing.clock import from_text, later, to_text
from farthing.store import Item

IN_FLIGHT_MAX = 5
FAILURES_MAX = 10
OPEN_SECONDS = 60
PLACE_SECONDS = 60
"""How long a place is kept for a worker that does not come back: longer than an attempt takes."""

HOPELESS_SECONDS = 5 * 24 * 3600
HOPELESS_ATTEMPTS = 20
"""After both, of nothing but failures, the endpoint is turned off."""


class Refusal(StrEnum):
    """Why an attempt has to wait."""

    FULL = "FULL"
    OPEN = "OPEN"


@dataclass(frozen=True)
class Place:
    """One attempt on its way."""

    holder: str
    until: str


@dataclass(frozen=True)
class Gate:
    """Immutable: each step gives the gate that follows."""

    version: int = 0
    places: tuple[Place, ...] = ()
    failures: int = 0
    open_until: str | None = None
    failing_since: str | None = None
    failed_attempts: int = 0

    def entered(self, holder: str, now: datetime) -> Gate | Refusal:
        """With a place for `holder`, or why there is none."""
        text = to_text(now)
        others = [place for place in self.places if place.holder != holder]
        living = tuple(place for place in others if place.until > text)
        if self.open_until is not None and (self.open_until > text or living):
            return Refusal.OPEN
        if len(living) >= IN_FLIGHT_MAX:
            return Refusal.FULL
        place = Place(holder, later(now, seconds=PLACE_SECONDS))
        return replace(self._next(), places=(*living, place))

    def left(self, holder: str, now: datetime, *, succeeded: bool | None) -> Gate:
        """Without the place of `holder`, and with what came of its attempt; None if there was none.

        A success closes the gate, whoever holds the other places. Who has no place any more has
        given it back before, or came back too late to count.
        """
        if all(place.holder != holder for place in self.places):
            return self
        places = tuple(place for place in self.places if place.holder != holder)
        after = replace(self._next(), places=places)
        if succeeded is None:
            return after
        if succeeded:
            return Gate(after.version, places)
        failures = self.failures + 1
        opens = failures >= FAILURES_MAX
        return replace(
            after,
            failures=failures,
            open_until=later(now, seconds=OPEN_SECONDS) if opens else self.open_until,
            failing_since=self.failing_since or to_text(now),
            failed_attempts=self.failed_attempts + 1,
        )

    def forgiven(self) -> Gate:
        """As if nothing had failed: the merchant has turned the endpoint on again."""
        clean = Gate(self.version, self.places)
        return self if clean == self else clean._next()

    def hopeless(self, now: datetime) -> bool:
        """Whether nothing but failures came for days, and enough of them."""
        if self.failing_since is None or self.failed_attempts < HOPELESS_ATTEMPTS:
            return False
        return (now - from_text(self.failing_since)).total_seconds() >= HOPELESS_SECONDS

    def seconds_closed(self, now: datetime) -> float:
        """How long it stays open for nobody; 0 if it does not."""
        if self.open_until is None:
            return 0.0
        return max(0.0, (from_text(self.open_until) - now).total_seconds())

    def item(self) -> Item:
        """The row."""
        return {
            "entity": "webhook_gate",
            "version": self.version,
            "places": [{"holder": one.holder, "until": one.until} for one in self.places],
            "failures": self.failures,
            "open_until": self.open_until,
            "failing_since": self.failing_since,
            "failed_attempts": self.failed_attempts,
        }

    @classmethod
    def of(cls, item: Item | None) -> Gate:
        """The gate of its row, which is not there before the first attempt."""
        if item is None:
            return cls()
        return cls(
            version=item["version"],
            places=tuple(Place(**row) for row in item["places"]),
            failures=item["failures"],
            open_until=item["open_until"],
            failing_since=item["failing_since"],
            failed_attempts=item["failed_attempts"],
        )

    def _next(self) -> Gate:
        return replace(self, version=self.version + 1)
