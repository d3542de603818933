"""One merchant, its tables and its bank, and what must hold of them at the end."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from farthing.reconciliation.take import Reconciler
from farthing.reconciliation.taking import Taking
from farthing.reconciliation.terms import FeeSchedule, Terms
from farthing.settlement.batch import LINES_MAX, Batch, Status
from farthing.settlement.entry import Entry, Operation, settlement_entry
from farthing.settlement.fan_out import RunIncomplete
from farthing.settlement.files import batch_file_key, report_file_key, sha256_of
from farthing.settlement.finish import Progress
from farthing.settlement.job import Job
from farthing.settlement.line import SK_PREFIX, Line
from farthing.settlement.outcome import Outcome
from farthing.settlement.ports import TakeReport
from farthing.settlement.work import Services, work
from farthing.store import Item, Key, TenantScope
from tests.unit.settlement.bank import FEE, Bank, FakeAcquirer
from tests.unit.settlement.memory import MemoryFiles, MemoryStore, Tables
from tests.unit.settlement.steps import Crash, Steps, crash_at

FIRST_DAY = date(2026, 11, 1)
MERCHANT_ID = "mer_01jd0000000000000000000aaa"
TENANT = TenantScope(MERCHANT_ID, "test")
ACQUIRER = "sandbox"


def day(number: int) -> date:
    """Day 0, 1, 2, … of the story."""
    return FIRST_DAY + timedelta(days=number)


def at(number: int, hour: int = 12) -> datetime:
    """An instant of day `number`."""
    return datetime.combine(day(number), time(hour), UTC)


@dataclass
class Clock:
    """Tells what it was told."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


TERMS = Terms(FeeSchedule(per_mille=0, fixed_cents=FEE))


def taking(store: Any, clock: Any) -> TakeReport:
    """What reconciliation does with the bank's reports."""
    return Taking(lambda name: Reconciler(name.tenant, ACQUIRER, TERMS, store, clock)).take


@dataclass
class World:
    """One merchant, its tables and its bank."""

    tables: Tables = field(default_factory=Tables)
    bank: Bank = field(default_factory=Bank)
    numbers: Counter[str] = field(default_factory=Counter)
    logged: list[Progress] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    """All messages that were ever sent."""
    noted: dict[str, Outcome] = field(default_factory=dict)

    def enter(
        self,
        number: int,
        amount_cents: int = 1000,
        operation: Operation = Operation.CAPTURE,
        currency: str = "eur",
        tenant: TenantScope = TENANT,
        fee_cents: int = 0,
    ) -> Entry:
        """Money moved on day `number`: both sides write it down."""
        self.numbers["operation"] += 1
        operation_id = f"op_{self.numbers['operation']:026d}"
        reference = f"ref-{operation_id}"
        key, item = settlement_entry(
            tenant,
            "pi_00000000000000000000000000",
            operation_id,
            reference,
            operation,
            amount_cents,
            currency,
            ACQUIRER,
            day(number),
            at(number),
            fee_cents=fee_cents,
        )
        self.tables.items[key] = {**item, **key.attributes()}
        self.bank.moved[reference, operation] = amount_cents
        return Entry.of(item)

    def services(
        self,
        *,
        now: datetime,
        on_step: Callable[[], None] = lambda: None,
        arrives: bool = True,
        hear: Callable[[], None] = lambda: None,
        seconds_left: Callable[[], float] = lambda: 300.0,
        failures: list[Exception] | None = None,
        before_write: Callable[..., None] = lambda *writes: None,
        send: Callable[[Sequence[Job]], None] = lambda jobs: None,
        page_items: int = 3,
    ) -> Services:
        """What a message is worked off with."""
        steps, clock = Steps(on_step), Clock(now)
        acquirer = FakeAcquirer(self.bank, steps, hear=hear, arrives=arrives)

        def note(job: Job, outcome: Outcome) -> None:
            self.noted[job.name] = outcome

        return Services(
            store_of=lambda tenant: MemoryStore(
                self.tables, tenant, steps, before_write, page_items
            ),
            acquirers=lambda tenant: {ACQUIRER: acquirer} if tenant.mode == "test" else {},
            files=MemoryFiles(self.files, steps),
            clock=clock,
            seconds_left=seconds_left,
            send=lambda jobs: steps.around(lambda: (self.jobs.extend(jobs), send(jobs))),
            note=note,
            take=lambda store: taking(store, clock),
            log_batch=self.logged.append,
            log_failure=raise_it if failures is None else failures.append,
        )

    def job(self, until: int, merchant_id: str = MERCHANT_ID) -> Job:
        """A merchant's message."""
        return Job(merchant_id, FIRST_DAY, {ACQUIRER: day(until)}, (f"test/{ACQUIRER}",))

    def run(
        self,
        until: int,
        *,
        merchants: Sequence[str] = (MERCHANT_ID,),
        now: datetime | None = None,
        **more: Any,
    ) -> dict[str, int]:
        """One firing of the schedule that settles all days up to `until`, and all its messages,
        one after the other."""
        waiting = deque(self.job(until, merchant_id) for merchant_id in merchants)
        services = self.services(now=now or at(until + 1, hour=1), send=waiting.extend, **more)
        counts, incomplete = Counter[str](), 0
        while waiting:
            job = waiting.popleft()
            self.noted.pop(job.name, None)
            try:
                work(job, services)
            except RunIncomplete:
                incomplete += 1
            counts += self.noted[job.name].counts if job.name in self.noted else Counter()
        if incomplete:
            raise RunIncomplete(f"{incomplete} of {len(merchants)}")
        return {name: counts[name] for name in ("settled", "exceptions", "waiting")}

    def crashing_run(self, until: int, step: int) -> bool:
        """A run that dies at `step`. False if it ended before."""
        try:
            self.run(until, on_step=crash_at(step))
        except Crash:
            return True
        return False

    def rows(self, entity: str) -> list[Item]:
        return [item for item in self.tables.items.values() if item["entity"] == entity]

    def entries(self) -> list[Entry]:
        return [Entry.of(item) for item in self.rows("settlement_entry")]

    def batches(self, tenant: TenantScope = TENANT) -> list[Batch]:
        """Oldest first."""
        found = [
            Batch.of(tenant, item)
            for item in self.rows("settlement_batch")
            if item["pk"].startswith(tenant.prefix)
        ]
        return sorted(found, key=lambda batch: batch.name.settlement_id)

    def batch(self) -> Batch:
        """The only one."""
        (only,) = self.batches()
        return only

    def lines(self) -> dict[str, list[Line]]:
        """By settlement id."""
        found = defaultdict(list)
        for item in self.rows("settlement_line"):
            assert item["sk"].startswith(SK_PREFIX)
            found[item["settlement_id"]].append(Line.of(item))
        return found

    def state(self) -> dict[Key, Item]:
        """All that is stored, to see whether anything changed."""
        return {key: dict(item) for key, item in self.tables.items.items()}

    def check(self, *, submitted_once: bool = True) -> None:
        """What must hold at the end, when every run is over."""
        lines = self.lines()
        owners = Counter(line.entry_id for of_batch in lines.values() for line in of_batch)
        assert owners == Counter(entry.entry_id for entry in self.entries())
        for entry in self.entries():
            assert entry.settlement_id is not None
            assert entry.entry_id in {line.entry_id for line in lines[entry.settlement_id]}
        assert {batch.name.settlement_id for batch in self.batches()} == lines.keys()
        for batch in self.batches():
            mine = lines[batch.name.settlement_id]
            gross = sum(SIGNS[line.operation] * line.amount_cents for line in mine)
            assert batch.status is Status.SETTLED
            assert batch.totals is not None and batch.paid is not None
            assert batch.totals.entry_count == len(mine) <= LINES_MAX
            assert self.tables.items[batch.name.key]["line_count"] == len(mine)
            assert batch.totals.gross_cents == batch.paid.gross_cents == gross
            assert {line.currency for line in mine} == {batch.name.currency}
            asked = self.bank.asked(batch.name.reference)
            assert Counter(asked) == Counter(
                (line.reference, line.operation, line.amount_cents) for line in mine
            )
            self.check_files(batch)
        assert len(self.bank.accepted) == len(self.batches())
        if submitted_once:
            assert set(self.bank.sent.values()) <= {1}
        assert self.rows("settlement_unfinished") == []

    def check_files(self, batch: Batch) -> None:
        """What went to the acquirer and what came back is kept, under its own hash."""
        assert batch.content_sha256 is not None and batch.report_sha256 is not None
        sent = self.bank.accepted[batch.name.reference]
        assert batch.content_sha256 == sha256_of(sent)
        assert self.files[batch_file_key(batch.name, batch.content_sha256)] == sent
        reported = self.files[report_file_key(batch.name, batch.report_sha256)]
        assert batch.report_sha256 == sha256_of(reported)


SIGNS = {
    Operation.CAPTURE: 1,
    Operation.REFUND: -1,
    Operation.RETURN: -1,
    Operation.REFUND_RETURN: 1,
    Operation.DISPUTE: -1,
    Operation.DISPUTE_REVERSAL: 1,
    Operation.DISPUTE_FEE: -1,
}
"""Who owes what moved: the acquirer, or we."""


def raise_it(error: Exception) -> None:
    """For `log_failure`: a test wants to see it."""
    raise error
