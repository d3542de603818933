"""Whatever happens to money, and whatever the stream does: the balances are those of a replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.ledger.balance import Balance
from tests.simulation.books_watch import BooksWatch, wrong_books
from tests.unit.ledger.books import PAYMENTS, SETTLEMENT, TENANT, Books

CURRENCIES = ("eur", "usd", "jpy")

FACTS: dict[str, Callable[[Books, int, int, str], Any]] = {
    "capture": lambda books, cents, fee, currency: books.capture(cents, fee, currency, intent=1),
    "refund": lambda books, cents, _, currency: books.refund(1, cents, currency),
    "dispute": lambda books, cents, fee, currency: books.dispute(1, cents, fee + 1, currency),
    "settled": lambda books, cents, fee, currency: books.settled(cents - 500, fee, currency),
    "exchange": lambda books, *_: books.exchange(),
}

facts = st.tuples(
    st.sampled_from(sorted(FACTS)),
    st.integers(1, 1000),
    st.integers(0, 1500),
    st.sampled_from(CURRENCIES),
)


class Dies(Exception):
    """The process is gone."""


class Faulty:
    """The tables for a worker whose writes now and then fail: it dies before or after one, or
    another transaction of DynamoDB's was in the way."""

    def __init__(self, books: Books, script: list[str]) -> None:
        self._tables, self._script = books.tables, script

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tables, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        fate = self._script.pop() if self._script else "well"
        if fate == "dies before":
            raise Dies
        if fate == "conflict":
            reasons = [{"Code": "TransactionConflict"}]
            error = {"Error": {"Code": "TransactionCanceledException"}}
            raise ClientError(
                {**error, "CancellationReasons": reasons},  # type: ignore[typeddict-unknown-key]
                "TransactWriteItems",
            )
        answer = self._tables.transact_write_items(**arguments)
        if fate == "dies after":
            raise Dies
        return answer


@given(st.data())
@settings(max_examples=60)
def test_any_facts_in_any_order_come_to_the_balances_of_a_replay(data: st.DataObject) -> None:
    # Given facts, brought in any order, some twice, to workers of which some die
    books = Books()
    books.tables.on_write.append(BooksWatch())
    for name, cents, fee, currency in data.draw(st.lists(facts, min_size=1, max_size=25)):
        FACTS[name](books, cents, fee, currency)
    records = books.stream()
    brought = data.draw(st.permutations(records))
    again = data.draw(st.lists(st.sampled_from(records), max_size=8))
    fates = st.sampled_from(["well", "dies before", "dies after", "conflict"])
    script = data.draw(st.lists(fates, max_size=12))
    waiting = [*brought, *again]
    # When each batch comes again until it is done
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        failed = set(books.project(waiting[:size], Faulty(books, script)))
        left = [one for one in waiting[:size] if one["dynamodb"]["SequenceNumber"] in failed]
        waiting = left + waiting[size:]
    # Then
    assert_replayed(books)
    assert books.trial().differences == []


@given(st.lists(st.tuples(facts, st.booleans()), min_size=1, max_size=25))
@settings(max_examples=40)
def test_whatever_the_stream_loses_the_trial_balance_brings(lost: list[Any]) -> None:
    # Given
    books = Books()
    for (name, cents, fee, currency), _ in lost:
        FACTS[name](books, cents, fee, currency)
    kept = [record for record, (_, gone) in zip(books.stream(), lost, strict=True) if not gone]
    books.project(kept)
    books.now += timedelta(hours=1)
    # When
    run = books.trial()
    # Then
    assert run.counts["healed"] == sum(gone for _, gone in lost)
    assert run.differences == []
    assert_replayed(books)


def assert_replayed(books: Books) -> None:
    """Heads are the sums of what was posted, journals its order, and all comes to zero."""
    posted = [
        item
        for item in books.tables.items(PAYMENTS)
        if item["entity"] == {"S": "ledger_transaction"}
    ]
    assert list(wrong_books(posted, list(books.tables.items(SETTLEMENT)))) == []
    for currency in CURRENCIES:
        head, rows = books.head(currency), books.journal(currency)
        assert head.accounts == books.rebuilt(currency)
        assert sum(head.accounts.values()) == 0
        assert head.sequence == len(rows)
        there = [row.transaction.transaction_id for row in rows]
        posted = [
            one.transaction_id
            for one in books.posted[TENANT]
            if any(each.amount.currency == currency for each in one.postings)
        ]
        assert sorted(there) == sorted(posted)
        assert (rows[-1].balance if rows else Balance()) == head.balance
