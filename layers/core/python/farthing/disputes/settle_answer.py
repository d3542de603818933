"""What became of an answer: written down with the state of its dispute, in one transaction.

An answer of which nobody knows is looked for in the acquirer's case. What is there is adopted. What
is not there is sent again under the same reference, while an answer is waited for; when none is any
more, it came too late.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from farthing.acquiring.answer import Outcome
from farthing.acquiring.dispute import Answered, AnswerKind, Case, Standing
from farthing.acquiring.port import LookUpFailed
from farthing.clock import later, to_text
from farthing.disputes.answer import (
    LEASE_SECONDS,
    AnswerAddress,
    AnswerState,
    DisputeAnswer,
)
from farthing.disputes.conditions import abandoned_answer, still_out
from farthing.disputes.converge import converge
from farthing.disputes.dispute import Dispute, dispute_key, show_dispute
from farthing.disputes.services import Services
from farthing.disputes.writes import dispute_writes
from farthing.errors import DISPUTE_NOT_ANSWERABLE, FarthingError
from farthing.http.problem import problem
from farthing.http.response import Response, ok
from farthing.payments import idempotency
from farthing.payments.answers import not_sent
from farthing.payments.conditions import key_held_by
from farthing.payments.services import SEND_SECONDS
from farthing.store import ConditionFailed, StoreBusy, Update, Write

_STATE_OF = {
    Outcome.APPROVED: AnswerState.DONE,
    Outcome.DECLINED: AnswerState.REFUSED,
    Outcome.NOT_SENT: AnswerState.NOT_SENT,
}


def settle_open_answer(dispute: Dispute, services: Services) -> Dispute:
    """The dispute after looking for the answer that is out, if its sender is certainly gone."""
    answer = open_answer(dispute, services)
    if answer is None or not answer.may_be_taken_over(services.now()):
        return dispute
    if services.seconds_left() < SEND_SECONDS:
        return dispute
    with suppress(LookUpFailed, ConditionFailed, StoreBusy):
        return _look(dispute, answer, services)
    return dispute


def open_answer(dispute: Dispute, services: Services) -> DisputeAnswer | None:
    """The answer that is on its way."""
    if dispute.open_answer is None:
        return None
    address = AnswerAddress(dispute.tenant, dispute.dispute_id, dispute.open_answer)
    item = services.store.get(address.key)
    return DisputeAnswer.from_item(item) if item is not None else None


def conclude(
    dispute: Dispute, answer: DisputeAnswer, answered: Answered, services: Services
) -> Dispute:
    """Write what became of sending. Unknown is no end: somebody looks for it.

    Raises StoreBusy.
    """
    if answered.outcome is Outcome.UNKNOWN:
        _note_unknown(answer, services)
        return dispute
    state = _STATE_OF[answered.outcome]
    case = answered.case
    if case is None and state is AnswerState.REFUSED:
        with suppress(LookUpFailed):
            tenant, reference = dispute.tenant, dispute.reference
            case = services.desk.find_dispute(tenant, dispute.connector, reference)
    if case is None:
        return _end_alone(dispute, answer, state, services)
    return _end(dispute, answer, state, case, services)


def _look(dispute: Dispute, answer: DisputeAnswer, services: Services) -> Dispute:
    case = services.desk.find_dispute(dispute.tenant, dispute.connector, dispute.reference)
    if case is None:
        return dispute
    if answer.reference in case.answered_by:
        return _end(dispute, answer, AnswerState.DONE, case, services)
    if case.standing is not Standing.NEEDS_RESPONSE or case.stage is not dispute.stage:
        return _end(dispute, answer, AnswerState.REFUSED, case, services)
    again = _taken_over(answer, services)
    answered = services.desk.answer_dispute(again.address)
    if answered.outcome is Outcome.NOT_SENT:
        answered = replace(answered, outcome=Outcome.UNKNOWN)
    return conclude(dispute, again, answered, services)


def _taken_over(answer: DisputeAnswer, services: Services) -> DisputeAnswer:
    """The answer under a new lease, to be sent once more. Raises ConditionFailed, StoreBusy."""
    now = services.now()
    lease_until = later(now, seconds=LEASE_SECONDS)
    again = replace(answer, state=AnswerState.OPEN, lease_until=lease_until)
    when = abandoned_answer(answer.lease_until, to_text(now))
    sets = {"state": again.state.value, "lease_until": lease_until}
    services.store.write(Update(answer.address.key, when, set=sets))
    return again


def _note_unknown(answer: DisputeAnswer, services: Services) -> None:
    """Nobody is at it any more: whoever comes next looks."""
    sets = {"state": AnswerState.UNKNOWN.value, "lease_until": to_text(services.now())}
    with suppress(ConditionFailed):
        services.store.write(Update(answer.address.key, still_out(), set=sets))


def _end(
    dispute: Dispute, answer: DisputeAnswer, state: AnswerState, case: Case, services: Services
) -> Dispute:
    """The answer's end, with the last step of its dispute."""

    def also(current: Dispute) -> tuple[Dispute, Sequence[Write]]:
        if current.open_answer != answer.address.answer_id:
            return current, ()
        after = _without(current, answer, state, services)
        return after, _answer_writes(after, answer, state, services)

    return converge(case, dispute.intent_id, dispute.connector, services, also)


def _end_alone(
    dispute: Dispute, answer: DisputeAnswer, state: AnswerState, services: Services
) -> Dispute:
    """The answer's end, where nothing is known of the dispute besides."""
    item = services.store.get(dispute_key(dispute.tenant, dispute.dispute_id))
    current = Dispute.from_item(item) if item is not None else dispute
    if current.open_answer != answer.address.answer_id:
        return current
    after = _without(current, answer, state, services)
    after = replace(after, version=current.version + 1)
    try:
        services.store.write(
            *dispute_writes(current, after, services.now()),
            *_answer_writes(after, answer, state, services),
        )
    except ConditionFailed as failed:
        raise StoreBusy("somebody else changed the dispute") from failed
    return after


def _without(
    dispute: Dispute, answer: DisputeAnswer, state: AnswerState, services: Services
) -> Dispute:
    """The dispute without the answer on its way."""
    after = replace(dispute, open_answer=None)
    if state is not AnswerState.DONE:
        return after
    now = to_text(services.now())
    if answer.kind is AnswerKind.ACCEPTANCE:
        return replace(after, accepted_at=now)
    return replace(after, evidence_sent_at=now)


def _answer_writes(
    dispute: Dispute, answer: DisputeAnswer, state: AnswerState, services: Services
) -> list[Write]:
    """The answer's row and the stored answer to its request."""
    now = services.now()
    row = idempotency.row_key(answer.address.tenant, answer.idempotency_row)
    if state is AnswerState.NOT_SENT:
        sets = idempotency.released(now)
    else:
        sets = idempotency.done(response_of(dispute, answer, state), now)
    return [
        Update(answer.address.key, still_out(), set={"state": state.value}),
        Update(row, key_held_by(answer.address.answer_id), set=sets),
    ]


def response_of(dispute: Dispute, answer: DisputeAnswer, state: AnswerState) -> Response:
    """What the request behind an answer is told when its end is known."""
    shown = show_dispute(dispute)
    if state is AnswerState.DONE:
        return ok(shown)
    if state is AnswerState.NOT_SENT:
        return problem(not_sent({"dispute": shown}), answer.request_id)
    return problem(not_answerable(dispute), answer.request_id)


def not_answerable(dispute: Dispute) -> FarthingError:
    """The acquirer waits for no answer to it."""
    return FarthingError(
        DISPUTE_NOT_ANSWERABLE,
        f"the dispute is at {dispute.stage.value}, {dispute.standing.value}",
        extensions={"dispute": show_dispute(dispute)},
    )
