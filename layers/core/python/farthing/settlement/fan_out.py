"""One firing of the daily schedule: a message for every merchant, and for none more than one.

A second firing, beside the first or after it, sends the same messages again, and whoever gets them
finds nothing left to do. One that fails is tried again from the beginning; one that runs out of
time says so, and the next one goes on behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from farthing.business_calendar import Calendar
from farthing.clock import Clock
from farthing.settlement.job import Job
from farthing.settlement.merchants import Merchant, turn_put
from farthing.settlement.outcome import run_put
from farthing.store.port import Writes

MERCHANTS_AT_ONCE = 10
"""As many messages as SQS takes in one request."""
SECONDS_TO_END = 20


class RunIncomplete(Exception):
    """Something failed, waits too long or was not reached; the next one continues."""


@dataclass(frozen=True)
class Services:
    """What a firing works with. `calendars` are those of the acquirers, by name."""

    merchants: Iterable[Merchant]
    calendars: Mapping[str, Calendar]
    send: Callable[[Sequence[Job]], None]
    store: Writes
    clock: Clock
    seconds_left: Callable[[], float]
    new_run: Callable[[], str]


def send_all(
    event: Mapping[str, Any], services: Services, *, has_test_clock: bool
) -> dict[str, Any]:
    """A message for every merchant. What was sent, and how to ask what comes of it.

    The event may hold `until_day` or `include_today` (see `days_asked`), and `follow`: somebody
    waits for the results. Raises ValueError for a wrong event, RunIncomplete when time is up.
    """
    until = days_asked(event, services.calendars, services.clock, has_test_clock=has_test_clock)
    run = services.new_run() if event.get("follow") is True else None
    sent = 0
    for some in _by_tens(services.merchants):
        services.send([_job(one, until, run) for one in some])
        sent += len(some)
        if services.seconds_left() < SECONDS_TO_END:
            services.store.write(turn_put(some[-1].merchant_id))
            raise RunIncomplete(f"out of time after {sent} merchants")
    if run is not None:
        services.store.write(run_put(run, sent, services.clock.now()))
    days = {acquirer: day.isoformat() for acquirer, day in until.items()}
    return {"until": days, "merchants": sent, "run": run}


def days_asked(
    event: Mapping[str, Any],
    calendars: Mapping[str, Calendar],
    clock: Clock,
    *,
    has_test_clock: bool,
) -> dict[str, date]:
    """The last business day to settle at each acquirer: the last one that is over.

    `until_day` is an earlier one. `include_today`, for demonstrations, closes a day that still
    runs, and needs a stack whose clock may be moved. Raises ValueError for anything else.
    """
    include_today = event.get("include_today", False)
    if type(include_today) is not bool:
        raise ValueError("include_today is true or false")
    if include_today and not has_test_clock:
        raise ValueError("include_today needs a stack with a test clock")
    now = clock.now()
    last = {
        name: calendar.business_day(now) if include_today else calendar.last_over(now)
        for name, calendar in calendars.items()
    }
    text = event.get("until_day")
    if text is None:
        return last
    if type(text) is not str:
        raise ValueError("until_day is a day such as 2026-11-22")
    day = date.fromisoformat(text)
    if day > max(last.values()):
        raise ValueError(f"until_day: {day} is not over")
    return {name: calendars[name].last_open(min(day, last[name])) for name in calendars}


def _job(merchant: Merchant, until: Mapping[str, date], run: str | None) -> Job:
    return Job(merchant.merchant_id, merchant.first_day, until, merchant.acquirers, run)


def _by_tens(merchants: Iterable[Merchant]) -> Iterator[list[Merchant]]:
    each = iter(merchants)
    while some := list(islice(each, MERCHANTS_AT_ONCE)):
        yield some
