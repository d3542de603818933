"""A ledger transaction is in the balance once, whatever the stream does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from farthing.ledger.balance import Balance
from farthing.ledger.journal import head_key, journal_key, mark_key
from farthing.ledger.project import WRITES_MAX, JournalAhead, ProjectionContended, together
from farthing.store.item import item_to_wire
from tests.unit.ledger.books import OTHER, SETTLEMENT, TENANT, Books


def test_the_balance_is_what_the_accounts_of_the_merchant_come_to() -> None:
    # Given
    books = Books()
    books.capture(1000, fee=30, intent=1)
    books.refund(1, 400)
    books.settled(share=500)
    books.dispute(1, 200, fee=1500)
    # When
    assert books.project() == []
    # Then
    head = books.head()
    assert head.balance == Balance(pending_cents=70, available_cents=300, reserved_cents=200)
    assert head.sequence == 4
    assert head.accounts == books.rebuilt()
    assert sum(head.accounts.values()) == 0


def test_each_row_of_the_journal_has_the_balance_after_it() -> None:
    books = Books()
    first, second = books.capture(1000, fee=30, intent=1), books.refund(1, 400)

    books.project()

    rows = books.journal()
    assert [row.transaction for row in rows] == [first, second]
    assert [row.balance.pending_cents for row in rows] == [970, 570]


def test_a_record_that_comes_twice_counts_once() -> None:
    books = Books()
    books.capture()
    [record] = books.stream()

    books.project([record, record])
    books.project([record])

    assert books.head().sequence == 1
    assert books.head().accounts == books.rebuilt()


def test_merchants_and_currencies_have_balances_of_their_own() -> None:
    books = Books()
    books.capture(1000, fee=0)
    books.capture(2000, fee=0, currency="usd")
    books.capture(4000, fee=0, tenant=OTHER)

    books.project()

    assert books.head("eur").balance.pending_cents == 1000
    assert books.head("usd").balance.pending_cents == 2000
    assert books.head("eur", OTHER).balance.pending_cents == 4000


def test_a_transaction_of_two_currencies_is_in_both_journals_by_one_write() -> None:
    books = Books()
    made = books.exchange()

    books.project()

    for currency in ("eur", "usd"):
        [row] = books.journal(currency)
        assert row.transaction == made
        assert row.sequences == {"eur": 1, "usd": 1}
        assert books.head(currency).accounts == books.rebuilt(currency)
    assert [row.is_first for row in (*books.journal("eur"), *books.journal("usd"))] == [True, False]


class Between:
    """The tables for a worker that others overtake: between its read and its write."""

    def __init__(self, books: Books, other: Any) -> None:
        self._tables, self._other, self._left = books.tables, other, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        if self._left:
            self._left -= 1
            self._other()
        return self._tables.transact_write_items(**arguments)


def test_who_loses_the_race_for_a_head_projects_behind_the_winner() -> None:
    # Given two workers, each with a transaction, that read the same head
    books = Books()
    books.capture(1, fee=0)
    books.project()
    books.capture(1000, fee=0)
    books.capture(500, fee=0)
    _, first, second = books.stream()
    # When
    books.project([first], Between(books, lambda: books.project([second])))
    # Then
    assert books.pauses == 1
    assert [row.sequence for row in books.journal()] == [1, 2, 3]
    assert books.head().accounts == books.rebuilt()


def test_who_loses_the_race_for_a_transaction_finds_it_done() -> None:
    books = Books()
    books.capture()
    [record] = books.stream()

    books.project([record], Between(books, lambda: books.project([record])))

    assert books.head().sequence == 1


def test_a_head_that_was_there_already_is_not_begun_anew() -> None:
    """The head's first write, too, stands on what was read: that there was none."""
    books = Books()
    books.capture(1000, fee=0)
    books.capture(500, fee=0)
    first, second = books.stream()

    books.project([first], Between(books, lambda: books.project([second])))

    assert books.head().balance.pending_cents == 1500


class OldMarks:
    """A batched read is no snapshot: here its marks are from before another worker's write, and its
    heads from after it."""

    def __init__(self, books: Books) -> None:
        self._tables, self._left = books.tables, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def batch_get_item(self, **arguments: Any) -> Any:
        answer = self._tables.batch_get_item(**arguments)
        if self._left:
            self._left -= 1
            found = answer["Responses"][SETTLEMENT]
            answer["Responses"][SETTLEMENT] = [
                item for item in found if "#PROJECTED#" not in item["pk"]["S"]
            ]
        return answer


def test_a_mark_that_was_not_seen_keeps_a_transaction_from_being_counted_twice() -> None:
    # Given
    books = Books()
    books.capture()
    books.project()
    # When
    books.project(client=OldMarks(books))
    # Then
    assert books.head().sequence == 1
    assert books.head().accounts == books.rebuilt()


def test_a_row_that_is_ahead_of_its_head_is_never_written_over() -> None:
    # Given a head that was restored without its journal
    books = Books()
    before = books.capture(1000)
    books.project()
    books.remove(SETTLEMENT, head_key(TENANT, "eur"))
    books.capture(7)
    # When
    again = books.project()
    # Then the stream goes on, and the row is what it was
    assert again == []
    assert [type(one) for one in books.failures] == [JournalAhead]
    row = books.store().get(journal_key(TENANT, "eur", 1))
    assert row is not None and row["transaction_id"] == before.transaction_id


def test_a_lost_race_that_never_ends_is_left_to_the_stream() -> None:
    books = Books()
    books.capture()

    class Never(Between):
        def transact_write_items(self, **arguments: Any) -> Any:
            raise self._tables.exceptions.TransactionCanceledException(
                {
                    "Error": {"Code": "TransactionCanceledException"},
                    "CancellationReasons": [{"Code": "ConditionalCheckFailed"}],
                },
                "TransactWriteItems",
            )

    [record] = books.stream()
    again = books.project([record], Never(books, lambda: None))

    assert again == [record["dynamodb"]["SequenceNumber"]]
    assert [type(one) for one in books.failures] == [ProjectionContended]


def test_what_no_retry_heals_does_not_hold_up_what_is_behind_it() -> None:
    # Given
    books = Books()
    books.capture(1000, fee=0)
    [good] = books.stream()
    image = good["dynamodb"]["NewImage"]
    uneven = image | {"postings": {"L": image["postings"]["L"][:1]}}
    strange = image | {"pk": {"S": "nobody"}}
    bad = [
        {**good, "dynamodb": {"NewImage": new, "SequenceNumber": "0"}} for new in (uneven, strange)
    ]
    # When
    again = books.project([*bad, good])
    # Then
    assert again == []
    assert len(books.failures) == 2
    assert books.head().balance.pending_cents == 1000


def test_one_merchants_trouble_keeps_no_other_waiting() -> None:
    books = Books()
    books.capture(tenant=OTHER)
    books.project()
    books.remove(SETTLEMENT, head_key(OTHER, "eur"))
    books.capture(tenant=OTHER)
    books.capture(1000, fee=0)

    books.project()

    assert books.head().balance.pending_cents == 1000


def test_many_transactions_of_a_merchant_go_in_by_few_writes() -> None:
    # Given
    books = Books()
    made = [books.capture() for _ in range(100)]
    writes = 0

    class Counting(Between):
        def transact_write_items(self, **arguments: Any) -> Any:
            nonlocal writes
            writes += 1
            assert len(arguments["TransactItems"]) <= WRITES_MAX
            return self._tables.transact_write_items(**arguments)

    # When
    books.project(client=Counting(books, lambda: None))
    # Then
    assert writes == 3
    assert [len(group) for group in together(made)] == [49, 49, 2]
    assert [row.sequence for row in books.journal()] == list(range(1, 101))


def test_groups_of_two_currencies_fit_into_a_write_too() -> None:
    books = Books()
    made = [books.exchange() for _ in range(40)]

    books.project()

    assert [len(group) for group in together(made)] == [32, 8]
    assert books.head("usd").sequence == 40


def test_time_does_not_go_back_in_a_journal() -> None:
    """Workers' clocks differ; the order of the list of all currencies stands on the time."""
    books = Books()
    books.capture()
    books.project()
    books.now -= timedelta(minutes=5)
    books.capture()

    books.project()

    first, second = books.journal()
    assert first.journaled_at == second.journaled_at


def test_a_mark_says_where_its_transaction_is() -> None:
    books = Books()
    made = books.capture()
    books.project()

    mark = books.store().get(mark_key(TENANT, made.transaction_id))

    assert mark is not None and mark["sequences"] == {"eur": 1}


@pytest.mark.parametrize("entity", ["event", "settlement_entry"])
def test_other_rows_of_the_stream_are_left_alone(entity: str) -> None:
    books = Books()
    record = {
        "dynamodb": {
            "NewImage": item_to_wire({"pk": TENANT.pk("PI", "pi_1"), "entity": entity}),
            "SequenceNumber": "1",
        }
    }

    assert books.project([record]) == []
    assert (books.failures, books.head().sequence) == ([], 0)
