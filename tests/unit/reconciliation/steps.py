"""A batch that was submitted, its acquirer, and what a test does with both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count

from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.reconciliation.act import Desk
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.file_row import FileKind, FileRow, file_key
from farthing.reconciliation.intake import take_file
from farthing.reconciliation.kind import Kind
from farthing.reconciliation.overdue import due_batches, miss
from farthing.reconciliation.resolution import Resolution
from farthing.reconciliation.standing import due_pk
from farthing.reconciliation.undeposited import bank_read_since, due_deposits, miss_deposit
from farthing.settlement.batch import Batch, BatchName, Status
from farthing.settlement.entry import Entry
from farthing.settlement.files import sha256_of
from farthing.store import Key, TenantScope
from tests.unit.reconciliation.month import SOURCE, moved
from tests.unit.reconciliation.ours import ACQUIRER, FIRST_DAY, TENANT, Crashing, Ours
from tests.unit.reconciliation.theirs import Acquirer, Moved


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Story:
    """One merchant and its acquirer."""

    ours: Ours = field(default_factory=Ours)
    theirs: Acquirer = field(default_factory=Acquirer)
    keys: count[int] = field(default_factory=count)

    def captures(self, *amounts: int, day: date = FIRST_DAY, currency: str = "eur") -> list[Entry]:
        return [self.ours.captured(one, day=day, currency=currency, fee=5) for one in amounts]

    def submit(self, day: date = FIRST_DAY, currency: str = "eur") -> BatchName:
        """The day's one batch, which the acquirer has as we do."""
        entries = list(self.ours.waiting[TENANT, currency, day])
        (name,) = self.ours.submitted(day, currency)
        self.theirs.currency[name.reference] = currency
        self.theirs.settled[name.reference] = [moved(entry) for entry in entries]
        return name

    def batch_of(self, *amounts: int, day: date = FIRST_DAY) -> BatchName:
        self.captures(*amounts, day=day)
        return self.submit(day)

    def at(self, name: BatchName) -> list[Moved]:
        """The acquirer's book of a batch, to be changed."""
        return self.theirs.settled[name.reference]

    def report(self, *names: BatchName, content: bytes | None = None) -> FileRow:
        """The acquirer's report of some batches arrives."""
        if content is None:
            content = self.theirs.report(*(name.reference for name in names))
        return self.take(FileKind.REPORT, content)

    def bank(self, *names: BatchName, content: bytes | None = None) -> FileRow:
        """The bank's statement arrives."""
        if content is None:
            content = self.theirs.statement(*(name.reference for name in names))
        return self.take(FileKind.BANK, content)

    def take(self, kind: FileKind, content: bytes) -> FileRow:
        take_file(kind, content, SOURCE, self.ours.services())
        return self.file(content)

    def file(self, content: bytes) -> FileRow:
        return FileRow.of(self.ours.item(file_key(sha256_of(content))))

    def days_later(self, days: int) -> None:
        self.ours.clock.instant = datetime.combine(
            FIRST_DAY + timedelta(days=days), datetime.min.time(), UTC
        )

    def miss(self, tenant: TenantScope = TENANT) -> int:
        """The daily pass, today: what it found missing."""
        books = self.ours.books(BatchName(tenant, ACQUIRER, "eur", FIRST_DAY))
        today = self.ours.clock.instant.date()
        lines = sum(miss(books, one) for one in due_batches(books, today))
        since = bank_read_since(self.ours.store, tenant.mode, ACQUIRER)
        due = list(due_deposits(books, today, since))
        return lines + sum(miss_deposit(books, *one) for one in due)

    def resolve(
        self, one: Break, resolution: Resolution, *, key: str | None = None, reason: str = "seen"
    ) -> Response:
        key = key or str(next(self.keys))
        fields = {"resolution": resolution.value, "by": "ada", "reason": reason}
        request = IdempotentRequest(key, "POST", f"/v1/breaks/{one.break_id}/resolve", fields)
        return self.desk().resolve(one.break_id, resolution, "Ada", reason, request)

    def desk(self, tenant: TenantScope = TENANT) -> Desk:
        return Desk(tenant, Crashing(self.ours, tenant), self.ours.clock.now)

    # --- what is true -----------------------------------------------------------------------------

    def open(self) -> list[Break]:
        return [one for one in self.ours.breaks() if one.is_open]

    def kinds(self) -> Counter[Kind]:
        return Counter(one.kind for one in self.open())

    def only(self) -> Break:
        """The one that is open."""
        (one,) = self.open()
        return one

    def status(self, name: BatchName) -> Status:
        return self.ours.batch(name).status

    def batch(self, name: BatchName) -> Batch:
        return self.ours.batch(name)

    def balance(self, account: str, currency: str = "eur") -> int:
        """Debits less credits."""
        return self.ours.balances()[account, currency]

    def state(self) -> dict[str, object]:
        return {
            name: {key: dict(item) for key, item in self.ours.tables.tables[name].rows.items()}
            for name in ("PaymentsTable", "SettlementTable")
        }

    def check(self) -> None:
        """What is true at every moment."""
        suspense: Counter[str] = Counter()
        for one in self.open():
            suspense.update(one.effect.suspense)
        for currency in ("eur", "usd", "jpy"):
            assert self.balance("suspense:sandbox", currency) == -suspense[currency], currency
        opened = Counter(one.settlement_id for one in self.open())
        for name in self.ours.batches:
            item = self.ours.item(name.key)
            assert sum(item.get("open_kinds", {}).values()) == opened[name.settlement_id]
            assert (
                item.get("matched_count", 0) + item.get("awaited_count", 0) <= item["entry_count"]
            )
            assert (item["status"] == "SETTLED") <= (opened[name.settlement_id] == 0)
            due = 0
            if "reported_at" in item:
                due = item["net_cents"] - item.get("accounted_cents", 0)
            listed = self.ours.store.get(
                Key("settlement", due_pk(name.tenant, name.acquirer), name.settlement_id)
            )
            assert (listed or {}).get("due_cents", 0) == item.get("due_cents", 0) == due
