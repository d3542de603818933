"""Pages of a ledger: each transaction once, newest first, however many and whatever is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farthing.errors import FarthingError
from farthing.ledger.journal import JournalRow, journal_key
from farthing.ledger.queries import ROWS_READ_MAX, Ledger
from tests.support.lambdas import principal
from tests.unit.ledger.books import SETTLEMENT, TENANT, Books, an_id


def ledger(books: Books) -> Ledger:
    return Ledger(principal(), books.store())


def pages(books: Books, limit: int, **query: str) -> Iterator[list[JournalRow]]:
    """Page after page, as a merchant asks."""
    asked = {"limit": str(limit), **query}
    while True:
        rows, has_more = ledger(books).newest(asked)
        yield rows
        if not has_more:
            return
        asked["starting_after"] = rows[-1].transaction.transaction_id


def ids(rows: list[JournalRow]) -> list[str]:
    return [row.transaction.transaction_id for row in rows]


@given(
    st.lists(st.sampled_from(["eur", "usd", "jpy", "both", "later"]), max_size=40),
    st.integers(1, 12),
)
@settings(max_examples=100)
def test_pages_show_every_transaction_once_newest_first(made: list[str], limit: int) -> None:
    # Given transactions of several currencies, projected at several times
    books = Books()
    for what in made:
        if what == "later":
            books.project()
            books.now += timedelta(seconds=1)
        elif what == "both":
            books.exchange()
        else:
            books.capture(currency=what)
    books.project()
    # When
    rows = [row for page in pages(books, limit) for row in page]
    # Then
    posted = {one.transaction_id for one in books.posted.get(TENANT, ())}
    assert len(rows) == len(posted) and set(ids(rows)) == posted
    orders = [row.order for row in rows]
    assert orders == sorted(orders, reverse=True)


@pytest.mark.parametrize("currency", ["eur", "USD"])
def test_the_list_of_one_currency_is_its_journal(currency: str) -> None:
    books = Books()
    for _ in range(3):
        books.capture()
        books.exchange()
        books.capture(currency="usd")
        books.project()

    rows = [row for page in pages(books, 2, currency=currency) for row in page]

    journal = books.journal(currency.lower())
    assert ids(rows) == ids(journal)[::-1]
    assert [row.balance for row in rows] == [row.balance for row in journal][::-1]


def test_a_place_in_a_long_journal_is_found_in_few_reads() -> None:
    # Given 1,500 transactions of each of two currencies
    books = Books()
    for _ in range(30):
        for _ in range(50):
            books.capture()
            books.capture(currency="usd")
        books.project(books.stream()[-100:])
        books.now += timedelta(seconds=1)
    reads = 0

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(books.tables, name)

        def batch_get_item(self, **arguments: Any) -> Any:
            nonlocal reads
            reads += 1
            return books.tables.batch_get_item(**arguments)

    cursor = books.journal("usd")[700].transaction.transaction_id
    # When
    ask = {"starting_after": cursor, "limit": "100"}
    rows, has_more = Ledger(principal(), books.store(Counting())).newest(ask)
    # Then
    assert has_more and len(rows) == 100
    where = [row.order for row in rows]
    assert where == sorted(where, reverse=True)
    assert where[0] < books.journal("usd")[700].order
    assert reads <= 12


def test_what_is_of_one_kind_or_payment_is_found() -> None:
    books = Books()
    captured = books.capture(intent=1)
    refunded = books.refund(1, 100)
    books.capture(intent=2)
    books.project()
    found = ledger(books)

    assert ids(found.newest({"kind": "REFUND"})[0]) == [refunded.transaction_id]
    of_payment = {"payment_intent_id": an_id("pi", 1)}
    assert ids(found.newest(of_payment)[0]) == [refunded.transaction_id, captured.transaction_id]
    assert ids(found.newest(of_payment | {"kind": "CAPTURE"})[0]) == [captured.transaction_id]
    after = of_payment | {"starting_after": refunded.transaction_id}
    assert ids(found.newest(after)[0]) == [captured.transaction_id]
    assert found.newest(of_payment | {"limit": "1"})[1] is True


def test_a_transaction_that_is_not_projected_yet_is_in_no_list() -> None:
    books = Books()
    made = books.capture(intent=1)

    assert ledger(books).newest({"payment_intent_id": an_id("pi", 1)}) == ([], False)
    with pytest.raises(FarthingError, match="ledger_transaction"):
        ledger(books).get(made.transaction_id)


def test_a_cursor_of_another_currency_is_not_in_this_list() -> None:
    books = Books()
    made = books.capture(currency="usd")
    books.project()

    with pytest.raises(FarthingError, match="starting_after"):
        ledger(books).newest({"currency": "eur", "starting_after": made.transaction_id})


def test_a_filter_that_lets_too_little_through_is_refused_and_not_cut_short() -> None:
    # Given
    books = Books()
    rare = books.settled(share=1)
    books.project(books.stream()[-1:])
    for _ in range(ROWS_READ_MAX // 50 + 1):
        for _ in range(50):
            books.capture()
        books.project(books.stream()[-50:])
    # Then
    with pytest.raises(FarthingError, match="kind"):
        ledger(books).newest({"kind": "REFUND"})
    oldest = books.journal()[10].transaction.transaction_id
    found, _ = ledger(books).newest({"kind": "SETTLEMENT", "starting_after": oldest})
    assert ids(found) == [rare.transaction_id]


def test_a_journal_with_a_hole_is_shown_around_it() -> None:
    books = Books()
    made = [books.capture() for _ in range(5)]
    books.project()
    books.remove(SETTLEMENT, journal_key(TENANT, "eur", 3))

    rows = [row for page in pages(books, 2) for row in page]

    assert ids(rows) == [made[at].transaction_id for at in (4, 3, 1, 0)]
