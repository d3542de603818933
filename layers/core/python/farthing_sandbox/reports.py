"""Settlement reports in the table: a head, and the lines in parts that fit an item.

Two equal submissions may be at it at once. Each writes its parts under a name
of its own; the head, created once with the transfer that pays it, says whose
parts count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from farthing_sandbox import items
from farthing_sandbox.items import as_json
from farthing_sandbox.settlement import Line, Report, Transfer

if TYPE_CHECKING:
    from farthing_sandbox.books import Books

LINES_PER_ITEM: Final = 1_000


@dataclass(frozen=True)
class Head:
    """A settlement that was accepted. `content` is the SHA-256 of the file."""

    content: str
    attempt: str
    parts: int
    currency: str
    settled_on: str


def find_head(books: Books, reference: str) -> Head | None:
    """The accepted settlement, if there is one."""
    item = books.get(items.report_key(reference))
    return None if item is None else Head(**{name: item[name] for name in Head.__annotations__})


def keep(books: Books, reference: str, content: str, attempt: str, report: Report) -> bool:
    """Keep a report, and its transfer. False if this settlement has one already."""
    lines = [vars(line) for line in report.lines]
    parts = [lines[at : at + LINES_PER_ITEM] for at in range(0, len(lines), LINES_PER_ITEM)]
    for number, part in enumerate(parts):
        key = items.lines_key(reference, attempt, number)
        books.create({**key, "lines": as_json(part)})
    head = Head(content, attempt, len(parts), report.currency, report.settled_on)
    transfer = report.transfer(reference)
    key = items.transfer_key(transfer.booked_on, reference)
    return books.create_all(
        [{**items.report_key(reference), **vars(head)}, {**key, **vars(transfer)}]
    )


def read(books: Books, reference: str, head: Head) -> Report:
    """The report as it was kept."""
    keys = [items.lines_key(reference, head.attempt, part) for part in range(head.parts)]
    parts = sorted(books.get_all(keys), key=lambda item: str(item["sk"]))
    lines = tuple(Line(**line) for part in parts for line in json.loads(part["lines"]))
    return Report(lines, head.currency, head.settled_on)


def transfers(books: Books, booked_on: str) -> list[Transfer]:
    """What banks booked on a day. A settlement whose net is nothing moves nothing."""
    found = books.query(items.transfers_partition(booked_on))
    paid = (Transfer(**{name: it[name] for name in Transfer.__annotations__}) for it in found)
    return [one for one in paid if one.amount_cents]
