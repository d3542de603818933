"""Claiming: each entry of the days that are due goes into one batch, once for ever.

The claim, the line and the proof that the batch still takes lines are one transaction:

    batch row      not there yet (then it is opened), or still OPEN and not full
    entry rows     there, and in no batch            → settlement_id
    line rows      not there                         → written

So a run may die anywhere, and another one may run beside it or after it: what is claimed has its
line, what is not claimed is found again. What does not fit into a full batch goes into the lane's
next number of the same day; an entry that appears in a day whose batch is closed waits for the
batch of the next day.

A lane is one shard of every day. One run may walk all lanes, and fill the batches of lane 0; or
eight walk one each, and fill their own.

An entry that cannot be read, or contradicts what is stored, stays where it is and keeps no other:
it is logged, and looked at again by every run.

Which days: the LOOK_BACK_DAYS up to the day that the lane's progress has reached, because a
transaction begun before midnight may be written after it, and every day since. Counted from the
day reached and not from today, so that a schedule that stood still loses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
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
from farthing.settlement.progress import EVERY_LANE, move, reached
from farthing.store.condition import NOT_CREATED
from farthing.store.errors import ConditionFailed
from farthing.store.item import Item, Key
from farthing.store.scope import TenantScope
from farthing.store.write import Put, Update, Write

LOOK_BACK_DAYS = 7


def never() -> bool:
    """For a run that has all the time that it needs."""
    return False


@dataclass
class Claims:
    """One run's claiming for one merchant at one acquirer, up to the business day `until`.

    More than `claims_max` entries, or `out_of_time`, and it stops, to be gone on with by others.
    """

    tenant: TenantScope
    acquirer: str
    until: date
    store: Store
    clock: Clock
    lanes: Sequence[int] = EVERY_LANE
    claims_max: int | None = None
    out_of_time: Callable[[], bool] = never
    numbers: dict[str, int] = field(default_factory=dict)
    """By currency, the number of the batch of `until` that is being filled."""
    opened: set[str] = field(default_factory=set)
    """Currencies whose batch of that number is known to be there."""
    closed: set[str] = field(default_factory=set)
    """Currencies whose batch takes no more lines: what is left of them waits."""
    failures: list[Exception] = field(default_factory=list)
    broke_off: bool = False
    """Whether claims came to nothing that the next run may well make."""
    stopped: bool = False
    """Whether it stopped before the end."""
    claimed: int = 0

    def run(self, first_day: date) -> None:
        """Claim what is due. `first_day` is the earliest that could hold an entry."""
        through = reached(self.store, self.tenant, self.acquirer, self.lanes)
        day = min(through or first_day, self.until) - timedelta(days=LOOK_BACK_DAYS - 1)
        nothing_left = True
        while day <= self.until:
            nothing_left = self._claim_day(day) and nothing_left
            if self.stopped:
                return
            missed = self.until - day > timedelta(days=LOOK_BACK_DAYS)
            further = through is None or day > through
            if nothing_left and further and (missed or day == self.until):
                move(self.store, self.tenant, self.acquirer, self.lanes, day)
            day += timedelta(days=1)

    def _claim_day(self, day: date) -> bool:
        """Claim one day's entries. True if none is left unclaimed."""
        left = 0
        for lane in self.lanes:
            for found in self._pages(shard_pk(self.tenant, self.acquirer, day, lane)):
                for currency, entries in self._unclaimed(found).items():
                    left += self._claim(currency, entries)
                if self._must_stop():
                    self.stopped = True
                    return False
        return left == 0 and not self.failures

    def _must_stop(self) -> bool:
        enough = self.claims_max is not None and self.claimed > self.claims_max
        return enough or self.out_of_time()

    def _unclaimed(self, items: Sequence[Item]) -> dict[str, list[Entry]]:
        """By currency, the entries that no batch has. One that cannot be read is a failure."""
        by_currency: dict[str, list[Entry]] = defaultdict(list)
        for item in items:
            if "settlement_id" in item:
                continue
            try:
                entry = Entry.of(item)
            except (KeyError, TypeError, ValueError) as error:
                self.failures.append(error)
            else:
                by_currency[entry.currency].append(entry)
        return by_currency

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
            name = self._name(currency)
            gate = self._gate(name, len(wanted))
            writes = [*gate, *(write for entry in wanted for write in claiming(entry, name))]
            try:
                self.store.write(*writes)
                self.opened.add(currency)
                self.claimed += len(wanted)
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

    def _name(self, currency: str) -> BatchName:
        """The batch that is being filled: of the only lane, or of the first one."""
        number = self.numbers.setdefault(currency, self.lanes[0] + 1)
        return BatchName(self.tenant, self.acquirer, currency, self.until, number)

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
            self.numbers[currency] += SHARDS
            self.opened.discard(currency)
        else:
            self.closed.add(currency)


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
