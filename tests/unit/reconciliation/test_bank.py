"""The bank's leg: each transfer by its batch's name, and what it differs by."""

from __future__ import annotations

import pytest

from farthing.reconciliation.kind import Kind
from farthing.reconciliation.resolution import Resolution
from farthing.settlement.batch import BatchName, Status
from tests.unit.reconciliation.steps import Crash, Story

NET = 3_000 - 24 - 38


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def name(story: Story) -> BatchName:
    return story.batch_of(1_000, 2_000)


def rows(*amounts: int, name: BatchName, day: str = "2026-11-04", currency: str = "eur") -> bytes:
    lines = [f"{day},{currency},{amount},{name.reference},SETTLEMENT" for amount in amounts]
    return "\n".join(["booked_on,currency,amount_cents,reference,description", *lines]).encode()


def test_a_transfer_of_what_was_reported_closes_the_circle(story: Story, name: BatchName) -> None:
    story.report(name)
    row = story.bank(name)

    assert (row.matched, row.broken) == (1, {})
    assert story.balance("bank_settlement:sandbox") == NET
    assert story.balance("acquirer_receivable:sandbox") == 0
    assert story.ours.item(name.key)["deposited_at"] == "2026-11-03T02:00:00.000Z"
    assert story.status(name) is Status.SETTLED


def test_reading_a_statement_again_changes_nothing(story: Story, name: BatchName) -> None:
    story.report(name)
    story.bank(content=rows(NET - 5, name=name))
    before = story.state()

    story.bank(content=rows(NET - 5, name=name))

    assert story.state() == before


def test_a_transfer_that_two_statements_have_is_one(story: Story, name: BatchName) -> None:
    story.report(name)
    story.bank(content=rows(NET, name=name))
    row = story.bank(content=rows(NET, name=name) + b"\n2026-11-05,eur,7,nobody,x")

    assert story.balance("bank_settlement:sandbox") == NET
    assert (row.matched, row.unplaced, row.broken) == (1, 1, {"DEPOSIT_MISMATCH": 1})


@pytest.mark.parametrize("off", [-1, 250])
def test_another_amount_is_a_break_and_the_difference_in_suspense(
    story: Story, name: BatchName, off: int
) -> None:
    story.report(name)
    story.bank(content=rows(NET + off, name=name))

    one = story.only()
    assert (one.kind, one.effect.suspense) == (Kind.DEPOSIT_MISMATCH, {"eur": off})
    assert story.balance("acquirer_receivable:sandbox") == 0
    assert story.status(name) is Status.EXCEPTION
    story.check()


def test_a_second_transfer_that_makes_it_good_ends_the_break(story: Story, name: BatchName) -> None:
    story.report(name)
    story.bank(content=rows(NET - 100, name=name))
    story.bank(content=rows(100, name=name, day="2026-11-05"))

    assert story.open() == []
    assert story.balance("bank_settlement:sandbox") == NET
    assert story.status(name) is Status.SETTLED
    story.check()


def test_the_same_transfer_twice_in_one_statement_is_two(story: Story, name: BatchName) -> None:
    story.report(name)
    story.bank(content=rows(NET, NET, name=name))

    assert story.only().effect.suspense == {"eur": NET}
    assert story.balance("bank_settlement:sandbox") == 2 * NET
    story.check()


@pytest.mark.parametrize("off", [0, -7])
def test_a_transfer_may_come_before_the_report(story: Story, name: BatchName, off: int) -> None:
    story.bank(content=rows(NET + off, name=name))
    assert story.status(name) is Status.SUBMITTED

    story.report(name)

    assert story.kinds() == ({Kind.DEPOSIT_MISMATCH: 1} if off else {})
    assert story.status(name) is (Status.EXCEPTION if off else Status.SETTLED)
    assert story.balance("acquirer_receivable:sandbox") == 0
    story.check()


def test_a_transfer_in_another_currency_explains_nothing_of_the_batch(
    story: Story, name: BatchName
) -> None:
    story.report(name)
    story.bank(content=rows(NET, name=name, currency="usd"))

    assert story.only().effect.suspense == {"usd": NET}
    assert story.balance("acquirer_receivable:sandbox") == NET
    story.bank(content=rows(NET, name=name))
    assert story.balance("acquirer_receivable:sandbox") == 0
    story.check()


def test_a_statement_that_dies_anywhere_is_gone_on_with(story: Story, name: BatchName) -> None:
    content = rows(NET - 5, 3, name=name)
    for step in range(1, 20):
        crashed = Story()
        again = crashed.batch_of(1_000, 2_000)
        crashed.report(again)
        steps = iter(range(1, 100))

        def die(steps: object = steps, step: int = step) -> None:
            if next(steps) == step:  # type: ignore[call-overload]
                raise Crash

        crashed.ours.before_write = die
        try:
            crashed.bank(content=content)
        except Crash:
            crashed.ours.before_write = lambda: None
            crashed.bank(content=content)
        else:
            break
        crashed.check()
        assert crashed.balance("bank_settlement:sandbox") == NET - 2, step
        assert crashed.kinds() == {Kind.DEPOSIT_MISMATCH: 2}, step
    else:
        pytest.fail("there are more steps than were tried")


def test_when_the_last_break_is_ended_the_batch_is_settled(story: Story, name: BatchName) -> None:
    story.report(name)
    story.bank(content=rows(NET - 100, name=name))

    story.resolve(story.only(), Resolution.WRITE_OFF)

    assert story.status(name) is Status.SETTLED
    assert story.batch(name).trouble is None
    assert story.balance("write_off_expense") == 100
    assert story.balance("suspense:sandbox") == 0
