"""The files of settlement: what clients submit, what this acquirer reports and what it paid.

All are CSV with a header, and lines end with a line feed.
"""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING, Final

from farthing_sandbox import asks, bodies
from farthing_sandbox.asks import Operation
from farthing_sandbox.items import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farthing_sandbox.settlement import Report, Transfer

CONTENT_TYPE: Final = "text/csv"
ENTRIES_MAX: Final = 10_000
SUBMITTED: Final = [
    "settlement_reference",
    "line",
    "type",
    "reference",
    "order_id",
    "currency",
    "amount_cents",
]
REPORTED: Final = [*SUBMITTED, "fee_cents", "net_cents", "settled_on"]
TRANSFERRED: Final = ["booked_on", "currency", "amount_cents", "reference", "description"]


def settlement(raw: bytes) -> asks.Settlement:
    """A submission. Raises Malformed, naming the line that is wrong."""
    try:
        header, *rows = csv.reader(io.StringIO(raw.decode()), strict=True)
    except (ValueError, csv.Error):
        raise bodies.Malformed("body: not a CSV with a header") from None
    if header != SUBMITTED:
        raise bodies.Malformed(f"header: not {','.join(SUBMITTED)}")
    if not 0 < len(rows) <= ENTRIES_MAX:
        raise bodies.Malformed(f"body: 1 to {ENTRIES_MAX} lines")
    entries = tuple(entry(row, at, rows[0][0]) for at, row in enumerate(rows, start=1))
    currencies = {one.currency.upper() for one in entries}
    if len(currencies) > 1:
        raise bodies.Malformed("currency: one for the whole file")
    sha256 = hashlib.sha256(raw).hexdigest()
    return asks.Settlement(rows[0][0], currencies.pop(), entries, sha256)


def entry(row: Sequence[str], at: int, reference: str) -> asks.SettlementEntry:
    """A line of a submission. Raises Malformed."""
    if len(row) != len(SUBMITTED) or row[1] != str(at):
        raise bodies.Malformed(f"line {at}: not {len(SUBMITTED)} columns, or another number")
    if row[0] != reference:
        raise bodies.Malformed(f"line {at}: another settlement_reference than the first")
    if not row[6].isdecimal():
        raise bodies.Malformed(f"line {at}: amount_cents is no whole number above zero")
    named = dict(zip(("operation", "reference", "order_id", "currency"), row[2:6], strict=True))
    text = as_json({**named, "amount_cents": int(row[6])})
    try:
        bodies.read(bodies.ReferenceBody, as_json({"reference": reference}).encode())
        read = bodies.read(bodies.EntryBody, text.encode())
    except bodies.Malformed as error:
        raise bodies.Malformed(f"line {at}: {error}") from None
    return asks.SettlementEntry(**{**vars(read), "operation": Operation(read.operation)})


def report(reference: str, made: Report) -> str:
    """A report: its lines, and their sums in a line of type TOTAL."""
    totals = made.totals()
    rows = [
        [
            line.operation,
            line.reference,
            line.order_id,
            line.currency,
            line.amount_cents,
            line.fee_cents,
            line.net_cents,
        ]
        for line in made.lines
    ]
    rows.append(["TOTAL", "", "", made.currency, *totals.values()])
    numbered = ([reference, at, *row, made.settled_on] for at, row in enumerate(rows, start=1))
    return written(REPORTED, numbered)


def transfers(paid: Iterable[Transfer]) -> str:
    """What a bank booked, as its statement has it."""
    return written(
        TRANSFERRED,
        (
            [one.booked_on, one.currency, one.amount_cents, one.reference, "Sandbox settlement"]
            for one in paid
        ),
    )


def written(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
