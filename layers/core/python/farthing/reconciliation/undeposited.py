"""Money that was reported and never came: after its days it is a DEPOSIT_MISMATCH, once.

    a report changes what is due ──► its days begin     so a late line's money has days of its own
    a transfer comes             ──► nothing is due     what it is off by is in a break of its own
    the days are over            ──► a break of what is due, as if a transfer of 0 had come

Who brings no statements at all is not asked for any: only batches are, of a business day from the
first one on of which a transfer was read, at this acquirer and in this mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Protocol

from farthing.reconciliation.change import Together
from farthing.reconciliation.deposit_break import compared, nothing_came
from farthing.reconciliation.reading import TRIES_MAX, RacesLost
from farthing.reconciliation.standing import due_pk
from farthing.reconciliation.take import Reconciler
from farthing.settlement.batch import TABLE, BatchName
from farthing.store.condition import Condition
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Key
from farthing.store.port import Gets, Writes
from farthing.store.write import Put

BANK_ENTITY = "reconciliation_bank"


class BankStore(Gets, Writes, Protocol):
    """Where it is kept since when statements are brought: no merchant's row."""


def bank_read_of(store: BankStore, name: BatchName) -> None:
    """A transfer of this batch was read, so from its business day on they are asked for.

    Raises StoreBusy.
    """
    day = name.business_day
    since = bank_read_since(store, name.tenant.mode, name.acquirer)
    if since is not None and since <= day:
        return
    row = {"entity": BANK_ENTITY, "since": day.isoformat()}
    try:
        store.write(Put(_bank_key(name.tenant.mode, name.acquirer), row, is_earlier(day)))
    except ConditionFailed:
        return  # another statement was of an earlier day


def bank_read_since(store: Gets, mode: str, acquirer: str) -> date | None:
    """The first business day of which a transfer was read. None if none ever was."""
    item = store.get(_bank_key(mode, acquirer))
    return None if item is None else date.fromisoformat(item["since"])


def due_deposits(books: Reconciler, today: date, since: date | None) -> Iterator[tuple[str, int]]:
    """The merchant's batches whose money should have come by the day `today`, and how much in
    minor units; of business days from `since` on."""
    if since is None:
        return
    start: Item | None = None
    while True:
        page = books.store.query(TABLE, due_pk(books.tenant, books.acquirer), start=start)
        for item in page.items:
            of_day = date.fromisoformat(item["business_day"])
            reported = date.fromisoformat(item["since"])
            if of_day >= since and books.terms.deposit_due(reported) <= today:
                yield item["settlement_id"], item["due_cents"]
        start = page.next_start
        if start is None:
            return


def miss_deposit(books: Reconciler, settlement_id: str, due_cents: int) -> bool:
    """Open a break of what never came. False if it came meanwhile, or something else is due.

    Raises RacesLost or StoreBusy.
    """
    for _ in range(TRIES_MAX):
        standing = books.reader.standing(settlement_id)
        if not due_cents or standing.number("due_cents") != due_cents:
            return False
        now, group = books.clock.now(), Together()
        breaks = books.reader.breaks(standing)
        group.take(compared(standing, breaks, nothing_came(standing), due_cents, now))
        try:
            books.commit(standing, group, now, add={"accounted_cents": due_cents})
        except ConditionFailed:
            continue
        return True
    raise RacesLost(settlement_id)


def is_earlier(day: date) -> Condition:
    """No transfer of so early a business day was read before."""
    return Condition(
        "NO_EARLIER_DAY_READ",
        "attribute_not_exists(#pk) OR #since > :day",
        {"day": day.isoformat()},
    )


def _bank_key(mode: str, acquirer: str) -> Key:
    return Key(TABLE, f"BANK#{mode}#{acquirer}", "BANK")
