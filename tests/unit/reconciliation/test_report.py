"""A batch's report is taken: once, whatever happens, and every line is explained or named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from farthing.money import EXPONENTS
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.reading import RacesLost
from farthing.reconciliation.report_file import reports_of
from farthing.reconciliation.resolution import Resolution
from farthing.reconciliation.view import break_object
from farthing.settlement.batch import BatchName, Reason, Status
from tests.unit.reconciliation.month import SOURCE
from tests.unit.reconciliation.ours import FIRST_DAY, OTHER, TENANT
from tests.unit.reconciliation.steps import Crash, Story
from tests.unit.reconciliation.theirs import Moved

NEXT_DAY = FIRST_DAY + timedelta(days=1)
FEE = 24
"""Of 10.00: 1.4 % and 10."""


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_report_that_agrees_settles_the_batch_and_its_share(story: Story) -> None:
    name = story.batch_of(1_000, 1_000)

    row = story.report(name)

    batch = story.batch(name)
    assert (row.matched, row.broken, row.state) == (2, {}, "READ")
    assert batch.status is Status.SETTLED and batch.settled_at is not None
    assert batch.paid is not None and batch.paid.net_cents == 2 * (1_000 - FEE)
    assert story.balance("acquirer_fee_expense") == 2 * FEE
    assert story.balance("merchant_pending") == 0
    assert story.balance("merchant_payable") == -2 * (1_000 - 5)
    assert story.balance("acquirer_receivable:sandbox") == 2 * (1_000 - FEE)
    assert list(story.ours.rows("settlement_unfinished")) == []
    story.check()


def test_refunds_and_disputes_match_with_their_sign(story: Story) -> None:
    (paid,) = story.captures(1_000)
    story.ours.refunded(paid, 300)
    story.ours.disputed(paid)
    name = story.submit()

    assert story.report(name).matched == 3
    batch = story.batch(name)
    assert batch.paid is not None and batch.paid.gross_cents == 1_000 - 300 - 1_000
    assert batch.status is Status.SETTLED


def test_reading_a_file_again_changes_nothing(story: Story) -> None:
    name = story.batch_of(1_000, 2_000, 3_000)
    story.at(name)[0].amount = 999
    del story.at(name)[1]
    story.at(name).append(Moved("DISPUTE", "DSP1", "", "eur", 70))
    story.report(name)
    before = story.state()

    story.report(name)
    books = story.ours.books(name)
    content = story.theirs.report(name.reference)
    taken = books.take_report(name.settlement_id, reports_of(content)[name.reference], SOURCE)

    assert story.state() == before
    assert (taken.is_new, taken.matched, taken.broken) == (
        False,
        1,
        {"AMOUNT_MISMATCH": 1, "UNEXPECTED_DISPUTE": 1},
    )


def test_the_same_lines_in_another_file_are_the_same_payment(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    story.at(name)[0].amount = 999
    story.report(name)
    balances, breaks = story.ours.balances(), story.ours.breaks()

    story.report(content=story.theirs.report(name.reference, day="2026-11-09"))

    assert (story.ours.balances(), story.ours.breaks()) == (balances, breaks)


def test_a_line_that_is_there_twice_is_a_duplicate_even_in_a_second_file(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    story.report(name)
    story.at(name).append(Moved(**vars(story.at(name)[0])))

    story.report(name)

    one = story.only()
    assert (one.kind, one.effect.suspense) == (Kind.DUPLICATE_LINE, {"eur": 1_000 - FEE})
    assert one.subject.intent_id == story.at(name)[0].order_id
    assert story.status(name) is Status.EXCEPTION
    story.check()


def test_a_line_that_another_batch_had_is_a_duplicate(story: Story) -> None:
    first = story.batch_of(1_000)
    second = story.batch_of(2_000, day=NEXT_DAY)
    story.at(second).append(Moved(**vars(story.at(first)[0])))

    story.report(first, second)

    assert story.only().kind is Kind.DUPLICATE_LINE
    assert story.only().settlement_id == second.settlement_id


def test_an_exception_says_what_is_open(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    story.at(name)[0].fee = 1
    story.report(name)

    trouble = story.batch(name).trouble
    assert trouble is not None
    assert (trouble.reason, trouble.detail) == (Reason.OPEN_BREAKS, "1 FEE_MISMATCH")


# --- late, early, stray -------------------------------------------------------------------------


def test_a_line_that_is_not_there_is_awaited_and_missed_after_some_business_days(
    story: Story,
) -> None:
    name = story.batch_of(1_000, 2_000)
    del story.at(name)[1]
    story.report(name)

    assert story.status(name) is Status.SUBMITTED
    story.days_later(2)
    assert story.miss() == 0
    story.days_later(3)
    assert story.miss() == 1
    one = story.only()
    assert (one.kind, one.unpaid_cents) == (Kind.MISSING_IN_REPORT, 2_000)
    assert story.status(name) is Status.EXCEPTION
    assert story.miss() == 0
    story.check()


@pytest.mark.parametrize("missed", [False, True])
def test_a_late_line_matches_and_ends_its_break(story: Story, missed: bool) -> None:
    name = story.batch_of(1_000, 2_000)
    late = story.at(name).pop()
    story.report(name)
    if missed:
        story.days_later(3)
        story.miss()
    story.at(name).append(late)

    story.report(name)

    assert story.open() == []
    assert story.status(name) is Status.SETTLED
    assert story.balance("merchant_pending") == 0
    assert [one.resolution for one in story.ours.breaks()] == ["MATCHED_LATE"] * missed
    story.check()


@pytest.mark.parametrize("missed", [False, True])
def test_a_late_line_may_come_in_another_batchs_report(story: Story, missed: bool) -> None:
    first = story.batch_of(1_000, 2_000)
    late = story.at(first).pop()
    story.report(first)
    second = story.batch_of(3_000, day=NEXT_DAY)
    if missed:
        story.days_later(3)
        story.miss()
    story.at(second).append(late)

    story.report(second)

    assert (story.status(first), story.status(second)) == (Status.SETTLED, Status.SETTLED)
    assert story.balance("merchant_pending") == 0
    story.check()
    story.at(second).append(Moved(**vars(late)))
    story.at(first).append(late)
    story.report(second)
    story.report(first)
    assert story.kinds() == {Kind.DUPLICATE_LINE: 2}
    story.check()


def test_a_late_line_with_another_amount_ends_one_break_and_opens_another(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    late = story.at(name).pop()
    story.report(name)
    story.days_later(3)
    story.miss()
    late.amount = 1_999
    story.at(name).append(late)

    story.report(name)

    assert story.only().kind is Kind.AMOUNT_MISMATCH
    assert story.status(name) is Status.EXCEPTION
    story.check()


def test_a_line_may_come_before_its_own_batch_is_reported(story: Story) -> None:
    first = story.batch_of(1_000)
    second = story.batch_of(2_000, 3_000, day=NEXT_DAY)
    story.at(first).append(story.at(second).pop())

    story.report(first)
    story.check()
    story.report(second)

    assert (story.status(first), story.status(second)) == (Status.SETTLED, Status.SETTLED)
    assert story.ours.item(second.key)["matched_count"] == 2
    assert story.balance("merchant_pending") == 0


def test_a_dispute_that_our_ledger_learns_of_later_ends_its_break(story: Story) -> None:
    (paid,) = story.captures(1_000)
    first = story.submit()
    story.at(first).append(Moved("DISPUTE", "DSP77", paid.intent_id, "eur", 1_000))
    story.report(first)
    assert story.only().kind is Kind.UNEXPECTED_DISPUTE

    story.ours.disputed(paid, day=NEXT_DAY, reference="DSP77")
    story.captures(500, day=NEXT_DAY)
    second = story.submit(NEXT_DAY)
    del story.at(second)[0]
    story.report(second)

    assert story.open() == []
    assert (story.status(first), story.status(second)) == (Status.SETTLED, Status.SETTLED)
    story.check()


def test_a_later_file_may_take_back_what_an_earlier_one_said(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    story.at(name)[0].amount = 999
    story.report(name)
    story.at(name)[0].amount = 998
    story.report(name)
    assert story.only().reported is not None and story.only().reported.amount_cents == 998  # type: ignore[union-attr]
    story.check()

    story.at(name)[0].amount = 1_000
    story.report(name)

    assert story.open() == []
    assert story.status(name) is Status.SETTLED
    assert story.balance("merchant_pending") == 0
    assert story.batch(name).paid.net_cents == story.theirs.total(name.reference)[2]  # type: ignore[union-attr]
    story.check()
    story.at(name)[0].amount = 997
    story.report(name)
    assert story.only().kind is Kind.AMOUNT_MISMATCH
    story.check()


def test_what_a_person_ended_is_not_opened_again_by_a_file(story: Story) -> None:
    name = story.batch_of(1_000)
    story.at(name)[0].amount = 999
    story.report(name)
    story.resolve(story.only(), Resolution.WRITE_OFF)
    balances = story.ours.balances()

    story.report(content=story.theirs.report(name.reference, day="2026-11-09"))

    assert story.open() == []
    assert story.ours.balances() == balances


# --- whose it is --------------------------------------------------------------------------------


def test_what_failed_with_us_and_was_settled_proposes_a_refund_and_does_nothing(
    story: Story,
) -> None:
    name = story.batch_of(1_000)
    reference, intent_id = story.ours.declined()
    story.at(name).append(Moved("CAPTURE", reference, intent_id, "eur", 700))
    story.report(name)

    one = story.only()
    assert (one.kind, one.subject.state) == (Kind.STATE_MISMATCH, "DECLINED")
    assert break_object(one)["proposal"] == {
        "action": "REFUND",
        "payment_intent_id": intent_id,
        "amount_cents": 700,
        "currency": "eur",
    }
    assert {item["kind"] for item in story.ours.rows("ledger_transaction")} == {
        "CAPTURE",
        "SETTLEMENT",
    }


def test_of_an_operation_that_may_still_move_no_refund_is_proposed(story: Story) -> None:
    name = story.batch_of(1_000)
    reference, intent_id = story.ours.declined(state="UNKNOWN")
    story.at(name).append(Moved("CAPTURE", reference, intent_id, "eur", 700))
    story.report(name)

    assert story.only().kind is Kind.STATE_MISMATCH
    assert break_object(story.only())["proposal"] is None


def test_another_merchants_payment_in_a_report_is_nobodys(story: Story) -> None:
    """The file says whose batch it is, and its lines are looked for there alone."""
    stranger = story.ours.captured(900, tenant=OTHER)
    name = story.batch_of(1_000)
    story.at(name).append(Moved("CAPTURE", stranger.reference, stranger.intent_id, "eur", 900))

    story.report(name)

    one = story.only()
    assert (one.kind, one.tenant, one.subject.intent_id) == (Kind.MISSING_IN_LEDGER, TENANT, None)


def test_lines_of_no_batch_are_counted_and_kept_for_a_person(story: Story) -> None:
    name = story.batch_of(1_000)
    unknown = "mer_01jd0000000000000000000aaa.test.sandbox.eur.2026-11-02.99"
    for reference in (unknown, "somebody-elses"):
        story.theirs.currency[reference] = "eur"
        story.theirs.settled[reference].append(Moved("CAPTURE", "X", "", "eur", 5))

    row = story.report(
        content=story.theirs.report(name.reference, unknown, "somebody-elses"),
    )

    assert (row.unplaced, row.matched, row.broken) == (2, 1, {"MISSING_IN_LEDGER": 2})
    assert [
        item["settlement_reference"] for item in story.ours.rows("reconciliation_unplaced")
    ] == [
        unknown,
        "somebody-elses",
    ]


def test_a_batch_that_was_never_submitted_takes_no_report(story: Story) -> None:
    name = story.batch_of(1_000)
    item = story.ours.item(name.key)
    del item["submitted_at"]
    story.ours.put(name.key, item | {"status": "CLOSING"})

    assert story.report(name).unplaced == 1
    assert story.status(name) is Status.CLOSING


# --- sums ---------------------------------------------------------------------------------------


def test_a_total_that_is_not_the_lines_is_a_break_of_the_batch(story: Story) -> None:
    name = story.batch_of(1_000)
    story.theirs.total_off[name.reference] = (100, 0, 100)

    row = story.report(name)

    assert row.matched == 1
    assert story.only().kind is Kind.BATCH_TOTAL_MISMATCH
    assert story.only().effect.suspense == {"eur": 100}
    assert story.batch(name).paid.net_cents == 1_000 - FEE + 100  # type: ignore[union-attr]
    story.check()


def test_a_line_in_another_currency_stays_unpaid_in_its_own(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    story.at(name)[1].currency = "usd"
    story.report(name)

    one = story.only()
    assert (one.kind, one.unpaid_cents, one.held_cents) == (Kind.CURRENCY_MISMATCH, 2_000, 1_995)
    assert story.balance("acquirer_receivable:sandbox") == 2_000 + 1_000 - FEE
    story.check()


# --- crashes and races --------------------------------------------------------------------------


def many_breaks(story: Story) -> list[BatchName]:
    """A report whose changes take several transactions, two batches and late and early lines."""
    first = story.batch_of(*range(1_000, 1_080))
    late = [story.at(first).pop() for _ in range(3)]
    story.report(first)
    second = story.batch_of(*range(2_000, 2_080), day=NEXT_DAY)
    for one in story.at(second)[:50]:
        one.amount += 1
    del story.at(second)[60:70]
    story.at(second).extend(late)
    third = story.batch_of(500, 600, day=NEXT_DAY + timedelta(days=1))
    story.at(second).append(story.at(third).pop())
    story.at(second).append(Moved("CAPTURE", "NOBODYS", "", "eur", 5))
    return [first, second, third]


def test_a_run_that_dies_anywhere_is_gone_on_with(story: Story) -> None:
    names = many_breaks(story)
    story.report(*names)
    wanted = ends(story)
    for step in range(1, 40):
        crashed = Story()
        again = many_breaks(crashed)
        steps = iter(range(1, 1_000))

        def die(steps: object = steps, step: int = step) -> None:
            if next(steps) == step:  # type: ignore[call-overload]
                raise Crash

        crashed.ours.before_write = die
        content = crashed.theirs.report(*(name.reference for name in again))
        try:
            crashed.report(content=content)
        except Crash:
            crashed.ours.before_write = lambda: None
            crashed.check()
            crashed.report(content=content)
        else:
            break
        assert ends(crashed) == wanted, step
    else:
        pytest.fail("there are more steps than were tried")


def ends(story: Story) -> object:
    story.check()
    return (
        story.ours.balances(),
        story.ours.named(),
        [story.ours.item(name.key).get("matched_count") for name in story.ours.batches],
        [story.status(name) for name in story.ours.batches],
    )


def test_somebody_else_at_work_on_the_batch_costs_a_try_and_nothing_else(story: Story) -> None:
    """Between what is read and what is written a person ends a break of the same batch."""
    name = story.batch_of(1_000, 2_000)
    story.at(name)[0].amount = 999
    story.report(name)
    one = story.only()
    story.at(name).append(Moved("CAPTURE", "NOBODYS", "", "eur", 5))
    done = iter([True])

    def meanwhile() -> None:
        if next(done, False):
            story.ours.before_write = lambda: None
            story.resolve(one, Resolution.WRITE_OFF)

    content = story.theirs.report(name.reference)
    story.ours.before_write = meanwhile
    story.report(content=content)

    assert story.kinds() == {Kind.MISSING_IN_LEDGER: 1}
    story.check()


def test_a_batch_whose_books_never_rest_is_given_up_for_now(story: Story) -> None:
    name = story.batch_of(1_000)

    def moved() -> None:
        item = story.ours.item(name.key)
        story.ours.put(name.key, item | {"books_version": item.get("books_version", 0) + 1})

    report = reports_of(story.theirs.report(name.reference))[name.reference]
    story.ours.before_write = moved
    with pytest.raises(RacesLost):
        story.ours.books(name).take_report(name.settlement_id, report, SOURCE)


def test_a_report_may_be_in_as_many_currencies_as_it_has_lines(story: Story) -> None:
    """Given so many that their ledger transactions alone would fill a write."""
    name = story.batch_of(*[1_000] * 70)
    codes = [code for code in sorted(EXPONENTS) if code != "eur"]
    for line, code in zip(story.at(name), codes, strict=False):
        line.currency = code

    row = story.report(name)

    assert (row.state, row.broken) == ("READ", {"CURRENCY_MISMATCH": 70})
    story.check()


def test_a_file_is_gone_on_with_after_another_one_ended_its_breaks(story: Story) -> None:
    """Given a run that died between its transactions, and another file before it came again."""
    name = story.batch_of(*[1_000] * 70)
    for line in story.at(name):
        line.amount = 999
    first = story.theirs.report(name.reference)
    steps = iter(range(3))

    def die() -> None:
        if next(steps, None) == 2:
            raise Crash

    story.ours.before_write = die
    with pytest.raises(Crash):
        story.report(content=first)
    assert 0 < len(story.open()) < 70
    story.ours.before_write = lambda: None
    for line in story.at(name):
        line.amount = 998
    story.report(name)

    story.report(content=first)

    assert {one.reported.amount_cents for one in story.open() if one.reported} == {999}
    assert len(story.open()) == 70
    story.check()


# --- a file's own sum, in another file ----------------------------------------------------------


def test_a_wrong_sum_in_a_second_file_of_the_same_lines_is_the_same_one(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    story.theirs.total_off[name.reference] = (-100, 0, -100)
    story.report(name)
    balances, paid = story.ours.balances(), story.batch(name).paid

    story.report(content=story.theirs.report(name.reference, day="2026-11-09"))

    assert story.only().kind is Kind.BATCH_TOTAL_MISMATCH
    assert (story.ours.balances(), story.batch(name).paid) == (balances, paid)


@pytest.mark.parametrize("off", [(-50, 0, -50), (0, 0, 0)])
def test_a_later_file_of_the_same_lines_says_otherwise_about_their_sum(
    story: Story, off: tuple[int, int, int]
) -> None:
    name = story.batch_of(1_000, 2_000)
    story.theirs.total_off[name.reference] = (-100, 0, -100)
    story.report(name)
    story.theirs.total_off[name.reference] = off

    story.report(content=story.theirs.report(name.reference, day="2026-11-09"))

    assert [one.effect.suspense["eur"] for one in story.open()] == [
        cents for cents in off[:1] if cents
    ]
    paid = story.batch(name).paid
    assert paid is not None and paid.net_cents == story.theirs.total(name.reference)[2]
    assert (story.status(name) is Status.SETTLED) is (off == (0, 0, 0))
    story.check()


def test_a_sum_that_a_person_has_explained_is_not_asked_about_again(story: Story) -> None:
    name = story.batch_of(1_000, 2_000)
    story.theirs.total_off[name.reference] = (-100, 0, -100)
    story.report(name)
    story.resolve(story.only(), Resolution.ACQUIRER_CORRECTS)

    story.report(content=story.theirs.report(name.reference, day="2026-11-09"))

    assert story.open() == []
