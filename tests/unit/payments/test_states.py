"""The state machine: every path through the table, and none beside it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farthing.acquiring.answer import NO_END, Answer, Outcome
from farthing.acquiring.port import Kind
from farthing.method_type import MethodType
from farthing.payments import begin, states
from farthing.payments.begin import Asking
from farthing.payments.conclude import conclude
from farthing.payments.conclusion import reviewed
from farthing.payments.intent import CaptureMethod, Instrument, Intent
from farthing.payments.review import ReviewStatus, ReviewStep
from farthing.store import TenantScope

TENANT = TenantScope("mer_a", "test")
CARD = Instrument("tok_1", None, None, "4242", "visa", "424242", "fp")
BANK = Instrument("tok_1", None, None, "0004", None, "", "fp", type=MethodType.BANK, scheme="SEPA")
DECISION = {"score_ppm": 0, "action": "ALLOW", "signals": []}
ALL = list(states.TRANSITIONS)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def fresh(method: CaptureMethod) -> Intent:
    return Intent(TENANT, "pi_1", 100, "eur", method, "2026-11-22T09:00:00.000Z", instrument=CARD)


def asking(number: int, review: ReviewStatus | None = None) -> Asking:
    step = None if review is None else ReviewStep(review, days=5)
    return Asking("row", 200, "req", f"op_{number}", NOW, step)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(ALL, ALL)))
def test_the_table_is_the_whole_truth(before: states.State, after: states.State) -> None:
    if after in states.TRANSITIONS[before]:
        states.check(before, after)
    else:
        with pytest.raises(states.IllegalTransition):
            states.check(before, after)


def test_terminal_states_are_the_three_ends() -> None:
    assert {state[0].value for state in states.TERMINAL} == {"SUCCEEDED", "FAILED", "CANCELLED"}
    assert all(
        after in states.TRANSITIONS for onward in states.TRANSITIONS.values() for after in onward
    )


verbs = st.sampled_from(["authorize", "capture", "void"])
outcomes = st.sampled_from(list(Outcome))
reviews = st.none() | st.sampled_from(list(ReviewStatus))


@example(  # what is held for a review is not authorized once more
    CaptureMethod.AUTOMATIC,
    [
        ("authorize", Outcome.APPROVED, 1, ReviewStatus.OPEN),
        ("authorize", Outcome.APPROVED, 1, None),
    ],
)
@given(
    method=st.sampled_from(list(CaptureMethod)),
    steps=st.lists(st.tuples(verbs, outcomes, st.integers(1, 100), reviews), max_size=8),
)
def test_any_walk_keeps_the_money_right(
    method: CaptureMethod, steps: list[tuple[str, Outcome, int, ReviewStatus | None]]
) -> None:
    # Given any sequence of wishes, reviews and outcomes, of which some are not allowed
    intent = fresh(method)
    for number, (verb, outcome, amount, review) in enumerate(steps):
        pays = BANK if outcome is Outcome.PENDING else CARD
        if verb != "authorize" and review is ReviewStatus.OPEN:
            continue  # only an authorization opens one
        try:
            if verb == "authorize":
                asked = asking(number, review if review is ReviewStatus.OPEN else None)
                begun = begin.authorize(intent, pays, "sandbox", DECISION, asked)
            elif verb == "capture":
                begun = begin.capture(intent, amount, asking(number, review))
            else:
                begun = begin.void(intent, asking(number, review))
        except Exception as refused:  # noqa: BLE001 - any refusal leaves the intent as it was
            assert type(refused).__name__ == "FarthingError"
            continue
        if not begun.operation.is_debit and outcome is Outcome.PENDING:
            continue  # only a debit can be
        concluded = conclude(begun.intent, begun.operation, Answer(outcome))
        before, intent = intent, reviewed(concluded, NOW)
        # Then captured ≤ authorized, versions only grow, and the end is the end
        assert before.state not in states.TERMINAL
        assert intent.version > before.version
        assert 0 <= intent.amount_captured <= intent.amount_cents
        assert intent.amount_refundable <= intent.amount_captured
        assert intent.amount_capturable + intent.amount_captured <= intent.amount_cents
        assert (intent.open_operation is not None) == (outcome in NO_END)
        assert concluded.moved_cents == intent.amount_captured - before.amount_captured
        terminal = intent.state in states.TERMINAL
        told_of_an_end = intent.state not in {states.AUTHORIZED, states.AWAITING}
        assert terminal == (concluded.event_type is not None and told_of_an_end)
        # And a review is open exactly while it is waited for, or its answer is on its way
        assert intent.is_under_review or intent.state != states.HELD
        assert not (intent.is_under_review and terminal)


@pytest.mark.parametrize("kind", [Kind.AUTHORIZE, Kind.CAPTURE, Kind.VOID])
def test_silence_never_ends_a_payment(kind: Kind) -> None:
    intent = fresh(CaptureMethod.MANUAL)
    begun = begin.authorize(intent, CARD, "sandbox", DECISION, asking(1))
    if kind is not Kind.AUTHORIZE:
        held = conclude(begun.intent, begun.operation, Answer(Outcome.APPROVED)).intent
        begun = (
            begin.capture(held, None, asking(2))
            if kind is Kind.CAPTURE
            else begin.void(held, asking(2))
        )
    concluded = conclude(begun.intent, begun.operation, Answer(Outcome.UNKNOWN))
    assert concluded.intent.state == states.UNRESOLVED
    assert concluded.event_type is None and concluded.moved_cents == 0
