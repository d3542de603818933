"""An operation of unknown outcome: look it up under the next fence, and do what follows from it.

Whoever reads or touches a payment whose operation's lease has run out comes here, and so do the
schedule, the queue and the acquirer's messages. Raising the fence shuts out the first sender,
should it wake up: it can neither send any more nor write its outcome. Every further sending and
every reversal is written down first, under that fence. What to do is decided in `recovery`;
nothing is declared failed on silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from farthing.acquiring.answer import PENDING, UNKNOWN, Answer, Outcome
from farthing.acquiring.port import Kind, LookUp, LookUpFailed
from farthing.clock import from_text, to_text
from farthing.http.response import Response
from farthing.payments import recovery, refund_outcome, refund_returns, returns
from farthing.payments.address import Address
from farthing.payments.answers import answer_about, answer_of
from farthing.payments.conclude import conclude
from farthing.payments.conclusion import FIRST_LOOK_SECONDS, intent_writes
from farthing.payments.conditions import abandoned, held_under_fence
from farthing.payments.counted import write_outcome
from farthing.payments.fallback import fall_back, fallback_writes, falls_back
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import Operation, OperationState
from farthing.payments.recovery import Plan, Step
from farthing.payments.refund import Refund, refund_key, show_refund
from farthing.payments.remembered import remember
from farthing.payments.services import DELAY_SECONDS_MAX, SEND_SECONDS, Services
from farthing.store import ConditionFailed, StoreBusy, Update, Write


def resolve(operation: Operation, services: Services) -> Operation:
    """The operation as it is after looking, if it was to be looked into; else as it is now."""
    if not operation.may_be_taken_over(services.now()) or services.seconds_left() < SEND_SECONDS:
        return operation
    ours = take_over(operation, services)
    if ours is not None:
        looked = look_up(ours, services)
        decided = recovery.plan(ours, looked, services.capabilities(ours.connector), services.now())
        carry_out(decided, looked, services)
    return read_operation(operation.address, services)


def take_over(operation: Operation, services: Services) -> Operation | None:
    """The operation under the next fence: nobody else may send, undo or conclude it any more.

    It is read anew: what was read before the fence was raised may lack what somebody wrote in
    between, and an outcome must not be adopted of what is being undone. None if somebody else is at
    it, or was faster.
    """
    now = services.now()
    ours = operation.taken_over(now)
    taken = {"fence": ours.fence, "lease_until": ours.lease_until, "state": ours.state.value}
    when = abandoned(operation.fence, to_text(now))
    try:
        services.store.write(Update(operation.address.key, when, set=taken))
    except (ConditionFailed, StoreBusy):
        return None
    taken_over = read_operation(operation.address, services)
    return taken_over if taken_over.fence == ours.fence else None


def look_up(operation: Operation, services: Services) -> LookUp | None:
    """What the acquirer has under the reference; None if it could not be asked."""
    if not services.capabilities(operation.connector).lookup_by_reference:
        return None
    try:
        return services.sender.look_up(operation.address)
    except LookUpFailed:
        return None


def carry_out(decided: Plan, looked: LookUp | None, services: Services) -> None:
    """Do what was decided. What there is no time for is left to the next look."""
    operation = decided.operation
    match decided.step:
        case Step.ADOPT if decided.answer is not None and falls_back(operation, decided.answer):
            _ask_the_number(operation, decided.answer, services)
        case Step.ADOPT if decided.answer is not None:
            adopt(operation, decided.answer, services)
        case Step.RESEND if services.seconds_left() >= SEND_SECONDS:
            _send_again(operation, services)
        case Step.REVERSE if services.seconds_left() >= SEND_SECONDS:
            _reverse(operation, looked, services)
        case Step.ASK:
            wait(replace(operation, requires_decision=True), services)
        case _:
            wait(operation, services)


def adopt(
    operation: Operation, answer: Answer, services: Services, also: Sequence[Write] = ()
) -> None:
    """Write what was found, unless somebody was faster: then theirs stands.

    That a debit went back after it had succeeded is a fact of its own, and written after it.
    """
    if operation.kind is Kind.REFUND:
        with suppress(StoreBusy, LookUpFailed):
            refund_outcome.conclude_refund(operation, answer, services, also)
            refund_returns.record_if_back(operation, answer, services)
        return
    intent = read_intent(operation, services)
    if intent.open_operation != operation.operation_id:
        return
    concluded = conclude(intent, operation, answer)
    day = services.business_day(operation.connector)
    after, writes, _ = intent_writes(concluded, services.new_id, services.now(), day)
    with suppress(ConditionFailed, StoreBusy):
        write_outcome(concluded.operation, [*writes, *also], services)
        remember(after, concluded.operation, services)
        if answer.returned is not None:
            returns.record(concluded.operation, answer.returned, services)


def wait(operation: Operation, services: Services) -> None:
    """Leave it unknown or pending, to be looked into again at its time; at last, ask a person."""
    now = services.now()
    due_at = recovery.next_look(operation, services.capabilities(operation.connector), now)
    asked = operation.requires_decision or recovery.is_given_up(operation, now)
    asked_at = operation.asked_at or (to_text(now) if asked else None)
    waiting = replace(operation, due_at=due_at, requires_decision=asked, asked_at=asked_at)
    adopt(waiting, PENDING if waiting.state is OperationState.PENDING else UNKNOWN, services)
    delay_seconds = max(0, int((from_text(due_at) - now).total_seconds()) + 1)
    if due_at != operation.due_at and delay_seconds <= DELAY_SECONDS_MAX:
        services.later.look(operation.address, delay_seconds)


def _ask_the_number(operation: Operation, answer: Answer, services: Services) -> None:
    """Its network token was refused: fall back, if there is time to send; else at the next look."""
    if services.seconds_left() < SEND_SECONDS:
        wait(operation, services)
        return
    intent = read_intent(operation, services)
    if intent.open_operation != operation.operation_id:
        return
    fallen = fall_back(intent, operation, answer, services.now())
    try:
        services.store.write(*fallback_writes(fallen))
    except (ConditionFailed, StoreBusy):
        return
    token_refused(operation, services)
    second, answer = fallen.second, UNKNOWN
    if fallen.is_sent:
        answer = services.sender.send(second.address)
        adopt(second, answer, services)
    if answer.outcome is Outcome.UNKNOWN:
        services.later.look(second.address, FIRST_LOOK_SECONDS)


def _send_again(operation: Operation, services: Services) -> None:
    """Open it under our fence, and send it. That it was not sent now says nothing of before."""
    again = operation.opened_again(services.now())
    opened = {"state": again.state.value, "lease_until": again.lease_until}
    when = held_under_fence(again.fence)
    try:
        services.store.write(Update(again.address.key, when, set=opened, remove=["quiet_since"]))
    except (ConditionFailed, StoreBusy):
        return
    answer = services.sender.send(again.address)
    if answer.outcome in {Outcome.APPROVED, Outcome.DECLINED, Outcome.PENDING}:
        carry_out(recovery.found(again, answer), None, services)
    else:
        wait(again, services)


def _reverse(operation: Operation, looked: LookUp | None, services: Services) -> None:
    """Write down that it is to be undone, then undo it.

    From each reversal on, the wait for what may be on its way begins anew: that one is, too. An
    acquirer that cannot be looked at is asked by reversals alone, and undoes nothing twice.
    """
    begun = operation.reversal_at or to_text(services.now())
    declared = services.capabilities(operation.connector)
    anew = declared.lookup_by_reference
    operation = replace(
        operation, reversal_at=begun, quiet_since=None if anew else operation.quiet_since
    )
    write = Update(
        operation.address.key,
        held_under_fence(operation.fence),
        set={"reversal_at": begun},
        remove=["quiet_since"] if anew else [],
    )
    try:
        services.store.write(write)
    except (ConditionFailed, StoreBusy):
        return
    reversal = services.sender.reverse(operation.address)
    decided = recovery.after_reversal(operation, reversal, looked, declared)
    if decided.step is Step.ADOPT and decided.answer is not None:
        adopt(decided.operation, decided.answer, services)
    elif decided.step is Step.ASK:
        wait(replace(decided.operation, requires_decision=True), services)
    else:
        wait(decided.operation, services)


def token_refused(operation: Operation, services: Services) -> None:
    """Have somebody ask the token service what is wrong. A lost message costs the next payment by
    this token another try, and nothing else."""
    if operation.method_id is not None:
        services.later.tend(operation.tenant, operation.method_id, 0)


def current_answer(operation: Operation, services: Services) -> Response:
    """What the request behind the operation is told now."""
    if operation.kind is Kind.REFUND:
        item = services.store.get(refund_key(services.tenant, operation.operation_id))
        if item is None:
            raise LookupError(operation.operation_id)
        return answer_of(operation, show_refund(Refund.from_item(item)), "refund")
    return answer_about(operation, read_intent(operation, services))


class NoSuchOperation(LookupError):
    """There is no row at an operation's address."""


def read_operation(address: Address, services: Services) -> Operation:
    """The row at `address`. Raises NoSuchOperation."""
    item = services.store.get(address.key)
    if item is None:
        raise NoSuchOperation(str(address))
    return Operation.from_item(item)


def read_intent(operation: Operation, services: Services) -> Intent:
    """The operation's intent, which must be there."""
    item = services.store.get(intent_key(operation.tenant, operation.intent_id))
    if item is None:
        raise LookupError(operation.intent_id)
    return Intent.from_item(item)
