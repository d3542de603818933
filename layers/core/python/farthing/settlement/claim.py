"""Claiming: each entry of the days that are due goes into one batch, once for ever.

The claim, the line and the proof that the batch still takes lines are one transaction:

    batch row      not there yet (then it is opened), or still OPEN and not full
    entry rows     there, and in no batch            → settlement_id
    line rows      not there                         → written

So a run may die anywhere, and another one may run beside it or after it: what is claimed has its
line, what is not claimed is found again. What does not fit into a full batch goes into the next
number of the same day; an entry that appears in a day whose batch is closed waits for the batch of
the next day.

An entry that cannot be read, or contradicts what is stored, stays where it is and keeps no other:
it is logged, and looked at again by every run.

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
from farthing.settlement.batch import (
    LINES_PER_CLAIM_MAX,
    TABLE,
    TAKES_LINES,
    BatchName,
    is_full,
)
from farthing.settlement.entry import ENTRY_UNCLAIMED, SHARDS, Entry, entry_key, shard_pk
from farthing.settlement.line import line_item, line_sk
from farthing.settlement.ports import Store
from farthing.store.condition import NOT_CREATED, Condition
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Put, Update, Write

LOOK_BACK_DAYS = 7

PROGRESS_ENTITY = "settlement_progress"


@dataclass
class Claims:
    """One run's claiming for one merchant at one acquirer, up to the business day `until`."""

    tenant: TenantScope
    acquirer: str
    until: date
    store: Store
    clock: Clock
    numbers: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: 1))
    """By currency, the number of the batch of `until` that is being filled."""
    opened: set[str] = field(default_factory=set)
    """Currencies whose batch of that number is known to be there."""
    closed: set[str] = field(default_factory=set)
    """Currencies whose batch takes no more lines: what is left of them waits."""
    failures: list[Exception] = field(default_factory=list)
    broke_off: bool = False
    """Whether claims came to nothing that the next run may well make."""

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
                    if "settlement_id" in item:
                        continue
                    try:
                        entry = Entry.of(item)
                    except (KeyError, TypeError, ValueError) as error:
                        self.failures.append(error)
                        left += 1
                    else:
                        by_currency[entry.currency].append(entry)
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
        """Claim entries of one currency. How many are left unclaimed."""
        left = 0
        for at in range(0, len(entries), LINES_PER_CLAIM_MAX):
            group = entries[at : at + LINES_PER_CLAIM_MAX]
            try:
                left += self._claim_together(currency, group)
            except Exception as error:  # noqa: BLE001 - one group must not stop the others
                self.failures.append(error)
                self.broke_off = True
                left += len(group)
        return left

    def _claim_together(self, currency: str, entries: Sequence[Entry]) -> int:
        """One transaction for all of `entries` that nobody else claims meanwhile.

        How many are left: all of them, if the batch takes no more lines, or those whose line is
        there although nobody claimed them.
        """
        wanted, unfit = list(entries), 0
        while wanted and currency not in self.closed:
            name = BatchName(
                self.tenant, self.acquirer, currency, self.until, self.numbers[currency]
            )
            gate = self._gate(name, len(wanted))
            writes = [*gate, *(write for entry in wanted for write in claiming(entry, name))]
            try:
                self.store.write(*writes)
                self.opened.add(currency)
                return unfit
            except ConditionFailed as failed:
                if failed.index == 0:
                    self._turned_away(currency, failed.item)
                elif failed.index < len(gate):
                    raise
                else:
                    del wanted[(failed.index - len(gate)) // 2]
                    if failed.condition != ENTRY_UNCLAIMED.name:
                        self.failures.append(failed)
                        unfit += 1
        return len(wanted) + unfit

    def _gate(self, name: BatchName, line_count: int) -> list[Write]:
        """What makes the batch take lines: its opening, or the proof that it takes them still."""
        if name.currency in self.opened:
            return [Update(name.key, TAKES_LINES, add={"line_count": line_count})]
        return [
            Put(name.key, name.opened(to_text(self.clock.now()), line_count), NOT_CREATED),
            Put(name.marker_key, name.marker(), NOT_CREATED),
        ]

    def _turned_away(self, currency: str, batch: Item | None) -> None:
        """What the gate's answer means: it is there already, it is full, or it is closed."""
        if currency not in self.opened:
            self.opened.add(currency)
        elif batch is not None and is_full(batch):
            self.numbers[currency] += 1
            self.opened.discard(currency)
        else:
            self.closed.add(currency)

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
