"""Claiming: each entry of the days that are due goes into one batch, once for ever.

The claim, the line and the proof that the batch still takes lines are one transaction:

    batch row      not there yet (then it is opened) or still OPEN
    entry rows     there, and in no batch            → settlement_id
    line rows      not there                         → written

So a run may die anywhere, and another one may run beside it or after it: what is claimed has its
line, what is not claimed is found again. An entry that appears in a day whose batch is closed
waits for the next batch.

Which days: the LOOK_BACK_DAYS up to the day that the merchant's progress row has reached, because
a transaction begun before midnight may be written after it, and every day since. Counted from the
day reached and not from today, so that a schedule that stood still loses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

from farthing.clock import Clock, to_text
from farthing.settlement.batch import STILL_OPEN, TABLE, BatchName
from farthing.settlement.entry import ENTRY_UNCLAIMED, SHARDS, Entry, entry_key, shard_pk
from farthing.settlement.line import line_item, line_sk
from farthing.settlement.ports import Store
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Check, Put, Update, Write

LOOK_BACK_DAYS = 7
ENTRIES_PER_CLAIM_MAX = 49
"""Two writes each, and two for a new batch: a transaction has at most 100."""

PROGRESS_ENTITY = "settlement_progress"


@dataclass
class Claims:
    """One run's claiming for one merchant at one acquirer, up to the business day `until`."""

    tenant: TenantScope
    acquirer: str
    until: date
    store: Store
    clock: Clock
    opened: set[str] = field(default_factory=set)
    """Currencies whose batch of `until` is known to be there."""
    closed: set[str] = field(default_factory=set)
    """Currencies whose batch takes no more lines: what is left of them waits."""

    def run(self, first_day: date) -> None:
        """Claim what is due. `first_day` is the earliest that could hold an entry."""
        reached = self._progress()
        day = min(reached or first_day, self.until) - timedelta(days=LOOK_BACK_DAYS - 1)
        nothing_left = True
        while day <= self.until:
            nothing_left = self._claim_day(day) and nothing_left
            missed = self.until - day > timedelta(days=LOOK_BACK_DAYS)
            if nothing_left and (missed or day == self.until):
                reached = self._progress_to(day, reached)
            day += timedelta(days=1)

    def _claim_day(self, day: date) -> bool:
        """Claim one day's entries. True if none is left unclaimed."""
        left = 0
        for shard in range(SHARDS):
            for found in self._pages(shard_pk(self.tenant, self.acquirer, day, shard)):
                by_currency: dict[str, list[Entry]] = defaultdict(list)
                for item in found:
                    if "settlement_id" not in item:
                        by_currency[item["currency"]].append(Entry.of(item))
                for currency, entries in by_currency.items():
                    left += self._claim(currency, entries)
        return left == 0

    def _pages(self, pk: str) -> Iterator[list[Item]]:
        start: Item | None = None
        while True:
            page = self.store.query("payments", pk, start=start)
            yield page.items
            start = page.next_start
            if start is None:
                return

    def _claim(self, currency: str, entries: Sequence[Entry]) -> int:
        """Claim entries of one currency. How many are left, because the batch is closed."""
        for at in range(0, len(entries), ENTRIES_PER_CLAIM_MAX):
            self._claim_together(currency, entries[at : at + ENTRIES_PER_CLAIM_MAX])
            if currency in self.closed:
                return len(entries) - at
        return 0

    def _claim_together(self, currency: str, entries: Sequence[Entry]) -> None:
        """One transaction for all of `entries` that nobody else claims meanwhile.

        Writes nothing, and notes it, if the batch takes no more lines.
        """
        name = BatchName(self.tenant, self.acquirer, currency, self.until)
        wanted = list(entries)
        while wanted and currency not in self.closed:
            gate = self._gate(name)
            writes = [*gate, *(write for entry in wanted for write in claiming(entry, name))]
            try:
                self.store.write(*writes)
                self.opened.add(currency)
                return
            except ConditionFailed as failed:
                if failed.index == 0:
                    known = self.closed if currency in self.opened else self.opened
                    known.add(currency)
                elif failed.condition == ENTRY_UNCLAIMED.name:
                    del wanted[(failed.index - len(gate)) // 2]
                else:
                    raise

    def _gate(self, name: BatchName) -> list[Write]:
        """What makes the batch take lines: its opening, or the proof that it is still open."""
        if name.currency in self.opened:
            return [Check(name.key, STILL_OPEN)]
        return [
            Put(name.key, name.opened(to_text(self.clock.now())), NOT_CREATED),
            Put(name.marker_key, name.marker(), NOT_CREATED),
        ]

    def _progress(self) -> date | None:
        item = self.store.get(progress_key(self.tenant, self.acquirer))
        return date.fromisoformat(item["through_day"]) if item else None

    def _progress_to(self, day: date, reached: date | None) -> date:
        if reached is not None and day <= reached:
            return reached
        further = Update(
            progress_key(self.tenant, self.acquirer),
            when=progress_behind(day),
            set={"entity": PROGRESS_ENTITY, "through_day": day.isoformat()},
        )
        with suppress(ConditionFailed):  # another run is further, and its word is as good as ours
            self.store.write(further)
        return day


def claiming(entry: Entry, name: BatchName) -> tuple[Write, Write]:
    """The claim of one entry and its line: two writes that never go apart."""
    settlement_id = name.settlement_id
    line = Key(TABLE, name.key.pk, line_sk(entry.entry_id))
    return (
        Update(
            entry_key(name.tenant, entry),
            when=ENTRY_UNCLAIMED,
            set={"settlement_id": settlement_id},
        ),
        Put(line, line_item(entry, settlement_id), NOT_CREATED),
    )


def progress_key(tenant: TenantScope, acquirer: str) -> Key:
    """The row that says through which day everything at `acquirer` was claimed."""
    return Key(TABLE, tenant.pk("PROGRESS", acquirer), "PROGRESS")


def progress_behind(day: date) -> Condition:
    """The recorded day is earlier than `day`, or there is none: progress never goes back."""
    return Condition(
        "PROGRESS_BEHIND",
        "attribute_not_exists(#pk) OR #through_day < :day",
        {"day": day.isoformat()},
    )
