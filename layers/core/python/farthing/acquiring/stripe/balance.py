"""What moved an account's balance: Stripe's balance transactions, read with what caused them.

They are categorised by `reporting_category`, which is made for accounting, and not by `type`. A
captured charge is one transaction of its whole authorization and, where less was captured, another
one that takes the rest back (`partial_capture_reversal`). A dispute's fee is in the transaction of
the dispute. Documented at https://docs.stripe.com/reports/reporting-categories and
https://docs.stripe.com/api/balance_transactions/list
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farthing.acquiring.exchange import NoUsableAnswer
from farthing.acquiring.stripe.api import Api
from farthing.acquiring.stripe.find import page

BALANCE = "/v1/balance_transactions"
ROWS = 100
PAGES_MAX = 200
"""Twenty thousand transactions: of three days, some seven thousand a day."""
AVAILABLE = "available"


class TooMany(Exception):
    """More transactions than PAGES_MAX in the window that was asked for."""


@dataclass(frozen=True)
class Moved:
    """One balance transaction. Amounts are in Stripe's units, and signed; `net = amount - fee`.

    `source` is the charge, refund or dispute that caused it.
    """

    category: str
    amount: int
    fee: int
    net: int
    currency: str
    available: bool
    available_on: int
    source: Mapping[str, Any]

    @property
    def source_id(self) -> str:
        """Stripe's id of what caused it."""
        return str(self.source.get("id", ""))

    @property
    def marks(self) -> Mapping[str, Any]:
        """The metadata of what caused it: ours, if we made it."""
        found = self.source.get("metadata")
        return found if isinstance(found, Mapping) else {}


def moved_between(api: Api, start: int, end: int) -> Iterator[Moved]:
    """All balance transactions made from `start` on and before `end`, in seconds since 1970.

    Raises TooMany, and what a request raises.
    """
    last = ""
    for _ in range(PAGES_MAX):
        after = {"starting_after": last} if last else {}
        created = {"gte": start, "lt": end}
        query = {"created": created, "limit": ROWS, "expand": ["data.source"], **after}
        rows, more = page(api.get(BALANCE, query))
        read = [_read(row) for row in rows]
        yield from (one for _, one in read)
        if not more:
            return
        last = read[-1][0]
    raise TooMany(f"more than {PAGES_MAX * ROWS} balance transactions")


def _read(row: Any) -> tuple[str, Moved]:
    """A row's id, and what moved. Raises NoUsableAnswer for anything else."""
    try:
        if row["object"] != "balance_transaction":
            raise ValueError
        source = row.get("source")
        moved = Moved(
            category=_text(row["reporting_category"]),
            amount=_whole(row["amount"]),
            fee=_whole(row["fee"]),
            net=_whole(row["net"]),
            currency=_text(row["currency"]),
            available=_text(row["status"]) == AVAILABLE,
            available_on=_whole(row["available_on"]),
            source=source if isinstance(source, Mapping) else {},
        )
        return _text(row["id"]), moved
    except (KeyError, TypeError, ValueError) as error:
        raise NoUsableAnswer("no balance transaction") from error


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value
