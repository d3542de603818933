"""Falling back from a network token to the card's number: when, what is written, by which rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from farthing import runtime
from farthing.acquiring.answer import NOT_SENT, TOKEN_NOT_SENT, UNKNOWN, Answer, Outcome
from farthing.acquiring.connectors import RESEND_SECONDS
from farthing.acquiring.decline import REASONS, TOKEN_ERRORS, decline
from farthing.acquiring.port import Kind, StoredCredential
from farthing.clock import from_text, to_text
from farthing.ids import is_id
from farthing.payments import fallback, idempotency, states
from farthing.payments.fallback import FallenBack, fall_back, fallback_id, falls_back
from farthing.payments.intent import CaptureMethod, Intent
from farthing.payments.operation import Operation, OperationState, Via
from farthing.store import EXISTS, NOT_CREATED, ConditionFailed, Put, TenantScope, Update
from tests.support.lambdas import MERCHANT

NOW = from_text("2026-11-22T09:00:30Z")
BEGAN = "2026-11-22T09:00:00.000Z"
TENANT = TenantScope(MERCHANT, "test")
FIRST_ID = "op_01kbe8z4qn7m3xw5rt9vkcd2hc"
REFUSED = Answer(Outcome.DECLINED, decline=decline("NETWORK_TOKEN_REFUSED", "T1"))

INTENT = Intent(
    TENANT,
    "pi_01kbe8z4qn7m3xw5rt9vkcd2ha",
    100,
    "eur",
    CaptureMethod.AUTOMATIC,
    BEGAN,
    status=states.IN_FLIGHT[0],
    status_detail=states.IN_FLIGHT[1],
    open_operation=FIRST_ID,
    version=2,
    event_sequence=1,
)
FIRST = Operation(
    tenant=TENANT,
    intent_id=INTENT.intent_id,
    operation_id=FIRST_ID,
    kind=Kind.AUTHORIZE,
    amount_cents=100,
    currency="eur",
    created_at=BEGAN,
    lease_until="2026-11-22T09:01:00.000Z",
    idempotency_row="row",
    success_status=201,
    request_id="req",
    capture=True,
    token="tok_01kbe8z4qn7m3xw5rt9vkcd2hb",
    method_id="pm_01kbe8z4qn7m3xw5rt9vkcd2hd",
    stored_credential=StoredCredential.from_item(
        {"use": "SUBSEQUENT", "initiator": "MERCHANT", "network_reference": "N1"}
    ),
    decision={"score_ppm": 0, "action": "ALLOW", "signals": []},
    via=Via.NETWORK_TOKEN,
)


def fallen(seconds: float = 30, first: Operation = FIRST, answer: Answer = REFUSED) -> FallenBack:
    return fall_back(INTENT, first, answer, from_text(BEGAN) + timedelta(seconds=seconds))


# --- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", sorted(TOKEN_ERRORS))
def test_what_is_wrong_with_the_token_alone_falls_back(reason: str) -> None:
    assert falls_back(FIRST, Answer(Outcome.DECLINED, decline=decline(reason, "x")))


@pytest.mark.parametrize("reason", sorted(set(REASONS) - TOKEN_ERRORS))
def test_a_decline_of_the_card_does_not(reason: str) -> None:
    assert not falls_back(FIRST, Answer(Outcome.DECLINED, decline=decline(reason, "x")))


def test_the_list_of_token_errors_is_closed_and_of_our_reasons() -> None:
    assert set(REASONS) > TOKEN_ERRORS
    assert len(TOKEN_ERRORS) == 3


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.APPROVED, Outcome.ABSENT])
def test_what_is_not_a_definite_no_does_not(outcome: Outcome) -> None:
    assert not falls_back(FIRST, replace(REFUSED, outcome=outcome))


def test_that_nothing_was_sent_counts_of_the_first_sending_and_for_a_token_alone() -> None:
    assert falls_back(FIRST, TOKEN_NOT_SENT)
    assert not falls_back(replace(FIRST, fence=2), TOKEN_NOT_SENT)
    assert not falls_back(FIRST, NOT_SENT)
    assert not falls_back(FIRST, UNKNOWN)


@pytest.mark.parametrize(
    "more",
    [
        {"via": Via.PAN},
        {"kind": Kind.CAPTURE},
        {"reversal_at": BEGAN},
        {"requires_decision": True},
    ],
)
def test_some_operations_never_do(more: dict[str, Any]) -> None:
    assert not falls_back(replace(FIRST, **more), REFUSED)


def test_a_number_that_was_fallen_back_to_does_not_fall_back_again() -> None:
    assert not falls_back(fallen().second, REFUSED)


# --- what ----------------------------------------------------------------------------------------


def test_the_second_asks_the_same_of_the_number_under_a_reference_of_its_own() -> None:
    first, second = fallen().first, fallen().second
    assert (first.state, first.replaced_by) == (OperationState.DECLINED, second.operation_id)
    assert (second.via, second.fallback_of) == (Via.PAN, FIRST_ID)
    assert second.reference != first.reference
    ours, theirs = first.instruction(), second.instruction()
    assert replace(ours, reference="") == replace(theirs, reference="")
    same = ("idempotency_row", "success_status", "request_id", "decision", "token", "connector")
    assert all(getattr(first, name) == getattr(second, name) for name in same)
    assert (second.fence, second.answer, second.state) == (1, None, OperationState.OPEN)


def test_the_second_is_a_function_of_the_first() -> None:
    second = fallback_id(FIRST_ID)
    assert second == fallback_id(FIRST_ID) == fallen().second.operation_id
    assert is_id("op", second)
    assert second[:13] == FIRST_ID[:13] and second != FIRST_ID
    assert fallback_id(FIRST_ID.replace("hc", "hd")) != second


@pytest.mark.parametrize("seconds", [0, RESEND_SECONDS - 1])
def test_in_time_it_is_sent(seconds: int) -> None:
    made = fallen(seconds)
    assert made.is_sent and made.second.may_be_sent(from_text(BEGAN) + timedelta(seconds=seconds))
    assert made.intent.state == states.IN_FLIGHT
    assert made.intent.open_operation == made.second.operation_id
    assert (made.intent.version, made.intent.outcome) == (INTENT.version + 1, None)


def test_too_late_it_is_only_looked_up_in_case_that_it_was_sent() -> None:
    made = fallen(RESEND_SECONDS)
    now = from_text(BEGAN) + timedelta(seconds=RESEND_SECONDS)
    assert not made.is_sent and not made.second.may_be_sent(now)
    assert made.second.may_be_taken_over(now)
    assert (made.intent.state, made.intent.outcome) == (states.UNRESOLVED, "UNKNOWN")


def test_both_have_the_time_of_one() -> None:
    assert fallen(80).second.created_at == BEGAN


def test_what_was_learned_of_the_first_is_not_of_the_second() -> None:
    first = replace(FIRST, fence=3, quiet_since=BEGAN, answer=UNKNOWN, due_at=BEGAN)
    second = fallen(first=first).second
    assert (second.fence, second.quiet_since, second.answer, second.asked_at) == (
        1,
        None,
        None,
        None,
    )


# --- the rules of its transaction, asked of the database ------------------------------------------


@pytest.fixture
def written(aws: None) -> FallenBack:
    """An intent, its operation and its key, as Tx-1 leaves them."""
    key = idempotency.row_key(TENANT, FIRST.idempotency_row)
    row = {"entity": "idempotency", "state": "OPEN", "operation_id": FIRST_ID}
    runtime.store(TENANT).write(
        Put(INTENT.key, INTENT.to_item(), NOT_CREATED),
        Put(FIRST.address.key, FIRST.to_item(), NOT_CREATED),
        Put(key, row, NOT_CREATED),
    )
    return fallen()


def rows(made: FallenBack) -> list[Any]:
    store = runtime.store(TENANT)
    keys = [INTENT.key, FIRST.address.key, made.second.address.key]
    keys.append(idempotency.row_key(TENANT, FIRST.idempotency_row))
    return [store.get(key) for key in keys]


def test_one_transaction_closes_the_first_and_hands_intent_and_key_to_the_second(
    written: FallenBack,
) -> None:
    runtime.store(TENANT).write(*fallback.fallback_writes(written))
    intent, first, second, key = rows(written)
    second_id = written.second.operation_id
    assert Intent.from_item(intent) == written.intent
    assert Operation.from_item(second) == replace(written.second, due_at=second["due_at"])
    assert second["due_at"] == written.second.lease_until
    assert (first["state"], first["replaced_by"]) == ("DECLINED", second_id)
    assert not {"due_pk", "due_at"} & set(first)
    assert (key["operation_id"], key["state"]) == (second_id, "OPEN")


BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "somebody took the first over": ("first", {"fence": 2}),
    "the first was concluded": ("first", {"state": "APPROVED"}),
    "the payment waits for another one": ("intent", {"open_operation": "op_2"}),
    "the key waits for another one": ("key", {"operation_id": "op_2"}),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_if_one_rule_does_not_hold_nothing_is_written(written: FallenBack, broken: str) -> None:
    whose, change = BROKEN[broken]
    key = {
        "first": FIRST.address.key,
        "intent": INTENT.key,
        "key": idempotency.row_key(TENANT, FIRST.idempotency_row),
    }[whose]
    store = runtime.store(TENANT)
    store.write(Update(key, EXISTS, set=change))
    before = rows(written)
    with pytest.raises(ConditionFailed):
        store.write(*fallback.fallback_writes(written))
    assert rows(written) == before


def test_there_is_one_second(written: FallenBack) -> None:
    """Given two who fall back at once, the transaction of the later one changes nothing."""
    store = runtime.store(TENANT)
    store.write(Put(written.second.address.key, written.second.to_item(), NOT_CREATED))
    before = rows(written)
    with pytest.raises(ConditionFailed) as failed:
        store.write(*fallback.fallback_writes(written))
    assert failed.value.condition == "NOT_CREATED"
    assert rows(written) == before


def test_an_operation_that_no_key_waits_for_has_none_to_hand_over() -> None:
    made = fallen(first=replace(FIRST, idempotency_row=""))
    assert len(fallback.fallback_writes(made)) == 3


# --- after a restore ---------------------------------------------------------------------------


def test_a_second_that_is_at_the_acquirer_proves_that_the_first_was_refused() -> None:
    made = fallback.found_after_it(INTENT, FIRST, fallback_id(FIRST_ID), NOW)
    assert made is not None
    assert (made.first.state, made.second.state) == (
        OperationState.NOT_SENT,
        OperationState.UNKNOWN,
    )
    assert not made.is_sent
    assert made.second.created_at <= to_text(NOW - timedelta(seconds=RESEND_SECONDS))


@pytest.mark.parametrize(
    ("waiting", "second_id"),
    [(FIRST, "op_2"), (replace(FIRST, via=Via.PAN), fallback_id(FIRST_ID)), (FIRST, FIRST_ID)],
)
def test_anything_else_there_proves_nothing(waiting: Operation, second_id: str) -> None:
    assert fallback.found_after_it(INTENT, waiting, second_id, NOW) is None
