"""Each check of the invariants can fail: it is fed a state that breaks it, and says so.

A state is a real one: the writes of a golden path, up to one that is changed. The unchanged paths
pass.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from farthing.clock import from_text, to_text
from farthing.store.item import to_wire
from tests.simulation.acquirer_faults import Behaviour
from tests.simulation.aws.table import WriteRecord
from tests.simulation.canaries import Canaries
from tests.simulation.faults import Faults
from tests.simulation.functions import tenant_of
from tests.simulation.invariants import Watch, text
from tests.simulation.merchant import Asked, Conversation
from tests.simulation.quiescence import AtRest, violations_at_rest
from tests.simulation.receiver import Manners
from tests.simulation.run import Run, begin
from tests.simulation.scenarios import GOLDEN, INTENTS
from tests.simulation.violation import Violation
from tests.support.lambdas import MERCHANT, OTHER_MERCHANT

Item = dict[str, Any]
History = list[list[WriteRecord]]
PREFIX = f"{MERCHANT}#test#"


# --- real histories ----------------------------------------------------------------------------


@dataclass
class Played:
    """A golden path that was played, and all that was written."""

    run: Run
    history: History


@cache
def played(name: str) -> Played:
    run = begin(0, faults=Faults(), scenario=GOLDEN[name], behaviour=Behaviour(), manners=Manners())
    history: History = []
    run.world.tables.on_write.append(lambda records: history.append(list(records)))
    with run.world:
        run.play()
    return Played(run, history)


def watching(**arguments: Any) -> Watch:
    """A watch that has seen nothing, in the world of the golden paths."""
    run = played("refund").run
    now = run.world.scheduler.now
    return Watch(run.setting.canaries, lambda: now, run.setting.tenants, **arguments)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_golden_paths_break_nothing(name: str) -> None:
    watch = watching()
    for records in played(name).history:
        watch(records)
    assert watch.payments.keys() == played(name).run.watch.payments.keys()
    assert violations_at_rest(played(name).run.at_rest()) == []


# --- one write that is wrong -------------------------------------------------------------------


def fed(name: str, watch: Watch | None = None) -> Watch:
    """A watch that saw the whole path."""
    watch = watch or watching()
    for records in played(name).history:
        watch(records)
    return watch


def current(name: str, entity: str, **where: str) -> tuple[str, Any, Item]:
    """Table, key and item of the last row of an entity that a path left."""
    rows = {}
    for records in played(name).history:
        for table, key, _, new in records:
            if new is not None and text(new, "entity") == entity:
                rows[table, key] = dict(new)
    fitting = [
        (table, key, item)
        for (table, key), item in rows.items()
        if all(text(item, attribute) == value for attribute, value in where.items())
    ]
    return fitting[-1]


GONE = object()


def after(name: str, entity: str, where: Mapping[str, str] | None = None, **changes: Any) -> None:
    """Play the path, then change a row that it left. `GONE` removes an attribute."""
    table, key, old = current(name, entity, **(where or {}))
    fed(name)([WriteRecord(table, key, old, changed_item(old, changes))])


def changed_item(old: Item, changes: Mapping[str, Any]) -> Item:
    new = dict(old)
    for attribute, value in changes.items():
        if value is GONE:
            del new[attribute]
        else:
            new[attribute] = value if isinstance(value, dict) else to_wire(value)
    return new


def deleted(name: str, entity: str, **where: str) -> None:
    table, key, old = current(name, entity, **where)
    fed(name)([WriteRecord(table, key, old, None)])


Fits = Callable[[Sequence[WriteRecord]], bool]
Change = Callable[[list[WriteRecord]], list[WriteRecord]]


def instead(name: str, fits: Fits, change: Change) -> None:
    """Play the path up to the first transaction that fits, and write that one otherwise."""
    watch = watching()
    for records in played(name).history:
        if fits(records):
            watch(change(list(records)))
            raise AssertionError("nothing was found wrong")
        watch(records)
    raise AssertionError("no transaction fits")


def has(entity: str, **where: str) -> Fits:
    """Whether a transaction writes such a row."""
    return lambda records: any(_fits(record, entity, where) for record in records)


def without(entity: str, **where: str) -> Change:
    """The transaction without such rows."""
    return lambda records: [record for record in records if not _fits(record, entity, where)]


def with_(entity: str, where: Mapping[str, str] | None = None, **changes: Any) -> Change:
    """The transaction with other values in such rows."""

    def change(records: list[WriteRecord]) -> list[WriteRecord]:
        return [
            record._replace(new=changed_item(dict(record.new or {}), changes))
            if _fits(record, entity, where or {})
            else record
            for record in records
        ]

    return change


def _fits(record: WriteRecord, entity: str, where: Mapping[str, str]) -> bool:
    item = record.new or {}
    return text(item, "entity") == entity and all(
        text(item, attribute) == value for attribute, value in where.items()
    )


ENDS = has("intent", status="SUCCEEDED")
STARTS = has("operation", state="OPEN")
REFUNDS = has("refund", status="PENDING")
REFUNDED = has("refund", status="SUCCEEDED")
PAID = {"status": "SUCCEEDED"}


def posting(side: str, amount: int) -> dict[str, Any]:
    account = "acquirer_receivable:sandbox" if side == "DEBIT" else "merchant_pending"
    return {"account": account, "side": side, "amount_cents": amount, "currency": "eur"}


def second_operation(_: list[WriteRecord]) -> list[WriteRecord]:
    """Two refunds under one reference."""
    table, key, item = current("refund", "operation", kind="REFUND")
    _, _, charge = current("refund", "operation", kind="AUTHORIZE")
    new = changed_item(item, {"reference": text(charge, "reference")})
    return [WriteRecord(table, key, None, new)]


WRONG_WRITES: dict[str, tuple[str, Callable[[], None]]] = {
    # 1: what is to be undone
    "an adoption after a reversal": (
        "invariant 1, .*is adopted, and a reversal of it was sent",
        lambda: adopted_after_reversal(),
    ),
    # 2: money
    "a negative counter": (
        r"invariant 2, pi_\w+: a counter is negative",
        lambda: instead("refund", REFUNDS, with_("intent", amount_refundable=-400)),
    ),
    "more captured than authorized": (
        "invariant 2, .*more is taken or held than was authorized",
        lambda: instead("manual capture", ENDS, with_("intent", amount_captured=1001)),
    ),
    "captured and still held": (
        "invariant 2, .*more is taken or held than was authorized",
        lambda: instead("manual capture", ENDS, with_("intent", amount_capturable=500)),
    ),
    "more authorized than asked": (
        "invariant 2, .*more is authorized than was asked",
        lambda: instead(
            "charge", ENDS, with_("intent", authorization={"M": {"amount_cents": {"N": "1001"}}})
        ),
    ),
    "a reservation that was not taken": (
        "invariant 2, .*captured is not what is left",
        lambda: instead("refund", REFUNDS, with_("intent", amount_refundable=1000)),
    ),
    "a reservation that was given back too": (
        "invariant 2, .*captured is not what is left",
        lambda: instead("refund", REFUNDED, with_("intent", amount_refundable=1000)),
    ),
    "refunded without a refund": (
        "invariant 2, .*captured is not what is left|refunded is not what its refunds say",
        lambda: instead("refund", REFUNDED, without("refund")),
    ),
    "refunds that are not counted": (
        "invariant 2, .*1 refunds are open",
        lambda: instead("refund", REFUNDS, with_("intent", open_refunds=0)),
    ),
    # 3: what is over stays so
    "a terminal status that is left": (
        "invariant 3, .*SUCCEEDED was left for FAILED",
        lambda: after("refund", "intent", status="FAILED", version=99),
    ),
    "a created payment that is paid": (
        "invariant 3, .*CREATED was left for SUCCEEDED",
        lambda: instead(
            "webhook", has("intent", status="CANCELLED"), with_("intent", status="SUCCEEDED")
        ),
    ),
    "a captured amount that changes afterwards": (
        "invariant 3, .*SUCCEEDED, and then amount_captured: 1000 → 900",
        lambda: after("refund", "intent", amount_captured=900, version=99),
    ),
    "a version that jumps": (
        r"invariant 3, .*version 2 → 9",
        lambda: instead("charge", ENDS, with_("intent", version=9)),
    ),
    "a version that stands still": (
        r"invariant 3, .*version 5 → 5 with a change of \['metadata'\]",
        lambda: after("refund", "intent", metadata={"M": {"a": {"S": "b"}}}),
    ),
    "another amount": (
        "invariant 3, .*what never changes did: amount_cents",
        lambda: after("charge", "intent", amount_cents=999, version=4),
    ),
    "a deleted payment": ("invariant 3, .*was deleted", lambda: deleted("charge", "intent")),
    "an outcome that is overwritten": (
        "invariant 3, .*was APPROVED, and then state: APPROVED → DECLINED",
        lambda: after("charge", "operation", state="DECLINED"),
    ),
    "an answer that is overwritten": (
        "invariant 3, .*was APPROVED, and then answer",
        lambda: after("charge", "operation", answer=None),
    ),
    "a fence that falls": (
        "invariant 3, .*the fence fell",
        lambda: after("charge", "operation", fence=0),
    ),
    "a reversal that is taken back": (
        "invariant 3, .*to be reversed was taken back",
        lambda: reversal_taken_back(),
    ),
    "a refund that ends twice": (
        "invariant 3, .*was SUCCEEDED, and then FAILED",
        lambda: after("refund", "refund", status="FAILED"),
    ),
    "a refund of another amount": (
        "invariant 3, .*changed: amount_cents",
        lambda: after("refund", "refund", amount_cents=1),
    ),
    "a deleted refund": (
        "invariant 3, .*refund re_.* was deleted",
        lambda: deleted("refund", "refund"),
    ),
    "a batch that goes back": (
        "invariant 3, .*(was left for OPEN|it was SETTLED)",
        lambda: after("settlement", "settlement_batch", status="OPEN"),
    ),
    "a settled batch that changes": (
        "invariant 3, .*it was SETTLED: net_cents",
        lambda: after("settlement", "settlement_batch", net_cents=1),
    ),
    "a deleted batch": (
        "invariant 3, .*the batch was deleted",
        lambda: deleted("settlement", "settlement_batch"),
    ),
    "a delivery that is tried after its end": (
        "invariant 3, .*it was SUCCEEDED, and then",
        lambda: after("charge", "delivery", status="FAILED"),
    ),
    "attempts that are forgotten": (
        "invariant 3, .*attempts were forgotten",
        lambda: forgotten_attempts(),
    ),
    "a claim to send that changes": (
        "invariant 3, .*audit never changes",
        lambda: after("charge", "audit", who="somebody"),
    ),
    "a place in the feed that changes": (
        "invariant 3, .*feed_event never changes",
        lambda: after("charge", "feed_event", position=77),
    ),
    # 4: events
    "an end without an event": (
        r"invariant 4, .*(ended as \['SUCCEEDED'\]|events \[1\], and the payment counts 2)",
        lambda: instead("charge", ENDS, without("event")),
    ),
    "an end without an event, uncounted": (
        r"invariant 4, .*ended as \['SUCCEEDED'\], and told at once: {}",
        lambda: instead(
            "charge",
            ENDS,
            lambda records: with_("intent", event_sequence=1)(without("event")(records)),
        ),
    ),
    "a refund's end without an event": (
        r"invariant 4, .*ended as \['refund SUCCEEDED'\], and told at once: {}",
        lambda: instead(
            "refund",
            REFUNDED,
            lambda records: with_("intent", event_sequence=2)(without("event")(records)),
        ),
    ),
    "an event of another end": (
        r"invariant 4, .*told at once: {'payment_intent.failed': 1}",
        lambda: instead("charge", ENDS, with_("event", type="payment_intent.failed")),
    ),
    "an end that is told before it is": (
        "invariant 4, .*ended as .*, and told at once",
        lambda: instead(
            "charge",
            has("event", type="payment_intent.created"),
            with_("event", type="payment_intent.succeeded"),
        ),
    ),
    "an event that shows something else": (
        "invariant 4, .*payment_intent.succeeded shows PROCESSING",
        lambda: instead(
            "charge",
            ENDS,
            with_("event", object={"M": {"status": {"S": "PROCESSING"}, "intent_id": intent_id()}}),
        ),
    ),
    "a gap in the sequence": (
        r"invariant 4, .*events \[1, 3\]",
        lambda: instead("charge", ENDS, with_("event", sequence=3)),
    ),
    "an event that changes": (
        "invariant 4, .*event 2 changed: type",
        lambda: after("charge", "event", type="refund.failed"),
    ),
    "an event that is deleted": (
        "invariant 4, .*event 2 was deleted",
        lambda: deleted("charge", "event"),
    ),
    "two events of one name": (
        "invariant 4, .*two events are named evt_",
        lambda: instead("charge", ENDS, with_("event", event_id=first_event_id())),
    ),
    "a deleted delivery": (
        "invariant 4, .*the delivery was deleted",
        lambda: deleted("charge", "delivery"),
    ),
    "a delivery that nobody looks for": (
        "invariant 4, .*in no due index",
        lambda: instead("charge", has("delivery"), with_("delivery", due_pk=GONE)),
    ),
    # 5: the ledger
    "postings that do not balance": (
        "invariant 5, .*does not sum to zero: {'eur': 1}",
        lambda: instead(
            "charge",
            ENDS,
            with_(
                "ledger_transaction",
                postings=[posting("DEBIT", 1000), posting("CREDIT", 999)],
            ),
        ),
    ),
    "a posting of nothing": (
        "invariant 5, .*a posting of 0",
        lambda: instead(
            "charge", ENDS, with_("ledger_transaction", postings=[posting("DEBIT", 0)])
        ),
    ),
    "a ledger transaction that changes": (
        "invariant 5, .*a ledger transaction was changed",
        lambda: after("charge", "ledger_transaction", kind="REFUND"),
    ),
    "money without postings": (
        "invariant 5, .*the ledger says {}",
        lambda: instead("charge", ENDS, without("ledger_transaction")),
    ),
    "postings of another amount": (
        "invariant 5, .*the ledger says {'CAPTURE': 999}",
        lambda: instead(
            "charge",
            ENDS,
            with_(
                "ledger_transaction",
                postings=[posting("DEBIT", 999), posting("CREDIT", 999)],
            ),
        ),
    ),
    # 6: written before it is sent
    "an operation that is deleted": (
        "invariant 6, .*was deleted",
        lambda: deleted("charge", "operation"),
    ),
    "an operation that becomes another": (
        "invariant 6, .*changed: amount_cents",
        lambda: after("charge", "operation", amount_cents=1),
    ),
    "an operation of no payment": (
        "invariant 6, .*a payment that is not there",
        lambda: instead("charge", STARTS, without("intent")),
    ),
    # 7: one effect
    "one reference for two operations": (
        "invariant 7, .*names two operations",
        lambda: instead("refund", REFUNDS, second_operation),
    ),
    "a key that is forgotten in use": (
        "invariant 7, .*a key was given up while its outcome was not known",
        lambda: open_key(None),
    ),
    "a key that is given to somebody else": (
        "invariant 7, .*a key was given up while its outcome was not known",
        lambda: open_key({"operation_id": "op_other"}),
    ),
    "a key in use that has an end": (
        "invariant 7, .*whose outcome is not known has an end",
        lambda: instead("charge", STARTS, with_("idempotency", ttl=1)),
    ),
    "a stored answer that changes": (
        "invariant 7, .*a stored answer was changed",
        lambda: done_key({"body": to_wire("{}")}),
    ),
    "a stored answer that goes too early": (
        "invariant 7, .*a stored answer was changed",
        lambda: done_key(None),
    ),
    "a token that is claimed twice": (
        "invariant 7, .*the token was claimed by pi_.*, and then pi_other",
        lambda: after("charge", "card_face", claimed_by="pi_other"),
    ),
    "an entry that is claimed twice": (
        "invariant 7, .*was claimed by st_.*, and then st_other",
        lambda: after("settlement", "settlement_entry", settlement_id="st_other"),
    ),
    "an entry that changes": (
        "invariant 7, .*entry .*amount_cents",
        lambda: after("settlement", "settlement_entry", amount_cents=1),
    ),
    "an entry that is deleted": (
        "invariant 7, .*was deleted",
        lambda: deleted("settlement", "settlement_entry"),
    ),
    "a line that changes": (
        "invariant 7, .*the line of .* was changed",
        lambda: after("settlement", "settlement_line", amount_cents=1),
    ),
    "an entry in two batches": (
        "invariant 7, .*is in two batches",
        lambda: second_row("settlement", "settlement_line", settlement_id="st_other"),
    ),
    "an entry that is there twice": (
        "invariant 7, .*is there twice",
        lambda: second_row("settlement", "settlement_entry", settlement_id=GONE),
    ),
    # 9: nothing is forgotten
    "an open operation that nobody looks for": (
        "invariant 9, .*is unresolved and in no due index",
        lambda: instead("charge", STARTS, with_("operation", due_pk=GONE)),
    ),
    "an operation that its payment does not wait for": (
        "invariant 9, .*waits for '', unresolved are",
        lambda: instead("charge", STARTS, with_("intent", open_operation=GONE)),
    ),
    "a payment that waits for what is over": (
        "invariant 9, .*waits for 'op_.*', unresolved are \\[\\]",
        lambda: instead(
            "manual capture",
            has("event", type="payment_intent.authorized"),
            with_("intent", open_operation=charge_id()),
        ),
    ),
    # 10: one merchant
    "a partition of nobody": (
        "invariant 10, .*no known merchant's",
        lambda: watching()([WriteRecord("payments", ("mer_other#test#X", "X"), None, {})]),
    ),
    "somebody else's object": (
        f"invariant 10, .*holds an object of {OTHER_MERCHANT}",
        lambda: instead("charge", STARTS, with_("operation", merchant_id=OTHER_MERCHANT)),
    ),
    "a request that writes somebody else's row": (
        f"invariant 10, .*written by a request of {OTHER_MERCHANT}",
        lambda: (fed("charge", watching(actor=lambda: f"{OTHER_MERCHANT}#test#")), None)[1],
    ),
}


def intent_id() -> dict[str, str]:
    return {"S": text(current("charge", "intent")[2], "intent_id")}


def charge_id() -> str:
    return text(current("manual capture", "operation", kind="AUTHORIZE")[2], "operation_id")


def first_event_id() -> str:
    return text(current("charge", "event", type="payment_intent.created")[2], "event_id")


def reversal_taken_back() -> None:
    table, key, old = current("charge", "operation")
    undone = changed_item(old, {"reversal_at": "2026-05-28T00:00:00.000Z"})
    fed("charge")([WriteRecord(table, key, undone, old)])


def adopted_after_reversal() -> None:
    table, key, new = current("charge", "operation")
    at = {"state": "UNKNOWN", "reversal_at": "2026-05-28T00:00:00.000Z"}
    old, new = changed_item(new, at), changed_item(new, {"reversal_at": at["reversal_at"]})
    fed("charge")([WriteRecord(table, key, old, new)])


def forgotten_attempts() -> None:
    table, key, item = current("charge", "delivery")
    old = changed_item(item, {"status": "FAILED", "claims": 3, "due_pk": "DELIVERY#1"})
    new = changed_item(old, {"claims": 2})
    fed("charge")([WriteRecord(table, key, old, new)])


def open_key(changes: dict[str, Any] | None) -> None:
    """A row of a key in use that is deleted, or changed."""
    watch = watching()
    for records in played("charge").history:
        watch(records)
        for table, key, _, new in records:
            if new is not None and text(new, "entity") == "idempotency":
                after_ = changed_item(dict(new), changes) if changes else None
                watch([WriteRecord(table, key, new, after_)])


def done_key(changes: Item | None) -> None:
    """A stored answer, an hour before its end, that is deleted or changed."""
    table, key, old = current("charge", "idempotency")
    lives = changed_item(old, {"expires_at": "2099-01-01T00:00:00.000Z"})
    new = changed_item(lives, changes) if changes else None
    fed("charge")([WriteRecord(table, key, lives, new)])


def second_row(name: str, entity: str, **changes: Any) -> None:
    """A row like one that is there, under another key."""
    table, key, item = current(name, entity)
    fed(name)([WriteRecord(table, (key[0], "OTHER"), None, changed_item(item, changes))])


@pytest.mark.parametrize("what", WRONG_WRITES)
def test_a_wrong_write_is_found(what: str) -> None:
    message, write = WRONG_WRITES[what]
    with pytest.raises(Violation, match=message):
        write()


def test_what_may_change_may_change() -> None:
    """Due markers, an answer after its time, a key whose try sent nothing."""
    after("charge", "event", due_at="2027", due_pk="EVENT#1")
    after("charge", "intent", due_at="2027", due_pk="EXPIRY#1")
    table, key, old = current("charge", "idempotency")
    over = changed_item(old, {"expires_at": "2026-01-01T00:00:00.000Z"})
    fed("charge")([WriteRecord(table, key, over, None)])
    released = changed_item(old, {"state": "RELEASED"})
    taken = changed_item(
        old, {"state": "OPEN", "operation_id": "op_2", "ttl": GONE, "expires_at": GONE}
    )
    fed("charge")([WriteRecord(table, key, released, taken)])


def test_a_violation_is_kept() -> None:
    watch = fed("charge")
    table, key, old = current("charge", "intent")
    with pytest.raises(Violation):
        watch([WriteRecord(table, key, old, None)])
    assert [(one.invariant, one.subject) for one in watch.violations] == [
        (3, text(old, "intent_id"))
    ]


def test_after_a_restore_the_references_stay_known() -> None:
    watch = fed("refund")
    references = set(watch.references)
    watch.load({})
    assert not watch.payments
    assert set(watch.references) == references
    assert all(watch.operation_of(reference) for reference in references)


# --- 8: card numbers ---------------------------------------------------------------------------

PAN = "4000100070000019"
CANARIES = Canaries([PAN], ["737"])
HIDDEN: dict[str, Any] = {
    "whole": PAN,
    "in a sentence": f"number {PAN} was declined",
    "in a word": f"x{PAN}x",
    "in groups": "4000 1000 7000 0019",
    "with dashes": "4000-1000-7000-0019",
    "another card": "see 5555555555554444.",
    "deep inside": {"a": [{"b": f"card {PAN}"}]},
    "as a number": int(PAN),
    "a code": "737",
    "a code inside": {"cvc": "737"},
    "a code in a body": '{"cvc":"737"}',
    "as bytes": PAN.encode(),
}


@pytest.mark.parametrize("where", HIDDEN)
def test_a_card_number_or_code_is_found_where_it_is_stored(where: str) -> None:
    watch = Watch(CANARIES, lambda: 0.0, [PREFIX])
    item = {"entity": {"S": "note"}, "text": to_wire(HIDDEN[where])}
    with pytest.raises(Violation, match=r"invariant 8, .* is stored in text"):
        watch([WriteRecord("payments", (PREFIX + "X", "X"), None, item)])


@pytest.mark.parametrize(
    "harmless",
    [
        "4242",
        "1780000000000",
        "4000100070000018",
        "994000100070000027999",
        "737 times",
        737,
        {"duration_ms": 737},
        "01ksr49zpabhjeewtx0kxc5555555555554444a",
    ],
)
def test_what_is_no_card_number_is_left_alone(harmless: Any) -> None:
    watch = Watch(CANARIES, lambda: 0.0, [PREFIX])
    item = {"entity": {"S": "note"}, "text": to_wire(harmless)}
    watch([WriteRecord("payments", (PREFIX + "X", "X"), None, item)])


def test_what_did_not_change_is_not_searched_again() -> None:
    watch = Watch(CANARIES, lambda: 0.0, [PREFIX])
    old = {"entity": {"S": "note"}, "text": {"S": PAN}}
    new = {**old, "more": {"S": "more"}}
    watch([WriteRecord("payments", (PREFIX + "X", "X"), old, new)])


@pytest.mark.parametrize("line", [f"card {PAN}", '{"cvc":"737"}'])
def test_a_card_number_in_a_log_is_found(line: str) -> None:
    watch = Watch(CANARIES, lambda: 0.0, [PREFIX])
    with pytest.raises(Violation, match="invariant 8, the log"):
        watch.read_text("the log", line)
    watch.read_text("the log", "737 ms, 1780000000000")


def test_the_cards_of_the_golden_paths_are_what_is_searched_for() -> None:
    canaries = played("charge").run.setting.canaries
    assert len(canaries.numbers) == len(set(canaries.numbers)) > 10
    assert all(canaries.in_text(f"a {number} b") for number in canaries.numbers)


# --- at rest -----------------------------------------------------------------------------------


def rest_of(name: str) -> AtRest:
    """The facts of a path, to be tampered with."""
    facts = played(name).run.at_rest()
    run = played(name).run
    watch = copy.copy(facts.watch)
    for attribute in (
        "payments",
        "keys",
        "ledger",
        "entries",
        "lines",
        "batches",
        "deliveries",
        "due",
    ):
        setattr(watch, attribute, copy.deepcopy(getattr(facts.watch, attribute)))
    acquirer, receiver = copy.copy(facts.acquirer), copy.copy(facts.receiver)
    acquirer.books = copy.deepcopy(run.acquirer.books)
    receiver.told = copy.deepcopy(run.receiver.told)
    conversations = copy.deepcopy(list(facts.conversations))
    return replace(
        facts, watch=watch, acquirer=acquirer, receiver=receiver, conversations=conversations
    )


def change(rows: Any, key: Any, **changes: Any) -> None:
    rows[key] = changed_item(dict(rows[key]), changes)


def of_a_payment(facts: AtRest) -> list[Any]:
    """The deliveries of its events: those of news about endpoints are told beside them."""
    deliveries = facts.watch.deliveries
    return [key for key in deliveries if "payment" in text(deliveries[key], "event_type")]


def copied(facts: AtRest) -> set[tuple[str, str]]:
    """What the queue of exhausted deliveries would hold of them."""
    deliveries = facts.watch.deliveries
    return {
        (text(deliveries[key], "delivery_id"), text(deliveries[key], "created_at"))
        for key in of_a_payment(facts)
    }


def only(rows: Mapping[Any, Any]) -> Any:
    (key,) = rows
    return key


def payment(facts: AtRest) -> Any:
    return facts.watch.payments[only(facts.watch.payments)]


def intent(facts: AtRest, **changes: Any) -> None:
    one = payment(facts)
    one.intent = changed_item(dict(one.intent), changes)


def operation(facts: AtRest, kind: str, **changes: Any) -> None:
    one = payment(facts)
    for key, row in one.operations.items():
        if text(row, "kind") == kind:
            change(one.operations, key, **changes)


def book_again(facts: AtRest, operation_: str) -> None:
    """The acquirer did it twice."""
    rows = facts.acquirer.books.rows
    rows.append(next(copy.deepcopy(row) for row in rows if row.operation == operation_))


def hold_again(facts: AtRest) -> None:
    """Held once more, and never given back."""
    recorded = facts.acquirer.books.recorded
    (first, *_) = [many[0] for many in recorded.values() if many[0].row.operation == "AUTHORIZE"]
    second = copy.deepcopy(first)
    assert second.charge is not None
    second.charge.row.history = [(facts.now, "APPROVED")]
    second.charge.row.created_at = facts.now
    second.charge.left_to_capture = 1000
    recorded["ANOTHER"] = [second]


def answered(facts: AtRest, number: int, **changes: Any) -> Asked:
    """One more answer to a conversation of the path."""
    conversation = facts.conversations[number]
    asked = replace(copy.deepcopy(conversation.calls[-1]))
    asked.body |= changes.pop("body", {})
    for name, value in changes.items():
        setattr(asked, name, value)
    conversation.calls.append(asked)
    return asked


def conflict(facts: AtRest, number: int, retry: str) -> None:
    """Told when all was settled, of which nothing was left open."""
    asked = answered(facts, number, status=409, began=facts.settled_since)
    asked.body = {"retry": retry}


def last_read(facts: AtRest) -> Asked:
    """Of a payment, when all was at rest."""
    return next(
        asked
        for one in facts.conversations
        for asked in one.calls
        if asked.began >= facts.read_since and "intent_id" in asked.body
    )


def shown(facts: AtRest, **changes: Any) -> None:
    """A read by the merchant that shows something."""
    body = facts.conversations[0].calls[-1].body | changes
    conversation = Conversation(MERCHANT, "GET", INTENTS, None, None)
    conversation.calls.append(Asked(0.0, 1.0, 200, body))
    facts.conversations.append(conversation)  # type: ignore[attr-defined]


def stolen(facts: AtRest) -> None:
    shown(facts)
    facts.conversations[-1].merchant_id = OTHER_MERCHANT


def pop_event(facts: AtRest) -> None:
    payment(facts).events.pop(2)


def misdelivered(facts: AtRest) -> None:
    all_of_a, _, all_of_b = facts.endpoints
    facts.receiver.told[all_of_b.url] = list(facts.receiver.told[all_of_a.url])


def forget_told(facts: AtRest) -> None:
    facts.receiver.told[facts.endpoints[0].url] = []


def line(facts: AtRest, **changes: Any) -> None:
    change(facts.watch.lines, next(iter(facts.watch.lines)), **changes)


def entry(facts: AtRest, **changes: Any) -> None:
    change(facts.watch.entries, next(iter(facts.watch.entries)), **changes)


def batch(facts: AtRest, **changes: Any) -> None:
    change(facts.watch.batches, only(facts.watch.batches), **changes)


def unbalance(facts: AtRest) -> None:
    """The payment's transaction; its settlement has one of its own."""
    ledger = facts.watch.ledger
    (charge,) = (key for key, item in ledger.items() if "intent_id" in item)
    postings = [posting("DEBIT", 1000), posting("CREDIT", 999)]
    change(ledger, charge, postings=postings)


def drop(rows: dict[Any, Any]) -> None:
    rows.pop(next(iter(rows)))


Tamper = Callable[[AtRest], object]
ASKS = {"state": "UNKNOWN", "requires_decision": True}

WRONG_AT_REST: dict[str, tuple[str, str, Tamper]] = {
    "a double charge": (
        "charge",
        "invariant 1, pi_.*we say SUCCEEDED, captured 1000, .*the acquirer took 2000",
        lambda facts: book_again(facts, "CAPTURE"),
    ),
    "a double refund": (
        "refund",
        "invariant 1, .*gave back 800",
        lambda facts: book_again(facts, "REFUND"),
    ),
    "a charge that was lost": (
        "charge",
        "invariant 1, .*the acquirer took 0",
        lambda facts: facts.acquirer.books.rows.clear(),
    ),
    "money that is still held": (
        "cancel",
        r"invariant 1, .*CANCELLED, .*the acquirer holds \[1000\]",
        hold_again,
    ),
    "a charge of no payment": (
        "charge",
        "invariant 1, pi_.*the acquirer knows it, and we do not",
        lambda facts: facts.watch.payments.clear(),
    ),
    "a failed payment that was paid": (
        "charge",
        "invariant 1, .*we say FAILED",
        lambda facts: intent(facts, status="FAILED", amount_captured=0),
    ),
    "a refund that is pending there": (
        "refund",
        "invariant 9, .*refunds of 400 are still pending",
        lambda facts: [
            row.history.append((0.0, "PENDING"))
            for row in facts.acquirer.books.rows
            if row.operation == "REFUND"
        ],
    ),
    "a trial balance": ("charge", "invariant 5, eur: the trial balance is 1", unbalance),
    "postings that are missing": (
        "charge",
        "invariant 5, eur: the acquirer owes 0 by the ledger, 1000 by the payments",
        lambda facts: facts.watch.ledger.clear(),
    ),
    "a payment that never ends": (
        "charge",
        "invariant 9, .*PROCESSING OUTCOME_UNKNOWN at rest",
        lambda facts: intent(facts, status="PROCESSING", status_detail="OUTCOME_UNKNOWN"),
    ),
    "an authorization that is never given back": (
        "expiry",
        "invariant 9, .*PROCESSING REQUIRES_CAPTURE at rest",
        lambda facts: intent(facts, status="PROCESSING", status_detail="REQUIRES_CAPTURE"),
    ),
    "a created payment that waits": (
        "webhook",
        "invariant 9, .*CREATED REQUIRES_CONFIRMATION at rest",
        lambda facts: intent(
            facts, status="CREATED", status_detail="REQUIRES_CONFIRMATION", open_operation="op_1"
        ),
    ),
    "a decision that nobody is asked for": (
        "charge",
        "invariant 9, .*PROCESSING REQUIRES_DECISION at rest",
        lambda facts: intent(facts, status="PROCESSING", status_detail="REQUIRES_DECISION"),
    ),
    "an outcome that nobody knows": (
        "charge",
        "invariant 9, .*nobody knows of AUTHORIZE",
        lambda facts: operation(facts, "AUTHORIZE", state="UNKNOWN"),
    ),
    "a person who is asked in vain": (
        "charge",
        "invariant 9, .*a person is asked about AUTHORIZE .*, and the acquirer can tell",
        lambda facts: operation(facts, "AUTHORIZE", **ASKS),
    ),
    "a refund that never ends": (
        "refund",
        "invariant 9, .*refund re_.* is PENDING at rest",
        lambda facts: change(
            payment(facts).refunds, only(payment(facts).refunds), status="PENDING"
        ),
    ),
    "a row that is long due": (
        "charge",
        "invariant 9, webhooks .*is due since 2026-05-28",
        lambda facts: facts.watch.due.update(
            {("webhooks", ("X", "X")): {"due_at": {"S": "2026-05-28T20:00:00.000Z"}}}
        ),
    ),
    "a key that waits for nothing": (
        "charge",
        "invariant 7, .*still waits for op_",
        lambda facts: facts.watch.keys.update(
            {"a key": changed_item(current("charge", "idempotency")[2], {"state": "OPEN"})}
        ),
    ),
    "an end that was not told": (
        "charge",
        "invariant 4, .*told {}, and true is {'payment_intent.succeeded': 1}",
        pop_event,
    ),
    "a refund's end that was told as another": (
        "refund",
        "invariant 4, .*true is .*'refund.failed': 1",
        lambda facts: change(payment(facts).refunds, only(payment(facts).refunds), status="FAILED"),
    ),
    "an event without delivery": (
        "charge",
        "invariant 4, .*for https://a.example/all has no delivery",
        lambda facts: facts.watch.deliveries.clear(),
    ),
    "a delivery that never ends": (
        "charge",
        "invariant 4, .*for https://a.example/all is PENDING at rest",
        lambda facts: change(facts.watch.deliveries, of_a_payment(facts)[0], status="PENDING"),
    ),
    "a delivery that nobody got": (
        "charge",
        "invariant 4, .*is SUCCEEDED, and was never taken",
        forget_told,
    ),
    "somebody else's event": (
        "charge",
        f"invariant 10, evt_.*of {MERCHANT}, was told to https://b.example/all",
        misdelivered,
    ),
    "a dead letter": (
        "charge",
        "invariant 4, OutboxFailures: a dead letter: lost",
        lambda facts: facts.dead_letters.update({"OutboxFailures": ["lost"]}),  # type: ignore[attr-defined]
    ),
    "another answer to the same key": (
        "charge",
        "invariant 7, pi_.*201 .*, and then 201",
        lambda facts: answered(facts, 0, body={"metadata": {"x": "y"}}),
    ),
    "another status to the same key": (
        "charge",
        "invariant 7, pi_.*201 .*, and then 402",
        lambda facts: answered(facts, 0, status=402),
    ),
    "another payment for the same key": (
        "charge",
        "invariant 7, pi_other.*, and then .*pi_other",
        lambda facts: answered(facts, 0, body={"intent_id": "pi_other"}),
    ),
    "a success that is none": (
        "charge",
        "invariant 3, .*told {'status': 'SUCCEEDED'.*and true is {'status': 'FAILED'",
        lambda facts: intent(facts, status="FAILED"),
    ),
    "a refunded amount that is none": (
        "refund",
        "invariant 3, .*told as refunded 900",
        lambda facts: shown(facts, amount_refunded_cents=900),
    ),
    "a payment that is shown and not there": (
        "charge",
        "invariant 3, pi_other.*is not there",
        lambda facts: shown(facts, intent_id="pi_other"),
    ),
    "somebody else's payment": ("charge", "invariant 10, .*is shown to mer_", stolen),
    "a refund's success that is none": (
        "refund",
        "invariant 3, .*told as SUCCEEDED, and is FAILED",
        lambda facts: change(payment(facts).refunds, only(payment(facts).refunds), status="FAILED"),
    ),
    "a refund that is shown and not there": (
        "refund",
        "invariant 3, .*refund re_other is not there",
        lambda facts: answered(facts, 1, body={"refund_id": "re_other"}),
    ),
    "a 201 for what is not done": (
        "charge",
        "invariant 3, .*done, and shows PROCESSING",
        lambda facts: answered(facts, 0, body={"status": "PROCESSING"}),
    ),
    "a 200 for a capture that is not done": (
        "manual capture",
        "invariant 3, .*done, and shows PROCESSING REQUIRES_CAPTURE",
        lambda facts: answered(
            facts, 1, body={"status": "PROCESSING", "status_detail": "REQUIRES_CAPTURE"}
        ),
    ),
    "a 200 for a cancellation that is none": (
        "cancel",
        "invariant 3, .*done, and shows SUCCEEDED",
        lambda facts: answered(facts, 1, body={"status": "SUCCEEDED"}),
    ),
    "a 201 for a refund that is not done": (
        "refund",
        "invariant 3, .*done, PENDING",
        lambda facts: answered(facts, 1, body={"status": "PENDING"}),
    ),
    "a 402 for a refund that was done": (
        "refund",
        "invariant 3, .*402 for SUCCEEDED",
        lambda facts: answered(facts, 1, status=402),
    ),
    "a 500 in a healthy system": (
        "charge",
        "invariant 9, .*in a healthy system",
        lambda facts: answered(facts, 0, status=500, began=facts.calm_since),
    ),
    "a call that never ended": (
        "charge",
        "invariant 9, .*a call without an end",
        lambda facts: answered(facts, 0, ended=0.0),
    ),
    "a key that is still at work": (
        "charge",
        "invariant 9, .*nothing is open, and ",
        lambda facts: answered(facts, 0, status=202, began=facts.settled_since),
    ),
    "a request that is told to wait": (
        "refund",
        "invariant 9, .*nothing is open, and ",
        lambda facts: conflict(facts, 1, "AFTER_RESOLUTION"),
    ),
    "a payment that is not shown": (
        "charge",
        "invariant 9, .*nothing is open, and ",
        lambda facts: setattr(last_read(facts), "status", 404),
    ),
    "a payment that is shown as it was": (
        "refund",
        "invariant 3, .*told as refunded 0, not 400",
        lambda facts: last_read(facts).body.update(amount_refunded_cents=0),
    ),
    "no answer in a healthy system": (
        "charge",
        "invariant 9, .*in a healthy system",
        lambda facts: answered(facts, 0, status=0, began=facts.calm_since),
    ),
    "a line of another amount": (
        "settlement",
        "invariant 7, .*the line of .* is no entry's",
        lambda facts: line(facts, amount_cents=1),
    ),
    "a line of another batch": (
        "settlement",
        "invariant 7, .*the line of .* is no entry's",
        lambda facts: line(facts, settlement_id="st_other"),
    ),
    "a claim without a line": (
        "settlement",
        "invariant 7, .*is claimed without a line",
        lambda facts: drop(facts.watch.lines),
    ),
    "an entry that is never settled": (
        "settlement",
        "invariant 9, .*is in no batch",
        lambda facts: entry(facts, settlement_id=GONE),
    ),
    "money that is not to be settled": (
        "settlement",
        "invariant 5, .*to be settled are",
        lambda facts: drop(facts.watch.entries),
    ),
    "a batch that waits": (
        "settlement",
        "invariant 1, st_.*the batch is SUBMITTED",
        lambda facts: batch(facts, status="SUBMITTED"),
    ),
    "a return that no bank made": (
        "debit",
        "invariant 1, pi_.*returned 1; the bank took back 1000",
        lambda facts: intent(facts, amount_returned=1),
    ),
}


@pytest.mark.parametrize("what", WRONG_AT_REST)
def test_a_wrong_state_at_rest_is_found(what: str) -> None:
    name, message, tamper = WRONG_AT_REST[what]
    facts = rest_of(name)
    assert violations_at_rest(facts) == []
    tamper(facts)
    found = [str(violation) for violation in violations_at_rest(facts)]
    assert any(_matches(message, each) for each in found), found


def _matches(pattern: str, text_: str) -> bool:
    import re

    return re.search(pattern, text_, re.DOTALL) is not None


def asked_about_the_refund(*, booked: bool, **changes: Any) -> list[str]:
    """What is wrong when a person is asked about a refund that the acquirer did, or never saw."""
    facts = rest_of("refund")
    operation(facts, "REFUND", **ASKS, **changes)
    intent(facts, amount_refunded=0)
    change(payment(facts).refunds, only(payment(facts).refunds), status="PENDING")
    facts.acquirer.behaviour = Behaviour(idempotent_by_reference=False)
    books = facts.acquirer.books
    if not booked:
        books.rows = [row for row in books.rows if row.operation != "REFUND"]
    return [str(one) for one in violations_at_rest(facts) if one.invariant in {1, 9}]


def test_a_person_may_be_asked_where_the_acquirer_cannot_tell() -> None:
    assert asked_about_the_refund(booked=False) == []


def test_a_person_is_not_asked_about_what_the_acquirer_has() -> None:
    found = asked_about_the_refund(booked=True)
    assert len(found) == 1
    assert _matches("a person is asked about REFUND .*, and the acquirer can tell", found[0])


def test_what_is_undecided_explains_no_more_than_its_amount() -> None:
    found = asked_about_the_refund(booked=True, amount_cents=399)
    assert _matches(
        "invariant 1, .*undecided {'REFUND': 399}; the acquirer .* gave back 400", found[0]
    )


@pytest.mark.parametrize(("days", "wrong"), [(6.9, True), (7.0, False), (9.0, True)])
def test_a_person_is_asked_after_a_week_of_silence(days: float, wrong: bool) -> None:
    """And not when the acquirer could be asked for the last days of it."""
    facts = rest_of("refund")
    created = from_text(text(current("refund", "operation", kind="REFUND")[2], "created_at"))
    asked_at = to_text(created + timedelta(days=days))
    facts.calm_since = created.timestamp() + 7 * 86_400.0
    operation(facts, "REFUND", **ASKS, asked_at=asked_at)
    found = [str(one) for one in violations_at_rest(facts)]
    assert any("a person is asked" in one for one in found) == wrong


def test_an_error_of_the_product_is_found_whatever_came_of_it() -> None:
    facts = replace(rest_of("charge"), mistakes=[("KeyError", "create.py:17")] * 2)
    found = [str(violation) for violation in violations_at_rest(facts)]
    assert len(found) == 1
    assert _matches("invariant 9, create.py:17: KeyError, 2 times", found[0]), found


def given_up(reason: str, tries: int, off_after: float | None = None, gone: bool = True) -> bool:
    """Whether deliveries may end so. `off_after`: how long after the event the endpoint was off."""
    facts = rest_of("charge")
    for key in of_a_payment(facts):
        changes = {"status": "EXHAUSTED", "end_reason": reason, "claims": tries}
        change(facts.watch.deliveries, key, **changes)
    facts.exhausted = copied(facts)
    forget_told(facts)
    events = list(payment(facts).events.values())
    if off_after is not None:
        first = min(from_text(text(event, "created_at")).timestamp() for event in events)
        facts.watch.turned_off = {facts.endpoints[0].endpoint_id: first + off_after}
    if gone:
        said = {text(event, "event_id") for event in events}
        facts.receiver.gone = {facts.endpoints[0].url: said}
    found = [str(one) for one in violations_at_rest(facts)]
    assert all("was given up after" in one or "never said 410" in one for one in found), found
    return not found


def test_a_delivery_may_be_given_up_when_it_has_no_chance() -> None:
    assert given_up("ATTEMPTS_USED_UP", 10, gone=False)
    assert given_up("ENDPOINT_GONE", 1)
    assert given_up("ENDPOINT_DISABLED", 0, off_after=1.0)
    assert given_up("ENDPOINT_DISABLED", 1, off_after=86_400.0)


def test_a_delivery_may_not_be_given_up_earlier() -> None:
    assert not given_up("ATTEMPTS_USED_UP", 9)
    assert not given_up("ENDPOINT_GONE", 1, gone=False)
    assert not given_up("ENDPOINT_DISABLED", 3)
    assert not given_up("ENDPOINT_DISABLED", 1, off_after=1.0, gone=False)
    assert not given_up("ENDPOINT_DISABLED", 0, off_after=86_400.0)
    assert not given_up("NEVER_STARTED", 10)


def test_what_was_given_up_has_a_copy_of_this_round() -> None:
    assert given_up("ATTEMPTS_USED_UP", 10, gone=False)
    facts = rest_of("charge")
    for key in of_a_payment(facts):
        changes = {"status": "EXHAUSTED", "end_reason": "ATTEMPTS_USED_UP", "claims": 10}
        change(facts.watch.deliveries, key, **changes)
    facts.exhausted = {(delivery_id, "earlier") for delivery_id, _ in copied(facts)}
    found = [str(one) for one in violations_at_rest(facts)]
    assert found
    assert all("nobody can send it again" in one for one in found), found


@pytest.mark.parametrize(("after", "wrong"), [(60.0, False), (86_400.0, True)])
def test_an_endpoint_that_is_off_gets_no_delivery(after: float, wrong: bool) -> None:
    facts = rest_of("charge")
    facts.watch.deliveries.clear()
    event = payment(facts).events[1]
    at = from_text(text(event, "created_at")).timestamp()
    facts.receiver.gone = {facts.endpoints[0].url: {text(event, "event_id")}}
    facts.watch.turned_off = {facts.endpoints[0].endpoint_id: at + after}
    assert bool(violations_at_rest(facts)) == wrong


# --- whole runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_a_run_of_a_seed_breaks_nothing(seed: int) -> None:
    run = begin(seed)
    with run.world:
        run.play()
    assert run.stage.conversations


def test_a_write_is_checked_against_the_merchant_it_is_made_for() -> None:
    run = begin(0, faults=Faults(), scenario=GOLDEN["refund"], manners=Manners())
    real, seen = run.watch.actor, set()

    def actor() -> str | None:
        seen.add(real())
        return real()

    run.watch.actor = actor
    with run.world:
        run.play()
    assert seen == {None, PREFIX}


@pytest.mark.parametrize(
    ("event", "tenant"),
    [
        ({}, None),
        (
            {"requestContext": {"authorizer": {"merchant_id": "mer_a", "mode": "test"}}},
            "mer_a#test#",
        ),
        ({"task": "SEND", "operation": "mer_a/test/pi_1/op_1"}, "mer_a#test#"),
        ({"Records": [{"body": '{"expiry": "mer_a/test/pi_1"}'}]}, "mer_a#test#"),
        ({"Records": [{"body": '{"merchant_id": "mer_a", "mode": "test"}'}]}, "mer_a#test#"),
        (
            {
                "Records": [
                    {"body": '{"operation": "mer_a/test/pi_1/op_1"}'},
                    {"body": '{"operation": "mer_b/test/pi_2/op_2"}'},
                ]
            },
            None,
        ),
        ({"Records": [{"dynamodb": {}}]}, None),
    ],
)
def test_for_whom_a_function_is_invoked(event: Item, tenant: str | None) -> None:
    assert tenant_of(event) == tenant
