"""The trial balance: the books rebuilt from the payments table, against what was derived of them.

    days       every transaction that a day names is there, balances, is what its settlement entry
               says, and is in the journal; what the projection missed is projected
    journals   every row of the journal is its transaction, once; their sums are the head's

It goes on where the last run without a difference ended, a few days back because a write of
yesterday may be late, or over everything (`full`). A run takes as many stretches as it needs. With
a difference, what is verified stays where it was: the next run finds it again, until it is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from farthing.business_calendar import Calendar
from farthing.clock import from_text, to_text
from farthing.ids import IdSource, is_id
from farthing.ledger.balance import Head
from farthing.ledger.journal import heads_pk
from farthing.ledger.project import Projector
from farthing.ledger.trial_days import Days, partitions
from farthing.ledger.trial_journal import Journals
from farthing.ledger.trial_row import (
    RUN_PREFIX,
    Run,
    Verified,
    Walked,
    run_key,
    trial_pk,
    verified_key,
)
from farthing.store.errors import ConditionFailed
from farthing.store.port import BatchGets, Gets, Queries, Writes
from farthing.store.scope import TenantScope

LOOK_BACK_DAYS = 2
PAGE_ITEMS = 100
STOP_SECONDS = 15
"""With less than this left, the rest waits for the next stretch."""


class TrialStore(Gets, BatchGets, Queries, Writes, Protocol):
    """What is needed of the payments and settlement tables."""


class TakenUp(Exception):
    """Somebody else went on with this run. It is theirs."""


@dataclass(frozen=True)
class Services:
    """What a trial balance works with, for one merchant. `acquirers` are all that there may be."""

    tenant: TenantScope
    store: TrialStore
    projector: Projector
    acquirers: Mapping[str, Calendar]
    """By name, how each counts the business days of its entries."""
    now: Callable[[], datetime]
    new_id: IdSource
    seconds_left: Callable[[], float]
    tell: Callable[[Run], None]
    """Says how a run ended, and counts what it found for the alarm."""


def begin(first_day: date, services: Services, *, full: bool = False) -> Run:
    """A new run up to now, not yet stored. `first_day` is the earliest that could hold anything."""
    now = services.now()
    item = None if full else services.store.get(verified_key(services.tenant))
    verified = Verified.of(item) if item else Verified(first_day, {})
    since = verified.through_day - timedelta(days=LOOK_BACK_DAYS - 1)
    return Run(
        tenant=services.tenant,
        run_id=services.new_id(RUN_PREFIX),
        started_at=to_text(now),
        full=full,
        first_day=since,
        until=max(_open_days(now, services)),
        day=since,
        walked=dict(verified.walked),
    )


def _open_days(now: datetime, services: Services) -> list[date]:
    """The days that get something at `now`: that of UTC, which a transaction is of, and each
    acquirer's business day, which may be days later."""
    calendars = services.acquirers.values()
    return [now.date(), *(calendar.business_day(now) for calendar in calendars)]


def stored(run_id: str, services: Services) -> Run | None:
    """A run that was begun; None if there is none of this id."""
    item = (
        services.store.get(run_key(services.tenant, run_id)) if is_id(RUN_PREFIX, run_id) else None
    )
    return Run.of(services.tenant, item) if item else None


def newest(services: Services, count: int) -> list[Run]:
    """The runs that were begun last."""
    pk = trial_pk(services.tenant)
    page = services.store.query("settlement", pk, sk_prefix="RUN#", newest_first=True, limit=count)
    return [Run.of(services.tenant, item) for item in page.items]


def go_on(run: Run, services: Services) -> None:
    """Take the run further, to its end if there is time. Raises TakenUp or StoreBusy."""
    if run.ended_at is not None:
        return
    for page_done in _steps(run, services):
        out_of_time = services.seconds_left() < STOP_SECONDS
        if page_done or out_of_time:
            _save(run, services)
        if out_of_time:
            return
    run.ended_at = to_text(services.now())
    _save(run, services)
    if not run.counts["differences"]:
        _verified(run, services)
    services.tell(run)


def _steps(run: Run, services: Services) -> Iterator[bool]:
    """One page after the other. Whether it is to be kept: something was found or healed there."""
    days = Days(services.tenant, services.store, services.projector)
    while not run.days_done:
        parts = partitions(services.tenant, sorted(services.acquirers), run.day)
        while run.part < len(parts):
            page = services.store.query(
                "payments", parts[run.part], start=run.behind, limit=PAGE_ITEMS
            )
            news = bool(page.items) and _looked_at(page.items, days, run, services)
            run.behind = page.next_start
            if run.behind is None:
                run.part += 1
            yield news
        run.next_day()
    journals = Journals(services.tenant, services.store)
    for currency in _currencies(run, services):
        yield from _journal(currency, journals, run)


def _looked_at(rows: Sequence[dict[str, Any]], days: Days, run: Run, services: Services) -> bool:
    result = days.page(rows, services.now())
    run.found(result.differences)
    for name in ("entries", "alone", "healed", "in_flight"):
        run.counts[name] += getattr(result, name)
    for currency in result.currencies:
        run.walked.setdefault(currency, Walked())
    return bool(result.differences or result.healed)


def _currencies(run: Run, services: Services) -> list[str]:
    """All that have a head, and those that should have one."""
    page = services.store.query("settlement", heads_pk(services.tenant))
    return sorted({*run.walked, *(Head.of(item).currency for item in page.items)})


def _journal(currency: str, journals: Journals, run: Run) -> Iterator[bool]:
    head = journals.head(currency)
    walked = run.walked.get(currency, Walked())
    while walked.sequence < head.sequence:
        before = walked.sequence
        walked, differences = journals.walk(currency, walked, head.sequence)
        run.walked[currency] = walked
        run.counts["journal_rows"] += walked.sequence - before
        run.found(differences)
        yield bool(differences)
    run.walked[currency] = walked
    run.found(list(journals.end(head, walked)))


def _save(run: Run, services: Services) -> None:
    try:
        services.store.write(run.saved(services.now()))
    except ConditionFailed as failed:
        raise TakenUp(run.run_id) from failed


def _verified(run: Run, services: Services) -> None:
    """All was right. Each day that was not over when the run began is looked at again by the next
    one: the first of them bounds what is verified, whatever later day was looked at, too."""
    began = from_text(run.started_at)
    through = min(_open_days(began, services)) - timedelta(days=1)
    try:
        services.store.write(Verified(through, run.walked).put(services.tenant, services.now()))
    except ConditionFailed:
        return  # another run reached further


def shown(run: Run) -> dict[str, Any]:
    """A run for people: its counts, its differences, and each account's sum as it was rebuilt."""
    names = ("entries", "alone", "journal_rows", "healed", "in_flight", "differences")
    return {
        "run_id": run.run_id,
        "merchant_id": run.tenant.merchant_id,
        "mode": run.tenant.mode,
        "full": run.full,
        "first_day": run.first_day.isoformat(),
        "until": run.until.isoformat(),
        "day": min(run.day, run.until).isoformat(),
        "days": (run.until - run.first_day).days + 1,
        "days_done": (run.day - run.first_day).days,
        "done": run.ended_at is not None,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "counts": {name: run.counts[name] for name in names},
        "accounts": {name: dict(one.accounts) for name, one in sorted(run.walked.items())},
        "differences": [one.to_item() for one in run.differences],
    }
