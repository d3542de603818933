"""The demo month: what is planned, and what is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from farthing.reconciliation.deposit_row import Deposit
from farthing_cli.failure import Failure
from farthing_cli.month.plan import (
    CENTS_MAX,
    DISPUTED,
    TALES,
    Payment,
    month,
)
from farthing_cli.month.play import DEPOSITED_DAYS, QUIET_DAYS, UNTOLD_DAYS_MAX, Played, Player
from farthing_cli.month.shop import Sale

FIRST = date(2026, 12, 1)


# --- the plan -----------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_month_and_another_one_is_not() -> None:
    assert month(30, 6, 1) == month(30, 6, 1)
    assert month(30, 6, 1) != month(30, 6, 2)


@pytest.mark.parametrize("days", [1, 3, 30, 90])
def test_every_tale_is_told_however_short_the_month_is(days: int) -> None:
    plan = month(days, 6, 1)

    assert [day.number for day in plan] == list(range(1, days + 1))
    assert [one.tale for day in plan for one in day.payments if one.tale] == list(TALES)
    assert all(sum(one.tale is None for one in day.payments) == 6 for day in plan)


def test_no_amount_means_something_to_the_sandbox() -> None:
    payments = [one for day in month(366, 20, 1) for one in day.payments]

    assert max(one.amount_cents % 100 for one in payments) == CENTS_MAX
    assert all(0 <= one.refund_cents <= one.amount_cents for one in payments)


# --- waiting ------------------------------------------------------------------------------------


class Stack:
    """A shop and its days. The acquirer tells of a sale after so many looks."""

    def __init__(self, looks: int = 0, nights_until_decided: int = 0) -> None:
        self.looks, self.nights_until_decided = looks, nights_until_decided
        self.day, self.clock, self.nights = FIRST - timedelta(days=1), 0.0, 0
        self.deposits: list[Deposit] = []
        self.did: list[str] = []

    def sell(self, payments: Sequence[Payment], day: date) -> list[Sale]:
        self.did.append(f"sell {day}")
        return [Sale(one, f"pi_{day}", day, paid=True) for one in payments if one.tale in DISPUTED]

    def refund(self, sales: Sequence[Sale]) -> None:
        self.did.append(f"refund {len(sales)}")

    def answer_disputes(self) -> None:
        self.did.append("answer")

    def unheard(self, sales: Sequence[Sale]) -> list[Sale]:
        if not sales or self.looks <= 0:
            return []
        self.looks -= 1
        return list(sales)

    def undecided(self, sales: Sequence[Sale]) -> list[Sale]:
        return list(sales) if self.nights < self.nights_until_decided else []

    def today(self) -> date:
        return self.day

    def end_day(self) -> None:
        self.day += timedelta(days=1)

    def spend_night(self) -> None:
        self.nights += 1

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def play(self, days: int) -> list[Played]:
        player = Player(self, self, now=lambda: self.clock, sleep=self.sleep)
        return list(player.play(month(days, 1, 1)))


def test_each_day_has_its_night_and_some_are_without_sales() -> None:
    stack = Stack()

    played = stack.play(2)[-1]

    assert played.first == FIRST
    assert played.days == [FIRST + timedelta(days=n) for n in range(2 + QUIET_DAYS)]
    assert stack.nights == 1 + len(played.days)
    assert [one for one in stack.did if one.startswith("sell")] == [
        f"sell {FIRST}",
        f"sell {FIRST + timedelta(days=1)}",
    ]


def test_it_goes_on_until_what_was_decided_last_is_deposited() -> None:
    decided_on = 2 + QUIET_DAYS + 2
    stack = Stack(nights_until_decided=1 + decided_on)

    assert len(stack.play(2)[-1].days) == decided_on + DEPOSITED_DAYS - 1


def test_a_dispute_that_nobody_decides_is_a_failure() -> None:
    with pytest.raises(Failure, match="nobody has decided: pi_2026-12-01"):
        Stack(nights_until_decided=99).play(2)


def test_a_day_waits_for_what_was_not_told_of_long_ago() -> None:
    waiting = Stack(looks=3)

    waiting.play(UNTOLD_DAYS_MAX + 2)

    assert waiting.clock == pytest.approx(1.5)


def test_it_gives_up_when_the_acquirer_tells_nothing() -> None:
    with pytest.raises(Failure, match=r"nothing was told of pi_2026-12-01 \(disputed"):
        Stack(looks=10_000).play(2)
