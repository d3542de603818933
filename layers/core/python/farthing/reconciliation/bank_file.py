"""The bank's statement as a file: one row for each transfer of an acquirer's."""

from __future__ import annotations

from collections import Counter

from farthing.reconciliation.deposit_row import Deposit
from farthing.settlement.csv_rows import FileRefused, rows_of

COLUMNS = ("booked_on", "currency", "amount_cents", "reference", "description")


def deposits_of(content: bytes) -> list[Deposit]:
    """The transfers in the order of the file; equal ones are numbered. Raises FileRefused."""
    seen: Counter[tuple[str, str, str, int]] = Counter()
    found = []
    for row in rows_of(content, COLUMNS):
        amount = row.cents("amount_cents")
        if amount == 0:
            raise row.wrong("amount_cents is zero")
        row.text("description")
        place = (row.name("reference"), row.day("booked_on"), row.currency(), amount)
        seen[place] += 1
        found.append(Deposit(*place, seq=seen[place]))
    if not found:
        raise FileRefused(2, "there are no lines")
    return found
