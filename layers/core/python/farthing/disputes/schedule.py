"""When a dispute is looked at again, and when its merchant is reminded of its deadline. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from farthing.acquiring.dispute import Standing
from farthing.clock import from_text, later, to_text

REMINDER_DAYS = (7, 3, 1)
"""How many days before the deadline a merchant is reminded."""

OVERDUE_SECONDS = 15 * 60
"""So long after the deadline the acquirer is asked what it decided; then each hour."""
HOUR_SECONDS, DAY_SECONDS = 60 * 60, 24 * 60 * 60


def days_reached(due_by: str, now: datetime) -> int | None:
    """The last reminder whose time has come: days before the deadline. None before the first."""
    left = from_text(due_by) - now
    return min((days for days in REMINDER_DAYS if left <= timedelta(days=days)), default=None)


def reminded_at_once(due_by: str | None, now: datetime) -> int | None:
    """What a dispute's own event says already: a deadline that is near needs no reminder of it."""
    return None if due_by is None else days_reached(due_by, now)


def reminder(due_by: str | None, last_days: int | None, now: datetime) -> int | None:
    """The reminder that is to be sent now; None if none is, or it was."""
    if due_by is None or from_text(due_by) <= now:
        return None
    days = days_reached(due_by, now)
    if days is None or (last_days is not None and last_days <= days):
        return None
    return days


def watched(
    standing: Standing, due_by: str | None, last_days: int | None, now: datetime
) -> str | None:
    """When to look at a dispute next; None if nothing more is expected of it.

    Messages say when there is something to see; one that is lost is made good by these looks.
    """
    if standing is Standing.UNDER_REVIEW:
        return later(now, seconds=DAY_SECONDS)
    if standing is not Standing.NEEDS_RESPONSE:
        return None
    if due_by is None:
        return later(now, seconds=DAY_SECONDS)
    deadline = from_text(due_by)
    reminders = (
        deadline - timedelta(days=days)
        for days in REMINDER_DAYS
        if last_days is None or days < last_days
    )
    overdue = deadline + timedelta(seconds=OVERDUE_SECONDS)
    following = min((at for at in (*reminders, overdue) if at > now), default=None)
    return later(now, seconds=HOUR_SECONDS) if following is None else to_text(following)
