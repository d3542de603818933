"""A debit goes back after it had succeeded: once, whatever else became of it, and never lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing import runtime
from farthing.acquiring.answer import Answer, Outcome, Returned
from farthing.acquiring.decline import decline
from farthing.acquiring.port import Kind
from farthing.acquiring.sandbox import NoUsableAnswer
from farthing.ids import is_id
from farthing.method_type import MethodType
from farthing.payments import refund_outcome, returned, returns, states
from farthing.payments.debit import RETURN_LOOKS_DAYS
from farthing.payments.intent import CaptureMethod, Intent
from farthing.payments.operation import Operation, OperationState
from farthing.payments.refund import Refund
from farthing.payments.wiring import services_of
from farthing.store import StoreBusy, TenantScope
from farthing.store.item import item_from_wire
from tests.support import methods
from tests.support.lambdas import MERCHANT
from tests.support.methods import (
    DAY,
    DECIDES_SECONDS,
    RETURNS_SECONDS,
    address_of,
    debit,
    hear,
    look,
    operation_of,
    told,
)
from tests.support.stack import Stack
from tests.unit.payments import test_recovery

TENANT = TenantScope(MERCHANT, "test")


def succeeded(stack: Stack, iban: str = methods.RETURNED, amount_cents: int = 1000) -> str:
    """A debit that the bank has paid."""
    intent_id: str = debit(stack, iban, amount_cents).body["intent_id"]
    stack.advance(DECIDES_SECONDS)
    hear(operation_of(stack, intent_id), "AUTHORIZE")
    assert stack.get(f"payment_intents/{intent_id}").body["status"] == "SUCCEEDED"
    return intent_id


def movements(stack: Stack, entity: str, kind: str) -> list[tuple[str, int]]:
    """What each ledger transaction or settlement entry moved."""
    found = []
    for row in stack.items(entity):
        plain = item_from_wire(row)
        if entity == "ledger_transaction":
            found.append((plain[kind], plain["postings"][0]["amount_cents"]))
        else:
            found.append((plain[kind], plain["amount_cents"]))
    return sorted(found)


def test_it_goes_back_and_everything_says_so(stack: Stack) -> None:
    # Given a debit that succeeded
    intent_id = succeeded(stack)
    before = stack.get(f"payment_intents/{intent_id}").body
    assert (before["amount_returned_cents"], before["returned"]) == (0, None)
    # When its payer claims the money back, and the acquirer says so
    stack.advance(RETURNS_SECONDS)
    hear(operation_of(stack, intent_id), "RETURN")
    # Then the payment stays as it was, and what came later is beside it
    after = stack.get(f"payment_intents/{intent_id}").body
    assert (after["status"], after["amount_captured_cents"]) == ("SUCCEEDED", 1000)
    assert (after["amount_returned_cents"], after["amount_overdrawn_cents"]) == (1000, 0)
    fact = after["returned"]
    assert is_id("rtn", fact["return_id"])
    assert (fact["reason_code"], fact["acquirer_code"]) == ("CLAIMED_BACK", "MD06")
    assert fact["amount_cents"] == 1000
    # and the merchant is told, the ledger and the settlement have it, the acquirer's books agree
    assert told(stack, intent_id)[-1] == "payment_intent.returned"
    assert movements(stack, "ledger_transaction", "kind") == [("CAPTURE", 1000), ("RETURN", 1000)]
    assert movements(stack, "settlement_entry", "operation") == [
        ("CAPTURE", 1000),
        ("RETURN", 1000),
    ]
    ledger = [item_from_wire(row) for row in stack.items("ledger_transaction")]
    assert len({row["transaction_id"] for row in ledger}) == 2
    (back,) = [row for row in ledger if row["kind"] == "RETURN"]
    assert [(p["account"], p["side"]) for p in back["postings"]] == [
        ("merchant_pending", "DEBIT"),
        ("acquirer_receivable:sandbox", "CREDIT"),
    ]
    assert stack.moved(intent_id, "RETURN") == 1000


def test_what_went_back_is_not_refunded(stack: Stack) -> None:
    intent_id = succeeded(stack)
    stack.advance(RETURNS_SECONDS)
    hear(operation_of(stack, intent_id), "RETURN")
    answer = stack.refund(intent_id, 1)
    assert (answer.status, answer.body["code"]) == (409, "amount_too_large")
    assert answer.body["amount_refundable_cents"] == 0
    assert stack.moved(intent_id, "REFUND") == 0


def test_told_twice_it_is_one(stack: Stack) -> None:
    intent_id = succeeded(stack)
    stack.advance(RETURNS_SECONDS)
    row = operation_of(stack, intent_id)
    for _ in range(3):
        hear(row, "RETURN")
        look(address_of(row))
    assert told(stack, intent_id).count("payment_intent.returned") == 1
    assert len(stack.items("return")) == 1
    assert movements(stack, "settlement_entry", "operation")[1:] == [("RETURN", 1000)]


def test_told_before_anybody_saw_that_it_had_succeeded(stack: Stack) -> None:
    # Given a debit that is pending as far as we know, and was paid and taken back meanwhile
    intent_id = debit(stack, methods.RETURNED_AT_ONCE).body["intent_id"]
    stack.advance(DECIDES_SECONDS)
    # When that alone is told
    hear(operation_of(stack, intent_id), "RETURN")
    # Then both are known, in their order
    assert told(stack, intent_id)[-2:] == ["payment_intent.succeeded", "payment_intent.returned"]
    after = stack.get(f"payment_intents/{intent_id}").body
    assert (after["status"], after["amount_returned_cents"]) == ("SUCCEEDED", 1000)


def test_a_message_that_comes_too_early_is_followed_up_soon(stack: Stack) -> None:
    intent_id = succeeded(stack)
    stack.looks.sent.clear()
    hear(operation_of(stack, intent_id), "RETURN")
    ((delay, body),) = stack.looks.sent
    stack.advance(RETURNS_SECONDS + delay)
    look(body["operation"])
    assert told(stack, intent_id)[-1] == "payment_intent.returned"


def test_without_any_message_it_is_found_by_the_tick(stack: Stack) -> None:
    # Given
    intent_id = succeeded(stack)
    stack.advance(RETURNS_SECONDS)
    stack.looks.sent.clear()
    # When a day has passed
    assert methods.tick()["queued"] == 0
    stack.advance(DAY)
    assert methods.tick()["queued"] == 1
    look(stack.looks.sent[-1][1]["operation"])
    # Then, and nobody looks any more
    assert told(stack, intent_id)[-1] == "payment_intent.returned"
    assert "due_pk" not in operation_of(stack, intent_id)


def test_a_debit_that_stays_is_looked_into_ever_more_seldom_and_at_last_not_at_all(
    stack: Stack,
) -> None:
    intent_id = succeeded(stack, methods.PAYS)
    looks = 0
    for _ in range(70):
        stack.advance(DAY)
        stack.looks.sent.clear()
        if methods.tick()["queued"]:
            looks += 1
            look(stack.looks.sent[-1][1]["operation"])
    assert looks == len(RETURN_LOOKS_DAYS) == 10
    assert "due_pk" not in operation_of(stack, intent_id)
    # and a message is still listened to
    before = len(stack.acquirer.requests)
    hear(operation_of(stack, intent_id), "RETURN")
    assert len(stack.acquirer.requests) == before + 1


def test_an_acquirer_that_cannot_be_asked_is_asked_an_hour_later(stack: Stack) -> None:
    intent_id = succeeded(stack)
    stack.advance(DAY)

    def silent(method: str, path: str) -> None:
        raise NoUsableAnswer

    stack.acquirer.before = silent
    for _ in range(2):
        stack.looks.sent.clear()
        assert methods.tick()["queued"] == 1
        look(stack.looks.sent[-1][1]["operation"])
        assert methods.tick()["queued"] == 0
        stack.advance(60 * 60)
    stack.acquirer.before = lambda method, path: None
    methods.tick()
    look(stack.looks.sent[-1][1]["operation"])
    assert told(stack, intent_id)[-1] == "payment_intent.returned"


# --- refunds, before and meanwhile ----------------------------------------------------------------


def test_after_a_refund_the_payer_has_it_twice_and_the_fact_says_so(stack: Stack) -> None:
    # Given a debit of which a part was refunded
    intent_id = succeeded(stack)
    assert stack.refund(intent_id, 300).body["status"] == "SUCCEEDED"
    # When all of it goes back
    stack.advance(RETURNS_SECONDS)
    hear(operation_of(stack, intent_id), "RETURN")
    # Then it is recorded whole, and what the payer has twice is named
    after = stack.get(f"payment_intents/{intent_id}").body
    assert (after["amount_refunded_cents"], after["amount_returned_cents"]) == (300, 1000)
    assert after["amount_overdrawn_cents"] == 300
    (fact,) = stack.items("return")
    assert fact["overdrawn_cents"]["N"] == "300"
    assert movements(stack, "settlement_entry", "operation") == [
        ("CAPTURE", 1000),
        ("REFUND", 300),
        ("RETURN", 1000),
    ]
    assert stack.refund(intent_id, 1).status == 409


def test_a_refund_and_a_return_that_a_restore_lost_are_both_brought_back(stack: Stack) -> None:
    """Given a debit, and a backup; when it is refunded in part, goes back, and the backup is
    restored: the books say of both, whichever of them is read first."""
    intent_id, restores = succeeded(stack), test_recovery.TestRestore()
    restore = restores.backup()
    assert stack.refund(intent_id, 300).body["status"] == "SUCCEEDED"
    stack.advance(RETURNS_SECONDS)
    hear(operation_of(stack, intent_id), "RETURN")
    before = stack.get(f"payment_intents/{intent_id}").body
    restore()

    restores.run(apply=True)

    after = stack.get(f"payment_intents/{intent_id}").body
    money = [name for name in before if name.startswith("amount_")]
    assert {name: after[name] for name in money} == {name: before[name] for name in money}
    assert movements(stack, "settlement_entry", "operation") == [
        ("CAPTURE", 1000),
        ("REFUND", 300),
        ("RETURN", 1000),
    ]
    assert set(restores.run(apply=True)) == {"MATCHED"}


def lost_refund(stack: Stack, intent_id: str, *, arrives: bool) -> str:
    """A refund that is on its way: it will be done, or never came."""

    def fail(method: str, path: str) -> None:
        if path == "/v1/refunds" and not arrives:
            raise NoUsableAnswer

    def lose(method: str, path: str, answer: Any) -> Any:
        if path == "/v1/refunds":
            raise NoUsableAnswer
        return answer

    stack.acquirer.before, stack.acquirer.after = fail, lose
    refund = stack.refund(intent_id, 400).body
    assert refund["status"] == "PENDING"
    stack.acquirer.before = lambda method, path: None
    stack.acquirer.after = lambda method, path, answer: answer
    refund_id: str = refund["refund_id"]
    return refund_id


@pytest.mark.parametrize("arrives", [True, False])
def test_a_refund_in_flight_ends_as_it_will_and_gives_nothing_back_twice(
    stack: Stack, arrives: bool
) -> None:
    # Given a refund of which nobody knows
    intent_id = succeeded(stack)
    refund_id = lost_refund(stack, intent_id, arrives=arrives)
    # When the debit goes back meanwhile
    stack.advance(RETURNS_SECONDS)
    hear(operation_of(stack, intent_id), "RETURN")
    (row,) = [r for r in stack.items("intent") if r["intent_id"]["S"] == intent_id]
    overdrawn, returned_ = row["amount_overdrawn"]["N"], row["amount_returned"]["N"]
    assert (overdrawn, returned_) == ("400", "1000")
    # Then the refund ends as the acquirer says: it was done, or it is refused now
    refund = stack.get(f"refunds/{refund_id}").body
    assert refund["status"] == ("SUCCEEDED" if arrives else "FAILED")
    after = stack.get(f"payment_intents/{intent_id}").body
    assert after["amount_refunded_cents"] == (400 if arrives else 0)
    assert after["amount_overdrawn_cents"] == (400 if arrives else 0)
    # and what the bank took back is not there to be refunded again
    assert stack.refund(intent_id, 1).body["amount_refundable_cents"] == 0


def services() -> Any:
    runtime.begin(None)
    return services_of(TENANT)


def stored_debit(stack: Stack, intent_id: str) -> Operation:
    return Operation.from_item(item_from_wire(operation_of(stack, intent_id)))


BACK = Returned("RTN-1", 1000, decline("CLAIMED_BACK", "MD06"), "2026-11-22T09:00:00.000Z")


def test_a_refund_that_is_faster_is_seen(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """RETURNABLE: without the version, nobody would know that the payer may have it twice."""
    intent_id = succeeded(stack)
    operation, here = stored_debit(stack, intent_id), services()
    real, raced = returns.decide, []

    def decide(*facts: Any) -> Any:
        decided = real(*facts)
        if not raced:
            raced.append(lost_refund(stack, intent_id, arrives=True))
        return decided

    monkeypatch.setattr(returns, "decide", decide)
    returns.record(operation, BACK, here)
    (row,) = stack.items("intent")
    counters = ("amount_returned", "amount_overdrawn", "amount_refundable")
    assert [row[name]["N"] for name in counters] == ["1000", "400", "0"]


def test_two_who_tell_it_at_once_write_it_once(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NOT_CREATED on the return's row: the second finds it there."""
    intent_id = succeeded(stack)
    operation, here = stored_debit(stack, intent_id), services()
    real, raced = returns.decide, []

    def decide(*facts: Any) -> Any:
        decided = real(*facts)
        if not raced:
            raced.append(True)
            returns.record(operation, BACK, here)
        return decided

    monkeypatch.setattr(returns, "decide", decide)
    returns.record(operation, BACK, here)
    assert told(stack, intent_id).count("payment_intent.returned") == 1


def test_a_debit_that_did_not_succeed_has_no_return(stack: Stack) -> None:
    """What is pending as far as we know is resolved first."""
    intent_id = debit(stack).body["intent_id"]
    returns.record(stored_debit(stack, intent_id), BACK, services())
    assert stack.items("return") == []


@pytest.mark.parametrize("left", ["return", "ledger_transaction", "settlement_entry"])
def test_what_is_written_of_a_return_is_not_written_over(stack: Stack, left: str) -> None:
    """NOT_CREATED, of each row by itself."""
    intent_id = succeeded(stack)
    operation, before = stored_debit(stack, intent_id), everything()
    returns.record(operation, BACK, services())
    # Given that all of a return was lost but one row
    client = boto3.client("dynamodb")
    for key, row in everything().items():
        if key not in before and row["entity"]["S"] != left:
            client.delete_item(TableName="PaymentsTable", Key={n: row[n] for n in ("pk", "sk")})
    for row in before.values():
        client.put_item(TableName="PaymentsTable", Item=row)
    kept = everything()
    # When it is told again, in other words, Then nothing is written
    with suppress(StoreBusy):
        returns.record(operation, replace(BACK, reference="RTN-2"), services())
    assert everything() == kept


def everything() -> dict[tuple[str, str], dict[str, Any]]:
    """The payments table."""
    rows = boto3.client("dynamodb").scan(TableName="PaymentsTable")["Items"]
    return {(row["pk"]["S"], row["sk"]["S"]): row for row in rows}


def test_only_what_succeeded_goes_back(stack: Stack) -> None:
    """DEBITED: given a payment whose debit is not as whoever tells of the return believes."""
    intent_id = succeeded(stack)
    believed = stored_debit(stack, intent_id)
    row = operation_of(stack, intent_id) | {"state": {"S": "DECLINED"}}
    boto3.client("dynamodb").put_item(TableName="PaymentsTable", Item=row)
    with pytest.raises(StoreBusy):
        returns.record(believed, BACK, services())
    assert stack.items("return") == []
    assert stack.get(f"payment_intents/{intent_id}").body["amount_returned_cents"] == 0


def test_nobody_watches_again_what_went_back_meanwhile(stack: Stack) -> None:
    """STILL_WATCHED: a look that found nothing comes after one that found the return."""
    intent_id = succeeded(stack)
    operation, here = stored_debit(stack, intent_id), services()
    returns.record(operation, BACK, here)
    stack.advance(3 * DAY)
    returns.watch(operation, services(), asked=True)
    assert "due_pk" not in operation_of(stack, intent_id)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told | {"amount_cents": 999},
        lambda told: told | {"at": "yesterday"},
        lambda told: {**told, "code": None},
        lambda told: [],
    ],
)
def test_a_return_of_something_else_is_none(
    stack: Stack, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    intent_id = succeeded(stack)
    stack.advance(RETURNS_SECONDS)

    def change(method: str, path: str, answer: Any) -> Any:
        document = json.loads(answer[1])
        if document.get("returned"):
            document["returned"] = spoil(document["returned"])
        raw = json.dumps(document).encode()
        return answer[0], raw, hmac.new(b"acquirer-secret", raw, hashlib.sha256).hexdigest()

    stack.acquirer.after = change
    hear(operation_of(stack, intent_id), "RETURN")
    assert stack.items("return") == []


# --- money, as laws ------------------------------------------------------------------------------


def paid(amount: int) -> Intent:
    status, detail = states.PAID
    return Intent(
        TENANT,
        "pi_01jd0000000000000000000aaa",
        amount,
        "eur",
        CaptureMethod.AUTOMATIC,
        "2026-11-22T09:00:00.000Z",
        status=status,
        status_detail=detail,
        amount_captured=amount,
        amount_refundable=amount,
    )


def taken(amount: int) -> Operation:
    return Operation(
        tenant=TENANT,
        intent_id="pi_01jd0000000000000000000aaa",
        operation_id="op_01jd0000000000000000000aaa",
        kind=Kind.AUTHORIZE,
        amount_cents=amount,
        currency="eur",
        created_at="2026-11-22T09:00:00.000Z",
        lease_until="2026-11-22T09:00:00.000Z",
        idempotency_row="",
        success_status=200,
        request_id="r",
        method_type=MethodType.BANK,
        state=OperationState.APPROVED,
    )


@given(
    amount=st.integers(1, 1000),
    refunds=st.lists(st.tuples(st.integers(1, 500), st.sampled_from(list(Outcome))), max_size=6),
    back_after=st.integers(0, 6),
)
def test_whatever_comes_in_whatever_order_the_money_adds_up(
    amount: int, refunds: list[tuple[int, Outcome]], back_after: int
) -> None:
    """captured + overdrawn = refundable + refunded + being refunded + returned, at every step."""
    intent, debit_, now = paid(amount), taken(amount), datetime(2026, 11, 22, tzinfo=UTC)
    back = Returned("R", amount, decline("CLAIMED_BACK", "MD06"), "2026-11-22T09:00:00.000Z")
    reserved: list[tuple[int, Outcome]] = []

    def check() -> None:
        held = sum(each for each, _ in reserved)
        assert min(intent.amount_refundable, intent.amount_overdrawn, intent.amount_refunded) >= 0
        left = intent.amount_refundable + intent.amount_refunded + held + intent.amount_returned
        assert intent.amount_captured + intent.amount_overdrawn == left
        assert not (intent.amount_refundable and intent.amount_overdrawn)

    for number, (size, outcome) in enumerate(refunds):
        if number == back_after:
            intent, _ = returned.decide(intent, debit_, back, now)
            check()
        if size <= intent.amount_refundable:
            intent = replace(
                intent,
                amount_refundable=intent.amount_refundable - size,
                open_refunds=intent.open_refunds + 1,
            )
            reserved.append((size, outcome))
            check()
    if back_after >= len(refunds):
        intent, _ = returned.decide(intent, debit_, back, now)
        check()
    for size, outcome in list(reserved):
        refund = Refund(TENANT, "re_1", intent.intent_id, size, "eur", intent.created_at)
        concluded = refund_outcome.decide(intent, refund, debit_, Answer(outcome))
        intent = concluded.intent
        if outcome not in {Outcome.UNKNOWN, Outcome.PENDING}:
            reserved.remove((size, outcome))
        check()


def test_the_names_of_a_return_are_its_debits_alone() -> None:
    ids = {returned.return_id_of(f"op_01jd0000000000000000000{end}") for end in ("aaa", "aab")}
    assert len(ids) == 2 and all(is_id("rtn", each) for each in ids)
    assert returned.return_id_of("op_01jd0000000000000000000aaa") in ids
