"""The file of a batch, as it goes to the acquirer: CSV, the same bytes whoever writes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from farthing.settlement.line import Line

COLUMNS = (
    "settlement_reference",
    "line",
    "type",
    "reference",
    "order_id",
    "currency",
    "amount_cents",
)
CONTENT_TYPE = "text/csv"


def batch_file(reference: str, lines: Sequence[Line]) -> bytes:
    """The lines in their order, under the batch's reference; UTF-8, a header first."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for number, line in enumerate(lines, start=1):
        moved = (line.operation.value, line.reference, line.intent_id)
        rows.writerow((reference, number, *moved, line.currency, line.amount_cents))
    return text.getvalue().encode()
