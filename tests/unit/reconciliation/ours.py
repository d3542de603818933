"""Our side: payments as the ledger has them, batches as they were submitted, tables in memory."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from farthing.business_calendar import Calendar
from farthing.clock import to_text
from farthing.ids import ENTROPY_BYTES, make_id
from farthing.ledger import posting
from farthing.ledger.transaction import LedgerTransaction, booked
from farthing.money import Money
from farthing.payments.address import Address
from farthing.payments.names import reference_of
from farthing.reconciliation.break_row import Break
from farthing.reconciliation.intake import Services
from farthing.reconciliation.take import Reconciler
from farthing.reconciliation.terms import Terms, terms_of
from farthing.settlement.batch import Batch, BatchName, Status, batch_key
from farthing.settlement.entry import Entry, Operation, settlement_entry
from farthing.settlement.line import Line, line_item, line_sk
from farthing.settlement.totals import totals_of
from farthing.store import Item, Key, Put, TenantScope, Write
from farthing.store.condition import Condition
from farthing.store.item import item_from_wire
from farthing.store.scope import SystemScope
from farthing.store.table import DynamoStore
from tests.simulation.aws.dynamo import Tables
from tests.support.template import resources

TENANT = TenantScope("mer_01jd0000000000000000000aaa", "test")
OTHER = TenantScope("mer_01jd0000000000000000000bbb", "test")
ACQUIRER = "sandbox"
FIRST_DAY = date(2026, 11, 2)
"""A Monday."""
LINES_MAX = 2_500
NAMES = {"payments": "PaymentsTable", "settlement": "SettlementTable"}
WEEKDAYS = Calendar(closed_weekdays=frozenset({5, 6}))
ANYHOW = Condition("ANYHOW", "attribute_not_exists(#pk) OR attribute_exists(#pk)")


@dataclass
class Clock:
    """Tells what it was told."""

    instant: datetime = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant


def tables() -> Tables:
    """The two tables of the template that hold the books."""
    made = Tables(time.time)
    for name in NAMES.values():
        made.create_declared(name, resources("AWS::DynamoDB::Table")[name]["Properties"])
    return made


@dataclass
class Ours:
    """Everything that we know. `before_write` may crash there."""

    seed: int = 0
    tables: Tables = field(default_factory=tables)
    clock: Clock = field(default_factory=Clock)
    waiting: dict[tuple[TenantScope, str, date], list[Entry]] = field(
        default_factory=lambda: defaultdict(list)
    )
    batches: list[BatchName] = field(default_factory=list)
    before_write: Callable[[], None] = lambda: None
    client: Any = None
    """What runs speak to, if it is not the tables themselves."""
    terms: Terms = field(default_factory=lambda: replace(terms_of(ACQUIRER), calendar=WEEKDAYS))

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.tokens = 0

    @property
    def store(self) -> DynamoStore:
        return Crashing(self, SystemScope())

    def new_id(self, prefix: str, day: date) -> str:
        at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
        at += timedelta(milliseconds=self.random.randrange(40_000_000))
        return make_id(prefix, at, self.random.randbytes(ENTROPY_BYTES))

    # --- what happened --------------------------------------------------------------------------

    def captured(
        self,
        amount: int,
        *,
        day: date = FIRST_DAY,
        currency: str = "eur",
        fee: int = 0,
        tenant: TenantScope = TENANT,
    ) -> Entry:
        """A capture that the acquirer confirmed."""
        intent_id, operation_id = self.new_id("pi", day), self.new_id("op", day)
        at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        money = Money(amount, currency)
        fact = posting.capture(operation_id, money, ACQUIRER, intent_id=intent_id, at=at, fee=fee)
        self._operation(tenant, intent_id, operation_id, "APPROVED", currency)
        return self._moved(tenant, fact, Operation.CAPTURE, amount, currency, at, fee=fee)

    def refunded(self, of: Entry, amount: int, *, tenant: TenantScope = TENANT) -> Entry:
        """A refund that the acquirer confirmed, on the day of the capture."""
        refund_id = self.new_id("re", of.business_day)
        day = of.business_day
        at = datetime(day.year, day.month, day.day, 13, tzinfo=UTC)
        money = Money(amount, of.currency)
        fact = posting.refund(refund_id, money, ACQUIRER, intent_id=of.intent_id, at=at)
        self._operation(tenant, of.intent_id, refund_id, "APPROVED", of.currency)
        return self._moved(tenant, fact, Operation.REFUND, amount, of.currency, at)

    def disputed(
        self,
        of: Entry,
        *,
        day: date | None = None,
        reference: str = "",
        tenant: TenantScope = TENANT,
    ) -> Entry:
        """A dispute that took the captured money back."""
        day = day or of.business_day
        dispute_id = self.new_id("dp", day)
        at = datetime(day.year, day.month, day.day, 14, tzinfo=UTC)
        money = Money(of.amount_cents, of.currency)
        fact = posting.dispute_opened(dispute_id, money, ACQUIRER, intent_id=of.intent_id, at=at)
        named = reference or f"DSP{dispute_id[3:].upper()}"
        return self._moved(
            tenant, fact, Operation.DISPUTE, of.amount_cents, of.currency, at, reference=named
        )

    def declined(
        self, *, day: date = FIRST_DAY, state: str = "DECLINED", tenant: TenantScope = TENANT
    ) -> tuple[str, str]:
        """An operation that moved no money: its reference, and its payment."""
        intent_id, operation_id = self.new_id("pi", day), self.new_id("op", day)
        self._operation(tenant, intent_id, operation_id, state, "eur")
        return reference_of(operation_id), intent_id

    def submitted(
        self, day: date = FIRST_DAY, currency: str = "eur", tenant: TenantScope = TENANT
    ) -> list[BatchName]:
        """The batches of a day, claimed, closed and submitted."""
        entries = self.waiting.pop((tenant, currency, day), [])
        made = []
        for number, start in enumerate(range(0, len(entries), LINES_MAX), 1):
            name = BatchName(tenant, ACQUIRER, currency, day, number)
            self._submit(name, entries[start : start + LINES_MAX])
            made.append(name)
        self.batches += made
        return made

    def _submit(self, name: BatchName, entries: list[Entry]) -> None:
        at = to_text(self.clock.now())
        for entry in entries:
            row = line_item(entry, name.settlement_id)
            self.put(Key("settlement", name.key.pk, line_sk(entry.entry_id)), row)
            key, item = self._entry(name.tenant, entry)
            self.put(key, item | {"settlement_id": name.settlement_id})
        totals = totals_of(Line.of(line_item(one, name.settlement_id)) for one in entries)
        row = name.opened(at, len(entries)) | {
            "status": Status.SUBMITTED.value,
            "submitted_at": at,
            **totals.to_item(),
        }
        self.put(name.key, row)
        self.put(name.marker_key, name.marker())

    def _operation(
        self, tenant: TenantScope, intent_id: str, operation_id: str, state: str, currency: str
    ) -> None:
        key = Address(tenant, intent_id, operation_id).key
        self.put(key, {"entity": "operation", "state": state, "currency": currency})

    def _moved(
        self,
        tenant: TenantScope,
        fact: LedgerTransaction,
        operation: Operation,
        amount: int,
        currency: str,
        at: datetime,
        *,
        fee: int = 0,
        reference: str = "",
    ) -> Entry:
        assert fact.intent_id is not None
        key, item = settlement_entry(
            tenant,
            fact.intent_id,
            fact.subject_id,
            reference or reference_of(fact.subject_id),
            operation,
            amount,
            currency,
            ACQUIRER,
            at.date(),
            at,
            fee,
        )
        self.write(booked(fact, tenant))
        self.put(key, item)
        entry = Entry.of(item)
        self.waiting[tenant, currency, entry.business_day].append(entry)
        return entry

    def _entry(self, tenant: TenantScope, entry: Entry) -> tuple[Key, Item]:
        day = entry.business_day
        return settlement_entry(
            tenant,
            entry.intent_id,
            entry.operation_id,
            entry.reference,
            entry.operation,
            entry.amount_cents,
            entry.currency,
            entry.acquirer,
            day,
            datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            entry.fee_cents,
        )

    # --- what is stored -------------------------------------------------------------------------

    def put(self, key: Key, item: Item) -> None:
        DynamoStore.write(self._plain(), Put(key, item, ANYHOW))

    def write(self, *writes: Write) -> None:
        DynamoStore.write(self._plain(), *writes)

    def _plain(self) -> DynamoStore:
        return DynamoStore(
            self.tables, NAMES, SystemScope(), lambda _: None, lambda: 0.0, self.token
        )

    def written(self, writes: tuple[Write, ...]) -> None:
        """After each transaction of a run."""

    def token(self) -> str:
        self.tokens += 1
        return str(self.tokens)

    def books(self, name: BatchName) -> Reconciler:
        """One merchant's, by the name of a batch."""
        store = Crashing(self, name.tenant)
        return Reconciler(name.tenant, name.acquirer, self.terms, store, self.clock)

    def services(self, seconds_left: Callable[[], float] = lambda: 900.0) -> Services:
        return Services(self.store, self.books, self.clock, seconds_left)

    def rows(self, entity: str) -> Iterator[Item]:
        for name in NAMES.values():
            for item in self.tables.items(name):
                plain = dict(item)
                if plain.get("entity") == {"S": entity}:
                    yield item_from_wire(plain)

    def breaks(self) -> list[Break]:
        return [Break.of(item) for item in self.rows("reconciliation_break")]

    def named(self) -> Counter[tuple[str, str, str]]:
        """What is open: its kind, its batch and its line."""
        return Counter(
            (one.kind.value, one.settlement_id, one.subject.line)
            for one in self.breaks()
            if one.is_open
        )

    def batch(self, name: BatchName) -> Batch:
        return Batch.of(name.tenant, self.item(batch_key(name.tenant, name.settlement_id)))

    def item(self, key: Key) -> Item:
        found = self.store.get(key)
        assert found is not None
        return found

    def balances(self, tenant: TenantScope = TENANT) -> Counter[tuple[str, str]]:
        """Debits less credits of each account and currency, from the postings themselves."""
        sums: Counter[tuple[str, str]] = Counter()
        for item in self.rows("ledger_transaction"):
            if item["pk"].startswith(tenant.prefix):
                for one in LedgerTransaction.of(item).postings:
                    sums[one.account, one.amount.currency] += one.signed_minor
        return Counter({key: total for key, total in sums.items() if total})


@dataclass(frozen=True)
class Crashing(DynamoStore):
    """The store of one run, which may die before any of its writes."""

    def __init__(self, ours: Ours, scope: TenantScope | SystemScope) -> None:
        super().__init__(
            ours.client or ours.tables, NAMES, scope, lambda _: None, lambda: 0.0, ours.token
        )
        object.__setattr__(self, "ours", ours)

    def write(self, *writes: Write) -> None:
        ours: Ours = self.ours  # type: ignore[attr-defined]
        ours.before_write()
        super().write(*writes)
        ours.written(writes)
