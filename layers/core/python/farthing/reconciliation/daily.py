"""The daily pass: every merchant's lines that are awaited too long become breaks.

It goes on with the next merchant whatever happens to one, and fails at the end if something did, so
that it is tried again: what was done is not done twice. One that runs out of time says where the
next one goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from farthing.access.principal import Mode
from farthing.reconciliation.overdue import due_batches, miss
from farthing.reconciliation.take import Reconciler
from farthing.store.scope import TenantScope

SECONDS_FOR_A_MERCHANT = 20


class PassIncomplete(Exception):
    """Something failed, or time was up. The next pass does what is left."""


@dataclass(frozen=True)
class Services:
    """`merchants` is everybody by their ids, `acquirers` those whose reports are expected.
    `go_on_behind` keeps where the next pass begins."""

    merchants: Iterable[str]
    acquirers: Iterable[str]
    books: Callable[[TenantScope, str], Reconciler]
    seconds_left: Callable[[], float]
    go_on_behind: Callable[[str], None]
    log_failure: Callable[[Exception], None]


def daily_pass(today: date, services: Services) -> dict[str, int]:
    """How many merchants were looked at and how many lines are missed since today.

    Raises PassIncomplete after all that could be done.
    """
    looked = missed = failed = 0
    last: str | None = None
    for merchant_id in services.merchants:
        if services.seconds_left() < SECONDS_FOR_A_MERCHANT:
            if last is not None:
                services.go_on_behind(last)
            raise PassIncomplete(f"out of time after {looked} merchants")
        looked, last = looked + 1, merchant_id
        for books in _books(merchant_id, services):
            try:
                for settlement_id in due_batches(books, today):
                    missed += miss(books, settlement_id)
            except Exception as error:  # noqa: BLE001 - one merchant must not stop the others
                services.log_failure(error)
                failed += 1
    if failed:
        raise PassIncomplete(f"{failed} of {looked} merchants")
    return {"merchants": looked, "missed": missed}


def _books(merchant_id: str, services: Services) -> Iterator[Reconciler]:
    for mode in Mode:
        for acquirer in services.acquirers:
            yield services.books(TenantScope(merchant_id, mode.value), acquirer)
