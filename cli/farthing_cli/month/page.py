"""The page about the demo month: a waterfall for all of it and for each day, and what happened."""

from __future__ import annotations

from collections.abc import Iterator

from farthing.money import Money
from farthing_cli.fraud.page import Html, figures, heading, note, page, paragraph, table
from farthing_cli.month.figures import COLUMNS, totals
from farthing_cli.month.finance import Books
from farthing_cli.month.told import STORY_COLUMNS, cells, summary
from farthing_cli.reconciliation.html import day_by_day
from farthing_cli.reconciliation.waterfall import waterfall


def page_of(books: Books, footer: str) -> str:
    """The whole page."""
    days = {place: row.reported for place, row in books.rows.items()}
    parts = [
        paragraph(" ".join(summary(books))),
        *(note(problem) for problem in books.problems),
        *_whole(books),
        heading("What happened"),
        table(
            "Payments of test cards with a meaning, and what came of each",
            STORY_COLUMNS,
            [cells(story) for story in books.stories],
            text=True,
        ),
        *_accounts(books),
        *day_by_day(days),
    ]
    return page("A demo month", parts, footer)


def _whole(books: Books) -> Iterator[Html]:
    sums = totals(books.rows)
    yield figures(
        (
            currency.upper(),
            waterfall(f"m-{currency}", currency.upper(), currency, row.reported.steps()),
            f"net {Money(row.reported.net, currency)}, deposited {Money(row.deposited, currency)}",
        )
        for currency, row in sums.items()
    )
    yield table(
        "The month, by the acquirer's reports and the bank's statements",
        ("currency", *COLUMNS),
        [(currency.upper(), *row.cells(currency)) for currency, row in sums.items()],
    )


def _accounts(books: Books) -> Iterator[Html]:
    yield heading("Trial balance")
    for currency, accounts in books.trial["accounts"].items():
        rows = [
            (
                account,
                str(Money(cents, currency)) if cents >= 0 else "",
                str(Money(-cents, currency)) if cents < 0 else "",
            )
            for account, cents in sorted(accounts.items())
        ]
        yield table(currency.upper(), ("account", "debit", "credit"), rows)
