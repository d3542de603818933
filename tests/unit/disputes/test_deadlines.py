"""Deadlines: reminders, once each, and looks at what nobody told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.acquiring.dispute import Standing
from farthing.clock import from_text, to_text
from farthing.disputes.schedule import REMINDER_DAYS, reminded_at_once, reminder, watched
from tests.unit.disputes.books import require_sound, rows, told
from tests.unit.disputes.conftest import (
    DAY,
    DECIDES_SECONDS,
    WINS,
    Court,
    Plan,
    bring,
    case,
)

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOUR = 3600


def reminders(court: Court, intent_id: str) -> list[int]:
    """How many days before the deadline the merchant was reminded, each time."""
    events = sorted(rows(court.stack, "event", intent_id), key=lambda row: row["sequence"])
    return [e["object"]["reminder"]["days_left"] for e in events if "reminder" in e["object"]]


def test_it_is_reminded_of_three_times_and_then_looked_at(court: Court) -> None:
    # Given a dispute with ten days to answer
    dispute = court.opened()
    intent_id = dispute["payment_intent_id"]
    # When the hours pass
    seen: list[dict[str, Any]] = []
    for _ in range(21):
        court.stack.advance(12 * HOUR)
        seen += [court.run_deadlines(), court.run_deadlines()]
    # Then the merchant was reminded seven, three and one days before
    assert reminders(court, intent_id) == [7, 3, 1]
    assert max(run["due_within_a_day"] for run in seen) == 1
    assert {run["failed"] for run in seen} == {0}
    # and when it had passed, the acquirer was asked what it decided
    assert told(court.stack, intent_id)[-1] == "dispute.lost"
    require_sound(court.stack, intent_id)


def test_nobody_is_reminded_of_what_is_answered(court: Court) -> None:
    dispute = court.opened()
    court.answer(dispute, {**WINS, "submit": True})
    court.stack.advance(4 * DAY)
    seen = court.run_deadlines()
    assert (seen["reminded"], seen["looked"]) == (0, 1)
    # Its decision was told by nobody, and is known all the same
    assert court.look(dispute)["status"] == "WON"
    require_sound(court.stack, dispute["payment_intent_id"])


def test_two_runs_at_once_remind_once(court: Court, meanwhile: Plan) -> None:
    dispute = court.opened()
    court.stack.advance(3 * DAY + HOUR)
    meanwhile(1, lambda: require(court.run_deadlines()["reminded"] == 1))
    court.run_deadlines()
    assert reminders(court, dispute["payment_intent_id"]) == [7]


def test_nobody_is_reminded_of_what_is_answered_at_that_moment(
    court: Court, meanwhile: Plan
) -> None:
    dispute = court.opened()
    court.stack.advance(3 * DAY + HOUR)
    meanwhile(1, lambda: require(court.answer(dispute, {**WINS, "submit": True}).status == 200))
    court.run_deadlines()
    assert reminders(court, dispute["payment_intent_id"]) == []


def test_a_refund_elsewhere_does_not_lose_a_reminder(court: Court, meanwhile: Plan) -> None:
    # Given an inquiry, whose payment is refunded while its merchant is being reminded
    dispute = court.opened(1091)
    intent_id = dispute["payment_intent_id"]
    court.stack.advance(3 * DAY + HOUR)
    meanwhile(1, lambda: require(court.stack.refund(intent_id, 100).status == 201))
    assert court.run_deadlines()["reminded"] == 1
    assert reminders(court, intent_id) == [7]
    require_sound(court.stack, intent_id)


def test_one_that_cannot_be_looked_at_keeps_no_other(court: Court) -> None:
    # Given a dispute of which the acquirer knows nothing, and another one
    intent_id = court.stack.pay(1000).body["intent_id"]
    bring(case(intent_id, due_by=None))
    dispute = court.opened()
    court.stack.advance(11 * DAY)
    seen = court.run_deadlines()
    assert (seen["failed"], seen["looked"]) == (1, 2)
    assert court.look(dispute)["status"] == "LOST"


def test_what_cannot_be_looked_at_comes_behind_what_is_due_by_then(court: Court) -> None:
    # Given a dispute that no acquirer answers about, long due
    intent_id = court.stack.pay(1000).body["intent_id"]
    stuck = bring(case(intent_id, due_by=None))
    court.stack.advance(2 * DAY)
    # When it was looked at in vain
    assert court.run_deadlines()["failed"] == 1
    # Then it is due an hour later, and not before
    court.stack.advance(HOUR - 60)
    assert court.run_deadlines()["looked"] == 0
    court.stack.advance(2 * 60)
    assert court.run_deadlines()["failed"] == 1
    (row,) = rows(court.stack, "dispute", intent_id)
    assert row["version"] == stuck.version


def test_a_deadline_that_is_moved_is_told_and_reminded_of_anew(court: Court) -> None:
    intent_id = court.stack.pay(1000).body["intent_id"]
    soon = to_text(datetime.now(UTC) + timedelta(days=2))
    later = to_text(datetime.now(UTC) + timedelta(days=20))
    assert bring(case(intent_id, due_by=soon)).last_reminder_days == 3
    moved = bring(case(intent_id, due_by=later))
    assert (moved.due_by, moved.last_reminder_days) == (later, None)
    assert told(court.stack, intent_id)[2:] == ["dispute.opened", "dispute.updated"]
    assert bring(case(intent_id, due_by=later)).version == moved.version


def require(fact: bool) -> None:
    assert fact


@given(st.integers(1, 60 * 24), st.integers(1, 48))
def test_each_reminder_is_sent_once_whenever_runs_come(hours: int, every: int) -> None:
    due_by = to_text(NOW + timedelta(hours=hours))
    last, sent = reminded_at_once(due_by, NOW), []
    first = last
    for hour in range(0, hours + every, every):
        now = NOW + timedelta(hours=hour)
        days = reminder(due_by, last, now)
        if days is not None:
            sent.append(days)
            last = days
    assert sent == sorted(set(sent), reverse=True)
    assert set(sent) <= {days for days in REMINDER_DAYS if first is None or days < first}
    if every <= 24:
        assert set(sent) == {days for days in REMINDER_DAYS if first is None or days < first}


@given(st.integers(-100, 60 * 24), st.sampled_from([None, *REMINDER_DAYS]))
def test_what_waits_is_looked_at_again(hours: int, last: int | None) -> None:
    due_by = to_text(NOW + timedelta(hours=hours))
    at = watched(Standing.NEEDS_RESPONSE, due_by, last, NOW)
    assert at is not None and from_text(at) > NOW
    assert from_text(at) <= max(from_text(due_by), NOW) + timedelta(hours=1)


@pytest.mark.parametrize("standing", [Standing.WON, Standing.LOST, Standing.CLOSED])
def test_what_is_decided_is_not(standing: Standing) -> None:
    assert watched(standing, None, None, NOW) is None
    assert DECIDES_SECONDS > 0
