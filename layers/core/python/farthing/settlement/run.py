"""One firing of the daily schedule: every merchant, every acquirer, every day that is over.

A second firing, beside the first or after it, changes nothing that is done and continues what was
left. A merchant, a batch or an entry that fails does not keep the money of the others: it is
logged, the rest goes on, and at the end the firing fails, so that it is tried again and somebody
hears of it. It fails, too, if a batch waits for an answer, or too long for its report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import Any

from farthing.clock import Clock, business_day, from_text
from farthing.settlement.batch import Status
from farthing.settlement.claim import Claims
from farthing.settlement.finish import Finisher, Progress
from farthing.settlement.ports import SettlementAcquirer, Store
from farthing.store.item import Item
from farthing.store.scope import TenantScope

SECONDS_FOR_A_MERCHANT = 60
"""With less time left, no other merchant is begun. The next firing goes on behind the last one."""


@dataclass(frozen=True)
class Merchant:
    """Who has money to be settled, and the day before which there was none."""

    merchant_id: str
    first_day: date

    @classmethod
    def of(cls, item: Item) -> Merchant:
        """The merchant of a row of the access table."""
        return cls(item["sk"], business_day(from_text(item["created_at"])))


def merchants(store: Store, after: str = "") -> Iterator[Merchant]:
    """Every merchant once, beginning with the one behind `after`, round to `after` itself."""
    yield from _listed(store, after)
    yield from takewhile(lambda one: one.merchant_id <= after, _listed(store, ""))


def _listed(store: Store, after: str) -> Iterator[Merchant]:
    """The merchants behind `after`, by a query of the one partition that lists them."""
    start: Item | None = None
    while True:
        page = store.query("access", "MERCHANT", sk_after=after or None, start=start)
        yield from map(Merchant.of, page.items)
        start = page.next_start
        if start is None:
            return


@dataclass(frozen=True)
class Services:
    """What a run works with. `acquirers` by mode, then by name.

    `merchants` is a ring: `take_turn` says before each one where the next firing goes on.
    """

    merchants: Iterable[Merchant]
    store_of: Callable[[TenantScope], Store]
    acquirers: Mapping[str, Mapping[str, SettlementAcquirer]]
    clock: Clock
    seconds_left: Callable[[], float]
    log_failure: Callable[[Exception], None]
    log_batch: Callable[[Progress], None]
    take_turn: Callable[[str], None] = lambda _: None


class RunIncomplete(Exception):
    """Something failed, waits too long or was not reached; the next firing continues."""


def day_asked(event: Mapping[str, Any], clock: Clock, *, has_test_clock: bool) -> date:
    """The last business day to settle: yesterday, unless the event names another one.

    `until_day` is any day that is over. `include_today`, for demonstrations, closes a day that
    still runs, and needs a stack whose clock may be moved. Raises ValueError for anything else.
    """
    today = business_day(clock.now())
    include_today = event.get("include_today", False)
    if type(include_today) is not bool:
        raise ValueError("include_today is true or false")
    if include_today and not has_test_clock:
        raise ValueError("include_today needs a stack with a test clock")
    last = today if include_today else today - timedelta(days=1)
    text = event.get("until_day")
    if text is None:
        return last
    if type(text) is not str:
        raise ValueError("until_day is a day such as 2026-11-22")
    day = date.fromisoformat(text)
    if day > last:
        raise ValueError(f"until_day: {day} is not over")
    return day


def settle(until: date, services: Services) -> dict[str, Any]:
    """Claim, close, submit and settle all that is due up to the day `until`.

    Returns how many unfinished batches were found and where they came to. Raises RunIncomplete
    after all merchants were served, if something failed or waits too long, or when time is up.
    """
    counts: Counter[str] = Counter()
    for merchant in services.merchants:
        if services.seconds_left() < SECONDS_FOR_A_MERCHANT:
            raise RunIncomplete(f"out of time after {counts['merchants']} merchants")
        counts["merchants"] += 1
        services.take_turn(merchant.merchant_id)
        incomplete = False
        for came in settle_merchant(merchant, until, services):
            if isinstance(came, Exception):
                services.log_failure(came)
                incomplete = True
            else:
                services.log_batch(came)
                counts[_where(came)] += 1
                incomplete |= came.must_be_told(services.clock.now())
        counts["incomplete"] += incomplete
    if counts["incomplete"]:
        raise RunIncomplete(f"{counts['incomplete']} of {counts['merchants']} merchants")
    names = ("merchants", "settled", "exceptions", "waiting")
    return {"until_day": until.isoformat(), **{name: counts[name] for name in names}}


def settle_merchant(
    merchant: Merchant, until: date, services: Services
) -> Iterator[Progress | Exception]:
    """One merchant's batches at every acquirer of both modes, as far as they come now.

    A failure is given like a batch, and keeps nothing but itself.
    """
    for mode, acquirers in services.acquirers.items():
        tenant = TenantScope(merchant.merchant_id, mode)
        store = services.store_of(tenant)
        for name, acquirer in acquirers.items():
            claims = Claims(tenant, name, until, store, services.clock)
            yield from _claim(claims, merchant.first_day)
            yield from _finish(
                Finisher(tenant, name, acquirer, store, services.clock),
                until + timedelta(days=0 if claims.broke_off else 1),
            )


def _claim(claims: Claims, first_day: date) -> Iterator[Exception]:
    """Claim what is due; what went wrong."""
    try:
        claims.run(first_day)
    except Exception as error:  # noqa: BLE001 - older batches can be finished all the same
        claims.broke_off = True
        yield error
    yield from claims.failures


def _finish(finisher: Finisher, before: date) -> Iterator[Progress | Exception]:
    """Finish the batches of the days before `before`.

    A day whose claims broke off is not among them: the next firing goes on filling its batches.
    """
    try:
        unfinished = finisher.unfinished(before)
    except Exception as error:  # noqa: BLE001 - one merchant must not stop the others
        yield error
        return
    for settlement_id in unfinished:
        try:
            yield finisher.finish(settlement_id)
        except Exception as error:  # noqa: BLE001 - one batch must not stop the others
            yield error


def _where(progress: Progress) -> str:
    ends = {Status.SETTLED: "settled", Status.EXCEPTION: "exceptions"}
    return ends.get(progress.batch.status, "waiting")
