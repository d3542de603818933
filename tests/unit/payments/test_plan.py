"""What is done about an operation of unknown outcome: the pure decisions, as tables and as laws."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farthing.acquiring.answer import ABSENT, Answer, Outcome
from farthing.acquiring.connectors import (
    CLOCK_SKEW_SECONDS,
    RESEND_SECONDS,
    quiet_seconds,
    require_safe,
)
from farthing.acquiring.port import Capabilities, Found, Kind, LookUp, Reversal, Undone
from farthing.acquiring.sandbox import CAPABILITIES
from farthing.clock import from_text, later, to_text
from farthing.method_type import MethodType
from farthing.payments import recovery
from farthing.payments.debit import PENDING_GIVEN_UP_SECONDS, RETURN_LOOKS_DAYS, next_return_look
from farthing.payments.operation import Operation, OperationState
from farthing.payments.recovery import GIVEN_UP_SECONDS, Plan, Step, after_reversal, plan
from farthing.store import TenantScope

BEGAN = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
APPROVED, DECLINED = Answer(Outcome.APPROVED), Answer(Outcome.DECLINED)
TEXT = to_text(BEGAN)

ONCE = CAPABILITIES
TWICE = replace(ONCE, idempotent_by_reference=False, key_retention_seconds=0)
BLIND = replace(ONCE, lookup_by_reference=False)
NO_WAY_BACK = replace(ONCE, reversal_by_reference=False)
KNOWN_SECONDS = ONCE.key_retention_seconds - CLOCK_SKEW_SECONDS - ONCE.max_flight_seconds
QUIET = quiet_seconds(ONCE)

AUTHORIZE, CAPTURE, VOID, REFUND = Kind.AUTHORIZE, Kind.CAPTURE, Kind.VOID, Kind.REFUND
ADOPT, WAIT, RESEND, REVERSE, ASK = Step.ADOPT, Step.WAIT, Step.RESEND, Step.REVERSE, Step.ASK


def operation(kind: Kind = AUTHORIZE, **more: Any) -> Operation:
    """One that was taken over."""
    values: dict[str, Any] = {
        "tenant": TenantScope("mer_a", "test"),
        "intent_id": "pi_1",
        "operation_id": "op_1",
        "kind": kind,
        "amount_cents": 100,
        "currency": "eur",
        "created_at": TEXT,
        "lease_until": TEXT,
        "idempotency_row": "",
        "success_status": 200,
        "request_id": "req",
        "state": OperationState.UNKNOWN,
        "fence": 2,
    }
    return Operation(**(values | more))


def debit(**more: Any) -> Operation:
    """A debit of a bank account that was taken over."""
    return operation(**({"method_type": MethodType.BANK, "capture": True} | more))


def at(seconds: float) -> datetime:
    """So long after it began."""
    return BEGAN + timedelta(seconds=seconds)


def nothing(seconds: float = 0) -> LookUp:
    """A look-up that found nothing, at a time of the acquirer's."""
    return LookUp(Found.NOT_FOUND, to_text(at(seconds)))


def something(answer: Answer) -> LookUp:
    return LookUp(Found.FOUND, TEXT, answer)


PENDING = LookUp(Found.PENDING, TEXT)

TABLE: list[tuple[str, Operation, LookUp | None, Capabilities, float, Step]] = [
    # found
    ("approved", operation(), something(APPROVED), ONCE, 20, ADOPT),
    ("declined", operation(), something(DECLINED), ONCE, 20, ADOPT),
    ("undone", operation(), something(ABSENT), ONCE, 20, ADOPT),
    ("capture found", operation(CAPTURE), something(APPROVED), ONCE, 20, ADOPT),
    ("capture declined", operation(CAPTURE), something(DECLINED), ONCE, 20, ADOPT),
    ("refund found", operation(REFUND), something(APPROVED), TWICE, 20, ADOPT),
    ("found very late", operation(), something(APPROVED), ONCE, 30 * DAY, ADOPT),
    ("found after all", operation(requires_decision=True), something(APPROVED), ONCE, 20, ADOPT),
    ("to be undone", operation(reversal_at=TEXT), something(APPROVED), ONCE, 99, REVERSE),
    ("declined meanwhile", operation(reversal_at=TEXT), something(DECLINED), ONCE, 99, ADOPT),
    ("undone already", operation(reversal_at=TEXT), something(ABSENT), ONCE, 99, ADOPT),
    ("a capture that was undone", operation(CAPTURE), something(ABSENT), ONCE, 20, ASK),
    ("a void that was undone", operation(VOID), something(ABSENT), ONCE, 20, ASK),
    ("a refund that was undone", operation(REFUND), something(ABSENT), ONCE, 20, ASK),
    ("a declined void", operation(VOID), something(DECLINED), ONCE, 20, ADOPT),
    ("it will not expire", operation(VOID, expiry=True), something(DECLINED), ONCE, 20, ASK),
    ("it expired", operation(VOID, expiry=True), something(APPROVED), ONCE, 20, ADOPT),
    # pending, and what cannot be asked
    ("pending", operation(REFUND), PENDING, TWICE, 20, WAIT),
    ("pending for long", operation(REFUND), PENDING, TWICE, GIVEN_UP_SECONDS, ASK),
    ("not to be asked", operation(), None, ONCE, 20, WAIT),
    ("not to be asked, at last", operation(), None, ONCE, GIVEN_UP_SECONDS - 1, WAIT),
    ("not to be asked for long", operation(), None, ONCE, GIVEN_UP_SECONDS, ASK),
    ("found, and no answer", operation(), LookUp(Found.FOUND, TEXT), ONCE, 20, WAIT),
    # a debit of a bank account
    ("debit pending", debit(), PENDING, ONCE, 20, WAIT),
    ("debit pending, known", debit(state=OperationState.PENDING), PENDING, ONCE, 9 * DAY, WAIT),
    ("debit pending, to be undone", debit(reversal_at=TEXT), PENDING, ONCE, 99, REVERSE),
    (
        "debit pending, to be undone, asked",
        debit(reversal_at=TEXT, requires_decision=True),
        PENDING,
        ONCE,
        99,
        ASK,
    ),
    ("debit paid", debit(state=OperationState.PENDING), something(APPROVED), ONCE, 99, ADOPT),
    ("debit refused", debit(state=OperationState.PENDING), something(DECLINED), ONCE, 99, ADOPT),
    ("debit lost there", debit(state=OperationState.PENDING), nothing(), ONCE, 99, WAIT),
    ("debit, silence", debit(state=OperationState.PENDING), None, ONCE, 9 * DAY, WAIT),
    (
        "debit, silence for weeks",
        debit(state=OperationState.PENDING),
        None,
        ONCE,
        PENDING_GIVEN_UP_SECONDS,
        ASK,
    ),
    ("debit never arrived", debit(), nothing(), ONCE, RESEND_SECONDS, REVERSE),
    # AUTHORIZE, not found
    ("young", operation(), nothing(), ONCE, RESEND_SECONDS - 1, RESEND),
    ("old", operation(), nothing(), ONCE, RESEND_SECONDS, REVERSE),
    ("would be taken twice", operation(), nothing(), TWICE, 20, REVERSE),
    ("no way back", operation(), nothing(), NO_WAY_BACK, RESEND_SECONDS, RESEND),
    ("no way back, asked", operation(), nothing(), NO_WAY_BACK, GIVEN_UP_SECONDS, ASK),
    ("undone, on its way", operation(reversal_at=TEXT), nothing(), ONCE, 99, WAIT),
    ("undone for long", operation(reversal_at=TEXT), nothing(), ONCE, GIVEN_UP_SECONDS, ASK),
    (
        "undone, nearly quiet",
        operation(reversal_at=TEXT, quiet_since=TEXT),
        nothing(QUIET - 0.001),
        ONCE,
        20,
        WAIT,
    ),
    (
        "undone, quiet",
        operation(reversal_at=TEXT, quiet_since=TEXT),
        nothing(QUIET),
        ONCE,
        20,
        ADOPT,
    ),
    ("not undone, quiet", operation(quiet_since=TEXT), nothing(QUIET), TWICE, 300, REVERSE),
    ("blind, young", operation(), None, BLIND, 20, RESEND),
    ("blind, old", operation(), None, BLIND, RESEND_SECONDS, REVERSE),
    ("blind, undone", operation(reversal_at=TEXT), None, BLIND, 120, REVERSE),
    # CAPTURE and VOID, not found
    ("capture", operation(CAPTURE), nothing(), ONCE, 20, RESEND),
    ("void", operation(VOID), nothing(), ONCE, 20, RESEND),
    ("capture, old", operation(CAPTURE), nothing(), ONCE, GIVEN_UP_SECONDS - 1, RESEND),
    ("capture, given up", operation(CAPTURE), nothing(), ONCE, GIVEN_UP_SECONDS, ASK),
    ("capture, asked", operation(CAPTURE, requires_decision=True), nothing(), ONCE, 20, ASK),
    ("void, given up", operation(VOID), nothing(), ONCE, GIVEN_UP_SECONDS, ASK),
    ("capture that may count twice", operation(CAPTURE), nothing(), TWICE, 20, WAIT),
    ("void that may count twice", operation(VOID), nothing(), TWICE, 20, WAIT),
    (
        "nearly quiet capture",
        operation(CAPTURE, quiet_since=TEXT),
        nothing(QUIET - 0.001),
        TWICE,
        20,
        WAIT,
    ),
    ("quiet capture", operation(CAPTURE, quiet_since=TEXT), nothing(QUIET), TWICE, 20, RESEND),
    ("quiet void", operation(VOID, quiet_since=TEXT), nothing(QUIET), TWICE, 20, RESEND),
    ("blind capture", operation(CAPTURE), None, BLIND, 20, RESEND),
    # REFUND, not found
    ("refund", operation(REFUND), nothing(), ONCE, 20, RESEND),
    ("refund, given up", operation(REFUND), nothing(), ONCE, GIVEN_UP_SECONDS, ASK),
    ("refund, asked", operation(REFUND, requires_decision=True), nothing(), ONCE, 20, ASK),
    ("refund that may count twice, on its way", operation(REFUND), nothing(), TWICE, 20, WAIT),
    (
        "refund that may count twice",
        operation(REFUND, quiet_since=TEXT),
        nothing(QUIET),
        TWICE,
        20,
        ASK,
    ),
    ("blind refund", operation(REFUND), None, BLIND, 20, RESEND),
]


@pytest.mark.parametrize(
    ("operation", "looked", "declared", "age_seconds", "step"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_the_table(
    operation: Operation,
    looked: LookUp | None,
    declared: Capabilities,
    age_seconds: float,
    step: Step,
) -> None:
    decided = plan(operation, looked, declared, at(age_seconds))
    assert decided.step is step
    if step is Step.ADOPT:
        known = looked.answer if looked is not None else None
        assert decided.answer == (known or ABSENT)
    else:
        assert decided.answer is None


def forgetful(seconds: int) -> Capabilities:
    return replace(ONCE, key_retention_seconds=seconds + CLOCK_SKEW_SECONDS + 40)


@pytest.mark.parametrize(
    ("kind", "quiet", "step"),
    [
        (AUTHORIZE, False, WAIT),
        (AUTHORIZE, True, ASK),
        (CAPTURE, False, WAIT),
        (CAPTURE, True, RESEND),
        (VOID, False, WAIT),
        (VOID, True, RESEND),
        (REFUND, False, WAIT),
        (REFUND, True, ASK),
    ],
)
def test_when_the_acquirer_may_have_forgotten_the_reference(
    kind: Kind, quiet: bool, step: Step
) -> None:
    declared = replace(forgetful(HOUR), reversal_by_reference=False)
    looked, waiting = nothing(QUIET), operation(kind, quiet_since=TEXT if quiet else None)
    assert plan(waiting, looked, declared, at(HOUR - 0.001)).step is RESEND
    assert plan(waiting, looked, declared, at(HOUR)).step is step


def test_the_first_look_that_is_answered_says_since_when_it_may_be_quiet() -> None:
    first = plan(operation(CAPTURE), nothing(7), TWICE, at(20)).operation
    assert first.quiet_since == to_text(at(7))
    assert plan(first, nothing(9), TWICE, at(22)).operation.quiet_since == to_text(at(7))
    assert plan(operation(CAPTURE), None, TWICE, at(20)).operation.quiet_since is None
    assert plan(operation(REFUND), PENDING, TWICE, at(20)).operation.quiet_since == TEXT


UNDOING = operation(reversal_at=TEXT)
NOW_QUIET = replace(UNDOING, quiet_since=TEXT)
SAID = to_text(at(QUIET))


@pytest.mark.parametrize(
    ("operation", "reversal", "looked", "declared", "step"),
    [
        (UNDOING, Reversal(Undone.REVERSED, SAID), nothing(), ONCE, ADOPT),
        (UNDOING, Reversal(Undone.REVERSED, SAID), None, BLIND, ADOPT),
        (UNDOING, Reversal(Undone.NOT_FOUND, SAID), nothing(), ONCE, WAIT),
        (NOW_QUIET, Reversal(Undone.NOT_FOUND, SAID), nothing(), ONCE, WAIT),
        (UNDOING, Reversal(Undone.UNKNOWN), something(APPROVED), ONCE, WAIT),
        (NOW_QUIET, Reversal(Undone.UNKNOWN), None, BLIND, WAIT),
        (NOW_QUIET, Reversal(Undone.UNKNOWN, SAID), None, BLIND, WAIT),
        (UNDOING, Reversal(Undone.REFUSED, SAID), something(APPROVED), ONCE, ASK),
        (UNDOING, Reversal(Undone.REFUSED, SAID), nothing(), ONCE, WAIT),
        (UNDOING, Reversal(Undone.REFUSED, SAID), PENDING, ONCE, WAIT),
        (NOW_QUIET, Reversal(Undone.REFUSED, SAID), None, BLIND, WAIT),
        (UNDOING, Reversal(Undone.NOT_FOUND, SAID), None, BLIND, WAIT),
        (NOW_QUIET, Reversal(Undone.NOT_FOUND, to_text(at(QUIET - 0.001))), None, BLIND, WAIT),
        (NOW_QUIET, Reversal(Undone.NOT_FOUND, SAID), None, BLIND, ADOPT),
    ],
)
def test_after_a_reversal(
    operation: Operation,
    reversal: Reversal,
    looked: LookUp | None,
    declared: Capabilities,
    step: Step,
) -> None:
    decided = after_reversal(operation, reversal, looked, declared)
    assert decided.step is step
    assert decided.answer == (ABSENT if step is ADOPT else None)
    known = operation.quiet_since or reversal.as_of
    assert decided.operation.quiet_since == known


@pytest.mark.parametrize(
    ("since", "as_of", "quiet"),
    [
        (None, SAID, False),
        (TEXT, None, False),
        (TEXT, to_text(at(QUIET - 0.001)), False),
        (TEXT, SAID, True),
        (SAID, TEXT, False),
    ],
)
def test_quiet_is_a_time_on_the_acquirers_clock(
    since: str | None, as_of: str | None, quiet: bool
) -> None:
    assert recovery.is_quiet(operation(quiet_since=since), as_of, ONCE) is quiet


def test_quiet_takes_a_senders_life_a_flight_and_the_lag() -> None:
    declared = replace(ONCE, max_flight_seconds=30, lookup_lag_seconds=7)
    assert quiet_seconds(declared) == 20 + 30 + 7


# --- when to look again ------------------------------------------------------------------------

WANTED = [20, 30, 45, 65, 90, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR]
WANTED += [day * DAY for day in range(1, 10)]


def test_the_looks_come_at_their_times() -> None:
    looked, now = [], at(5)
    while (now - BEGAN).total_seconds() < 9 * DAY:
        now = from_text(recovery.next_look(operation(), ONCE, now))
        looked.append((now - BEGAN).total_seconds())
    assert looked == WANTED


@pytest.mark.parametrize(("days", "asked"), [(1, False), (6, False), (7, True), (8, True)])
def test_from_the_seventh_day_a_person_is_asked(days: int, asked: bool) -> None:
    assert recovery.is_given_up(operation(), at(days * DAY)) is asked
    assert plan(operation(), None, ONCE, at(days * DAY)).step is (ASK if asked else WAIT)


def test_a_look_that_would_come_at_once_is_left_out() -> None:
    assert recovery.next_look(operation(), ONCE, at(19)) == to_text(at(30))
    assert recovery.next_look(operation(), ONCE, at(18.9)) == to_text(at(20))


@pytest.mark.parametrize(
    ("age_seconds", "begun_seconds", "wanted_seconds"),
    [
        (100, 95, 120),  # the look that comes anyway is sooner
        (130, 125, 125 + QUIET + 1),  # the end of the wait is
        (200, 125, 260),  # it is over, and still not quiet there: a minute later
        (598, 125, 600),
    ],
)
def test_while_it_is_undone_the_end_of_the_wait_is_looked_at(
    age_seconds: int, begun_seconds: int, wanted_seconds: int
) -> None:
    undoing = operation(reversal_at=to_text(at(begun_seconds)))
    assert recovery.next_look(undoing, ONCE, at(age_seconds)) == to_text(at(wanted_seconds))


# --- laws --------------------------------------------------------------------------------------

seconds = st.integers(-MINUTE, 40 * DAY)
instants = seconds.map(at).map(to_text)
maybe_instants = st.none() | instants
kinds = st.sampled_from(Kind)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    kind = draw(kinds)
    return operation(
        kind,
        reversal_at=draw(maybe_instants) if kind is AUTHORIZE else None,
        quiet_since=draw(maybe_instants),
        requires_decision=draw(st.booleans()),
        expiry=kind is VOID and draw(st.booleans()),
    )


@st.composite
def guarantees(draw: st.DrawFn) -> Capabilities:
    """Any that are safe."""
    once, flight_seconds = draw(st.booleans()), draw(st.integers(15, 80))
    declared = Capabilities(
        idempotent_by_reference=once,
        key_retention_seconds=draw(st.sampled_from([770, 2 * HOUR, 3 * DAY, 30 * DAY])),
        lookup_by_reference=not once or draw(st.booleans()),
        lookup_lag_seconds=draw(st.integers(0, 80 - flight_seconds)),
        reversal_by_reference=not once or draw(st.booleans()),
        max_flight_seconds=flight_seconds,
        reference_length_max=80,
    )
    require_safe(declared)
    return declared


answers = st.sampled_from([APPROVED, DECLINED, ABSENT])
look_ups = st.none() | st.builds(
    lambda found, as_of, answer: LookUp(found, as_of, answer if found is Found.FOUND else None),
    st.sampled_from(Found),
    instants,
    answers,
)


@st.composite
def looks(draw: st.DrawFn) -> tuple[Operation, LookUp | None, Capabilities, datetime]:
    declared = draw(guarantees())
    looked = draw(look_ups) if declared.lookup_by_reference else None
    return draw(operations()), looked, declared, at(draw(seconds))


Look = tuple[Operation, LookUp | None, Capabilities, datetime]


def quiet(look: Look) -> bool:
    before, looked, declared, _ = look
    since, as_of = before.quiet_since, looked.as_of if looked else None
    if since is None or as_of is None:
        return False
    waited = (from_text(as_of) - from_text(since)).total_seconds()
    return waited >= 20 + declared.max_flight_seconds + declared.lookup_lag_seconds


def age(look: Look) -> float:
    return (look[3] - BEGAN).total_seconds()


@given(looks())
def test_what_is_to_be_undone_is_never_sent_again_nor_adopted_as_approved(look: Look) -> None:
    decided = plan(*look)
    if look[0].reversal_at is not None:
        assert decided.step is not RESEND
        assert decided.answer is None or decided.answer.outcome is not Outcome.APPROVED


@given(looks())
def test_only_an_authorization_is_undone_and_only_where_that_can_be_done(look: Look) -> None:
    before, looked, declared, _ = look
    if plan(*look).step is REVERSE:
        assert before.kind is AUTHORIZE
        assert declared.reversal_by_reference or before.reversal_at is not None
        approved = looked is not None and looked.answer == APPROVED
        assert before.reversal_at is not None or not approved


@given(looks())
def test_nothing_is_adopted_but_what_was_found_or_is_proven_absent(look: Look) -> None:
    before, looked, _, _ = look
    decided = plan(*look)
    if decided.step is not ADOPT:
        assert decided.answer is None
        return
    known = looked.answer if looked is not None else None
    if known is not None:
        assert decided.answer == known
    else:
        assert decided.answer == ABSENT
        assert before.kind is AUTHORIZE and before.reversal_at is not None
        assert looked is not None and looked.found is Found.NOT_FOUND and quiet(look)


@given(looks())
def test_nothing_is_sent_twice_where_it_could_count_twice(look: Look) -> None:
    before, looked, declared, _ = look
    if plan(*look).step is not RESEND:
        return
    assert looked is None or looked.found is Found.NOT_FOUND
    retention = declared.key_retention_seconds if declared.idempotent_by_reference else 0
    known = age(look) + declared.max_flight_seconds + CLOCK_SKEW_SECONDS < retention
    if before.kind in {AUTHORIZE, REFUND}:
        assert known
    else:
        assert known or quiet(look)


@given(looks())
def test_silence_neither_ends_nor_undoes_what_can_be_asked_about(look: Look) -> None:
    _, looked, declared, _ = look
    if looked is None and declared.lookup_by_reference:
        assert plan(*look).step in {WAIT, ASK}


@given(looks())
def test_once_a_person_is_asked_nothing_is_sent_again(look: Look) -> None:
    decided = plan(*look)
    if look[0].requires_decision or age(look) >= GIVEN_UP_SECONDS:
        assert decided.step is not RESEND
        if decided.step is WAIT:
            assert age(look) < GIVEN_UP_SECONDS


@given(looks())
def test_a_person_is_asked_only_when_nothing_can_arrive_any_more(look: Look) -> None:
    """Else what was decided could be overtaken by what was on its way."""
    before, looked, _, _ = look
    found = looked is not None and looked.found is Found.FOUND
    if plan(*look).step is ASK and not before.requires_decision and not found:
        assert quiet(look) or age(look) >= GIVEN_UP_SECONDS


@given(operations(), guarantees(), st.integers(RESEND_SECONDS, 40 * DAY), instants)
def test_an_authorization_that_is_not_there_is_undone_after_90_seconds(
    before: Operation, declared: Capabilities, age_seconds: int, as_of: str
) -> None:
    before = replace(before, kind=AUTHORIZE)
    declared = replace(declared, lookup_by_reference=True, reversal_by_reference=True)
    decided = plan(before, LookUp(Found.NOT_FOUND, as_of), declared, at(age_seconds))
    absent = decided.step is ADOPT and decided.answer == ABSENT
    assert decided.step in ({WAIT, ASK} if before.reversal_at else {REVERSE}) or absent


@given(looks())
def test_a_plan_changes_nothing_of_the_operation_but_since_when_it_may_be_quiet(
    look: Look,
) -> None:
    before, looked, _, _ = look
    known = before.quiet_since or (looked.as_of if looked else None)
    assert plan(*look).operation == replace(before, quiet_since=known)


reversals = st.builds(
    lambda undone, as_of: Reversal(undone, None if undone is Undone.UNKNOWN else as_of),
    st.sampled_from(Undone),
    instants,
)


@given(operations(), reversals, look_ups, guarantees())
def test_after_a_reversal_only_the_acquirers_word_or_quiet_ends_it(
    before: Operation, reversal: Reversal, looked: LookUp | None, declared: Capabilities
) -> None:
    undoing = replace(before, kind=AUTHORIZE, reversal_at=TEXT)
    looked = looked if declared.lookup_by_reference else None
    decided = after_reversal(undoing, reversal, looked, declared)
    assert decided.step in {ADOPT, WAIT, ASK}
    if decided.step is ADOPT:
        assert decided.answer == ABSENT
        over = recovery.is_quiet(undoing, reversal.as_of, declared)
        blind = not declared.lookup_by_reference and reversal.undone is Undone.NOT_FOUND
        assert reversal.undone is Undone.REVERSED or (blind and over)


@given(operations(), guarantees(), seconds, st.integers(0, 999_999))
def test_the_next_look_is_always_to_come_and_never_more_than_a_day_away(
    before: Operation, declared: Capabilities, age_seconds: int, microseconds: int
) -> None:
    now = at(age_seconds) + timedelta(microseconds=microseconds)
    following = from_text(recovery.next_look(before, declared, now))
    assert now < following <= now + timedelta(days=1, minutes=2)


@given(guarantees())
def test_what_never_arrived_ends_in_time_by_its_own_looks(declared: Capabilities) -> None:
    """Looks at their times, resends that are lost, reversals that find nothing."""
    declared = replace(declared, lookup_by_reference=True, reversal_by_reference=True)
    waiting, now = operation(), at(6)
    for _ in range(20):
        as_of = to_text(now)
        decided = plan(waiting, LookUp(Found.NOT_FOUND, as_of), declared, now)
        if decided.step is RESEND:
            decided = Plan(WAIT, decided.operation.opened_again(now))
        if decided.step is REVERSE:
            waiting = replace(decided.operation, reversal_at=waiting.reversal_at or as_of)
            decided = after_reversal(
                waiting, Reversal(Undone.NOT_FOUND, as_of), nothing(), declared
            )
        if decided.step is ADOPT:
            break
        waiting = decided.operation
        now = from_text(recovery.next_look(waiting, declared, now))
    assert decided.step is ADOPT and decided.answer == ABSENT
    assert (now - BEGAN).total_seconds() < 195


def test_a_resend_begins_the_wait_anew() -> None:
    opened = operation(quiet_since=TEXT).opened_again(at(30))
    assert opened.quiet_since is None
    assert (opened.state, opened.fence) == (OperationState.OPEN, 2)
    assert opened.lease_until == later(at(30), seconds=60)


STATES = list(OperationState)
OPEN, UNKNOWN = OperationState.OPEN, OperationState.UNKNOWN


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("seconds_left", "ended"), [(0.001, False), (0, True), (-9, True)])
def test_until_the_lease_ends_its_sender_may_send_and_afterwards_somebody_else_may_look(
    state: OperationState, seconds_left: float, ended: bool
) -> None:
    leased = operation(state=state, lease_until=to_text(at(seconds_left)))
    assert leased.may_be_sent(BEGAN) is (state is OPEN and not ended)
    assert leased.may_be_taken_over(BEGAN) is (
        state in {OPEN, UNKNOWN, OperationState.PENDING} and ended
    )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("reversal_at", [None, TEXT])
def test_only_what_nobody_may_send_and_is_to_be_undone_is_reversed(
    state: OperationState, reversal_at: str | None
) -> None:
    decided = state is UNKNOWN and reversal_at is not None
    assert operation(state=state, reversal_at=reversal_at).may_be_reversed() is decided


def test_whoever_takes_over_has_the_next_fence_a_lease_and_a_reversal_of_its_own() -> None:
    before = operation(state=OPEN, fence=4)
    after = before.taken_over(at(99))
    assert (after.state, after.fence, after.lease_until) == (UNKNOWN, 5, to_text(at(159)))
    assert after.reversal_reference == f"{before.reference}R5"
    assert before.reversal_reference == f"{before.reference}R4"


# --- debits of bank accounts ---------------------------------------------------------------------


def test_a_pending_debit_that_is_taken_over_stays_what_it_is() -> None:
    before = debit(state=OperationState.PENDING)
    after = before.taken_over(at(99))
    assert (after.state, after.fence) == (OperationState.PENDING, before.fence + 1)
    assert not after.may_be_sent(at(99)) and not after.may_be_reversed()


def test_a_debit_found_pending_is_known_from_then_on() -> None:
    found = plan(debit(), PENDING, ONCE, at(20)).operation
    assert found.state is OperationState.PENDING
    card = plan(operation(), PENDING, ONCE, at(20)).operation
    assert card.state is OperationState.UNKNOWN


@given(st.integers(0, 400 * DAY), st.booleans())
def test_a_pending_debit_is_never_sent_again_and_never_undone(seconds: int, there: bool) -> None:
    asked = debit(state=OperationState.PENDING, quiet_since=TEXT)
    for looked in (PENDING if there else nothing(seconds), None):
        for declared in (ONCE, TWICE):
            assert plan(asked, looked, declared, at(seconds)).step in {WAIT, ASK}


@given(st.integers(0, 60 * DAY))
def test_a_pending_debit_is_looked_into_within_a_day(seconds: int) -> None:
    following = from_text(
        recovery.next_look(debit(state=OperationState.PENDING), ONCE, at(seconds))
    )
    assert at(seconds) < following <= at(seconds + DAY)


@given(st.integers(0, 90 * DAY))
def test_a_debit_that_succeeded_is_looked_into_for_as_long_as_it_may_come_back(
    seconds: int,
) -> None:
    following = next_return_look(debit(state=OperationState.APPROVED), at(seconds))
    if following is None:
        assert seconds >= 60 * DAY  # ACH's sixty days, and SEPA's eight weeks, are over
    else:
        assert at(seconds) < from_text(following) <= at(seconds + 15 * DAY + 1)


def test_the_looks_reach_beyond_both_schemes_windows() -> None:
    assert RETURN_LOOKS_DAYS[-1] >= 63 and max(RETURN_LOOKS_DAYS) == RETURN_LOOKS_DAYS[-1]
