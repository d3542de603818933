"""Which day a firing settles, and what becomes of it when one merchant fails or time runs out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from farthing.settlement.batch import Status
from farthing.settlement.entry import entry_key
from farthing.settlement.run import RunIncomplete, day_asked
from farthing.store import TenantScope
from tests.unit.settlement.world import MERCHANT_ID, TENANT, Clock, World, at

BROKEN = TenantScope("mer_01jd0000000000000000000000", "test")
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
    assert day_asked(event, NOW, has_test_clock=True) == day


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
        day_asked(event, NOW, has_test_clock=True)


def test_today_is_settled_only_where_the_clock_can_be_moved() -> None:
    with pytest.raises(ValueError, match="test clock"):
        day_asked({"include_today": True}, NOW, has_test_clock=False)


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


def test_a_run_without_time_left_says_so_and_the_next_one_goes_on() -> None:
    world = World()
    world.enter(0, tenant=BROKEN)
    world.enter(0)
    seconds = iter([300.0, 59.0])

    with pytest.raises(RunIncomplete, match="after 1"):
        world.run(
            0,
            merchants=(BROKEN.merchant_id, MERCHANT_ID),
            seconds_left=lambda: next(seconds),
        )
    assert world.batches() == []
    assert len(world.batches(BROKEN)) == 1

    world.run(0, merchants=(BROKEN.merchant_id, MERCHANT_ID))
    assert [batch.status for batch in world.batches(TENANT)] == [Status.SETTLED]
