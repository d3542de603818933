"""What the demo month came to, on the terminal and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from farthing.money import Money
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.resolution import Resolution
from farthing_cli import wide
from farthing_cli.api import Document
from farthing_cli.ledger.trial import sums
from farthing_cli.month.figures import tables
from farthing_cli.month.finance import Books, Story

STORY_COLUMNS = ("day", "payment", "amount", "what happened", "named", "ended")


def show(console: Console, books: Books) -> None:
    """The days, the trial balance, what happened, and whether all of it is explained."""
    for table in tables(books.rows):
        wide.show(console, table)
    for currency, accounts in books.trial["accounts"].items():
        if accounts:
            wide.show(console, sums(currency, accounts))
    told = Table(*STORY_COLUMNS)
    for story in books.stories:
        told.add_row(*cells(story))
    wide.show(console, told)
    for line in (*summary(books), *books.problems):
        style = "bold red" if line in books.problems else ""
        console.print(line, style=style, highlight=False, soft_wrap=True, markup=False)


def cells(story: Story) -> tuple[str, ...]:
    """As STORY_COLUMNS has them."""
    sale = story.sale
    amount = str(Money(sale.payment.amount_cents, sale.payment.currency))
    return (
        sale.day.isoformat(),
        sale.intent_id,
        amount,
        str(sale.tale),
        story.came_to,
        story.ended,
    )


def summary(books: Books) -> list[str]:
    """The month in two or three lines."""
    paid = sum(row.payments for row in books.rows.values())
    kinds = len({one["kind"] for one in books.breaks})
    ended = sum(1 for one in books.breaks if one["resolved_at"])
    counts = books.trial["counts"]
    lines = [
        f"{paid} payments in {books.batches} batches; {len(books.breaks)} breaks of {kinds} "
        f"kinds, {ended} of them resolved.",
        f"Trial balance of {counts['entries']} entries: {counts['differences']} differences.",
    ]
    lines += [
        f"Paid twice, and to be taken back by the acquirer: {Money(cents, currency)}."
        for currency, cents in sorted(to_be_taken_back(books.breaks).items())
    ]
    if books.others:
        lines.append(f"Breaks of an earlier month that are resolved as well: {books.others}.")
    return lines


def to_be_taken_back(breaks: Iterable[Document]) -> Counter[str]:
    """What the acquirer paid and corrects, in minor units by currency: it stays receivable, on its
    other side, until then."""
    found: Counter[str] = Counter()
    for one in breaks:
        if one["kind"] == Kind.DUPLICATE_LINE and one["resolution"] == Resolution.ACQUIRER_CORRECTS:
            found[one["reported"]["currency"]] += one["reported"]["net_cents"]
    return found


def as_json(books: Books, seconds: float) -> dict[str, Any]:
    """The same as data. Amounts in minor units."""
    return {
        "days": [
            {
                "business_day": day,
                "currency": currency,
                "payments": row.payments,
                **{f"{name}_cents": cents for name, cents in row.reported.steps()},
                "deposited_cents": row.deposited,
                "breaks": row.breaks,
            }
            for (currency, day), row in books.rows.items()
        ],
        "stories": [
            {
                "payment_intent_id": story.sale.intent_id,
                "business_day": story.sale.day.isoformat(),
                "amount_cents": story.sale.payment.amount_cents,
                "currency": story.sale.payment.currency,
                "what": story.sale.tale.name if story.sale.tale else None,
                "named": story.came_to,
                "ended": story.ended,
            }
            for story in books.stories
        ],
        "batches": books.batches,
        "breaks": list(books.breaks),
        "accounts": books.trial["accounts"],
        "differences": books.trial["counts"]["differences"],
        "problems": list(books.problems),
        "seconds": round(seconds, 1),
    }
