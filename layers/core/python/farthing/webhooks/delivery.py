"""A delivery: one event on its way to one endpoint, and what it may do next.

    PENDING ──► attempt ──► SUCCEEDED ──┐
       ▲           │  ▲                 │ sent again by hand: a new round of attempts
       │           ▼  │ when its time   │
       │         FAILED ──► EXHAUSTED ──┤ after the last attempt, or without an endpoint
       └────────────────────────────────┘

While its endpoint is off, a delivery stays as it is and is looked at again later; so it does while
the gate before its endpoint lets nobody through.

An attempt is claimed before it is sent: the claim opens the attempt and leases the delivery, so
that of several workers one sends. `next_attempt_at` says from when on it may be tried; `due_at`,
in the due index, when to look whether that happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from farthing.clock import from_text, later, to_text
from farthing.ids import ALPHABET, RANDOM_PART_LENGTH
from farthing.store import TenantScope
from farthing.webhooks.attempt import Attempt
from farthing.webhooks.event import Event
from farthing.webhooks.feed import PlacedEvent
from farthing.webhooks.keys import DELIVERY_PREFIX
from farthing.webhooks.ports import Answer, DeliveryMessage
from farthing.webhooks.schedule import after_answer, delay_seconds, span_seconds

LEASE_SECONDS = 60
QUEUED_SECONDS = 60
"""How long the queue has for the first attempt before the due index is asked."""

ATTEMPTS_KEPT_MAX = 20
"""The latest ones; sent again and again by hand, there may have been more."""

PAUSE_SECONDS_MIN = 60
PAUSE_SECONDS_MAX = 3600
"""How long a delivery to an endpoint that is off waits: as long as it is old, between these."""

_NOT_HELD: Mapping[str, Any] = MappingProxyType({"deferrals": 0, "held_since": None})
_TIME_LENGTH = 10
"""The characters of an id that are its milliseconds."""


class Status(StrEnum):
    """Where a delivery is. SUCCEEDED and EXHAUSTED are final."""

    PENDING = "PENDING"
    FAILED = "FAILED"
    SUCCEEDED = "SUCCEEDED"
    EXHAUSTED = "EXHAUSTED"


class EndReason(StrEnum):
    """Why no other attempt is made. NEVER_STARTED is a fault of ours."""

    ATTEMPTS_USED_UP = "ATTEMPTS_USED_UP"
    HELD_BACK_TOO_LONG = "HELD_BACK_TOO_LONG"
    ENDPOINT_GONE = "ENDPOINT_GONE"
    ENDPOINT_DISABLED = "ENDPOINT_DISABLED"
    ENDPOINT_DELETED = "ENDPOINT_DELETED"
    NEVER_STARTED = "NEVER_STARTED"


class Turn(StrEnum):
    """What a worker that holds a message may do with the delivery."""

    READY = "READY"
    NOT_DUE = "NOT_DUE"
    LEASED = "LEASED"
    OVER = "OVER"


@dataclass(frozen=True)
class Delivery:
    """Immutable: each step gives the delivery that follows."""

    tenant: TenantScope
    delivery_id: str
    endpoint_id: str
    event_id: str
    event_type: str
    feed_shard: int
    position: int
    created_at: str
    status: Status
    attempts: tuple[Attempt, ...] = ()
    next_attempt_at: str | None = None
    due_at: str | None = None
    lease_until: str | None = None
    end_reason: EndReason | None = None
    round_from: int = 0
    round_at: str | None = None
    deferrals: int = 0
    held_since: str | None = None

    @property
    def message(self) -> DeliveryMessage:
        """What goes into the queue."""
        tenant = self.tenant
        return DeliveryMessage(tenant.merchant_id, tenant.mode, self.delivery_id, self.endpoint_id)

    @property
    def copy_of_the_end(self) -> DeliveryMessage:
        """What goes into the queue of exhausted deliveries."""
        return replace(self.message, ended_round=self.round_began_at)

    @property
    def round_began_at(self) -> str:
        """Since when its attempts count: since it was made, or sent again by hand."""
        return self.round_at or self.created_at

    @property
    def claims(self) -> int:
        """How many attempts were ever opened; the oldest are not kept."""
        return self.attempts[-1].number if self.attempts else 0

    @property
    def over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status in (Status.SUCCEEDED, Status.EXHAUSTED)

    def turn(self, now: datetime) -> Turn:
        """What may be done at the instant `now`."""
        if self.over:
            return Turn.OVER
        if self.lease_until is not None and self.lease_until > to_text(now):
            return Turn.LEASED
        if self.lease_until is None and self.seconds_to_wait(now) > 0:
            return Turn.NOT_DUE
        return Turn.READY

    def seconds_to_wait(self, now: datetime) -> int:
        """Whole seconds until the next attempt may start, rounded up; 0 if it may now."""
        if self.next_attempt_at is None or self.next_attempt_at <= to_text(now):
            return 0
        return int((from_text(self.next_attempt_at) - now).total_seconds()) + 1

    def claimed(self, now: datetime, url: str, signed_at: int) -> Delivery:
        """With the next attempt open and leased. An attempt left open was interrupted."""
        attempt = Attempt(self.claims + 1, to_text(now), url, signed_at)
        until = later(now, seconds=LEASE_SECONDS)
        kept = (*self._closed_attempts(), attempt)[-ATTEMPTS_KEPT_MAX:]
        return replace(self, attempts=kept, lease_until=until, due_at=until, **_NOT_HELD)

    def may_be_claimed(self, delays: Sequence[int]) -> bool:
        """Whether an attempt is left. A worker that dies in each of them uses them up too."""
        return self.claims - self.round_from < len(delays)

    def recorded(
        self, answer: Answer, delays: Sequence[int], now: datetime, chance: float
    ) -> Delivery:
        """With what came of the open attempt, and what follows from it by the schedule `delays`."""
        done = self.attempts[-1].answered(answer)
        after = replace(self, attempts=(*self.attempts[:-1], done), lease_until=None)
        if answer.succeeded:
            return replace(after, status=Status.SUCCEEDED, next_attempt_at=None, due_at=None)
        if answer.gone:
            return after.ended(EndReason.ENDPOINT_GONE)
        delay = delay_seconds(delays, self.claims - self.round_from, chance)
        if delay is None:
            return after.ended(EndReason.ATTEMPTS_USED_UP)
        due = later(now, seconds=after_answer(delay, answer))
        return replace(after, status=Status.FAILED, next_attempt_at=due, due_at=due)

    def deferred(self, seconds: int, delays: Sequence[int], now: datetime) -> Delivery:
        """As it was, to be tried in so many seconds: the gate let it not through.

        It ends when it was held back, since its last attempt, for as long as its whole schedule
        takes: an endpoint that was dead all that time had its chances by others' probes.
        """
        since = self.held_since or to_text(now)
        if (now - from_text(since)).total_seconds() + seconds > span_seconds(delays):
            return self.ended(EndReason.HELD_BACK_TOO_LONG)
        return replace(
            self,
            attempts=self._closed_attempts(),
            deferrals=self.deferrals + 1,
            held_since=since,
            next_attempt_at=later(now, seconds=seconds),
            due_at=later(now, seconds=seconds + QUEUED_SECONDS),
            lease_until=None,
        )

    def resent(self, now: datetime) -> Delivery:
        """To be tried now, because somebody asked for it.

        One that waits keeps its place in its schedule; one that is over begins anew; one that is
        being sent stays as it is.
        """
        if self.turn(now) is Turn.LEASED:
            return self
        text = to_text(now)
        due = later(now, seconds=QUEUED_SECONDS)
        queued = replace(self, next_attempt_at=text, due_at=due, **_NOT_HELD)
        if not self.over:
            return queued
        return replace(
            queued,
            status=Status.PENDING,
            end_reason=None,
            round_from=self.claims,
            round_at=text,
        )

    def ended(self, reason: EndReason) -> Delivery:
        """Without another attempt."""
        return replace(
            self,
            attempts=self._closed_attempts(),
            status=Status.EXHAUSTED,
            end_reason=reason,
            next_attempt_at=None,
            due_at=None,
            lease_until=None,
        )

    def paused(self, now: datetime) -> Delivery:
        """As it was, to be looked at again: its endpoint is off, and may be turned on again."""
        age_seconds = int((now - from_text(self.created_at)).total_seconds())
        wait_seconds = min(max(age_seconds, PAUSE_SECONDS_MIN), PAUSE_SECONDS_MAX)
        due = later(now, seconds=wait_seconds)
        return replace(
            self,
            attempts=self._closed_attempts(),
            next_attempt_at=due,
            due_at=due,
            lease_until=None,
            **_NOT_HELD,
        )

    def _closed_attempts(self) -> tuple[Attempt, ...]:
        if not self.attempts or not self.attempts[-1].open:
            return self.attempts
        return (*self.attempts[:-1], self.attempts[-1].interrupted())

    def log_fields(self) -> dict[str, Any]:
        """What a log line says of the last attempt: ids and numbers."""
        last = self.attempts[-1] if self.attempts else None
        return {
            "merchant_id": self.tenant.merchant_id,
            "event_id": self.event_id,
            "endpoint_id": self.endpoint_id,
            "delivery_id": self.delivery_id,
            "outcome": self.status.value,
            "attempt": last.number if last else 0,
            "status": last.status_code if last else None,
            "error_type": last.error if last else None,
            "duration_ms": last.duration_ms if last else None,
        }

    def view(self) -> dict[str, Any]:
        """The delivery as the API shows it, with its attempts."""
        return {
            "delivery_id": self.delivery_id,
            "endpoint_id": self.endpoint_id,
            "event_id": self.event_id,
            "event_type": self.event_type,
            "status": self.status.value,
            "end_reason": self.end_reason.value if self.end_reason else None,
            "attempts": [attempt.view() for attempt in self.attempts],
            "next_attempt_at": self.next_attempt_at,
            "created_at": self.created_at,
        }


def new_delivery(
    tenant: TenantScope, placed: PlacedEvent, endpoint_id: str, now: datetime
) -> Delivery:
    """The delivery of an event to an endpoint, to be tried at once."""
    event = placed.event
    return Delivery(
        tenant=tenant,
        delivery_id=delivery_id(event, endpoint_id),
        endpoint_id=endpoint_id,
        event_id=event.event_id,
        event_type=event.type,
        feed_shard=placed.shard,
        position=placed.position,
        created_at=to_text(now),
        status=Status.PENDING,
        next_attempt_at=to_text(now),
        due_at=later(now, seconds=QUEUED_SECONDS),
    )


def delivery_id(event: Event, endpoint_id: str) -> str:
    """One id for an event and an endpoint. It sorts by the event's time, as every id does."""
    _, _, random_part = event.event_id.partition("_")
    digest = hashlib.sha256(f"{event.event_id}\n{endpoint_id}".encode()).digest()
    rest = "".join(ALPHABET[byte % 32] for byte in digest[: RANDOM_PART_LENGTH - _TIME_LENGTH])
    return f"{DELIVERY_PREFIX}_{random_part[:_TIME_LENGTH]}{rest}"
