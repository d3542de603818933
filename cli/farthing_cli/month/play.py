"""The demo month from its first day until nothing is open by accident: what is late is waited for.

    each day     payments, yesterday's refunds, answers to disputes
    its night    settlement, the bank's statement, the daily passes, while the next day sells
    afterwards   days without sales, until all is settled, decided, deposited, or named as missed

The acquirer tells of disputes by the real clock, and its days last seconds here: so a day with
something untold waits before a deadline could pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from farthing.reconciliation.deposit_row import Deposit
from farthing.reconciliation.terms import terms_of
from farthing_cli.failure import Failure
from farthing_cli.month.plan import Day, Payment
from farthing_cli.month.shop import Sale

UNTOLD_DAYS_MAX = 4
"""Of the ten that a dispute may be answered in."""
QUIET_DAYS = terms_of("sandbox").days + 2
"""After the last sale: a line that is missed by then is named, and the last deposit has come."""
DEPOSITED_DAYS = 2
"""What is decided on a day is settled at its end, and deposited at the next one's."""
QUIET_DAYS_MAX = QUIET_DAYS + 6
PATIENCE_SECONDS, PAUSE_SECONDS = 90, 0.5


class Merchant(Protocol):
    """What a shop does: see Shop."""

    def sell(self, payments: Sequence[Payment], day: date) -> list[Sale]: ...
    def refund(self, sales: Sequence[Sale]) -> None: ...
    def answer_disputes(self) -> None: ...
    def unheard(self, sales: Sequence[Sale]) -> list[Sale]: ...
    def undecided(self, sales: Sequence[Sale]) -> list[Sale]: ...


class Days(Protocol):
    """What a stack's days do: see Business."""

    @property
    def deposits(self) -> list[Deposit]: ...
    def today(self) -> date: ...
    def end_day(self) -> None: ...
    def spend_night(self) -> None: ...


@dataclass
class Played:
    """What happened. `first` is the month's first business day, `days` are all that were ended."""

    first: date
    days: list[date] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)

    def sold_long_ago(self) -> list[Sale]:
        """Those of which the acquirer must have told before the day ends that runs."""
        if len(self.days) < UNTOLD_DAYS_MAX:
            return []
        return [sale for sale in self.sales if sale.day <= self.days[-UNTOLD_DAYS_MAX]]


class Player:
    """Plays a plan. Every method raises Failure if the stack refuses, or if nothing comes."""

    def __init__(
        self,
        shop: Merchant,
        business: Days,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._shop, self._business = shop, business
        self._now, self._sleep = now, sleep
        self._night: Future[None] = Future()
        self._night.set_result(None)

    def play(self, plan: Sequence[Day]) -> Iterator[Played]:
        """What happened so far, after each day. What was before the month is settled first."""
        with ThreadPoolExecutor(1) as nights:
            self._business.end_day()
            self._business.spend_night()
            played, yesterday = Played(self._business.today()), list[Sale]()
            for day in plan:
                sales = self._shop.sell(day.payments, self._business.today())
                self._shop.refund(yesterday)
                played.sales += sales
                yesterday = sales
                self._end(played, played.sold_long_ago(), nights)
                yield played
            self._shop.refund(yesterday)
            yield from self._quiet(played, nights)

    def _quiet(self, played: Played, nights: Executor) -> Iterator[Played]:
        decided_days = 0
        for number in range(1, QUIET_DAYS_MAX + 1):
            self._end(played, played.sales, nights)
            self._night.result()
            yield played
            decided_days = 0 if self._shop.undecided(played.sales) else decided_days + 1
            if number >= QUIET_DAYS and decided_days >= DEPOSITED_DAYS:
                return
        left = ", ".join(sale.intent_id for sale in self._shop.undecided(played.sales))
        raise Failure(f"{QUIET_DAYS_MAX} days after the last sale nobody has decided: {left}")

    def _end(self, played: Played, sales: Sequence[Sale], nights: Executor) -> None:
        """End a day, before which the acquirer has told of these sales."""
        self._until_told(sales)
        self._night.result()
        played.days.append(self._business.today())
        self._business.end_day()
        self._night = nights.submit(self._business.spend_night)

    def _until_told(self, sales: Sequence[Sale]) -> None:
        self._shop.answer_disputes()
        until = self._now() + PATIENCE_SECONDS
        while left := self._shop.unheard(sales):
            if self._now() > until:
                named = ", ".join(f"{sale.intent_id} ({sale.tale})" for sale in left)
                raise Failure(f"In {PATIENCE_SECONDS} s nothing was told of {named}.")
            self._sleep(PAUSE_SECONDS)
            self._shop.answer_disputes()
