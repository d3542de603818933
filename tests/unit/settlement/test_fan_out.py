"""Which days a firing settles, and what becomes of it when one merchant fails."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from farthing.business_calendar import UTC_DAYS, Calendar
from farthing.settlement.batch import Status
from farthing.settlement.entry import entry_key
from farthing.settlement.fan_out import RunIncomplete, days_asked
from farthing.store import TenantScope
from tests.unit.settlement.world import MERCHANT_ID, Clock, World, at

BROKEN = TenantScope("mer_01jd0000000000000000000000", "test")
SANDBOX = {"sandbox": UTC_DAYS}
NOW = Clock(at(9))  # 2026-11-10


@pytest.mark.parametrize(
    ("event", "day"),
    [
        ({}, date(2026, 11, 9)),
        ({"source": "aws.scheduler", "detail": "{}"}, date(2026, 11, 9)),
        ({"until_day": "2026-11-03"}, date(2026, 11, 3)),
        ({"until_day": "2026-11-09"}, date(2026, 11, 9)),
        ({"include_today": True}, date(2026, 11, 10)),
        ({"include_today": True, "until_day": "2026-11-10"}, date(2026, 11, 10)),
        ({"include_today": False}, date(2026, 11, 9)),
    ],
)
def test_the_day_that_an_event_asks_for(event: dict[str, Any], day: date) -> None:
    assert days_asked(event, SANDBOX, NOW, has_test_clock=True) == {"sandbox": day}


@pytest.mark.parametrize(
    "event",
    [
        {"until_day": "2026-11-10"},
        {"until_day": "2027-01-01"},
        {"until_day": "yesterday"},
        {"until_day": 20261103},
        {"include_today": "true"},
        {"include_today": 1},
        {"include_today": True, "until_day": "2026-11-11"},
    ],
)
def test_a_day_that_is_not_over_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        days_asked(event, SANDBOX, NOW, has_test_clock=True)


def test_today_is_settled_only_where_the_clock_can_be_moved() -> None:
    with pytest.raises(ValueError, match="test clock"):
        days_asked({"include_today": True}, SANDBOX, NOW, has_test_clock=False)


def test_one_merchants_failure_does_not_keep_the_money_of_the_others() -> None:
    world = World()
    broken = world.enter(0, tenant=BROKEN)
    del world.tables.items[entry_key(BROKEN, broken)]["reference"]
    world.enter(0)
    failures: list[Exception] = []

    with pytest.raises(RunIncomplete, match="1 of 2"):
        world.run(0, merchants=(BROKEN.merchant_id, MERCHANT_ID), failures=failures)

    assert [type(failure) for failure in failures] == [KeyError]
    assert world.batch().status is Status.SETTLED


def test_each_acquirer_is_settled_up_to_its_own_last_day() -> None:
    """Given an acquirer that rests on weekends, on a Monday morning its last day is Friday."""
    calendars = {"sandbox": UTC_DAYS, "stripe": Calendar.parse("UTC,SAT,SUN")}
    monday = Clock(at(8))  # 2026-11-09

    def asked(**event: Any) -> dict[str, str]:
        found = days_asked(event, calendars, monday, has_test_clock=True)
        return {name: day.isoformat() for name, day in found.items()}

    assert asked() == {"sandbox": "2026-11-08", "stripe": "2026-11-06"}
    assert asked(until_day="2026-11-07") == {"sandbox": "2026-11-07", "stripe": "2026-11-06"}
    assert asked(include_today=True) == {"sandbox": "2026-11-09", "stripe": "2026-11-09"}
