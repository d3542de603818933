"""The simulator's eyes on derived books see what they are there to see."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from farthing.ledger.journal import head_key, journal_key, mark_key
from tests.simulation.books_watch import BooksWatch, wrong_books
from tests.simulation.violation import Violation
from tests.unit.ledger.books import PAYMENTS, SETTLEMENT, TENANT, Books


def watched() -> Books:
    """Two transactions, projected, and somebody who looks at every write from now on."""
    books = Books()
    books.capture()
    books.capture()
    books.project()
    books.tables.on_write.append(BooksWatch())
    return books


def at_rest(books: Books, lost: tuple[str, ...] = ()) -> list[str]:
    posted = [
        item
        for item in books.tables.items(PAYMENTS)
        if item["entity"] == {"S": "ledger_transaction"}
    ]
    derived = list(books.tables.items(SETTLEMENT))
    return [str(one) for one in wrong_books(posted, derived, lost=lost)]


def other_sums(books: Books) -> None:
    accounts = {"a": 1, "b": -1}
    books.overwrite(SETTLEMENT, head_key(TENANT, "eur"), accounts=accounts)


def uneven(books: Books) -> None:
    books.overwrite(SETTLEMENT, head_key(TENANT, "eur"), accounts={"a": 1})


def ahead(books: Books) -> None:
    books.overwrite(SETTLEMENT, head_key(TENANT, "eur"), sequence=9)


def row_again(books: Books) -> None:
    books.overwrite(SETTLEMENT, journal_key(TENANT, "eur", 1), kind="REFUND")


def mark_gone(books: Books) -> None:
    made = books.posted[TENANT][0]
    books.remove(SETTLEMENT, mark_key(TENANT, made.transaction_id))


def head_gone(books: Books) -> None:
    books.remove(SETTLEMENT, head_key(TENANT, "eur"))


@pytest.mark.parametrize("spoil", [other_sums, uneven, ahead, row_again, mark_gone, head_gone])
def test_a_write_that_may_not_be_is_seen(spoil: Callable[[Books], None]) -> None:
    books = watched()
    books.capture()
    books.project()

    with pytest.raises(Violation):
        spoil(books)


def test_what_is_not_in_the_journal_at_rest_is_seen_unless_the_stream_lost_it() -> None:
    books = watched()
    assert at_rest(books) == []
    made = books.capture()

    assert any(made.transaction_id in one for one in at_rest(books))
    assert at_rest(books, (made.transaction_id,)) == []


def test_a_head_that_is_no_replay_is_seen() -> None:
    books = watched()
    books.tables.on_write.clear()
    other_sums(books)

    assert len(at_rest(books)) == 1
