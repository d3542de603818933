"""Who is to be settled: every merchant once, and whose turn it is.

A firing that runs out of time says where the next one goes on. They stand in a ring, and each
firing goes round it once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import takewhile

from farthing.access.account import Account
from farthing.access.principal import Mode
from farthing.business_calendar import ONE_DAY
from farthing.clock import from_text
from farthing.settlement.batch import TABLE
from farthing.settlement.ports import Store
from farthing.store.condition import Condition
from farthing.store.item import Item, Key
from farthing.store.write import Update

TURN_KEY = Key(TABLE, "TURN", "TURN")

WHOEVER_HAD_IT = Condition(
    "WHOEVER_HAD_IT", "attribute_not_exists(#merchant_id) OR attribute_exists(#merchant_id)"
)
"""Two firings at once only tell each other where to go on; either answer is good."""


@dataclass(frozen=True)
class Merchant:
    """Who has money to be settled, and the day before which there was none.

    `acquirers` may have it: `test/sandbox`.
    """

    merchant_id: str
    first_day: date
    acquirers: tuple[str, ...]

    @classmethod
    def of(cls, item: Item) -> Merchant:
        """The merchant of a row of the access table, a day earlier in case its zone is behind."""
        account = Account.from_item(item)
        acquirers = tuple(f"{mode}/{name}" for mode in Mode for name in account.ever_named(mode))
        return cls(item["sk"], from_text(account.created_at).date() - ONE_DAY, acquirers)


def in_turn(store: Store, turn: Key = TURN_KEY) -> Iterator[Merchant]:
    """Every merchant once, beginning behind the one whose turn came last, round to that one."""
    item = store.get(turn)
    after = str(item["merchant_id"]) if item else ""
    yield from _listed(store, after)
    yield from takewhile(lambda one: one.merchant_id <= after, _listed(store, ""))


def turn_put(merchant_id: str, turn: Key = TURN_KEY) -> Update:
    """The next firing goes on behind this merchant."""
    row = {"entity": "settlement_turn", "schema_version": 1, "merchant_id": merchant_id}
    return Update(turn, WHOEVER_HAD_IT, set=row)


def _listed(store: Store, after: str) -> Iterator[Merchant]:
    """The merchants behind `after`, by a query of the one partition that lists them."""
    start: Item | None = None
    while True:
        page = store.query("access", "MERCHANT", sk_after=after or None, start=start)
        yield from map(Merchant.of, page.items)
        start = page.next_start
        if start is None:
            return
