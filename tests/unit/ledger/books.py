"""What the tests of derived books stand on: tables in memory, facts, the stream, a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from farthing.business_calendar import UTC_DAYS, Calendar
from farthing.ids import make_id
from farthing.ledger import posting, trial
from farthing.ledger.accounts import ROUNDING_FX, Side, suspense
from farthing.ledger.balance import Head
from farthing.ledger.journal import JournalRow, head_key, journal_key
from farthing.ledger.project import Projector
from farthing.ledger.records import project_records
from farthing.ledger.transaction import (
    Kind,
    LedgerTransaction,
    Posting,
    booked,
    booked_alone,
    transaction_id_of,
)
from farthing.ledger.trial_row import Run
from farthing.money import Money
from farthing.settlement.entry import Operation, settlement_entry
from farthing.store import NOT_CREATED, Item, Key, Put, SystemScope, TenantScope, Write
from farthing.store.item import item_from_wire, item_to_wire
from farthing.store.table import DynamoStore
from tests.simulation.aws.dynamo import Tables
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT
from tests.support.template import resources

TENANT = TenantScope(MERCHANT, "test")
OTHER = TenantScope(OTHER_MERCHANT, "test")
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FIRST_DAY = date(2026, 11, 20)
SANDBOX = "sandbox"
PAYMENTS, SETTLEMENT = "PaymentsTable", "SettlementTable"


def an_id(prefix: str, number: int) -> str:
    """The same id for the same number, later for a greater one."""
    return make_id(prefix, START + timedelta(seconds=number), number.to_bytes(10, "big"))


@cache
def declared() -> Mapping[str, Any]:
    """The two tables as the template has them."""
    return {
        name: table["Properties"]
        for name, table in resources("AWS::DynamoDB::Table").items()
        if name in {PAYMENTS, SETTLEMENT}
    }


@dataclass
class Books:
    """One installation's tables, and what happened to its merchants' money."""

    now: datetime = START
    calendar: Calendar = UTC_DAYS
    tables: Tables = field(init=False)
    posted: dict[TenantScope, list[LedgerTransaction]] = field(default_factory=dict)
    pauses: int = 0
    failures: list[Exception] = field(default_factory=list)
    _tokens: int = 0
    _numbers: int = 0

    def __post_init__(self) -> None:
        self.tables = Tables(lambda: self.now.timestamp())
        for name, properties in declared().items():
            self.tables.create_declared(name, properties)

    def store(self, client: Any = None) -> DynamoStore:
        """The tables through the adapter that is deployed."""
        return DynamoStore(
            client or self.tables,
            {"payments": PAYMENTS, "settlement": SETTLEMENT},
            SystemScope(),
            sleep=lambda _: None,
            chance=lambda: 0.0,
            new_token=self._token,
        )

    def _token(self) -> str:
        self._tokens += 1
        return str(self._tokens)

    def number(self) -> int:
        """The next one."""
        self._numbers += 1
        return self._numbers

    # what happens to money

    def capture(
        self,
        amount_cents: int = 1000,
        fee: int = 30,
        currency: str = "eur",
        tenant: TenantScope = TENANT,
        intent: int | None = None,
    ) -> LedgerTransaction:
        number = self.number()
        intent_id = an_id("pi", intent if intent is not None else number)
        operation_id, amount = an_id("op", number), Money(amount_cents, currency)
        made = posting.capture(
            operation_id, amount, SANDBOX, intent_id=intent_id, at=self.now, fee=fee
        )
        return self.with_entry(made, tenant, (Operation.CAPTURE, amount_cents, fee))

    def refund(
        self, intent: int, amount_cents: int = 400, currency: str = "eur"
    ) -> LedgerTransaction:
        refund_id, amount = an_id("re", self.number()), Money(amount_cents, currency)
        made = posting.refund(
            refund_id, amount, SANDBOX, intent_id=an_id("pi", intent), at=self.now
        )
        return self.with_entry(made, TENANT, (Operation.REFUND, amount_cents, 0))

    def dispute(
        self, intent: int, amount_cents: int = 600, fee: int = 1500, currency: str = "eur"
    ) -> LedgerTransaction:
        amount = Money(amount_cents, currency)
        made = posting.dispute_opened(
            an_id("dp", self.number()),
            amount,
            SANDBOX,
            intent_id=an_id("pi", intent),
            at=self.now,
            fee=fee,
        )
        moved = [(Operation.DISPUTE, amount_cents, 0), (Operation.DISPUTE_FEE, fee, 0)]
        return self.with_entry(made, TENANT, *moved)

    def settled(self, share: int, fee: int = 7, currency: str = "eur") -> LedgerTransaction:
        settlement_id = an_id("st", self.number())
        made = posting.settled(
            settlement_id, SANDBOX, currency, at=self.now, fee=fee, share=share, unexplained=3
        )
        assert made is not None
        return self.alone(made)

    def reserve(self, cents: int = 100, currency: str = "eur") -> LedgerTransaction:
        reserve_id, amount = an_id("rsv", self.number()), Money(cents, currency)
        return self.alone(posting.reserve(reserve_id, amount, at=self.now))

    def exchange(self) -> LedgerTransaction:
        """A transaction of two currencies: euros in suspense are dollars there."""
        subject = an_id("st", self.number())
        sides = [("eur", 100, Side.DEBIT), ("usd", 110, Side.CREDIT)]
        postings = [
            one
            for currency, cents, side in sides
            for one in (
                Posting(suspense(SANDBOX), side, Money(cents, currency)),
                Posting(ROUNDING_FX, side.other, Money(cents, currency)),
            )
        ]
        return self.alone(
            LedgerTransaction(
                transaction_id_of(subject, "exchange"),
                subject,
                Kind.CORRECTION,
                tuple(postings),
                self.now,
            )
        )

    def with_entry(
        self,
        made: LedgerTransaction,
        tenant: TenantScope,
        *moved: tuple[Operation, int, int],
    ) -> LedgerTransaction:
        """Written with what is to be settled of it."""
        assert made.intent_id is not None
        currency = made.postings[0].amount.currency
        entries = [
            settlement_entry(
                tenant,
                made.intent_id,
                made.subject_id,
                f"ref-{made.subject_id}",
                operation,
                cents,
                currency,
                SANDBOX,
                self.calendar.business_day(self.now),
                self.now,
                fee,
            )
            for operation, cents, fee in moved
        ]
        return self._post(
            made,
            tenant,
            booked(made, tenant),
            *(Put(key, item, NOT_CREATED) for key, item in entries),
        )

    def alone(self, made: LedgerTransaction, tenant: TenantScope = TENANT) -> LedgerTransaction:
        """Written with its place in its day."""
        return self._post(made, tenant, *booked_alone(made, tenant))

    def _post(
        self, made: LedgerTransaction, tenant: TenantScope, *writes: Write
    ) -> LedgerTransaction:
        self.store().write(*writes)
        self.posted.setdefault(tenant, []).append(made)
        return made

    # what is derived

    def projector(self, client: Any = None) -> Projector:
        return Projector(self.store(client), lambda: self.now, self._pause)

    def _pause(self, _: int) -> None:
        self.pauses += 1

    def stream(self) -> list[dict[str, Any]]:
        """The records that the template's filter lets through."""
        return [
            record
            for record in self.tables.stream(PAYMENTS)
            if record["eventName"] == "INSERT"
            and record["dynamodb"]["NewImage"]["entity"] == {"S": "ledger_transaction"}
        ]

    def project(
        self, records: Sequence[Mapping[str, Any]] | None = None, client: Any = None
    ) -> list[str]:
        """Bring records to the projection; which of them are to come again."""
        brought = self.stream() if records is None else records
        answer = project_records(brought, self.projector(client), self.failures.append)
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def head(self, currency: str = "eur", tenant: TenantScope = TENANT) -> Head:
        item = self.store().get(head_key(tenant, currency))
        return Head.of(item) if item else Head(currency)

    def journal(self, currency: str = "eur", tenant: TenantScope = TENANT) -> list[JournalRow]:
        """All rows up to the head, which have no gap."""
        numbers = range(1, self.head(currency, tenant).sequence + 1)
        items = [self.store().get(journal_key(tenant, currency, number)) for number in numbers]
        return [JournalRow.of(item) for item in items if item is not None]

    def rebuilt(self, currency: str = "eur", tenant: TenantScope = TENANT) -> dict[str, int]:
        """Each account's sum by what was posted."""
        sums: dict[str, int] = {}
        for one in self.posted.get(tenant, ()):
            for each in one.postings:
                if each.amount.currency == currency:
                    sums[each.account] = sums.get(each.account, 0) + each.signed_minor
        return sums

    # whose derivation is tried

    def services(self, seconds_left: Callable[[], float] = lambda: 300.0) -> trial.Services:
        return trial.Services(
            tenant=TENANT,
            store=self.store(),
            projector=self.projector(),
            acquirers={SANDBOX: self.calendar, "stripe": UTC_DAYS},
            now=lambda: self.now,
            new_id=lambda prefix: an_id(prefix, self.number()),
            seconds_left=seconds_left,
            tell=lambda run: self.told.append(run),
        )

    told: list[Run] = field(default_factory=list)

    def trial(self, *, full: bool = False) -> Run:
        """A whole run."""
        services = self.services()
        run = trial.begin(FIRST_DAY, services, full=full)
        trial.go_on(run, services)
        assert run.ended_at is not None
        return run

    # what should not happen

    def rows(self, table: str, entity: str) -> Iterator[tuple[tuple[str, str], Item]]:
        for place, wire in self.tables.tables[table].rows.items():
            item = item_from_wire(wire)
            if item.get("entity") == entity:
                yield place, item

    def overwrite(self, table: str, key: Key, **changes: Any) -> None:
        """Change a row behind everybody's back; None takes an attribute away."""
        item = self.store().get(key)
        assert item is not None
        item = {name: value for name, value in (item | changes).items() if value is not None}
        self.tables.put_item(TableName=table, Item=item_to_wire(item))

    def remove(self, table: str, key: Key) -> None:
        """Delete a row behind everybody's back."""
        self.tables.delete_item(TableName=table, Key=item_to_wire(key.attributes()))
