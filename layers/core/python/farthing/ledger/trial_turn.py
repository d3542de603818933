"""Whose books are tried when: every merchant's each night, and one's when somebody asks.

The schedule queues a message for each merchant and mode, and each message is one stretch of one
run: what is not done then goes on in another one. By hand the caller goes on, and sees how far it
is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from farthing.access.keys import merchant_row
from farthing.access.principal import Mode
from farthing.business_calendar import ONE_DAY
from farthing.clock import from_text
from farthing.ids import is_id
from farthing.ledger import trial
from farthing.ledger.trial_row import Run
from farthing.store.item import Item
from farthing.store.port import Gets, Queries
from farthing.store.scope import TenantScope

RUNS_SHOWN_MAX = 50


@dataclass(frozen=True)
class Turn:
    """A stretch of a run over one merchant's books: a new run, or the one that is named."""

    merchant_id: str
    mode: str
    first_day: str
    run_id: str = ""

    @property
    def tenant(self) -> TenantScope:
        """Whose books."""
        return TenantScope(self.merchant_id, self.mode)

    def to_text(self) -> str:
        """The message's body."""
        return json.dumps({name: value for name, value in vars(self).items() if value})

    @classmethod
    def of(cls, text: str) -> Turn:
        """Raises TypeError or ValueError for a body that we did not write."""
        return cls(**json.loads(text))


class Queue(Protocol):
    """The way to the next stretch."""

    def send(self, turns: Sequence[Turn]) -> None:
        """Raises QueueRefused if not every message was taken."""
        ...


class QueueRefused(Exception):
    """Some messages were not taken."""


class AccessStore(Gets, Queries, Protocol):
    """What is needed of the access table."""


@dataclass(frozen=True)
class Turns:
    """How stretches are given out. `services_of` makes what a merchant's trial balance needs."""

    access: AccessStore
    queue: Queue
    services_of: Callable[[TenantScope], trial.Services]

    def all(self) -> int:
        """Queue a run for every merchant in each mode. How many."""
        turns = [
            Turn(merchant_id, mode.value, _first_day(item).isoformat())
            for merchant_id, item in self._merchants()
            for mode in Mode
        ]
        if turns:
            self.queue.send(turns)
        return len(turns)

    def take(self, turn: Turn) -> Run:
        """One stretch; the next one is queued if there is more. Raises StoreBusy or
        QueueRefused."""
        services = self.services_of(turn.tenant)
        run = trial.stored(turn.run_id, services) if turn.run_id else None
        run = run or trial.begin(date.fromisoformat(turn.first_day), services)
        try:
            trial.go_on(run, services)
        except trial.TakenUp:
            return run
        if run.ended_at is None:
            self.queue.send([replace(turn, run_id=run.run_id)])
        return run

    def by_hand(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One stretch of the run that is asked for; or, with `show`, the newest runs.

            {"merchant_id": …, "mode": …, "full": true}
            {"merchant_id": …, "mode": …, "run_id": …}
            {"merchant_id": …, "mode": …, "show": 5}

        Says in `error` what cannot be done.
        """
        try:
            tenant = _tenant(asked)
        except ValueError as wrong:
            return {"error": str(wrong)}
        services = self.services_of(tenant)
        if "show" in asked:
            count = asked["show"]
            if type(count) is not int or not 0 < count <= RUNS_SHOWN_MAX:
                return {"error": f"show is a number from 1 to {RUNS_SHOWN_MAX}"}
            return {"runs": [trial.shown(run) for run in trial.newest(services, count)]}
        item = self.access.get(merchant_row(tenant.merchant_id))
        if item is None:
            return {"error": f"there is no merchant {tenant.merchant_id}"}
        if "run_id" in asked:
            run = trial.stored(str(asked["run_id"]), services)
            if run is None:
                return {"error": "there is no such run"}
        else:
            run = trial.begin(_first_day(item), services, full=asked.get("full") is True)
        try:
            trial.go_on(run, services)
        except trial.TakenUp:
            return {"error": f"somebody else went on with {run.run_id}"}
        return trial.shown(run)

    def _merchants(self) -> Iterator[tuple[str, Item]]:
        start: Item | None = None
        while True:
            page = self.access.query("access", merchant_row("").pk, start=start)
            for item in page.items:
                yield item["sk"], item
            start = page.next_start
            if start is None:
                return


def _tenant(asked: Mapping[str, Any]) -> TenantScope:
    merchant_id, mode = str(asked.get("merchant_id")), str(asked.get("mode"))
    if not is_id("mer", merchant_id):
        raise ValueError("merchant_id is the id of a merchant: mer_…")
    if mode not in set(Mode):
        raise ValueError("mode is test or live")
    return TenantScope(merchant_id, mode)


def _first_day(merchant: Item) -> date:
    """A day before it was there: some acquirer's clocks may be behind."""
    return from_text(merchant["created_at"]).date() - ONE_DAY
