"""A month of payments at several merchants, and breaks of every kind put into the acquirer's books.

What was put in is known to the generator alone: reconciliation reads reports and statements.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from farthing.reconciliation.break_row import Break
from farthing.reconciliation.file_row import FileKind
from farthing.reconciliation.intake import Progress, take_file
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.overdue import due_batches, miss
from farthing.reconciliation.take import Source
from farthing.settlement.batch import BatchName
from farthing.settlement.entry import Entry
from farthing.store import TenantScope
from tests.unit.reconciliation.ours import ACQUIRER, FIRST_DAY, WEEKDAYS, Ours
from tests.unit.reconciliation.theirs import Acquirer, Moved

MERCHANTS = tuple(
    TenantScope(f"mer_01jd0000000000000000000{n}", "test") for n in ("aaa", "bbb", "ccc")
)
CURRENCIES = ("eur", "usd", "jpy")
BUSINESS_DAYS = 21
LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ"
SOURCE = Source("month", "generator")

Named = tuple[str, str, str]
"""A break by its kind, its batch and its line; sums and transfers have no line."""


@dataclass
class Month:
    """`payments` over the month, with about `per_kind` breaks of each kind."""

    payments: int
    per_kind: int
    seed: int = 0
    ours: Ours = field(default_factory=Ours)
    theirs: Acquirer = field(default_factory=Acquirer)
    injected: Counter[Named] = field(default_factory=Counter)
    lines: int = 0
    touched: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.ours.seed = self.seed
        self.ours.random = random.Random(self.seed + 1)
        self.days = list(business_days(FIRST_DAY, BUSINESS_DAYS))

    # --- what happened --------------------------------------------------------------------------

    def live(self) -> None:
        """All that happens to money, on both sides alike."""
        for number in range(self.payments):
            day = self.days[number * len(self.days) // self.payments]
            tenant, currency = self.random.choice(MERCHANTS), self.random.choice(CURRENCIES)
            amount = self.random.randrange(100, 50_000)
            paid = self.ours.captured(
                amount, day=day, currency=currency, fee=amount // 50, tenant=tenant
            )
            if self.random.random() < 0.08:
                self.ours.refunded(paid, self.random.randrange(1, amount + 1), tenant=tenant)
            elif self.random.random() < 0.01:
                self.ours.disputed(paid, tenant=tenant)
        for day in self.days:
            for tenant in MERCHANTS:
                for currency in CURRENCIES:
                    self._settle(tenant, currency, day)

    def _settle(self, tenant: TenantScope, currency: str, day: date) -> None:
        entries = list(self.ours.waiting.get((tenant, currency, day), []))
        for name in self.ours.submitted(day, currency, tenant):
            mine, entries = entries[:2_500], entries[2_500:]
            self.theirs.currency[name.reference] = currency
            self.theirs.settled[name.reference] = [moved(entry) for entry in mine]

    # --- what goes wrong ------------------------------------------------------------------------

    def inject(self) -> None:
        """Every kind of break, into the acquirer's books, each into a line of its own."""
        into: dict[Kind, Callable[[BatchName], str | None]] = {
            Kind.MISSING_IN_REPORT: self._leave_out,
            Kind.MISSING_IN_LEDGER: self._invent,
            Kind.DUPLICATE_LINE: self._repeat,
            Kind.AMOUNT_MISMATCH: self._change_amount,
            Kind.CURRENCY_MISMATCH: self._change_currency,
            Kind.FEE_MISMATCH: self._change_fee,
            Kind.STATE_MISMATCH: self._settle_what_failed,
            Kind.UNEXPECTED_DISPUTE: self._dispute,
            Kind.BATCH_TOTAL_MISMATCH: self._miscount,
            Kind.DEPOSIT_MISMATCH: self._transfer_other,
        }
        for kind, act in into.items():
            for _ in range(self.per_kind):
                name = self.random.choice(self.ours.batches)
                line = act(name)
                if line is not None:
                    self.injected[kind.value, name.settlement_id, line] += 1

    def _untouched(self, name: BatchName, type_: str = "") -> Moved | None:
        """A line that nothing was done to yet."""
        found = [
            one
            for one in self.theirs.settled[name.reference]
            if (one.type, one.reference) not in self.touched and type_ in {"", one.type}
        ]
        if not found:
            return None
        chosen = self.random.choice(found)
        self.touched.add((chosen.type, chosen.reference))
        return chosen

    def _leave_out(self, name: BatchName) -> str | None:
        one = self._untouched(name)
        if one is None:
            return None
        self.theirs.settled[name.reference].remove(one)
        return f"MISSING#{one.type}#{one.reference}"

    def _invent(self, name: BatchName) -> str:
        type_ = self.random.choice(["CAPTURE", "REFUND"])
        return self._add(name, Moved(type_, self._reference(), "", name.currency, 777))

    def _repeat(self, name: BatchName) -> str | None:
        one = self._untouched(name)
        if one is None:
            return None
        again = Moved(**vars(one))
        place = self.random.randrange(len(self.theirs.settled[name.reference]) + 1)
        self.theirs.settled[name.reference].insert(place, again)
        return f"{one.type}#{one.reference}#2"

    def _change_amount(self, name: BatchName) -> str | None:
        one = self._untouched(name)
        if one is not None:
            one.amount += self.random.choice([-1, 1, 50, one.amount])
        return None if one is None else f"{one.type}#{one.reference}#1"

    def _change_currency(self, name: BatchName) -> str | None:
        one = self._untouched(name)
        if one is not None:
            one.currency = self.random.choice([c for c in CURRENCIES if c != name.currency])
        return None if one is None else f"{one.type}#{one.reference}#1"

    def _change_fee(self, name: BatchName) -> str | None:
        one = self._untouched(name)
        if one is not None:
            one.fee = one.kept + self.random.choice([-1, 1, 7])
        return None if one is None else f"{one.type}#{one.reference}#1"

    def _settle_what_failed(self, name: BatchName) -> str:
        state = self.random.choice(["DECLINED", "ABSENT", "NOT_SENT"])
        day = name.business_day
        reference, order_id = self.ours.declined(day=day, state=state, tenant=name.tenant)
        return self._add(name, Moved("CAPTURE", reference, order_id, name.currency, 4_200))

    def _dispute(self, name: BatchName) -> str:
        type_ = self.random.choice(["DISPUTE", "DISPUTE_FEE"])
        return self._add(name, Moved(type_, f"DSP{self._reference()}", "", name.currency, 1_500))

    def _miscount(self, name: BatchName) -> str | None:
        if name.reference in self.theirs.total_off:
            return None
        wrong = self.random.choice([(100, 0, 100), (0, -3, 3), (0, 0, -1)])
        self.theirs.total_off[name.reference] = wrong
        return ""

    def _transfer_other(self, name: BatchName) -> str | None:
        if name.reference in self.theirs.transfer_off:
            return None
        self.theirs.transfer_off[name.reference] = self.random.choice([-1, 1, -250, 90])
        return ""

    def _add(self, name: BatchName, one: Moved) -> str:
        self.touched.add((one.type, one.reference))
        self.theirs.settled[name.reference].append(one)
        return f"{one.type}#{one.reference}#1"

    def _reference(self) -> str:
        """Of letters alone: digits may look like a card number, and such a file is refused."""
        return "".join(self.random.choices(LETTERS, k=26))

    # --- what is made of it ---------------------------------------------------------------------

    def files(self) -> Iterator[tuple[FileKind, bytes]]:
        """Day by day a report and, the day after, a statement: of all merchants together."""
        for day in self.days:
            of_day = [one.reference for one in self.ours.batches if one.business_day == day]
            after = day + timedelta(days=1)
            yield FileKind.REPORT, self.theirs.report(*of_day, day=after.isoformat())
            yield FileKind.BANK, self.theirs.statement(*of_day, day=after.isoformat())

    def reconcile(self) -> None:
        """Take every file, and at the end miss what never came."""
        for kind, content in self.files():
            self.ours.clock.instant += timedelta(hours=12)
            assert take_file(kind, content, SOURCE, self.ours.services()) is Progress.DONE
            self.lines += content.count(b"\n") - 1
        self.miss()

    def miss(self) -> None:
        """The daily pass, long after the month."""
        last = self.days[-1] + timedelta(days=30)
        self.ours.clock.instant = datetime(last.year, last.month, last.day, tzinfo=UTC)
        for tenant in MERCHANTS:
            name = BatchName(tenant, ACQUIRER, "eur", last)
            books = self.ours.books(name)
            for settlement_id in due_batches(books, last):
                miss(books, settlement_id)

    def named(self) -> Counter[Named]:
        """The breaks that reconciliation opened."""
        return Counter(named(one) for one in self.ours.breaks() if one.is_open)


def named(one: Break) -> Named:
    """A break as the generator names it."""
    of_line = one.kind not in {Kind.BATCH_TOTAL_MISMATCH, Kind.DEPOSIT_MISMATCH}
    return one.kind.value, one.settlement_id, one.subject.line if of_line else ""


def moved(entry: Entry) -> Moved:
    """What the acquirer wrote down when it did what we asked."""
    return Moved(
        entry.operation.value, entry.reference, entry.intent_id, entry.currency, entry.amount_cents
    )


def business_days(first: date, count: int) -> Iterator[date]:
    """`count` weekdays from `first` on."""
    day = first
    for _ in range(count):
        yield day
        day = WEEKDAYS.next_open(day + timedelta(days=1))
