"""Money that was reported and never came, came late, or came before the report changed its mind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from farthing.reconciliation.kind import Kind
from farthing.reconciliation.resolution import Resolution, allowed
from farthing.reconciliation.undeposited import bank_read_of, bank_read_since
from farthing.settlement.batch import BatchName, Status
from farthing.store import ConditionFailed, Write
from tests.unit.reconciliation.ours import ACQUIRER, FIRST_DAY, TENANT
from tests.unit.reconciliation.steps import Crash, Story

NET = 3_000 - 24 - 38
LATE_NET = 1_000 - 24
OF_A_TRANSFER = set(Resolution) - {Resolution.EXPLAINED}
REPORTED, LAST_DAY_IN_TIME, TOO_LATE = 1, 8, 9
"""Days after a Monday: reported on the Tuesday, and five business days are over in a week."""


def rows(*amounts: int, name: BatchName, day: str = "2026-11-04", currency: str = "eur") -> bytes:
    lines = [f"{day},{currency},{amount},{name.reference},SETTLEMENT" for amount in amounts]
    return "\n".join(["booked_on,currency,amount_cents,reference,description", *lines]).encode()


@pytest.fixture
def story() -> Story:
    return started()


def started() -> Story:
    """Statements are read: one of the first day's other batch was."""
    story = Story()
    story.captures(77, currency="usd")
    paid = story.submit(currency="usd")
    story.report(paid)
    story.bank(paid)
    return story


@pytest.fixture
def name(story: Story) -> BatchName:
    return reported(story)


def reported(story: Story) -> BatchName:
    name = story.batch_of(1_000, 2_000)
    story.report(name)
    return name


def late_line(story: Story) -> BatchName:
    """Of two lines one is reported and its money is there; then the other one is reported."""
    name = story.batch_of(2_000, 1_000)
    late = story.at(name).pop()
    story.report(name)
    story.bank(name)
    story.at(name).append(late)
    story.days_later(REPORTED)
    story.report(name)
    return name


def without_money(story: Story) -> BatchName:
    name = reported(story)
    story.days_later(TOO_LATE)
    assert story.miss() == 1
    return name


# --- it never comes -------------------------------------------------------------------------------


def test_it_is_a_break_when_its_days_are_over_and_only_once(story: Story, name: BatchName) -> None:
    story.days_later(LAST_DAY_IN_TIME)
    assert (story.miss(), story.status(name)) == (0, Status.SETTLED)

    story.days_later(TOO_LATE)
    assert (story.miss(), story.miss()) == (1, 0)

    one = story.only()
    assert one.kind is Kind.DEPOSIT_MISMATCH
    assert one.expected is not None and one.reported is not None
    assert (one.expected.amount_cents, one.reported.amount_cents) == (NET, 0)
    assert one.effect.suspense == {"eur": -NET}
    assert story.balance("acquirer_receivable:sandbox") == 0
    assert story.status(name) is Status.EXCEPTION
    story.check()


def test_who_brings_no_statements_is_not_asked_for_any() -> None:
    story = Story()
    reported(story)
    story.days_later(100)

    assert story.miss() == 0


def test_what_is_older_than_the_first_statement_is_not_asked_for() -> None:
    story = Story()
    reported(story)
    later = story.batch_of(500, day=FIRST_DAY + timedelta(days=1))
    story.report(later)
    story.bank(later)
    story.days_later(100)
    assert story.miss() == 0

    earlier = story.batch_of(600, day=FIRST_DAY - timedelta(days=3))
    story.report(earlier)
    story.bank(earlier)
    assert story.miss() == 1


def test_a_statement_of_a_later_day_does_not_move_the_first_one(story: Story) -> None:
    """Not even one that was read at the same time."""
    later = BatchName(TENANT, ACQUIRER, "eur", FIRST_DAY + timedelta(days=9))
    store = story.ours.store

    class Behind:
        def get(self, *_: object) -> None:
            return None

        write = store.write

    bank_read_of(Behind(), later)  # type: ignore[arg-type]

    assert bank_read_since(store, TENANT.mode, ACQUIRER) == FIRST_DAY


def test_nothing_is_awaited_of_a_batch_that_pays_nothing(story: Story) -> None:
    name = story.batch_of(1_000)
    story.theirs.total_off[name.reference] = (0, 0, -LATE_NET)
    story.report(name)
    story.days_later(TOO_LATE)
    story.miss()

    assert story.kinds() == {Kind.BATCH_TOTAL_MISMATCH: 1}
    story.check()


def test_what_the_merchant_owes_may_never_be_taken_too(story: Story) -> None:
    paid = story.captures(1_000)[0]
    story.submit()
    tuesday = FIRST_DAY + timedelta(days=1)
    story.ours.disputed(paid, day=tuesday)
    owing = story.submit(tuesday)
    story.report(owing)
    story.days_later(TOO_LATE)
    story.miss()

    assert story.only().effect.suspense == {"eur": 1_000}
    story.check()


# --- it comes late --------------------------------------------------------------------------------


def test_the_transfer_of_just_that_ends_the_break(story: Story) -> None:
    name = without_money(story)
    row = story.bank(name)

    assert (story.open(), row.matched, row.broken) == ([], 1, {})
    assert story.balance("bank_settlement:sandbox") == NET
    assert story.balance("acquirer_receivable:sandbox") == 0
    assert story.status(name) is Status.SETTLED
    story.check()


@pytest.mark.parametrize("off", [-38, 7])
def test_a_transfer_of_something_else_leaves_a_break_of_the_rest(story: Story, off: int) -> None:
    name = without_money(story)
    story.bank(content=rows(NET + off, name=name))

    one = story.only()
    assert one.expected is not None and one.expected.amount_cents == NET
    assert one.effect.suspense == {"eur": off}
    assert story.status(name) is Status.EXCEPTION
    story.check()
    story.bank(content=rows(-off, name=name, day="2026-11-20"))
    assert story.status(name) is Status.SETTLED
    story.check()


def test_one_in_another_currency_does_not_end_it_and_is_not_ended_with_it(story: Story) -> None:
    name = without_money(story)
    story.bank(content=rows(NET, name=name, currency="jpy"))
    assert story.kinds() == {Kind.DEPOSIT_MISMATCH: 2}

    story.bank(name)

    assert story.only().effect.suspense == {"jpy": NET}
    story.check()


@pytest.mark.parametrize("decided", sorted(OF_A_TRANSFER))
def test_a_person_may_end_it_as_any_other_transfers(story: Story, decided: Resolution) -> None:
    name = without_money(story)
    assert allowed(story.only()) == OF_A_TRANSFER

    story.resolve(story.only(), decided)

    assert story.status(name) is Status.SETTLED
    assert story.miss() == 0
    story.check()
    story.bank(name)
    assert story.only().effect.suspense == {"eur": NET}, "it came after all"
    story.check()


# --- the report changes its mind ------------------------------------------------------------------


def test_a_late_lines_money_has_days_of_its_own(story: Story) -> None:
    name = late_line(story)
    story.days_later(LAST_DAY_IN_TIME)
    assert (story.miss(), story.status(name)) == (0, Status.SETTLED)

    story.days_later(TOO_LATE)
    assert story.miss() == 1

    assert story.only().effect.suspense == {"eur": -LATE_NET}
    assert story.balance("acquirer_receivable:sandbox") == 0
    story.check()


def test_a_late_lines_money_comes(story: Story) -> None:
    name = late_line(story)
    story.bank(content=rows(LATE_NET, name=name, day="2026-11-06"))
    story.days_later(100)

    assert (story.miss(), story.open()) == (0, [])
    assert story.balance("acquirer_receivable:sandbox") == 0
    story.check()


def test_a_report_that_pays_less_than_came_is_compared_with_it(story: Story) -> None:
    name = reported(story)
    story.bank(name)
    story.theirs.total_off[name.reference] = (0, 99, -99)
    story.report(name)
    story.resolve(story.only(), Resolution.ACQUIRER_CORRECTS)
    story.days_later(TOO_LATE)

    assert story.miss() == 1
    assert story.only().effect.suspense == {"eur": 99}
    story.check()


def test_money_that_is_missed_twice_is_one_break(story: Story) -> None:
    """The first report's never came, and then there is a late line's."""
    name = story.batch_of(2_000, 1_000)
    late = story.at(name).pop()
    story.report(name)
    story.days_later(TOO_LATE)
    assert story.miss() == 2
    story.at(name).append(late)
    story.report(name)
    story.days_later(2 * TOO_LATE)

    assert story.miss() == 1
    assert story.only().effect.suspense == {"eur": -NET}
    story.check()
    story.bank(name)
    assert story.status(name) is Status.SETTLED
    story.check()


@pytest.mark.parametrize("off", [-99, 99])
def test_a_report_that_pays_what_came_ends_the_break_at_once(story: Story, off: int) -> None:
    name = reported(story)
    story.bank(content=rows(NET + off, name=name))
    story.theirs.total_off[name.reference] = (0, -off, off)

    story.report(name)

    assert story.kinds() == {Kind.BATCH_TOTAL_MISMATCH: 1}
    story.check()
    story.days_later(100)
    assert story.miss() == 0


# --- crashes and races ----------------------------------------------------------------------------


def test_a_pass_that_dies_anywhere_is_done_again() -> None:
    for step in range(1, 9):
        story = started()
        name = reported(story)
        story.days_later(TOO_LATE)
        if not dies(story, step, story.miss):
            return
        story.miss()
        assert story.kinds() == {Kind.DEPOSIT_MISMATCH: 1}
        assert story.status(name) is Status.EXCEPTION
        story.check()
    pytest.fail("there are more steps than were tried")


def test_a_transfer_whose_run_dies_anywhere_is_taken_once() -> None:
    for step in range(1, 9):
        story = Story()
        name = reported(story)
        content = rows(NET, name=name)
        if not dies(story, step, partial(story.bank, content=content)):
            return
        story.bank(content=content)
        assert bank_read_since(story.ours.store, TENANT.mode, ACQUIRER) == FIRST_DAY, step
        assert story.balance("bank_settlement:sandbox") == NET
        story.check()
    pytest.fail("there are more steps than were tried")


def dies(story: Story, step: int, run: Callable[[], object]) -> bool:
    """Whether the run came as far as its `step`-th write, before which it died."""
    steps = iter(range(1, 100))

    def die() -> None:
        if next(steps) == step:
            raise Crash

    story.ours.before_write = die
    try:
        run()
    except Crash:
        return True
    finally:
        story.ours.before_write = lambda: None
    return False


def test_money_that_comes_as_it_is_missed_is_not_missed(story: Story, name: BatchName) -> None:
    story.days_later(TOO_LATE)

    def meanwhile() -> None:
        story.ours.before_write = lambda: None
        story.bank(name)

    story.ours.before_write = meanwhile

    assert (story.miss(), story.open()) == (0, [])
    story.check()


def test_each_place_in_the_list_is_written_once() -> None:
    """Said again, what was awaited before and is awaited now is refused."""
    story = Story()
    again: list[str] = []

    def written(writes: tuple[Write, ...]) -> None:
        for one in writes:
            if "#DUE#" in one.key.pk:
                again.append(type(one).__name__)
                with pytest.raises(ConditionFailed):
                    story.ours.write(one)  # type: ignore[arg-type]

    story.ours.written = written  # type: ignore[method-assign]
    name = reported(story)
    story.theirs.total_off[name.reference] = (0, -5, 5)
    story.report(name)
    story.bank(name)

    assert again == ["Put", "Put", "Delete"]
