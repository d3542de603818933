"""What to do about an operation of unknown outcome, decided. Pure.

    found                adopt; an authorization that is to be undone: reverse it
    pending              wait: a debit for weeks. One that is to be undone: reverse it
    not found, AUTHORIZE     for 90 s: send again, if the acquirer takes a reference once only.
                             Then, or otherwise: reverse, wait until nothing can be on its way any
                             more, look again: ABSENT
    not found, CAPTURE, VOID send again; where a reference may be taken twice, only when nothing of
                             the last sending can be on its way any more
    not found, REFUND        send again while the acquirer knows its references; then, when nothing
                             can be on its way any more, a person says
    cannot be asked          wait
    after 7 days             a person says; nothing is sent again, looks and reversals go on

Waiting for what may be on its way is measured by the acquirer's own clock: those of our processes
may disagree by minutes, and that must not let a charge slip through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from farthing.acquiring.answer import ABSENT, PENDING, Answer, Outcome
from farthing.acquiring.connectors import CLOCK_SKEW_SECONDS, RESEND_SECONDS, quiet_seconds
from farthing.acquiring.port import Capabilities, Found, Kind, LookUp, Reversal, Undone
from farthing.clock import from_text, to_text
from farthing.payments import debit
from farthing.payments.operation import Operation, OperationState

MINUTE, HOUR, DAY = 60, 60 * 60, 24 * 60 * 60
LOOKS_AT_SECONDS = (
    20,
    30,
    45,
    65,
    RESEND_SECONDS,
    2 * MINUTE,
    10 * MINUTE,
    HOUR,
    6 * HOUR,
    *(day * DAY for day in range(1, 8)),
)
"""When an operation of unknown outcome is looked into, in seconds from its beginning."""

OFTEN_SECONDS = 10 * MINUTE
"""For so long after a reversal was decided, a look comes every minute."""

GIVEN_UP_SECONDS = 7 * DAY
"""After so long a person is asked. Daily looks go on."""


class Step(StrEnum):
    """What is done next."""

    ADOPT = "ADOPT"
    WAIT = "WAIT"
    RESEND = "RESEND"
    REVERSE = "REVERSE"
    ASK = "ASK"


@dataclass(frozen=True)
class Plan:
    """The next step, and the operation with what was learned. `answer` is what to ADOPT."""

    step: Step
    operation: Operation
    answer: Answer | None = None


def plan(
    operation: Operation, looked: LookUp | None, declared: Capabilities, now: datetime
) -> Plan:
    """What follows from a look. `looked` is None if the acquirer could not be asked.

    The operation was taken over: nobody may begin to send it.
    """
    if looked is None:
        if declared.lookup_by_reference:
            return _wait(operation, now)
        return _not_found(operation, None, declared, now)
    operation = _noted(operation, looked.as_of)
    match looked.found:
        case Found.FOUND if looked.answer is not None:
            return found(operation, looked.answer)
        case Found.PENDING if operation.is_debit:
            return found(operation, PENDING)
        case Found.NOT_FOUND if operation.state is not OperationState.PENDING:
            return _not_found(operation, looked.as_of, declared, now)
    return _wait(operation, now)


def after_reversal(
    operation: Operation, reversal: Reversal, looked: LookUp | None, declared: Capabilities
) -> Plan:
    """What follows from a reversal. Only what is certain ends the operation."""
    if reversal.as_of is not None:
        operation = _noted(operation, reversal.as_of)
    if reversal.undone is Undone.REVERSED:
        return Plan(Step.ADOPT, operation, ABSENT)
    if reversal.undone is Undone.REFUSED and looked is not None and looked.found is Found.FOUND:
        return Plan(Step.ASK, operation)
    blind = not declared.lookup_by_reference and reversal.undone is Undone.NOT_FOUND
    if blind and is_quiet(operation, reversal.as_of, declared):
        return Plan(Step.ADOPT, operation, ABSENT)
    return Plan(Step.WAIT, operation)


def is_quiet(operation: Operation, as_of: str | None, declared: Capabilities) -> bool:
    """Whether nothing of the operation can arrive or be hidden any more, at the time `as_of`."""
    if operation.quiet_since is None or as_of is None:
        return False
    waited = from_text(as_of) - from_text(operation.quiet_since)
    return waited >= timedelta(seconds=quiet_seconds(declared))


def next_look(operation: Operation, declared: Capabilities, now: datetime) -> str:
    """When it is looked into again: by its age, or sooner if the end of a wait is known."""
    if operation.state is OperationState.PENDING:
        return debit.next_look(operation, now)
    created = from_text(operation.created_at)
    age_seconds = (now - created).total_seconds()
    at_seconds = next((at for at in LOOKS_AT_SECONDS if at > age_seconds + 1), age_seconds + DAY)
    at = created + timedelta(seconds=at_seconds)
    if operation.reversal_at is not None:
        begun = from_text(operation.reversal_at)
        quiet = begun + timedelta(seconds=quiet_seconds(declared) + 1)
        if now < quiet:
            at = min(at, quiet)
        elif now < begun + timedelta(seconds=OFTEN_SECONDS):
            at = min(at, now + timedelta(seconds=MINUTE))
    return to_text(at)


def is_given_up(operation: Operation, now: datetime) -> bool:
    """Whether it is time to ask a person."""
    if operation.state is OperationState.PENDING:
        return debit.is_given_up(operation, now)
    age = now - from_text(operation.created_at)
    return age >= timedelta(seconds=GIVEN_UP_SECONDS)


def found(operation: Operation, answer: Answer) -> Plan:
    """Adopt it, but for what contradicts our own books: that is for a person.

    A debit of which the bank has still to decide is known from now on, and waited for.
    Once a person was asked, nothing is undone any more: they must not decide about what a reversal
    may still change.
    """
    if operation.reversal_at is not None and answer.outcome in _STANDS:
        return Plan(Step.ASK if operation.requires_decision else Step.REVERSE, operation)
    if answer.outcome is Outcome.PENDING:
        return Plan(Step.WAIT, replace(operation, state=OperationState.PENDING))
    undone = answer.outcome is Outcome.ABSENT and operation.kind is not Kind.AUTHORIZE
    if undone or (operation.expiry and answer.outcome is Outcome.DECLINED):
        return Plan(Step.ASK, operation)
    return Plan(Step.ADOPT, operation, answer)


_STANDS = frozenset({Outcome.APPROVED, Outcome.PENDING})


def in_the_way(
    operation: Operation,
    looked: LookUp | None,
    decided: Outcome,
    declared: Capabilities,
    now: datetime,
) -> str | None:
    """Why a person cannot decide this now; None if nothing is in the way.

    `operation` is with what the look taught. Nobody decides what may still be on its way to the
    acquirer, nor against what it says; where it cannot be asked, time since the question counts.
    """
    if looked is None:
        return None if _asked_long_ago(operation, declared, now) else "it was asked only just now"
    if looked.found is Found.PENDING:
        return "the acquirer is still at it"
    known = looked.answer.outcome if looked.answer else None
    if known is Outcome.APPROVED and decided is Outcome.ABSENT:
        return "the acquirer says that it is APPROVED"
    undoing = operation.reversal_at is not None and decided is Outcome.APPROVED
    if (known is None or undoing) and not is_quiet(operation, looked.as_of, declared):
        return "something of it may still be on its way to the acquirer"
    if operation.expiry and decided is Outcome.ABSENT:
        return "its authorization has run out: nothing of it can still be held"
    return None


def _asked_long_ago(operation: Operation, declared: Capabilities, now: datetime) -> bool:
    """Whether all that was sent before a person was asked has arrived, by any of our clocks."""
    if operation.asked_at is None:
        return False
    waited = now - from_text(operation.asked_at)
    return waited >= timedelta(seconds=quiet_seconds(declared) + CLOCK_SKEW_SECONDS)


def _not_found(
    operation: Operation, as_of: str | None, declared: Capabilities, now: datetime
) -> Plan:
    quiet = is_quiet(operation, as_of, declared)
    once = _takes_it_once(operation, declared, now)
    match operation.kind:
        case Kind.AUTHORIZE:
            return _authorization_not_found(operation, declared, now, quiet=quiet, once=once)
        case Kind.CAPTURE | Kind.VOID if once or quiet:
            return _send_again(operation, now)
        case Kind.REFUND if once:
            return _send_again(operation, now)
        case Kind.REFUND if quiet:
            return Plan(Step.ASK, operation)
    return _wait(operation, now)


def _authorization_not_found(
    operation: Operation, declared: Capabilities, now: datetime, *, quiet: bool, once: bool
) -> Plan:
    if operation.reversal_at is not None:
        if quiet:
            return Plan(Step.ADOPT, operation, ABSENT)
        again = not declared.lookup_by_reference
        return Plan(Step.REVERSE, operation) if again else _wait(operation, now)
    young = now - from_text(operation.created_at) < timedelta(seconds=RESEND_SECONDS)
    if once and (young or not declared.reversal_by_reference):
        return _send_again(operation, now)
    if declared.reversal_by_reference:
        return Plan(Step.REVERSE, operation)
    return Plan(Step.ASK, operation) if quiet else _wait(operation, now)


def _takes_it_once(operation: Operation, declared: Capabilities, now: datetime) -> bool:
    """Whether the acquirer still knows the reference, should it have it, so that sending it again
    cannot do it twice."""
    if not declared.idempotent_by_reference:
        return False
    known = declared.key_retention_seconds - CLOCK_SKEW_SECONDS - declared.max_flight_seconds
    return now - from_text(operation.created_at) < timedelta(seconds=known)


def _send_again(operation: Operation, now: datetime) -> Plan:
    """Send it again, unless a person was asked: nothing may arrive after they have decided."""
    asked = operation.requires_decision or is_given_up(operation, now)
    return Plan(Step.ASK if asked else Step.RESEND, operation)


def _wait(operation: Operation, now: datetime) -> Plan:
    return Plan(Step.ASK if is_given_up(operation, now) else Step.WAIT, operation)


def _noted(operation: Operation, as_of: str) -> Operation:
    """The operation with the acquirer's time at which nobody could begin to send any more."""
    return operation if operation.quiet_since else replace(operation, quiet_since=as_of)
