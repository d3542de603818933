"""Tx-2, written: state, event, ledger, settlement entry, stored answer, in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from farthing.acquiring.answer import NO_END, Outcome
from farthing.acquiring.port import Kind, Use
from farthing.clock import later, to_text
from farthing.http.response import Response
from farthing.ids import IdSource
from farthing.ledger import posting
from farthing.ledger.transaction import booked
from farthing.money import Money
from farthing.network_tokens.on_file import wanted
from farthing.payments import debit, idempotency, states
from farthing.payments.answers import answer_about, answer_after_review
from farthing.payments.checkout import SessionStatus, attempt_status, show_completed
from farthing.payments.conclude import Concluded
from farthing.payments.conditions import (
    KEY_WAITS,
    held_under_fence,
    holds_operation,
    key_held_by,
)
from farthing.payments.event import event_put, session_event_put
from farthing.payments.intent import Instrument, Intent, changed
from farthing.payments.operation import FIRST_FENCE, Operation, OperationState
from farthing.payments.payment_method import method_key
from farthing.payments.review import ReviewStatus, Waiting, review_put, show_review
from farthing.payments.views import show_intent
from farthing.settlement.entry import Operation as Movement
from farthing.settlement.entry import settlement_entry
from farthing.store import EXISTS, NOT_CREATED, Condition, Item, Put, Update, Write

FIRST_LOOK_SECONDS = 5
LOOK_PAUSE_SECONDS = 3
"""How long after a look that found nothing nobody looks again, however often they ask us."""


def intent_writes(
    concluded: Concluded, new_id: IdSource, now: datetime, day: date
) -> tuple[Intent, list[Write], Response]:
    """The transaction that makes `concluded` true, the intent after it, and the answer.

    `day` is the business day of `now` at the acquirer.
    """
    before, operation = concluded.before, concluded.operation
    after = reviewed(concluded, now)
    after, told = tell(before, after, concluded.event_type, new_id, now)
    answer = answer_about(operation, after)
    return (
        after,
        [
            operation_update(operation, now),
            *intent_update(before, after, holds_operation(operation.operation_id)),
            *told,
            *money_writes(operation, concluded.moved_cents, now, day, after.instrument),
            *key_writes(operation, after, answer, now),
            *method_writes(operation, now),
        ],
        answer,
    )


def tell(
    before: Intent, after: Intent, event_type: str | None, new_id: IdSource, now: datetime
) -> tuple[Intent, list[Write]]:
    """All that is told of the intent's change, and the intent with its events numbered: its own
    event, that of a review that was opened or closed, and that of its session, if it pays it."""
    told: list[tuple[str, dict[str, Any]]] = []
    writes: list[Write] = []
    if event_type is not None:
        told.append((event_type, show_intent(after)))
    if after.review is not None and after.review != before.review:
        type_ = "review.opened" if after.is_under_review else "review.closed"
        told.append((type_, show_review(after)))
        writes += [review_put(after), *waiting_writes(after, now)]
    for type_, shown in told:
        after = replace(after, event_sequence=after.event_sequence + 1)
        writes.append(event_put(after, new_id("evt"), type_, shown, now))
    return after, [*writes, *session_writes(before, after, new_id, now)]


def reviewed(concluded: Concluded, now: datetime) -> Intent:
    """The intent with its review as the operation leaves it: opened, closed, or as it was."""
    after, operation = concluded.intent, concluded.operation
    step = operation.review
    if step is None or not concluded.resolved:
        return after
    if step.status is ReviewStatus.OPEN:
        if after.state != states.HELD:
            return after
        waiting = Waiting(operation.idempotency_row, operation.success_status, operation.request_id)
        decision_id = operation.fallback_of or operation.operation_id
        review = step.opened(decision_id, waiting, now)
    elif after.state == states.HELD or after.review is None:
        return after
    else:
        review = step.closed(after.review, to_text(now))
    return replace(after, review=review)


def waiting_writes(after: Intent, now: datetime) -> list[Write]:
    """The last answer of the request that waited for a review that was closed. Nobody waits for one
    that came back after a restore."""
    if after.review is None or after.is_under_review or not after.review.waiting.idempotency_row:
        return []
    key = idempotency.row_key(after.tenant, after.review.waiting.idempotency_row)
    answer = answer_after_review(after, after.review.waiting)
    return [Update(key, KEY_WAITS, set=idempotency.done(answer, now))]


def session_writes(before: Intent, after: Intent, new_id: IdSource, now: datetime) -> list[Write]:
    """`checkout_session.completed`, with the authorization that pays the session, or with the
    review that lets it.

    A session ends once: its only event has one place, and this one is not there yet, because a
    session with an attempt at work does not expire.
    """
    pays = attempt_status(after) is SessionStatus.PAID
    if after.checkout is None or not pays or attempt_status(before) is SessionStatus.PAID:
        return []
    shown, type_ = show_completed(after, after.checkout), "checkout_session.completed"
    return [session_event_put(after.tenant, new_id("evt"), type_, shown, now)]


def intent_update(before: Intent, after: Intent, when: Condition) -> list[Write]:
    """The intent's update, if anything of it changes."""
    sets, removes = changed(before, after)
    return [Update(before.key, when, set=sets, remove=removes)] if sets or removes else []


def operation_update(operation: Operation, now: datetime) -> Update:
    """The operation's outcome. A known one leaves the due index; an unknown one comes up soon.

    A debit comes up again in any case: until the bank has decided, and as long as it may come back.
    """
    if operation.answer is None:
        raise ValueError("an operation without an answer has no outcome to write")
    when = held_under_fence(operation.fence)
    sets = {
        "state": operation.state.value,
        "answer": operation.answer.to_item(),
        "acquirer_id": operation.acquirer_id,
    }
    if operation.may_be_returned:
        return Update(operation.address.key, when, set=sets | debit.watched(operation, now))
    if operation.answer.outcome not in NO_END:
        return Update(operation.address.key, when, set=sets, remove=["due_pk", "due_at"])
    return Update(operation.address.key, when, set=sets | _waiting(operation, now))


def _waiting(operation: Operation, now: datetime) -> Item:
    """What an operation without an end waits for: its next look, and until when not to."""
    pending = operation.state is OperationState.PENDING
    if operation.fence == FIRST_FENCE and pending:
        return debit.pending(operation, now)
    if operation.fence == FIRST_FENCE:
        return {"lease_until": to_text(now), "due_at": later(now, seconds=FIRST_LOOK_SECONDS)}
    pause_seconds = debit.LOOK_PAUSE_SECONDS if pending else LOOK_PAUSE_SECONDS
    waiting: Item = {
        "lease_until": later(now, seconds=pause_seconds),
        "due_at": operation.due_at,
        "requires_decision": operation.requires_decision,
    }
    if pending:
        waiting["due_pk"] = debit.waits_in(operation)
    noted = {"quiet_since": operation.quiet_since, "asked_at": operation.asked_at}
    return waiting | {name: at for name, at in noted.items() if at is not None}


def money_writes(
    operation: Operation,
    moved_cents: int,
    now: datetime,
    day: date,
    instrument: Instrument | None = None,
) -> list[Write]:
    """The postings and the settlement entry of money that moved: none if none did. `instrument` is
    what paid, as it is known now: our fee depends on its brand."""
    if not moved_cents:
        return []
    refund, fee = operation.kind is Kind.REFUND, 0
    named = operation.operation_id, Money(moved_cents, operation.currency), operation.connector
    if refund:
        transaction = posting.refund(*named, intent_id=operation.intent_id, at=now)
    else:
        brand = instrument.card_brand if instrument is not None else None
        fee = operation.fees.fee_of(moved_cents, brand) if operation.fees is not None else 0
        transaction = posting.capture(*named, intent_id=operation.intent_id, at=now, fee=fee)
    key, entry = settlement_entry(
        operation.tenant,
        operation.intent_id,
        operation.operation_id,
        operation.reference,
        Movement.REFUND if refund else Movement.CAPTURE,
        moved_cents,
        operation.currency,
        operation.connector,
        day,
        now,
        fee,
    )
    return [booked(transaction, operation.tenant), Put(key, entry, NOT_CREATED)]


def key_writes(
    operation: Operation, after: Intent | None, answer: Response, now: datetime
) -> list[Write]:
    """The stored answer, from which the key's life is counted; none while nobody knows it. The key
    of what a person is to look at waits for them."""
    if operation.answer is None or operation.answer.outcome in NO_END:
        return []
    if not operation.idempotency_row:
        return []
    opens = operation.review is not None and operation.review.status is ReviewStatus.OPEN
    if operation.answer.outcome is Outcome.NOT_SENT:
        sets = idempotency.released(now)
    elif opens and after is not None and after.is_under_review:
        sets = idempotency.held()
    else:
        sets = idempotency.done(answer, now)
    key = idempotency.row_key(operation.tenant, operation.idempotency_row)
    return [Update(key, key_held_by(operation.operation_id), set=sets)]


def method_writes(operation: Operation, now: datetime) -> list[Write]:
    """What a saved card's authorization leaves with it: its first one gives the reference that its
    later ones name, and a card that was approved is worth a network token.

    It may tell of a card that we never saw, too.
    """
    answer, stored = operation.answer, operation.stored_credential
    if operation.method_id is None or answer is None or answer.outcome is not Outcome.APPROVED:
        return []
    left: Item = {}
    if stored is not None and stored.use is Use.FIRST and answer.network_reference:
        seen = vars(answer.card) if answer.card else {}
        left = {**seen, "network_reference": answer.network_reference}
    if operation.wants_token and answer.network_reference:
        left |= wanted(operation.method_id, now)
    key = method_key(operation.tenant, operation.method_id)
    return [Update(key, EXISTS, set=left)] if left else []
