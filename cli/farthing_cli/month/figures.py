"""The month in figures: a row for each business day and currency, as the acquirer's reports have
it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from farthing.money import Money
from farthing.reconciliation.deposit_row import Deposit
from farthing.reconciliation.names import batch_of
from farthing_cli import wide
from farthing_cli.api import Document
from farthing_cli.month.shop import Sale
from farthing_cli.reconciliation.days import Day, days_of

COLUMNS = ("payments", "gross", "refunds", "chargebacks", "fees", "net", "deposited", "breaks")


@dataclass
class Row:
    """One business day in one currency. `deposited` is in minor units."""

    payments: int = 0
    reported: Day = field(default_factory=Day)
    deposited: int = 0
    breaks: int = 0

    def add(self, other: Row) -> None:
        """Another day's."""
        self.payments += other.payments
        self.reported.join(other.reported)
        self.deposited += other.deposited
        self.breaks += other.breaks

    def cells(self, currency: str) -> list[str]:
        """As COLUMNS has them. What is taken off the gross stands there as such."""
        one = self.reported
        off = (-one.refunds, -one.chargebacks, -one.fees)
        amounts = (one.gross, *off, one.net, self.deposited)
        shown = (str(Money(cents, currency)).rpartition(" ")[0] for cents in amounts)
        return [f"{self.payments}", *shown, f"{self.breaks or ''}"]


Rows = Mapping[tuple[str, str], Row]
"""By currency and business day, in that order."""


def rows_of(
    sales: Iterable[Sale],
    batches: Iterable[Document],
    reports: Mapping[str, bytes],
    deposits: Iterable[Deposit],
    breaks: Iterable[Document],
) -> Rows:
    """The month. `batches` are its settlements, `reports` their files by their ids.

    Raises FileRefused for a report that is none.
    """
    found: dict[tuple[str, str], Row] = defaultdict(Row)
    for sale in sales:
        found[sale.payment.currency, sale.day.isoformat()].payments += sale.paid
    paid, broken = deposited(deposits), Counter(one["settlement_id"] for one in breaks)
    for batch in batches:
        settlement_id = batch["settlement_id"]
        row = found[batch["currency"], batch["business_day"]]
        for one in days_of(reports[settlement_id]).values() if settlement_id in reports else ():
            row.reported.join(one)
        row.deposited += paid[settlement_id]
        row.breaks += broken[settlement_id]
    return dict(sorted(found.items()))


def deposited(deposits: Iterable[Deposit]) -> Counter[str]:
    """What the bank booked for each settlement, in minor units."""
    found: Counter[str] = Counter()
    for one in deposits:
        name = batch_of(one.reference)
        if name is not None:
            found[name.settlement_id] += one.amount_cents
    return found


def totals(rows: Rows) -> Mapping[str, Row]:
    """The whole month by currency."""
    found: dict[str, Row] = defaultdict(Row)
    for (currency, _), row in rows.items():
        found[currency].add(row)
    return found


def tables(rows: Rows) -> Sequence[Table]:
    """A table for each currency, with its sums below."""
    found = []
    for currency, total in totals(rows).items():
        table = Table(
            currency.upper(), *wide.amounts(*COLUMNS), show_footer=True, footer_style="bold"
        )
        for (own, day), row in rows.items():
            if own == currency:
                table.add_row(day, *row.cells(currency), style="red" if row.breaks else None)
        for column, sum_ in zip(table.columns, ["all", *total.cells(currency)], strict=True):
            column.footer = Text(sum_)
        found.append(table)
    return found
