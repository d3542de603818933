"""The list of all operations by time: one item per entry, in the partition of its day.

An item is written with its entry and never changes, but for what it says of the
status: that is read from the books. What is in the list when a page is asked for
is found by going on from there, each once and in order, whatever comes in
meanwhile. A request that is under way at that moment may be written later under
an earlier time: who wants those too asks again from half a minute before `as_of`.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from farthing_sandbox import cursor, items, maturity
from farthing_sandbox.asks import Operation
from farthing_sandbox.items import plain, wire
from farthing_sandbox.operations import landed, rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farthing_sandbox.asks import Listing
    from farthing_sandbox.books import Books
    from farthing_sandbox.items import Item


def page(books: Books, asked: Listing, now: datetime) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of one page, and the cursor behind it if there are more."""
    start = max(rfc3339(asked.since), asked.after or "")
    found = list(islice(entries_after(books, start, asked.limit + 1, now), asked.limit + 1))
    shown = found[: asked.limit]
    more = cursor.write(shown[-1]["entry"]) if len(found) > len(shown) else None
    present = present_states(books, shown, now)
    return [json.loads(item["listed"]) | present[item["entry"]] for item in shown], more


def entries_after(books: Books, start: str, page_size: int, now: datetime) -> Iterator[Item]:
    """What can be seen by now and comes after `start`, oldest first.

    An entry's name begins with its time, so a time comes before every entry of that time.
    """
    day, last = (datetime.fromisoformat(text[:10]) for text in (start, rfc3339(now)))
    while day <= last:
        pages = books.client.get_paginator("query").paginate(
            TableName=books.table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk > :start",
            ExpressionAttributeValues=wire(
                {":pk": items.journal_partition(f"{day:%Y-%m-%d}"), ":start": start}
            ),
            Limit=page_size,
        )
        found = (plain(item) for part in pages for item in part["Items"])
        yield from (item for item in found if landed(item["visible_at"], now))
        day += timedelta(days=1)


def present_states(books: Books, shown: list[Item], now: datetime) -> dict[str, dict[str, Any]]:
    """How each entry stands, by its name: what is due of debits happens first."""
    keys = {
        item["entry"]: items.row_key(item["order_id"], item["entry"], Operation(item["operation"]))
        for item in shown
    }
    rows = {(row["pk"], row["sk"]): row for row in books.get_all(keys.values())}
    found = {}
    for item in shown:
        key = keys[item["entry"]]
        row = rows[key["pk"], key["sk"]]
        if (at := items.due_at(row)) is not None and at <= rfc3339(now):
            refund = item["operation"] == Operation.REFUND
            happen = maturity.mature_refund if refund else maturity.mature
            row = happen(books, item["order_id"], item["entry"], now) or row
        found[item["entry"]] = {"status": row["status"], "returned": "returned_at" in row}
    return found
