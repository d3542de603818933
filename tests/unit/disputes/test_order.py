"""In whatever order things are told, however often, and wherever a process dies: the same books."""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farthing.acquiring.dispute import Case, Stage, Standing, State
from farthing.disputes.states import TRANSITIONS
from farthing.store import StoreBusy
from tests.unit.disputes.books import balances, intent_of, moved, require_sound, rows, told
from tests.unit.disputes.conftest import (
    ARBITRATED,
    DECIDES_SECONDS,
    INQUIRED,
    LOSES,
    OPENS_SECONDS,
    WINS,
    Court,
    Crash,
    Plan,
    bring,
    case,
)

STATES: list[State] = [state for state in TRANSITIONS if state is not None]


@st.composite
def lives(draw: st.DrawFn) -> list[State]:
    """A dispute's life at its acquirer: each state that it was in."""
    path: list[State] = []
    while onward := sorted(TRANSITIONS[path[-1] if path else None]):
        path.append(draw(st.sampled_from(onward)))
    return path


def seen(path: list[State], intent_id: str, reference: str) -> list[Case]:
    """The case as it could be read at each moment of its life."""
    return [
        case(
            intent_id,
            reference=reference,
            stage=stage,
            standing=standing,
            due_by=None if standing is not Standing.NEEDS_RESPONSE else "2030-01-01T00:00:00.000Z",
            fee_cents=0 if stage is Stage.INQUIRY else 1500,
            arbitration_reference="DSP-PA" if stage is Stage.PRE_ARBITRATION else None,
        )
        for stage, standing in path
    ]


_references = itertools.count(1)


@given(path=lives(), seed=st.integers(0, 2**32), repeats=st.integers(1, 3))
@settings(
    max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_any_order_of_reading_leads_to_the_same_books(
    court: Court, path: list[State], seed: int, repeats: int
) -> None:
    # Given two payments, of which the disputes had the same life
    one, other = (court.stack.pay(1000).body["intent_id"] for _ in range(2))
    plain = seen(path, one, f"DSP-{next(_references)}")
    mixed = seen(path, other, f"DSP-{next(_references)}")
    # When one is read at each moment, in order, and the other in any order and several times
    for read in plain:
        bring(read)
    reads = mixed * repeats
    random.Random(seed).shuffle(reads)
    for read in reads:
        bring(read)
    # Then both end where it ended, and the books say the same
    assert bring(mixed[-1]).state == path[-1]
    assert balances(court.stack, one) == balances(court.stack, other)
    first, second = (intent_of(court.stack, it) for it in (one, other))
    counters = ("amount_refundable", "amount_disputed", "amount_overdrawn", "open_disputes")
    assert [getattr(first, it) for it in counters] == [getattr(second, it) for it in counters]
    entries = [[(op, cents) for op, _, cents in moved(court.stack, it)] for it in (one, other)]
    assert entries[0] == entries[1]
    for intent_id in (one, other):
        ledger = rows(court.stack, "ledger_transaction", intent_id)
        assert len({row["transaction_id"] for row in ledger}) == len(ledger)
        ends = [name for name in told(court.stack, intent_id) if name.endswith((".won", ".lost"))]
        assert len(ends) == sum(stand in {Standing.WON, Standing.LOST} for _, stand in path)


SCRIPTS: list[tuple[int, list[Any]]] = [
    (1000, [WINS]),
    (1000, [LOSES]),
    (1000, ["accept"]),
    (INQUIRED, [LOSES, WINS]),
    (ARBITRATED, [WINS, LOSES]),
]


@pytest.mark.parametrize(("amount_cents", "script"), SCRIPTS, ids=lambda it: str(it)[:24])
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_notices_and_calls_is_sound(
    court: Court, amount_cents: int, script: list[Any], seed: int
) -> None:
    # Given a merchant that answers, and notices that are late, repeated, and mixed up
    dice = random.Random(seed)
    intent_id = court.paid(amount_cents)
    court.stack.advance(OPENS_SECONDS)
    court.wake()
    late: list[dict[str, Any]] = []
    for say in [*script, None]:
        late += court.told
        court.told = []
        dice.shuffle(late)
        for notice in [*late, late[0]][: dice.randint(1, len(late))]:
            assert court.hear(notice) == []
        dispute = court.of(intent_id)
        if say is not None:
            sent = (
                court.accept(dispute)
                if say == "accept"
                else court.answer(dispute, {**say, "submit": True})
            )
            assert sent.status in {200, 409}, sent.text
        court.stack.advance(2 * DECIDES_SECONDS)
        court.wake()
    for notice in [*late, *court.told]:
        assert court.hear(notice) == []
    # Then our books are the acquirer's
    require_sound(court.stack, intent_id)
    assert court.of(intent_id)["status"] in {"WON", "LOST"}


@pytest.mark.parametrize("nth", range(1, 9))
def test_a_process_that_dies_at_any_write_is_made_good(
    court: Court, meanwhile: Plan, nth: int
) -> None:
    # Given a dispute that went through every stage at the acquirer, and was heard of by nobody
    intent_id = court.stack.pay(1000).body["intent_id"]
    path = [
        (Stage.INQUIRY, Standing.NEEDS_RESPONSE),
        (Stage.CHARGEBACK, Standing.NEEDS_RESPONSE),
        (Stage.CHARGEBACK, Standing.WON),
        (Stage.PRE_ARBITRATION, Standing.LOST),
    ]
    last = seen(path, intent_id, "DSP-A")[-1]
    last = replace(last, stage=Stage.PRE_ARBITRATION, standing=Standing.LOST, due_by=None)

    def die() -> None:
        raise Crash

    # When whoever looks dies before its n-th write, and another one looks
    meanwhile(nth, die)
    with suppress(Crash):
        bring(last)
    meanwhile(0, die)
    bring(last)
    # Then each step was taken once
    intent = intent_of(court.stack, intent_id)
    assert (intent.amount_disputed, intent.open_disputes, intent.amount_refundable) == (1000, 0, 0)
    assert [op for op, _, _ in moved(court.stack, intent_id)] == [
        "CAPTURE",
        "DISPUTE",
        "DISPUTE",
        "DISPUTE_FEE",
        "DISPUTE_REVERSAL",
    ]
    ledger = [row["kind"] for row in rows(court.stack, "ledger_transaction", intent_id)]
    assert sorted(ledger) == [
        "CAPTURE",
        "DISPUTE_LOST",
        "DISPUTE_OPENED",
        "DISPUTE_OPENED",
        "DISPUTE_WON",
    ]
    assert told(court.stack, intent_id)[2:] == [
        "dispute.opened",
        "dispute.won",
        "dispute.updated",
        "dispute.lost",
    ]


@pytest.mark.parametrize("nth", range(1, 5))
@pytest.mark.parametrize("verb", ["evidence", "accept"])
def test_a_request_that_dies_at_any_write_is_made_good(
    court: Court, meanwhile: Plan, nth: int, verb: str
) -> None:
    dispute = court.opened()

    def die() -> None:
        raise StoreBusy("nobody can write")

    def ask() -> Any:
        if verb == "accept":
            return court.accept(dispute, key="k")
        return court.answer(dispute, {**WINS, "submit": True}, key="k")

    # Given a request that could not write its n-th transaction
    meanwhile(nth, die)
    ask()
    meanwhile(0, die)
    # When its lease is over, and it is asked again
    court.stack.advance(61)
    again = ask()
    # Then it was done once
    assert again.status == 200, again.text
    assert court.answers_sent() == ["evidence" if verb == "evidence" else "acceptance"]
    court.carry()
    require_sound(court.stack, dispute["payment_intent_id"])
    assert court.look(dispute)["answer_pending"] is False


def test_two_who_learn_of_it_at_once_take_each_step_once(court: Court, meanwhile: Plan) -> None:
    for nth in (1, 2):
        intent_id = court.stack.pay(1000).body["intent_id"]
        lost = case(intent_id, reference=f"DSP-{nth}", standing=Standing.LOST, due_by=None)
        meanwhile(nth, lambda lost=lost: bring_quietly(lost))  # type: ignore[misc]
        assert bring(lost).standing is Standing.LOST
        assert [op for op, _, _ in moved(court.stack, intent_id)] == [
            "CAPTURE",
            "DISPUTE",
            "DISPUTE_FEE",
        ]
        assert told(court.stack, intent_id)[2:] == ["dispute.opened", "dispute.lost"]
        assert intent_of(court.stack, intent_id).amount_disputed == 1000


def bring_quietly(read: Case) -> None:
    bring(read)


def test_a_refund_that_comes_between_is_seen(court: Court, meanwhile: Plan) -> None:
    # Given a dispute that opens while a refund is written, of which nobody knows the end yet
    intent_id = court.stack.pay(1000, number="4000009900000087").body["intent_id"]
    meanwhile(1, lambda: require_refunded(court, intent_id))
    # Then it stands on what is left after the refund
    dispute = bring(case(intent_id))
    assert (dispute.amount_refunded, dispute.amount_overdrawn) == (0, 300)
    intent = intent_of(court.stack, intent_id)
    assert (intent.amount_refundable, intent.amount_overdrawn) == (0, 300)


def require_refunded(court: Court, intent_id: str) -> None:
    assert court.stack.refund(intent_id, 300).status == 202
