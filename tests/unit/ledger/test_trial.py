"""The trial balance finds every difference, names it, and heals what the projection missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from farthing.business_calendar import Calendar
from farthing.ledger import trial
from farthing.ledger.difference import Difference, Kind
from farthing.ledger.journal import head_key, journal_key, mark_key
from farthing.ledger.transaction import LedgerTransaction
from farthing.ledger.trial_row import Run, verified_key
from farthing.settlement.entry import Operation
from farthing.store.item import Key
from tests.unit.ledger.books import FIRST_DAY, PAYMENTS, SETTLEMENT, START, TENANT, Books


def story() -> Books:
    """Two days of one merchant, all of it projected."""
    books = Books()
    books.capture(1000, fee=30, intent=1)
    books.refund(1, 400)
    books.now += timedelta(days=1)
    books.capture(2000, fee=50, intent=2)
    books.dispute(2, 600, fee=1500)
    books.settled(share=500)
    books.exchange()
    books.project()
    books.now += timedelta(hours=1)
    return books


def found(run: Run) -> list[tuple[Kind, str, str]]:
    return [(one.kind, one.transaction_id, one.account) for one in run.differences]


def test_books_that_are_right_have_no_difference() -> None:
    books = story()

    run = books.trial()

    assert run.differences == []
    assert (run.counts["entries"], run.counts["alone"]) == (5, 2)
    assert run.counts["journal_rows"] == 7
    assert run.counts["healed"] == run.counts["differences"] == 0
    assert run.walked["eur"].accounts == books.rebuilt("eur")
    assert run.walked["usd"].accounts == books.rebuilt("usd")


def test_what_the_stream_lost_is_projected_and_said() -> None:
    # Given a stream that lost two records
    books = Books()
    for _ in range(4):
        books.capture()
    records = books.stream()
    books.project([records[0], records[3]])
    books.now += timedelta(hours=1)
    # When
    run = books.trial()
    # Then
    assert run.counts["healed"] == 2
    assert run.differences == []
    assert books.head().accounts == books.rebuilt()
    assert books.trial().counts["healed"] == 0


def test_what_the_stream_may_still_bring_is_not_called_missed() -> None:
    books = Books()
    books.capture()

    run = books.trial()

    assert (run.counts["healed"], run.counts["in_flight"]) == (0, 1)
    assert run.differences == []


def test_a_whole_stall_of_the_stream_is_healed() -> None:
    books = story()
    lost = Books()
    for name, table in books.tables.tables.items():
        if name == PAYMENTS:
            lost.tables.tables[name] = table
    lost.now = books.now

    run = lost.trial()

    assert run.counts["healed"] == 6
    assert run.differences == []
    assert lost.head().accounts == books.rebuilt()


def ltx(books: Books, number: int) -> LedgerTransaction:
    return books.posted[TENANT][number]


def entry_of(books: Books, operation: Operation) -> Key:
    """The first settlement entry of an operation."""
    for (pk, sk), item in books.rows(PAYMENTS, "settlement_entry"):
        if item["operation"] == operation.value:
            return Key("payments", pk, sk)
    raise LookupError(operation)


def other_amount(books: Books) -> list[tuple[Kind, str, str]]:
    books.overwrite(PAYMENTS, entry_of(books, Operation.CAPTURE), amount_cents=999)
    named = ltx(books, 0).transaction_id
    return [(Kind.ENTRY_DIFFERS, named, "acquirer_receivable:sandbox")]


def other_fee(books: Books) -> list[tuple[Kind, str, str]]:
    books.overwrite(PAYMENTS, entry_of(books, Operation.CAPTURE), fee_cents=29)
    return [(Kind.ENTRY_DIFFERS, ltx(books, 0).transaction_id, "processing_fee_income")]


def other_dispute_fee(books: Books) -> list[tuple[Kind, str, str]]:
    books.overwrite(PAYMENTS, entry_of(books, Operation.DISPUTE_FEE), amount_cents=1)
    return [(Kind.ENTRY_DIFFERS, ltx(books, 3).transaction_id, "acquirer_receivable:sandbox")]


def unreadable_entry(books: Books) -> list[tuple[Kind, str, str]]:
    books.overwrite(PAYMENTS, entry_of(books, Operation.REFUND), amount_cents=0)
    return [(Kind.UNREADABLE, "", "")]


def uneven_postings(books: Books) -> list[tuple[Kind, str, str]]:
    """A cent is gone from one posting of a stored transaction."""
    made = ltx(books, 0)
    postings = [one.to_item() for one in made.postings]
    postings[1]["amount_cents"] -= 1
    books.overwrite(PAYMENTS, made.key(TENANT), postings=postings)
    accounts = "acquirer_receivable:sandbox merchant_pending processing_fee_income"
    heads = [
        (Kind.HEAD_DIFFERS, "", account) for account in sorted(one.account for one in made.postings)
    ]
    return [(Kind.UNBALANCED, made.transaction_id, accounts), *heads]


def transaction_gone(books: Books) -> list[tuple[Kind, str, str]]:
    made = ltx(books, 1)
    books.remove(PAYMENTS, made.key(TENANT))
    heads = [
        (Kind.HEAD_DIFFERS, "", account)
        for account in ("acquirer_receivable:sandbox", "merchant_pending")
    ]
    missing = (Kind.TRANSACTION_MISSING, made.transaction_id, "")
    return [missing, missing, *heads]


def other_transaction(books: Books) -> list[tuple[Kind, str, str]]:
    """The postings moved a cent more, and balance."""
    made = ltx(books, 1)
    postings = [one.to_item() | {"amount_cents": 401} for one in made.postings]
    books.overwrite(PAYMENTS, made.key(TENANT), postings=postings)
    accounts = ("acquirer_receivable:sandbox", "merchant_pending")
    differs = [(Kind.JOURNAL_DIFFERS, made.transaction_id, account) for account in accounts]
    entry = (Kind.ENTRY_DIFFERS, made.transaction_id, accounts[0])
    return [entry, *differs, *((Kind.HEAD_DIFFERS, "", account) for account in accounts)]


def other_row(books: Books) -> list[tuple[Kind, str, str]]:
    made = ltx(books, 0)
    postings = [one.to_item() for one in made.postings]
    postings[1]["amount_cents"], postings[2]["amount_cents"] = 960, 40
    books.overwrite(SETTLEMENT, journal_key(TENANT, "eur", 1), postings=postings)
    accounts = ("merchant_pending", "processing_fee_income")
    differs = [(Kind.JOURNAL_DIFFERS, made.transaction_id, account) for account in accounts]
    # and its balance does not follow from such postings
    return [*differs, (Kind.JOURNAL_DIFFERS, made.transaction_id, "merchant_pending")]


def other_balance(books: Books) -> list[tuple[Kind, str, str]]:
    key = journal_key(TENANT, "eur", 2)
    row = books.store().get(key)
    assert row is not None
    balance = row["balances"]["eur"] | {"available_cents": 5}
    books.overwrite(SETTLEMENT, key, balances={"eur": balance})
    named = [ltx(books, number).transaction_id for number in (1, 2)]
    return [(Kind.JOURNAL_DIFFERS, one, "merchant_payable") for one in named]


def row_gone(books: Books) -> list[tuple[Kind, str, str]]:
    books.remove(SETTLEMENT, journal_key(TENANT, "eur", 2))
    heads = [
        (Kind.HEAD_DIFFERS, "", account)
        for account in ("acquirer_receivable:sandbox", "merchant_pending")
    ]
    gone = Kind.JOURNAL_ROW_MISSING
    return [(gone, ltx(books, 1).transaction_id, ""), (gone, "", ""), *heads]


def unreadable_row(books: Books) -> list[tuple[Kind, str, str]]:
    books.overwrite(SETTLEMENT, journal_key(TENANT, "usd", 1), kind="GIFT")
    named = ltx(books, 5).transaction_id
    heads = [(Kind.HEAD_DIFFERS, "", account) for account in ("rounding_fx", "suspense:sandbox")]
    return [(Kind.UNREADABLE, named, ""), (Kind.UNREADABLE, named, ""), *heads]


def marked_elsewhere(books: Books) -> list[tuple[Kind, str, str]]:
    made = ltx(books, 0)
    books.overwrite(SETTLEMENT, mark_key(TENANT, made.transaction_id), sequences={"eur": 2})
    accounts = ("acquirer_receivable:sandbox", "merchant_pending", "processing_fee_income")
    other = [(Kind.JOURNAL_DIFFERS, made.transaction_id, account) for account in accounts]
    return [*other, (Kind.JOURNALED_TWICE, made.transaction_id, "")]


def mark_gone(books: Books) -> list[tuple[Kind, str, str]]:
    """Then it is projected once more, and is in the journal twice."""
    made = ltx(books, 1)
    books.remove(SETTLEMENT, mark_key(TENANT, made.transaction_id))
    return [(Kind.JOURNALED_TWICE, made.transaction_id, "")]


def other_head(books: Books) -> list[tuple[Kind, str, str]]:
    accounts = dict(books.head().accounts) | {"merchant_payable": -12345}
    books.overwrite(SETTLEMENT, head_key(TENANT, "eur"), accounts=accounts)
    return [(Kind.HEAD_DIFFERS, "", "merchant_payable"), (Kind.TOTAL_NOT_ZERO, "", "")]


def head_gone(books: Books) -> list[tuple[Kind, str, str]]:
    books.remove(SETTLEMENT, head_key(TENANT, "usd"))
    return [(Kind.JOURNAL_AHEAD, ltx(books, 5).transaction_id, "")]


PLANTED: list[Callable[[Books], list[tuple[Kind, str, str]]]] = [
    other_amount, other_fee, other_dispute_fee, unreadable_entry, uneven_postings,
    transaction_gone, other_transaction, other_row, other_balance, row_gone, unreadable_row,
    marked_elsewhere, mark_gone, other_head, head_gone,
]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_difference_is_found_and_named(plant: Callable[[Books], Any]) -> None:
    # Given
    books = story()
    expected = plant(books)
    # When
    run = books.trial()
    # Then
    assert sorted(found(run)) == sorted(expected)
    assert run.counts["differences"] == len(expected)
    assert books.told == [run]


def test_a_transaction_that_cannot_be_projected_is_a_difference() -> None:
    # Given a lost head, so that nothing can be put behind it
    books = story()
    books.remove(SETTLEMENT, head_key(TENANT, "eur"))
    made = books.capture()
    # When
    run = books.trial()
    # Then
    assert (Kind.NOT_IN_JOURNAL, made.transaction_id, "") in found(run)
    assert (Kind.JOURNAL_AHEAD, ltx(books, 0).transaction_id, "") in found(run)


def test_amounts_of_a_difference_are_told() -> None:
    books = story()
    other_amount(books)

    [difference] = books.trial().differences

    assert (difference.expected_cents, difference.found_cents) == (1000, 999)
    assert difference.currency == "eur"
    assert difference.row.startswith("SETTLE#sandbox#2026-11-20#")


# from where on


def test_the_next_run_goes_on_where_the_last_one_found_all_right() -> None:
    books = story()
    books.trial()
    books.now += timedelta(days=10)
    books.capture()
    books.project()

    run = books.trial()

    assert run.first_day == date(2026, 11, 19)
    assert run.counts["journal_rows"] == 1
    books.now += timedelta(days=10)
    after = books.trial()
    assert (after.first_day, after.counts["journal_rows"]) == (date(2026, 11, 29), 0)
    assert after.walked["eur"].accounts == books.rebuilt("eur")


def test_a_difference_is_found_again_until_it_is_gone() -> None:
    # Given
    books = story()
    before = books.head()
    other_head(books)
    # When
    first, second = books.trial(), books.trial()
    # Then
    assert found(first) == found(second) != []
    assert books.store().get(verified_key(TENANT)) is None
    books.overwrite(SETTLEMENT, head_key(TENANT, "eur"), accounts=dict(before.accounts))
    assert books.trial().differences == []
    assert books.store().get(verified_key(TENANT)) is not None


def test_a_full_run_sees_what_was_verified_before() -> None:
    books = story()
    books.trial()
    books.now += timedelta(days=10)
    books.trial()
    other_row(books)

    assert books.trial().differences == []
    assert books.trial(full=True).differences != []


def test_what_is_written_late_into_a_day_that_is_over_is_seen() -> None:
    """A transaction is begun before midnight and written after the run of the night."""
    books = story()
    books.now += timedelta(days=1)
    books.trial()
    books.now -= timedelta(days=1)
    books.capture()
    books.now += timedelta(days=1)

    run = books.trial()

    assert run.counts["healed"] == 1


def test_what_is_verified_never_goes_back_to_an_earlier_day() -> None:
    # Given a run that stood still while another one of a later day ended
    books = story()
    slow = trial.begin(FIRST_DAY, books.services())
    books.now += timedelta(days=5)
    books.trial()
    # When
    trial.go_on(slow, books.services())
    # Then
    item = books.store().get(verified_key(TENANT))
    assert item is not None and item["through_day"] == "2026-11-25"


def test_a_business_day_in_the_future_leaves_no_day_of_today_unseen() -> None:
    """On a long weekend what moves is settled with Tuesday: that Tuesday's shards were looked at
    says nothing of what Saturday still posts, nor of what Tuesday's still get."""
    # Given a run on a Saturday, at an acquirer that is closed until Tuesday
    closed = Calendar(closed_weekdays=frozenset({5, 6, 0}))
    books = Books(now=START + timedelta(days=1), calendar=closed)
    books.capture()
    books.project()
    assert books.trial().until == date(2026, 11, 24)
    # When the stream loses what is posted later that day
    books.now += timedelta(hours=1)
    books.reserve()
    books.capture()
    books.now += timedelta(days=4)
    run = books.trial()
    # Then
    assert run.counts["healed"] == 2
    assert books.head().accounts == books.rebuilt()


# in stretches


def in_stretches(books: Books, at_once: int) -> tuple[Run, int]:
    """A run that has time for so many pages in each stretch, and how many it took."""
    services = books.services()
    run, stretches = trial.begin(FIRST_DAY, services), 0
    while run.ended_at is None:
        left = iter([300.0] * at_once)
        trial.go_on(run, books.services(lambda: next(left, 0.0)))  # noqa: B023
        stored = trial.stored(run.run_id, services)
        assert stored is not None
        run, stretches = stored, stretches + 1
    return run, stretches


@pytest.mark.parametrize("at_once", [0, 1, 3])
def test_a_run_in_stretches_finds_the_same_as_one_at_once(at_once: int) -> None:
    books = story()
    other_balance(books)
    whole = books.trial()

    run, stretches = in_stretches(books, at_once)

    assert stretches > 10
    assert found(run) == found(whole)
    assert run.counts == whole.counts
    assert run.walked == whole.walked


def test_two_that_take_up_one_run_do_not_both_go_on() -> None:
    # Given
    books = story()
    run = trial.begin(FIRST_DAY, books.services())
    trial.go_on(run, books.services(lambda: 0.0))
    one, other = (trial.stored(run.run_id, books.services()) for _ in range(2))
    assert one is not None and other is not None
    # When
    trial.go_on(one, books.services())
    # Then
    with pytest.raises(trial.TakenUp):
        trial.go_on(other, books.services())
    assert [told.run_id for told in books.told] == [run.run_id]


def test_a_run_of_an_id_that_is_there_is_not_written_over() -> None:
    books = story()
    run = trial.begin(FIRST_DAY, books.services())
    again = trial.begin(FIRST_DAY, books.services())
    again.run_id = run.run_id
    trial.go_on(run, books.services())

    with pytest.raises(trial.TakenUp):
        trial.go_on(again, books.services())


def test_what_was_healed_before_a_crash_is_still_said() -> None:
    # Given
    books = Books()
    books.capture()
    books.now += timedelta(hours=1)
    run = trial.begin(FIRST_DAY, books.services())

    class Died(Exception):
        pass

    def dies() -> float:
        if books.head().sequence:
            raise Died
        return 300.0

    # When
    with pytest.raises(Died):
        trial.go_on(run, books.services(lambda: 300.0 if not run.counts["healed"] else dies()))
    # Then it is done, and not known: what is projected is right, and only the word of it is lost
    assert books.trial().differences == []


def test_many_differences_are_counted_and_the_first_hundred_kept() -> None:
    run = trial.begin(FIRST_DAY, Books().services())
    run.found([Difference(Kind.UNREADABLE, row=str(number)) for number in range(150)])

    assert (run.counts["differences"], len(run.differences)) == (150, 100)


def test_a_run_is_shown_with_each_accounts_sum() -> None:
    books = story()
    run = books.trial()

    shown = trial.shown(run)

    assert shown["done"] and shown["days"] == shown["days_done"] == 3
    assert shown["accounts"]["eur"] == books.rebuilt("eur")
    [newest] = trial.newest(books.services(), 5)
    assert trial.shown(newest) == shown
