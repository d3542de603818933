"""Business days: which day of an acquirer's books an instant falls into.

A day ends at its cut-off, by the clock of the acquirer's time zone, and what comes later belongs to
the next one. A day on which the acquirer does not settle has none of its own: its money goes with
the next day on which it does. So every instant has exactly one business day, and a later instant
never an earlier one, also where clocks are put back: the ends of days are compared as instants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ONE_DAY = timedelta(days=1)
MIDNIGHT_MINUTES = 24 * 60
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
CLOSED_DAYS_MAX = 31
"""Nobody keeps money for longer. It bounds the search for a day that is open."""


class WrongCalendar(ValueError):
    """A text that is no calendar. The message says why, and is safe to show."""


@dataclass(frozen=True)
class Calendar:
    """How one acquirer counts its days.

    `zone` is an IANA time zone. `cut_off_minutes` after a day's midnight that day ends: up to 1440,
    which is the next midnight. `closed_weekdays` counts from Monday, 0.
    """

    zone: str = "UTC"
    cut_off_minutes: int = MIDNIGHT_MINUTES
    closed_weekdays: frozenset[int] = frozenset()
    holidays: frozenset[date] = field(default=frozenset())

    def __post_init__(self) -> None:
        if not 0 < self.cut_off_minutes <= MIDNIGHT_MINUTES:
            raise WrongCalendar("a day ends between 00:01 and 24:00 of its time zone")
        if len(self.closed_weekdays) == len(WEEKDAYS):
            raise WrongCalendar("it is closed on every day of the week")
        _zone(self.zone)

    def business_day(self, at: datetime) -> date:
        """The day that the instant `at` is settled with. Raises WrongCalendar if none comes."""
        day = at.astimezone(_zone(self.zone)).date() - ONE_DAY
        while at >= self.end_of(day):
            day += ONE_DAY
        return self.next_open(day)

    def last_over(self, at: datetime) -> date:
        """The last business day that is over at the instant `at`."""
        return self.last_open(self.business_day(at) - ONE_DAY)

    def end_of(self, day: date) -> datetime:
        """The instant at which the calendar day `day` ends, closed or not.

        Where clocks are put forward over it, it is as much later as they are put forward; where
        they are put back over it, it is the first of the two.
        """
        next_day, minutes = divmod(self.cut_off_minutes, MIDNIGHT_MINUTES)
        wall = datetime.combine(day + next_day * ONE_DAY, time(minutes // 60, minutes % 60))
        return wall.replace(tzinfo=_zone(self.zone)).astimezone(UTC)

    def next_open(self, day: date) -> date:
        """`day`, or the first one after it on which the acquirer settles. Raises WrongCalendar."""
        for later in range(CLOSED_DAYS_MAX):
            if self.is_open(day + later * ONE_DAY):
                return day + later * ONE_DAY
        raise WrongCalendar(f"it is closed for more than {CLOSED_DAYS_MAX} days after {day}")

    def last_open(self, day: date) -> date:
        """`day`, or the last one before it on which the acquirer settles. Raises WrongCalendar."""
        for earlier in range(CLOSED_DAYS_MAX):
            if self.is_open(day - earlier * ONE_DAY):
                return day - earlier * ONE_DAY
        raise WrongCalendar(f"it is closed for more than {CLOSED_DAYS_MAX} days before {day}")

    def is_open(self, day: date) -> bool:
        """Whether the acquirer settles on `day`."""
        return day.weekday() not in self.closed_weekdays and day not in self.holidays

    def __str__(self) -> str:
        cut_off = f"{self.cut_off_minutes // 60:02d}:{self.cut_off_minutes % 60:02d}"
        closed = (WEEKDAYS[number] for number in sorted(self.closed_weekdays))
        return ",".join((self.zone, cut_off, *closed, *map(str, sorted(self.holidays))))

    @classmethod
    def parse(cls, text: str) -> Calendar:
        """`Europe/Berlin,17:00,SAT,SUN,2026-12-25`: a zone, then anything else in any order."""
        zone, *rest = text.split(",")
        minutes, weekdays, holidays = MIDNIGHT_MINUTES, set(), set()
        for word in rest:
            if word in WEEKDAYS:
                weekdays.add(WEEKDAYS.index(word))
            elif ":" in word:
                minutes = _minutes(word)
            else:
                holidays.add(_day(word))
        return cls(zone, minutes, frozenset(weekdays), frozenset(holidays))


@lru_cache(maxsize=8)
def calendars_in(text: str) -> Mapping[str, Calendar]:
    """`sandbox=UTC;stripe=Europe/Dublin,SAT,SUN`, by acquirer. Raises WrongCalendar."""
    found: dict[str, Calendar] = {}
    for part in filter(None, text.split(";")):
        name, named, calendar = part.partition("=")
        if not (name and named) or name in found:
            raise WrongCalendar(f"{part!r}: one name=calendar for each acquirer")
        found[name] = Calendar.parse(calendar)
    return found


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # which needs no table
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise WrongCalendar(f"{name!r} is no time zone such as Europe/Berlin") from error


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if len(text) != 5 or not (hours.isdecimal() and minutes.isdecimal()) or int(minutes) > 59:
        raise WrongCalendar(f"{text!r} is no time such as 17:00")
    return 60 * int(hours) + int(minutes)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WrongCalendar(f"{text!r} is no day such as 2026-12-25, and no SAT") from error


UTC_DAYS = Calendar()
"""Days of UTC, every one of them open."""
