"""The invariants of section 12 of the design, checked at every write.

`Watch` is called with the records of each transaction. It keeps a model of its own of what is
stored, and asks of each write whether it may follow what was there. It knows the product's rows
and nothing of its code: what a status may follow, and which writes belong together, is said here
once more, so that a mistake there is not believed here.

What must be true only when everything has come to rest is in quiescence.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from farthing.clock import from_text
from farthing.store.item import item_from_wire
from tests.simulation.aws.dynamo import WriteRecord
from tests.simulation.canaries import Canaries
from tests.simulation.counters import Counters
from tests.simulation.reviews import Reviews
from tests.simulation.sessions import Sessions
from tests.simulation.violation import Violation

Item = Mapping[str, Any]

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
MAY_FOLLOW = {
    "CREATED": {"CREATED", "PROCESSING", "FAILED", "CANCELLED"},
    "PROCESSING": {"PROCESSING", "CREATED", "SUCCEEDED", "FAILED", "CANCELLED"},
    "SUCCEEDED": {"SUCCEEDED"},
    "FAILED": {"FAILED"},
    "CANCELLED": {"CANCELLED"},
}
UNRESOLVED = frozenset({"OPEN", "UNKNOWN", "PENDING"})
DUE_MARKERS = frozenset({"due_pk", "due_at"})
TOLD_OF_TERMINAL = {
    "SUCCEEDED": "payment_intent.succeeded",
    "FAILED": "payment_intent.failed",
    "CANCELLED": "payment_intent.cancelled",
    "refund SUCCEEDED": "refund.succeeded",
    "refund FAILED": "refund.failed",
}
TERMINAL_EVENTS = frozenset(TOLD_OF_TERMINAL.values())

INTENT_FIXED = (
    "intent_id",
    "merchant_id",
    "mode",
    "amount_cents",
    "currency",
    "capture_method",
    "created_at",
)
INTENT_FROZEN_AT_END = (
    "status",
    "status_detail",
    "authorization",
    "amount_capturable",
    "amount_captured",
    "decline",
    "outcome",
    "open_operation",
)
OPERATION_FIXED = (
    "intent_id",
    "operation_id",
    "reference",
    "kind",
    "amount_cents",
    "currency",
    "capture",
    "original_reference",
    "token",
    "idempotency_row",
    "created_at",
    "via",
    "fallback_of",
)
RETURNED, SENT_BACK = "payment_intent.returned", "refund.returned"

ONWARD: Mapping[str, frozenset[str]] = {
    "": frozenset({"INQUIRY NEEDS_RESPONSE", "CHARGEBACK NEEDS_RESPONSE"}),
    "INQUIRY NEEDS_RESPONSE": frozenset(
        {"INQUIRY UNDER_REVIEW", "INQUIRY CLOSED", "CHARGEBACK NEEDS_RESPONSE"}
    ),
    "INQUIRY UNDER_REVIEW": frozenset({"INQUIRY CLOSED", "CHARGEBACK NEEDS_RESPONSE"}),
    "INQUIRY CLOSED": frozenset(),
    "CHARGEBACK NEEDS_RESPONSE": frozenset(
        {"CHARGEBACK UNDER_REVIEW", "CHARGEBACK WON", "CHARGEBACK LOST"}
    ),
    "CHARGEBACK UNDER_REVIEW": frozenset({"CHARGEBACK WON", "CHARGEBACK LOST"}),
    "CHARGEBACK WON": frozenset({"PRE_ARBITRATION NEEDS_RESPONSE"}),
    "CHARGEBACK LOST": frozenset(),
    "PRE_ARBITRATION NEEDS_RESPONSE": frozenset(
        {"PRE_ARBITRATION UNDER_REVIEW", "PRE_ARBITRATION WON", "PRE_ARBITRATION LOST"}
    ),
    "PRE_ARBITRATION UNDER_REVIEW": frozenset({"PRE_ARBITRATION WON", "PRE_ARBITRATION LOST"}),
    "PRE_ARBITRATION WON": frozenset(),
    "PRE_ARBITRATION LOST": frozenset(),
}
"""Where a dispute may go from where it is, by the docs."""
MONEY_OUT = frozenset(
    state
    for state in ONWARD
    if not state.startswith("INQUIRY") and state and not state.endswith("WON")
)
REFUND_FIXED = ("refund_id", "intent_id", "amount_cents", "currency", "created_at")

SYSTEM_PARTITIONS = ("KEY#", "CHECKOUT#", "MERCHANT", "VAULT_KEY", "TURN", "CLOCK", "INBOX#")
KEY_SKEW_SECONDS = 600.0
"""A process whose clock is five minutes fast, and one that is five minutes slow."""


def waits_for_a_tick(item: Item) -> bool:
    """Whether it is in the due index to be looked at, and not in a list that is kept there."""
    return "due_pk" in item and "#LIST#" not in text(item, "due_pk")


def text(item: Item, name: str) -> str:
    """A text attribute, empty if it is not there."""
    value = item.get(name)
    return str(value.get("S", "")) if value is not None else ""


def number(item: Item, name: str) -> int:
    """A number attribute, 0 if it is not there."""
    value = item.get(name)
    return int(value.get("N", "0")) if value is not None else 0


def moved_by(transaction: Item) -> int:
    """What a payment's ledger transaction moves at the acquirer, but for a dispute's fee."""
    amounts: Counter[str] = Counter()
    for wire in transaction["postings"]["L"]:
        posting = wire["M"]
        account = text(posting, "account").partition(":")[0]
        amounts[account] += number(posting, "amount_cents")
    return amounts["acquirer_receivable"] - amounts["dispute_fee_expense"]


def dispute_state(item: Item | None) -> str:
    """Stage and status of a dispute's row; empty for none."""
    return f"{text(item, 'stage')} {text(item, 'status')}" if item is not None else ""


def _sent_again(old: Item, new: Item) -> bool:
    """Whether a delivery that was over begins a new round, with nothing of the old one lost."""
    begun = number(new, "round_from") == number(new, "claims") == number(old, "claims")
    return begun and text(new, "status") == "PENDING" and text(new, "round_at") != ""


def changed(old: Item, new: Item) -> set[str]:
    """The names of the attributes that differ."""
    names = {name for name, value in new.items() if old.get(name) != value}
    return names | {name for name in old if name not in new}


@dataclass
class Payment:
    """What is stored of one payment."""

    intent: Item | None = None
    operations: dict[str, Item] = field(default_factory=dict)
    refunds: dict[str, Item] = field(default_factory=dict)
    returns: dict[str, Item] = field(default_factory=dict)
    """Debits that went back."""
    sent_back: dict[str, Item] = field(default_factory=dict)
    """Refunds that the payer's bank sent back."""
    disputes: dict[str, Item] = field(default_factory=dict)
    reminders: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Of each dispute's deadline, by how many days were left."""
    events: dict[int, Item] = field(default_factory=dict)
    posted: Counter[str] = field(default_factory=Counter)
    """Minor units in the ledger, by kind of transaction."""

    @property
    def status(self) -> str:
        return text(self.intent or {}, "status")

    @property
    def detail(self) -> str:
        return text(self.intent or {}, "status_detail")


@dataclass
class Transaction:
    """What one transaction changed of one payment."""

    ended: list[str] = field(default_factory=list)
    """What came to its end: a status of the payment, or `refund` and its status."""
    events: list[Item] = field(default_factory=list)
    went_back: int = 0
    """How many debits of it went back."""
    sent_back: int = 0
    """How many refunds of it came back."""


class Watch:
    """Looks at every write. `now` is the true time, in seconds since 1970.

    `tenants` are the prefixes that a partition key may begin with; `actor` gives the prefix of
    the merchant for whom the code that writes now was called, or None for the system;
    `may_be_uncounted` says whether it may write without a counter (counters.py).
    """

    def __init__(
        self,
        canaries: Canaries,
        now: Callable[[], float],
        tenants: Iterable[str],
        *,
        actor: Callable[[], str | None] = lambda: None,
        may_be_uncounted: Callable[[], bool] = lambda: False,
        search: bool = True,
    ) -> None:
        self.canaries, self.now, self.actor, self.search = canaries, now, actor, search
        self.tenants = tuple(tenants)
        self._partitions = (*self.tenants, *SYSTEM_PARTITIONS)
        self.violations: list[Violation] = []
        self.payments: dict[str, Payment] = defaultdict(Payment)
        self.references: dict[str, tuple[Any, Item]] = {}
        """Every reference ever written: where its operation is, and the operation."""
        self.keys: dict[Any, Item] = {}
        self._believes = False
        """Whether rows are loaded, and not written."""
        self.ledger: dict[Any, Item] = {}
        self.entries: dict[str, Item] = {}
        self.lines: dict[str, Item] = {}
        self.batches: dict[str, Item] = {}
        self.deliveries: dict[str, Item] = {}
        self.turned_off: dict[str, float] = {}
        """Endpoints that get nothing any more, and since when."""
        self.due: dict[Any, Item] = {}
        self.methods: dict[str, Item] = {}
        self.method_events: dict[str, dict[int, Item]] = defaultdict(dict)
        self.sealed_tokens: dict[Any, Item] = {}
        self.answers: dict[str, Item] = {}
        """What merchants said to disputes, by its reference at the acquirer."""
        """Network tokens in the vault."""
        self.sessions = Sessions(self._fail)
        self.reviews = Reviews(self._fail, now, self.keys)
        self.counters = Counters(self._fail, may_be_uncounted)
        self._touched: dict[str, Transaction] = {}
        self._touched_methods: set[str] = set()
        self._of_entity: dict[str, Callable[[Any, Item | None, Item | None], None]] = {
            "intent": self._intent,
            "operation": self._operation,
            "refund": self._refund,
            "return": self._return,
            "event": self._event,
            "ledger_transaction": self._ledger,
            "dispute": self._dispute,
            "dispute_answer": self._answer,
            "settlement_entry": self._entry,
            "settlement_line": self._line,
            "settlement_batch": self._batch,
            "idempotency": self._key,
            "delivery": self._delivery,
            "webhook_endpoint": self._endpoint,
            "card_face": self._face,
            "payment_method": self._method,
            "network_token": self._sealed_token,
            "checkout_session": self.sessions.session,
            "review": self._review,
            "fraud_decision": self._decision,
            "audit": self._immutable,
            "feed_event": self._immutable,
            "event_place": self._immutable,
        }

    # --- what happens ------------------------------------------------------------------------

    def __call__(self, records: Sequence[WriteRecord]) -> None:
        """One transaction. Raises Violation."""
        try:
            self._transaction(records)
        except Violation as violation:
            self.violations.append(violation)
            raise

    def load(self, tables: Mapping[str, Mapping[Any, Item]]) -> None:
        """Believe that these rows, by table and key, are what is stored now.

        For a prepared world, and after a restore from a backup. References stay known: the
        acquirer knows them too.
        """
        for known in (
            self.payments,
            self.keys,
            self.ledger,
            self.entries,
            self.lines,
            self.batches,
            self.deliveries,
            self.turned_off,
            self.due,
            self.methods,
            self.method_events,
            self.sealed_tokens,
            self.answers,
        ):
            known.clear()
        self.sessions.clear()
        self.reviews.clear()
        self.counters.clear()
        self._believes = True
        for table, rows in tables.items():
            for key, item in rows.items():
                handle = self._of_entity.get(text(item, "entity"))
                if handle is not None:
                    handle(key, None, item)
                if waits_for_a_tick(item):
                    self.due[table, key] = item
        self._believes = False
        self.counters.load(tables)
        self.reviews.forget()
        self._touched.clear()
        self._touched_methods.clear()

    def operation_of(self, reference: str) -> dict[str, Any] | None:
        """The operation that was written under a reference, in plain values, as it is now."""
        found = self.references.get(reference)
        return item_from_wire(found[1]) if found is not None else None

    def events(self) -> Iterator[tuple[str, Item]]:
        """Every event, and what it is about."""
        for intent_id, payment in self.payments.items():
            yield from ((intent_id, event) for event in payment.events.values())
        for method_id, events in self.method_events.items():
            yield from ((method_id, event) for event in events.values())
        yield from self.sessions.events()

    def read_text(self, where: str, content: str) -> None:
        """A log line, a queue's body, a metric, an answer. Raises Violation."""
        found = self.canaries.in_text(content)
        if found is not None:
            self._fail(8, where, f"{found!r} in {content[:300]!r}")

    # --- one transaction ---------------------------------------------------------------------

    def _transaction(self, records: Sequence[WriteRecord]) -> None:
        self._touched, self._touched_methods = {}, set()
        actor = self.actor()
        for table, key, old, new in records:
            self._in_its_tenant(table, key, new or old or {}, actor)
            if self.search and new is not None and new is not old:
                self._require_clean(f"{table} {key}", old, new)
            entity = text(new or old or {}, "entity")
            handle = self._of_entity.get(entity)
            if handle is not None:
                handle(key, old, new)
            if new is not None and waits_for_a_tick(new):
                self.due[table, key] = new
            elif old is not None and "due_pk" in old:
                self.due.pop((table, key), None)
        for method_id in self._touched_methods:
            self._method_adds_up(method_id)
        for intent_id, transaction in self._touched.items():
            self._adds_up(intent_id, self.payments[intent_id], transaction)
        self.reviews.add_up(self.payments, self._touched)
        self.sessions.add_up()
        self.counters(records)

    def _require_clean(self, where: str, old: Item | None, new: Item) -> None:
        for name, found in self.canaries.in_change(old, new):
            self._fail(8, where, f"{found!r} is stored in {name}")

    def _in_its_tenant(self, table: str, key: Any, item: Item, actor: str | None) -> None:
        pk = key[0]
        if not pk.startswith(self._partitions):
            self._fail(10, f"{table} {key}", "the partition is no known merchant's")
        owner = item.get("merchant_id")
        mine = pk.startswith("CHECKOUT#") and f"{text(item, 'merchant_id')}#" in str(actor)
        if actor is not None and not pk.startswith(actor) and not mine:
            self._fail(10, f"{table} {key}", f"written by a request of {actor}")
        if owner is not None and pk.startswith("mer_") and not pk.startswith(owner["S"] + "#"):
            self._fail(10, f"{table} {key}", f"holds an object of {owner['S']}")

    def _fail(self, invariant: int, subject: str, facts: str) -> None:
        raise Violation(invariant, subject, facts)

    def _touch(self, intent_id: str) -> Transaction:
        touched = self._touched.get(intent_id)
        if touched is None:
            touched = self._touched[intent_id] = Transaction()
        return touched

    # --- row by row --------------------------------------------------------------------------

    def _intent(self, key: Any, old: Item | None, new: Item | None) -> None:
        intent_id = text(new or old or {}, "intent_id")
        if new is None:
            self._fail(3, intent_id, "the payment was deleted")
            return
        transaction, payment = self._touch(intent_id), self.payments[intent_id]
        payment.intent = new
        self.sessions.attempt(old, new)
        self.reviews.intent(intent_id, old, new)
        after = text(new, "status")
        if old is not None:
            self._intent_follows(intent_id, old, new)
        before = text(old, "status") if old is not None else ""
        if after in TERMINAL and before != after:
            transaction.ended.append(after)

    def _intent_follows(self, intent_id: str, old: Item, new: Item) -> None:
        before, after = text(old, "status"), text(new, "status")
        differing = changed(old, new)
        if after not in MAY_FOLLOW[before]:
            detail = f"{text(old, 'status_detail')} → {text(new, 'status_detail')}"
            self._fail(3, intent_id, f"{before} was left for {after} ({detail})")
        if before in TERMINAL and (frozen := differing.intersection(INTENT_FROZEN_AT_END)):
            self._fail(3, intent_id, f"{before}, and then {_shown(frozen, old, new)}")
        if fixed := differing.intersection(INTENT_FIXED):
            self._fail(3, intent_id, f"what never changes did: {_shown(fixed, old, new)}")
        grown = number(new, "version") - number(old, "version")
        if grown != 1 and not (grown == 0 and differing <= DUE_MARKERS):
            versions = f"{number(old, 'version')} → {number(new, 'version')}"
            self._fail(3, intent_id, f"version {versions} with a change of {sorted(differing)}")

    def _operation(self, key: Any, old: Item | None, new: Item | None) -> None:
        row = new or old or {}
        intent_id, reference = text(row, "intent_id"), text(row, "reference")
        if new is None:
            self._fail(6, intent_id, f"operation {reference} was deleted")
            return
        self._touch(intent_id)
        self.payments[intent_id].operations[text(new, "operation_id")] = new
        self.reviews.operation(intent_id, old, new)
        known = self.references.get(reference)
        if known is not None and known[0] != key:
            self._fail(7, intent_id, f"{reference} names two operations: {known[0]} and {key}")
        self.references[reference] = (key, new)
        if old is not None:
            self._operation_follows(intent_id, old, new)
        waits = text(new, "state") in UNRESOLVED and not _true(new, "requires_decision")
        if waits and "due_pk" not in new:
            self._fail(9, intent_id, f"{reference} is unresolved and in no due index")

    def _operation_follows(self, intent_id: str, old: Item, new: Item) -> None:
        reference, before = text(new, "reference"), text(old, "state")
        differing = changed(old, new)
        if before not in UNRESOLVED and differing & {"state", "answer"}:
            shown = _shown(differing & {"state", "answer"}, old, new)
            self._fail(3, intent_id, f"{reference} was {before}, and then {shown}")
        if fixed := differing.intersection(OPERATION_FIXED):
            self._fail(6, intent_id, f"{reference} changed: {_shown(fixed, old, new)}")
        if number(new, "fence") < number(old, "fence"):
            self._fail(3, intent_id, f"{reference}: the fence fell")
        adopted = text(new, "state") == "APPROVED" and before != "APPROVED"
        if adopted and text(old, "reversal_at") and not _true(old, "requires_decision"):
            self._fail(1, intent_id, f"{reference} is adopted, and a reversal of it was sent")
        if text(old, "reversal_at") and "reversal_at" in differing:
            self._fail(3, intent_id, f"{reference}: that it is to be reversed was taken back")

    def _review(self, key: Any, old: Item | None, new: Item | None) -> None:
        self._touch(text(new or old or {}, "intent_id"))
        self.reviews.review(key, old, new)

    def _decision(self, key: Any, old: Item | None, new: Item | None) -> None:
        self._touch(text(new or old or {}, "intent_id"))
        self.reviews.decision(key, old, new)

    def _refund(self, key: Any, old: Item | None, new: Item | None) -> None:
        row = new or old or {}
        intent_id, refund_id = text(row, "intent_id"), text(row, "refund_id")
        if new is None:
            self._fail(3, intent_id, f"refund {refund_id} was deleted")
            return
        transaction = self._touch(intent_id)
        self.payments[intent_id].refunds[refund_id] = new
        before = text(old, "status") if old is not None else "PENDING"
        after = text(new, "status")
        if old is None and number(self.payments[intent_id].intent or {}, "open_disputes"):
            self._fail(2, intent_id, f"refund {refund_id} of a payment that is disputed")
        if before != after:
            if before != "PENDING":
                self._fail(3, intent_id, f"refund {refund_id} was {before}, and then {after}")
            transaction.ended.append(f"refund {after}")
        if old is not None and (fixed := changed(old, new).intersection(REFUND_FIXED)):
            self._fail(3, intent_id, f"refund {refund_id} changed: {_shown(fixed, old, new)}")

    def _return(self, key: Any, old: Item | None, new: Item | None) -> None:
        """A debit that went back is one that had succeeded, all of it, once and for good."""
        row = new or old or {}
        intent_id, operation_id = text(row, "intent_id"), text(row, "operation_id")
        if old is not None or new is None:
            self._fail(3, intent_id, f"the return of {operation_id} was changed")
            return
        payment = self.payments[intent_id]
        operation = payment.operations.get(operation_id, {})
        if text(operation, "kind") == "REFUND":
            self._sent_back(intent_id, operation, new)
            return
        if text(operation, "state") != "APPROVED" or text(operation, "method_type") != "BANK":
            self._fail(3, intent_id, f"{operation_id} went back, and is {text(operation, 'state')}")
        if number(new, "amount_cents") != number(operation, "amount_cents"):
            self._fail(2, intent_id, f"a part of {operation_id} went back")
        payment.returns[operation_id] = new
        self._touch(intent_id).went_back += 1

    def _sent_back(self, intent_id: str, operation: Item, new: Item) -> None:
        """A refund that came back is one that had succeeded, all of it."""
        operation_id = text(operation, "operation_id")
        if text(operation, "state") != "APPROVED":
            self._fail(3, intent_id, f"{operation_id} came back, and is {text(operation, 'state')}")
        if number(new, "amount_cents") != number(operation, "amount_cents"):
            self._fail(2, intent_id, f"a part of {operation_id} came back")
        self.payments[intent_id].sent_back[operation_id] = new
        self._touch(intent_id).sent_back += 1

    def _dispute(self, key: Any, old: Item | None, new: Item | None) -> None:
        """A dispute goes on as disputes do, and never back."""
        row = new or old or {}
        intent_id, dispute_id = text(row, "intent_id"), text(row, "dispute_id")
        if new is None:
            self._fail(3, intent_id, f"dispute {dispute_id} was deleted")
            return
        before, after = dispute_state(old), dispute_state(new)
        if before != after and after not in ONWARD[before] and not self._believes:
            self._fail(3, intent_id, f"dispute {dispute_id} was {before}, and then {after}")
        moved = old is not None and changed(old, new) - {"due_pk", "due_at"}
        if old is not None and moved and number(new, "version") != number(old, "version") + 1:
            versions = number(old, "version"), number(new, "version")
            self._fail(3, intent_id, f"dispute {dispute_id} went from version {versions}")
        self.payments[intent_id].disputes[dispute_id] = new
        self._touch(intent_id)

    def _answer(self, key: Any, old: Item | None, new: Item | None) -> None:
        """What became of an answer is said once."""
        reference = text(new or old or {}, "reference")
        before, after = text(old or {}, "state"), text(new or {}, "state")
        if new is None or (before not in {"", "OPEN", "UNKNOWN"} and before != after):
            self._fail(3, reference, f"an answer was {before}, and then {after}")
            return
        self.answers[reference] = new

    def _event(self, key: Any, old: Item | None, new: Item | None) -> None:
        row = new or old or {}
        if "session_id" in row:
            self.sessions.event(old, new)
            return
        intent_id, sequence = text(row, "intent_id"), number(row, "sequence")
        subject = intent_id or text(row, "method_id")
        if new is None:
            self._fail(4, subject, f"event {sequence} was deleted")
            return
        if old is not None and (differing := changed(old, new) - DUE_MARKERS):
            self._fail(4, subject, f"event {sequence} changed: {_shown(differing, old, new)}")
        if not intent_id:
            self.method_events[subject][sequence] = new
            self._touched_methods.add(subject)
            return
        payment = self.payments[intent_id]
        if old is None:
            if text(new, "event_id") in {
                text(each, "event_id") for each in payment.events.values()
            }:
                self._fail(4, intent_id, f"two events are named {text(new, 'event_id')}")
            self._touch(intent_id).events.append(new)
            self._reminder(intent_id, new.get("object", {}).get("M", {}))
        payment.events[sequence] = new

    def _reminder(self, intent_id: str, shown: Item) -> None:
        """Nobody is reminded twice of one deadline at one distance."""
        if "reminder" not in shown:
            return
        reminders = self.payments[intent_id].reminders
        days = number(shown["reminder"]["M"], "days_left")
        told = text(shown, "dispute_id"), text(shown, "due_by"), days
        reminders[told] += 1
        if reminders[told] > 1:
            self._fail(4, intent_id, f"reminded {reminders[told]} times of {told}")

    def _ledger(self, key: Any, old: Item | None, new: Item | None) -> None:
        intent_id = text(new or old or {}, "intent_id")
        if old is not None:
            self._fail(5, intent_id, f"a ledger transaction was changed: {key}")
        if new is None:
            return
        sums: Counter[str] = Counter()
        for wire in new["postings"]["L"]:
            posting = wire["M"]
            amount = number(posting, "amount_cents")
            if amount <= 0:
                self._fail(5, intent_id, f"{key}: a posting of {amount}")
            sign = 1 if text(posting, "side") == "DEBIT" else -1
            sums[text(posting, "currency")] += sign * amount
        if any(sums.values()):
            self._fail(5, intent_id, f"{key} does not sum to zero: {dict(sums)}")
        self.ledger[key] = new
        if intent_id:  # a settlement's or a transfer's is about no payment
            self._touch(intent_id)
            self.payments[intent_id].posted[text(new, "kind")] += moved_by(new)

    def _entry(self, key: Any, old: Item | None, new: Item | None) -> None:
        row = new or old or {}
        intent_id, entry_id = text(row, "intent_id"), text(row, "entry_id")
        if new is None:
            self._fail(7, intent_id, f"settlement entry {entry_id} was deleted")
            return
        if old is not None:
            differing = changed(old, new)
            if differing - {"settlement_id"}:
                self._fail(7, intent_id, f"entry {entry_id}: {_shown(differing, old, new)}")
            if "settlement_id" in old and differing:
                claims = f"{text(old, 'settlement_id')}, and then {text(new, 'settlement_id')}"
                self._fail(7, intent_id, f"entry {entry_id} was claimed by {claims}")
        elif entry_id in self.entries:
            self._fail(7, intent_id, f"entry {entry_id} is there twice")
        self.entries[entry_id] = new

    def _line(self, key: Any, old: Item | None, new: Item | None) -> None:
        row = new or old or {}
        entry_id, intent_id = text(row, "entry_id"), text(row, "intent_id")
        if old is not None or new is None:
            self._fail(7, intent_id, f"the line of {entry_id} was changed")
            return
        if entry_id in self.lines:
            batches = text(self.lines[entry_id], "settlement_id"), text(new, "settlement_id")
            self._fail(7, intent_id, f"entry {entry_id} is in two batches: {batches}")
        self.lines[entry_id] = new

    def _batch(self, key: Any, old: Item | None, new: Item | None) -> None:
        settlement_id = text(new or old or {}, "settlement_id")
        if new is None:
            self._fail(3, settlement_id, "the batch was deleted")
            return
        order = ("OPEN", "CLOSING", "SUBMITTED", "SETTLED", "EXCEPTION")
        before = text(old, "status") if old is not None else "OPEN"
        if before in order[3:] and old is not None and changed(old, new):
            self._fail(3, settlement_id, f"it was {before}: {_shown(changed(old, new), old, new)}")
        if order.index(text(new, "status")) < order.index(before):
            self._fail(3, settlement_id, f"{before} was left for {text(new, 'status')}")
        self.batches[settlement_id] = new

    def _key(self, key: Any, old: Item | None, new: Item | None) -> None:
        """A key in use is given to nobody else, and is not forgotten before its time."""
        if new is None:
            self.keys.pop(key, None)
        else:
            self.keys[key] = new
        self.reviews.key(key, old, new)
        if new is not None and text(new, "state") == "OPEN" and ({"ttl", "expires_at"} & set(new)):
            self._fail(7, str(key), "a key whose outcome is not known has an end")
        if old is None or text(old, "state") in {"RELEASED", "HELD"}:
            return
        subject = text(old, "intent_id") or str(key)
        if text(old, "state") == "OPEN":
            taken = new is None or text(new, "operation_id") != text(old, "operation_id")
            if taken and not self._handed_over(subject, text(old, "operation_id"), new):
                self._fail(7, subject, "a key was given up while its outcome was not known")
        elif (new is None or changed(old, new)) and not self._over(old):
            self._fail(7, subject, f"a stored answer was changed before {text(old, 'expires_at')}")

    def _handed_over(self, intent_id: str, first: str, new: Item | None) -> bool:
        """Whether a key went over to the operation that asks the card's number instead."""
        operations = self.payments[intent_id].operations
        second = operations.get(text(new or {}, "operation_id"), {})
        return new is not None and text(second, "fallback_of") == first

    def _over(self, old: Item) -> bool:
        expires_at = text(old, "expires_at")
        return self.now() > from_text(expires_at).timestamp() - KEY_SKEW_SECONDS

    def _delivery(self, key: Any, old: Item | None, new: Item | None) -> None:
        delivery_id = text(new or old or {}, "delivery_id")
        if new is None:
            self._fail(4, delivery_id, "the delivery was deleted")
            return
        if old is not None:
            before, differing = text(old, "status"), changed(old, new)
            if before in {"SUCCEEDED", "EXHAUSTED"} and differing and not _sent_again(old, new):
                shown = _shown(differing, old, new)
                self._fail(3, delivery_id, f"it was {before}, and then {shown}")
            if number(new, "claims") < number(old, "claims"):
                self._fail(3, delivery_id, "attempts were forgotten")
        waits = text(new, "status") in {"PENDING", "FAILED"}
        if waits and "due_pk" not in new:
            self._fail(4, delivery_id, "it is not over and in no due index")
        self.deliveries[delivery_id] = new

    def _endpoint(self, key: Any, old: Item | None, new: Item | None) -> None:
        endpoint_id = text(new or old or {}, "endpoint_id")
        if new is None or _true(new, "enabled"):
            self.turned_off.pop(endpoint_id, None)
        else:
            self.turned_off.setdefault(endpoint_id, self.now())

    def _face(self, key: Any, old: Item | None, new: Item | None) -> None:
        if old is None or new is None or "claimed_by" not in old:
            return  # whether a face may go is asked with its card: vault_watch.py
        before, after = text(old, "claimed_by"), text(new, "claimed_by")
        kept = before.startswith("pi_") and after == f"pm_{text(old, 'token').partition('_')[2]}"
        if kept and self.sessions.keeps_card_of(before):
            return  # the card that paid a session is its customer's method from now on
        if before != after:
            claims = f"{text(old, 'claimed_by')}, and then {text(new or {}, 'claimed_by')}"
            self._fail(7, text(old, "token"), f"the token was claimed by {claims}")

    def _method(self, key: Any, old: Item | None, new: Item | None) -> None:
        method_id = text(new or old or {}, "method_id")
        if new is None:
            self._fail(3, method_id, "the payment method was deleted, and not only marked so")
            return
        self.methods[method_id] = new
        self._touched_methods.add(method_id)
        status, deleted = text(new, "network_token"), "deleted_at" in new
        unfinished = status == "PENDING" or (deleted and status in {"ACTIVE", "SUSPENDED"})
        if unfinished and "due_pk" not in new:
            self._fail(9, method_id, f"its network token is {status}, and in no due index")
        if old is not None:
            turns = number(old, "network_token_turn"), number(new, "network_token_turn")
            if turns[1] < turns[0]:
                self._fail(3, method_id, f"turns were forgotten: {turns}")

    def _sealed_token(self, key: Any, old: Item | None, new: Item | None) -> None:
        if new is None:
            self.sealed_tokens.pop(key, None)
        else:
            self.sealed_tokens[key] = new

    def _immutable(self, key: Any, old: Item | None, new: Item | None) -> None:
        if old is None:
            return
        if new is None or changed(old, new):
            entity = text(old, "entity")
            self._fail(3, str(key), f"{entity} never changes, and did")

    # --- what belongs together ---------------------------------------------------------------

    def _adds_up(self, intent_id: str, payment: Payment, transaction: Transaction) -> None:
        """What must be true of a payment after each transaction that touched it."""
        intent = payment.intent
        if intent is None:
            self._fail(6, intent_id, "something was written for a payment that is not there")
            return
        self._money_adds_up(intent_id, intent, payment)
        self._events_add_up(intent_id, intent, payment, transaction)
        self._operations_add_up(intent_id, intent, payment)

    def _money_adds_up(self, intent_id: str, intent: Item, payment: Payment) -> None:
        capturable, captured = (
            number(intent, "amount_capturable"),
            number(intent, "amount_captured"),
        )
        refundable, refunded = (
            number(intent, "amount_refundable"),
            number(intent, "amount_refunded"),
        )
        authorization = intent.get("authorization")
        authorized = number(authorization["M"], "amount_cents") if authorization else 0
        counters = {
            "authorized": authorized,
            "capturable": capturable,
            "captured": captured,
            "refundable": refundable,
            "refunded": refunded,
            "returned": number(intent, "amount_returned"),
            "overdrawn": number(intent, "amount_overdrawn"),
            "open refunds": number(intent, "open_refunds"),
            "disputed": number(intent, "amount_disputed"),
            "open disputes": number(intent, "open_disputes"),
        }
        if min(counters.values()) < 0:
            self._fail(2, intent_id, f"a counter is negative: {counters}")
        if captured > authorized or capturable > authorized or captured + capturable > authorized:
            self._fail(2, intent_id, f"more is taken or held than was authorized: {counters}")
        if authorized > number(intent, "amount_cents"):
            self._fail(2, intent_id, f"more is authorized than was asked: {counters}")
        self._refunds_add_up(intent_id, payment, counters)

    def _refunds_add_up(
        self, intent_id: str, payment: Payment, counters: Mapping[str, int]
    ) -> None:
        """What is left, given back, on its way back, taken back and disputed is what was
        captured."""
        captured, refundable, refunded = (
            counters[name] for name in ("captured", "refundable", "refunded")
        )
        pending = [r for r in payment.refunds.values() if text(r, "status") == "PENDING"]
        done = [
            r
            for r in payment.refunds.values()
            if text(r, "status") == "SUCCEEDED" and "M" not in r.get("returned", {})
        ]
        reserved = sum(number(refund, "amount_cents") for refund in pending)
        back, overdrawn = counters["returned"], counters["overdrawn"]
        out = counters["disputed"]
        if refundable + refunded + reserved + back + out != captured + overdrawn:
            self._fail(2, intent_id, f"captured is not what is left: {counters}, {reserved=}")
        if refundable and overdrawn:
            self._fail(2, intent_id, f"what the payer has twice can be refunded: {counters}")
        if back != sum(number(each, "amount_cents") for each in payment.returns.values()):
            self._fail(2, intent_id, f"returned is not what its returns say: {counters}")
        if refunded != sum(number(refund, "amount_cents") for refund in done):
            self._fail(2, intent_id, f"refunded is not what its refunds say: {counters}")
        if len(pending) != counters["open refunds"]:
            self._fail(2, intent_id, f"{len(pending)} refunds are open: {counters}")
        self._ledger_agrees(intent_id, payment, (captured, refunded, back, out), counters)
        self._disputes_add_up(intent_id, payment, counters)

    def _ledger_agrees(
        self,
        intent_id: str,
        payment: Payment,
        wanted: tuple[int, int, int, int],
        counters: Mapping[str, int],
    ) -> None:
        """What was captured, refunded, taken back and disputed is what was posted."""
        posted = Counter(payment.posted)
        moved = (
            posted["CAPTURE"],
            posted["REFUND"] - posted["REFUND_RETURN"],
            posted["RETURN"],
            posted["DISPUTE_OPENED"] - posted["DISPUTE_WON"],
        )
        if moved != wanted:
            told = dict(payment.posted)
            self._fail(5, intent_id, f"the ledger says {told}, the payment {counters}")

    def _disputes_add_up(
        self, intent_id: str, payment: Payment, counters: Mapping[str, int]
    ) -> None:
        """What is out for disputes is what they say."""
        rows = payment.disputes.values()
        out = [row for row in rows if dispute_state(row) in MONEY_OUT]
        open_ = [row for row in out if text(row, "status") != "LOST"]
        if counters["disputed"] != sum(number(row, "amount_cents") for row in out):
            self._fail(2, intent_id, f"disputed is not what its disputes say: {counters}")
        if counters["open disputes"] != len(open_):
            self._fail(2, intent_id, f"{len(open_)} disputes are open: {counters}")

    def _events_add_up(
        self, intent_id: str, intent: Item, payment: Payment, transaction: Transaction
    ) -> None:
        count, last = len(payment.events), number(intent, "event_sequence")
        if count != last or (count and max(payment.events) != count):
            numbers = sorted(payment.events)
            self._fail(4, intent_id, f"events {numbers}, and the payment counts {last}")
        wanted = Counter(TOLD_OF_TERMINAL[end] for end in transaction.ended)
        told = Counter(text(event, "type") for event in transaction.events)
        if told[RETURNED] != transaction.went_back:
            self._fail(4, intent_id, f"{transaction.went_back} went back, and told: {dict(told)}")
        if told[SENT_BACK] != transaction.sent_back:
            self._fail(4, intent_id, f"{transaction.sent_back} came back, and told: {dict(told)}")
        told = Counter({type_: n for type_, n in told.items() if type_ in TERMINAL_EVENTS})
        if told != wanted:
            self._fail(
                4, intent_id, f"ended as {transaction.ended}, and told at once: {dict(told)}"
            )
        for event in transaction.events:
            type_, shown = text(event, "type"), event["object"]["M"]
            if not type_.startswith("payment_intent."):
                continue
            ends_otherwise = text(shown, "status") != text(intent, "status")
            if text(shown, "intent_id") != intent_id or (
                type_ in TERMINAL_EVENTS and ends_otherwise
            ):
                self._fail(4, intent_id, f"{type_} shows {text(shown, 'status')}")

    def _method_adds_up(self, method_id: str) -> None:
        """Its events are numbered without a gap, and the row counts them."""
        events = self.method_events.get(method_id, {})
        count = number(self.methods.get(method_id, {}), "event_sequence")
        if sorted(events) != list(range(1, count + 1)):
            self._fail(4, method_id, f"events {sorted(events)}, and the method counts {count}")

    def _operations_add_up(self, intent_id: str, intent: Item, payment: Payment) -> None:
        waits_for = text(intent, "open_operation")
        self._fallbacks_add_up(intent_id, payment)
        open_ = [
            text(operation, "operation_id")
            for operation in payment.operations.values()
            if text(operation, "state") in UNRESOLVED and text(operation, "kind") != "REFUND"
        ]
        if open_ != ([waits_for] if waits_for else []):
            self._fail(9, intent_id, f"waits for {waits_for!r}, unresolved are {open_}")
        if waits_for and text(intent, "status") in TERMINAL:
            self._fail(9, intent_id, f"{text(intent, 'status')}, and still waits for {waits_for}")

    def _fallbacks_add_up(self, intent_id: str, payment: Payment) -> None:
        """A network token that was refused is closed when its card's number is asked, and of all
        authorizations one was granted."""
        authorizations = [o for o in payment.operations.values() if text(o, "kind") == "AUTHORIZE"]
        approved = [text(o, "reference") for o in authorizations if text(o, "state") == "APPROVED"]
        if len(approved) > 1:
            self._fail(1, intent_id, f"authorized by {approved}")
        for second in authorizations:
            if not (first_id := text(second, "fallback_of")):
                continue
            first, second_id = payment.operations.get(first_id, {}), text(second, "operation_id")
            closed = text(first, "state") in {"DECLINED", "NOT_SENT"}
            vias = text(first, "via"), text(second, "via")
            if not closed or text(first, "replaced_by") != second_id:
                self._fail(1, intent_id, f"{second_id} is begun, and {first_id} is not closed")
            if vias != ("NETWORK_TOKEN", "PAN"):
                self._fail(6, intent_id, f"{second_id} asks {vias[1]} after {vias[0]}")


def _true(item: Item, name: str) -> bool:
    return bool(item.get(name, {}).get("BOOL", False))


def _shown(names: Iterable[str], old: Item, new: Item) -> str:
    """`status: SUCCEEDED → FAILED`, for people."""
    return ", ".join(
        f"{name}: {_plain(old.get(name))} → {_plain(new.get(name))}" for name in sorted(names)
    )


def _plain(value: Mapping[str, Any] | None) -> Any:
    if value is None:
        return "nothing"
    return next(iter(value.values()))
