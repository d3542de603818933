"""A recovery: what an endpoint missed in a range of time, sent at a pace that it can bear.

    RUNNING ──► DONE        the last event of the range was looked at
       │ └────► CANCELLED   the merchant has had enough
       └──────► STOPPED     the endpoint was deleted, or is turned off

It goes over the merchant's events in their order, page by page. A page's deliveries and the step of
the recovery are one transaction, so each page happens once, whoever dies or works at it twice, and
nothing more is moved after a cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from farthing.clock import from_text, later, to_text
from farthing.store import NOT_CREATED, Condition, Delete, Item, Key, Put, TenantScope, Update
from farthing.store.write import Write
from farthing.webhooks.keys import RECOVERIES_DUE_PK, recovery_key, running_key

AHEAD_SECONDS = 60
"""How far ahead of time deliveries are given out: until the next minute's tick."""


class State(StrEnum):
    """Where a recovery is. All but RUNNING are final."""

    RUNNING = "RUNNING"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    STOPPED = "STOPPED"


@dataclass(frozen=True)
class Count:
    """How many events are to be sent; at least so many, if counting all would take too long."""

    events: int
    complete: bool

    def view(self) -> dict[str, Any]:
        """The count as the API shows it."""
        return {"count": self.events, "complete": self.complete}


@dataclass(frozen=True)
class Recovery:
    """Immutable: each step gives the recovery that follows.

    `after` and `before` are ids of events, exclusive: what is still to be looked at. `paced_until`
    is when the last delivery that was given out may be sent.
    """

    tenant: TenantScope
    recovery_id: str
    endpoint_id: str
    since: str
    until: str
    per_second: int
    created_at: str
    count: Count
    after: str
    before: str
    paced_until: str
    looked_at: int = 0
    recovered: int = 0
    state: State = State.RUNNING
    ended_at: str | None = None

    @property
    def running(self) -> bool:
        """Whether there is more to do."""
        return self.state is State.RUNNING

    def has_time(self, now: datetime) -> bool:
        """Whether more may be given out now: what was is not more than until the next tick."""
        return self.paced_until < later(now, seconds=AHEAD_SECONDS)

    def slots(self, number: int, now: datetime) -> list[datetime]:
        """When each of the next deliveries may be sent, at the pace that was asked for."""
        start = max(now, from_text(self.paced_until))
        return [start + timedelta(seconds=n / self.per_second) for n in range(number)]

    def passed(self, last_event_id: str, looked_at: int, slots: list[datetime]) -> Recovery:
        """After a page up to `last_event_id`, of which the deliveries of `slots` were given out."""
        paced = self.paced_until
        if slots:
            paced = to_text(slots[-1] + timedelta(seconds=1 / self.per_second))
        return replace(
            self,
            after=last_event_id,
            paced_until=paced,
            looked_at=self.looked_at + looked_at,
            recovered=self.recovered + len(slots),
        )

    def ended(self, state: State, now: datetime) -> Recovery:
        """At its end."""
        return replace(self, state=state, ended_at=to_text(now))

    def view(self) -> dict[str, Any]:
        """The recovery as the API shows it."""
        return {
            "recovery_id": self.recovery_id,
            "endpoint_id": self.endpoint_id,
            "state": self.state.value,
            "since": self.since,
            "until": self.until,
            "per_second": self.per_second,
            **self.count.view(),
            "events_looked_at": self.looked_at,
            "recovered": self.recovered,
            "created_at": self.created_at,
            "ended_at": self.ended_at,
        }

    @property
    def key(self) -> Key:
        """Its row."""
        return recovery_key(self.tenant, self.endpoint_id, self.recovery_id)

    def item(self) -> Item:
        """The row of a running one, without its place in the due index."""
        return {
            "entity": "recovery",
            "merchant_id": self.tenant.merchant_id,
            "mode": self.tenant.mode,
            "recovery_id": self.recovery_id,
            "endpoint_id": self.endpoint_id,
            "since": self.since,
            "until": self.until,
            "per_second": self.per_second,
            "created_at": self.created_at,
            **self.count.view(),
            "before": self.before,
            **self._changing(),
        }

    def _changing(self) -> Item:
        return {
            "after": self.after,
            "paced_until": self.paced_until,
            "looked_at": self.looked_at,
            "recovered": self.recovered,
            "state": self.state.value,
            "ended_at": self.ended_at,
        }

    @classmethod
    def of(cls, item: Item) -> Recovery:
        """The recovery of its row."""
        return cls(
            tenant=TenantScope(item["merchant_id"], item["mode"]),
            recovery_id=item["recovery_id"],
            endpoint_id=item["endpoint_id"],
            since=item["since"],
            until=item["until"],
            per_second=item["per_second"],
            created_at=item["created_at"],
            count=Count(item["count"], item["complete"]),
            after=item["after"],
            before=item["before"],
            paced_until=item["paced_until"],
            looked_at=item["looked_at"],
            recovered=item["recovered"],
            state=State(item["state"]),
            ended_at=item["ended_at"],
        )

    def begin(self) -> tuple[Write, ...]:
        """The writes that begin it. NOBODY_RECOVERS keeps it the only one of its endpoint."""
        due: Item = {"due_pk": RECOVERIES_DUE_PK, "due_at": self.created_at}
        held: Item = {"entity": "running_recovery", "recovery_id": self.recovery_id}
        return (
            Put(running_key(self.tenant, self.endpoint_id), held, NOBODY_RECOVERS),
            Put(self.key, self.item() | due, NOT_CREATED),
        )

    def step_to(self, after: Recovery) -> tuple[Write, ...]:
        """The writes of a step from here; the last one gives the endpoint free."""
        changed = after._changing()
        if after.running:
            return (Update(self.key, self._is_still(), set=changed),)
        held = running_key(self.tenant, self.endpoint_id)
        return (
            Update(self.key, self._is_still(), set=changed, remove=("due_pk", "due_at")),
            Delete(held, holds(self.recovery_id)),
        )

    def _is_still(self) -> Condition:
        """Nobody took a step since it was read, or ended it."""
        return Condition(
            "RECOVERY_IS_STILL",
            "#state = :running AND #after = :after_read",
            {"running": State.RUNNING.value, "after_read": self.after},
        )


NOBODY_RECOVERS = Condition("NOBODY_RECOVERS", "attribute_not_exists(#pk)")
"""No recovery of the endpoint is under way."""


def holds(recovery_id: str) -> Condition:
    """The endpoint is held by this recovery."""
    return Condition("HOLDS_THE_ENDPOINT", "#recovery_id = :recovery", {"recovery": recovery_id})
