"""Every instant has one business day, and a later one never an earlier day: whatever clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.business_calendar import (
    UTC_DAYS,
    WEEKDAYS,
    Calendar,
    WrongCalendar,
    calendars_in,
)

BERLIN = Calendar.parse("Europe/Berlin,17:00,SAT,SUN,2026-12-25")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # clocks move by half an hour
    "Pacific/Apia",  # 2011-12-30 never was there
    "America/Sao_Paulo",  # once moved its clocks at midnight
    "Asia/Tokyo",
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-11-24T15:59:59.999", "2026-11-24"),  # Tuesday 16:59 in Berlin
        ("2026-11-24T16:00:00", "2026-11-25"),  # its cut-off is the next day's
        ("2026-11-27T15:59:59", "2026-11-27"),  # Friday, in time
        ("2026-11-27T16:00:00", "2026-11-30"),  # too late for Friday: Monday
        ("2026-11-28T12:00:00", "2026-11-30"),  # a Saturday
        ("2026-12-24T16:00:00", "2026-12-28"),  # too late for the 24th, a holiday and a weekend
        ("2026-07-01T14:59:59", "2026-07-01"),  # 16:59 by summer time
        ("2026-07-01T15:00:00", "2026-07-02"),
    ],
)
def test_an_instant_belongs_to_the_day_whose_cut_off_comes_next(at: str, day: str) -> None:
    assert BERLIN.business_day(utc(at)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-11-24T15:59:59", "2026-11-23"),
        ("2026-11-24T16:00:00", "2026-11-24"),
        ("2026-11-29T12:00:00", "2026-11-27"),  # a Sunday: Friday is over, Monday is not
        ("2026-12-26T12:00:00", "2026-12-24"),
    ],
)
def test_the_last_day_that_is_over_is_an_open_one(at: str, day: str) -> None:
    assert BERLIN.last_over(utc(at)) == date.fromisoformat(day)


def test_by_default_days_are_those_of_utc_and_all_are_open() -> None:
    assert UTC_DAYS.business_day(utc("2026-11-28T23:59:59.999")) == date(2026, 11, 28)
    assert UTC_DAYS.business_day(utc("2026-11-29T00:00:00")) == date(2026, 11, 29)
    assert UTC_DAYS.last_over(utc("2026-11-29T00:00:00")) == date(2026, 11, 28)


def test_a_cut_off_that_clocks_jump_over_or_pass_twice_ends_its_day_once() -> None:
    """New York, 02:30: on 2026-03-08 it never is, on 2026-11-01 01:30 is twice."""
    spring, autumn = (Calendar("America/New_York", minutes) for minutes in (150, 90))

    assert spring.end_of(date(2026, 3, 8)) == utc("2026-03-08T07:30:00")
    assert autumn.end_of(date(2026, 11, 1)) == utc("2026-11-01T05:30:00")
    assert autumn.business_day(utc("2026-11-01T05:29:59")) == date(2026, 11, 1)
    for later in ("05:30:00", "06:29:59", "06:30:00"):  # 01:30 and 01:29 again, an hour on
        assert autumn.business_day(utc(f"2026-11-01T{later}")) == date(2026, 11, 2)


calendars = st.builds(
    Calendar,
    st.sampled_from(ZONES),
    st.integers(1, 1440),
    st.frozensets(st.integers(0, 6), max_size=6),
    st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=12),
)
instants = st.integers(946_684_800, 2_208_988_800).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
"""2000 to 2040."""
gaps = st.one_of(
    st.timedeltas(timedelta(), timedelta(hours=3)), st.timedeltas(timedelta(), timedelta(days=9))
)


@settings(max_examples=400, deadline=None)
@given(calendars, instants, gaps)
def test_a_later_instant_never_has_an_earlier_day(
    calendar: Calendar, at: datetime, gap: timedelta
) -> None:
    assert calendar.business_day(at) <= calendar.business_day(at + gap)


@settings(max_examples=400, deadline=None)
@given(calendars, instants)
def test_every_instant_has_one_open_day_that_is_not_over(calendar: Calendar, at: datetime) -> None:
    day = calendar.business_day(at)

    assert calendar.is_open(day)
    assert at < calendar.end_of(day)
    assert calendar.last_over(at) < day
    assert not any(
        calendar.is_open(calendar.last_over(at) + timedelta(days=number))
        for number in range(1, (day - calendar.last_over(at)).days)
    )


@settings(max_examples=200, deadline=None)
@given(calendars)
def test_a_calendar_is_read_as_it_is_written(calendar: Calendar) -> None:
    assert Calendar.parse(str(calendar)) == calendar


def test_calendars_are_by_acquirer() -> None:
    found = calendars_in("sandbox=UTC;stripe=Europe/Dublin,SAT,SUN")

    assert found["sandbox"] == UTC_DAYS
    assert found["stripe"].closed_weekdays == {5, 6}
    assert calendars_in("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "sandbox",
        "=UTC",
        "sandbox=UTC;sandbox=UTC",
        "sandbox=Mars/Olympus",
        "sandbox=../UTC",
        "sandbox=",
        "sandbox=UTC,25:00",
        "sandbox=UTC,24:01",
        "sandbox=UTC,00:00",
        "sandbox=UTC,1:00",
        "sandbox=UTC,17:60",
        "sandbox=UTC,SOMEDAY",
        "sandbox=UTC,2026-02-30",
        "sandbox=UTC," + ",".join(WEEKDAYS),
    ],
)
def test_what_is_no_calendar_is_refused(text: str) -> None:
    with pytest.raises(WrongCalendar):
        calendars_in(text)


def test_a_table_of_holidays_that_never_ends_is_refused_where_it_is_used() -> None:
    first = date(2026, 1, 1)
    closed = Calendar(holidays=frozenset(first + timedelta(days=one) for one in range(60)))

    with pytest.raises(WrongCalendar, match="closed for more than 31 days"):
        closed.business_day(utc("2026-01-05T12:00:00"))
    with pytest.raises(WrongCalendar, match="closed for more than 31 days"):
        closed.last_over(utc("2026-02-25T12:00:00"))
