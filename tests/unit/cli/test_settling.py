"""`farthing settle` says what came of every merchant, and does not wait for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from farthing_cli.failure import Failure
from farthing_cli.settling import PATIENCE_SECONDS, followed

SENT = {"until": {"sandbox": "2026-11-21"}, "merchants": 2, "run": "run_1"}
NOTHING = {"settled": 0, "exceptions": 0, "waiting": 0, "failed": 0}


class Told:
    """A function that says one thing after the other, and then the last one for ever."""

    def __init__(self, *answers: tuple[int | None, int]) -> None:
        self.answers = iter(answers)
        self.asked: list[Mapping[str, Any]] = []
        self.last: tuple[int | None, int] = (None, 0)
        self.clock = 0.0

    def __call__(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(event)
        self.last = next(self.answers, self.last)
        jobs, done = self.last
        return {"run": "run_1", "jobs": jobs, "done": done, **NOTHING, "settled": done}

    def sleep(self, seconds: float) -> None:
        self.clock += seconds


def follow(told: Told) -> dict[str, Any]:
    return followed(SENT, told, now=lambda: told.clock, sleep=told.sleep)


@pytest.fixture
def lanes() -> Iterator[Told]:
    """One of two merchants turns out to need eight lanes."""
    yield Told((None, 0), (2, 1), (10, 2), (10, 9), (10, 10))


def test_it_waits_for_every_merchant_and_every_lane(lanes: Told) -> None:
    assert follow(lanes) == {
        "until": {"sandbox": "2026-11-21"},
        "merchants": 2,
        **NOTHING,
        "settled": 10,
    }
    assert lanes.asked == [{"run": "run_1"}] * 5


def test_it_gives_up_when_nothing_comes_any_more() -> None:
    told = Told((2, 0), (2, 1))

    with pytest.raises(Failure, match="1 of 2"):
        follow(told)

    assert PATIENCE_SECONDS < told.clock < PATIENCE_SECONDS + 10
