"""Exactly once: Tx-1, send, Tx-2.

    Tx-1   key taken · intent waits · operation written     one transaction, or nothing
    send   `charge` is told the operation's address          nothing is written here meanwhile
    Tx-2   outcome · event · ledger · settlement · answer    one transaction, under the fence

A network token that was refused comes between: see `fallback`.

A crash after Tx-1 leaves an operation that somebody finds by its lease. A crash after the send is
the same to us as an answer that never came: unknown, and never failed.
"""

from __future__ import annotations

from collections.abc import Sequence

from farthing.acquiring.answer import NOT_SENT, UNKNOWN, Answer, Outcome
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response
from farthing.payments import idempotency
from farthing.payments.answers import not_known_yet, not_sent
from farthing.payments.begin import Begun
from farthing.payments.conclude import conclude
from farthing.payments.conclusion import FIRST_LOOK_SECONDS, intent_writes
from farthing.payments.counted import write_outcome
from farthing.payments.fallback import fall_back, fallback_writes, falls_back
from farthing.payments.guarded import Guarded, commit
from farthing.payments.intent import Intent
from farthing.payments.operation import LEASE_SECONDS, Operation
from farthing.payments.remembered import remember
from farthing.payments.replay import replay
from farthing.payments.resolve import token_refused
from farthing.payments.services import SEND_SECONDS, Services
from farthing.store import NOT_CREATED, ConditionFailed, Item, Put, StoreBusy


def perform(
    begun: Begun,
    intent_write: Guarded,
    request: IdempotentRequest,
    services: Services,
    more: Sequence[Guarded] = (),
) -> Response:
    """Write the operation, send it, write what became of it; the answer to the request.

    `intent_write` moves the intent under the rule of this operation, `more` goes with it.
    """
    require_time(services)
    operation = begun.operation
    refused = commit(
        services.store,
        [
            key_write(operation, request, services),
            intent_write,
            Guarded(Put(operation.address.key, operation.to_item(), NOT_CREATED), impossible),
            *more,
        ],
    )
    if refused is not None:
        return refused
    return finish(begun.intent, operation, send(operation, services), services)


def require_time(services: Services) -> None:
    """Raises FarthingError (503) if too little time is left to send and to learn the outcome."""
    if services.seconds_left() < SEND_SECONDS:
        raise not_sent()


def key_write(operation: Operation, request: IdempotentRequest, services: Services) -> Guarded:
    """The key, taken for this operation. If somebody has it, the answer is what that one gets."""
    put = idempotency.taken(
        services.tenant,
        request,
        services.now(),
        intent_id=operation.intent_id,
        operation_id=operation.operation_id,
    )

    def refuse(item: Item | None) -> Response | None:
        earlier = idempotency.examine(item, request, services.now())
        if earlier.operation_id == operation.operation_id:
            return None
        return replay(earlier, services)

    return Guarded(put, refuse)


def key_used(request: IdempotentRequest, answer: Response, services: Services) -> Guarded:
    """The key, taken and done with this answer. If somebody has it, what that one gets."""
    put = idempotency.used(services.tenant, request, services.now(), answer)

    def refuse(item: Item | None) -> Response | None:
        return replay(idempotency.examine(item, request, services.now()), services)

    return Guarded(put, refuse)


def key_waits(request: IdempotentRequest, intent_id: str, services: Services) -> Guarded:
    """The key, taken for a payment that waits for its review. If somebody has it, what that one
    gets."""
    put = idempotency.waits(services.tenant, request, services.now(), intent_id)

    def refuse(item: Item | None) -> Response | None:
        return replay(idempotency.examine(item, request, services.now()), services)

    return Guarded(put, refuse)


def impossible(item: object) -> Response:
    """For conditions that only a bug of ours can fail, such as an id that was given out twice."""
    raise AssertionError("a new object was there already")


def send(operation: Operation, services: Services) -> Answer:
    """Ask the acquirer through `charge`, if there is still time for its answer."""
    if services.seconds_left() < SEND_SECONDS:
        return NOT_SENT
    return services.sender.send(operation.address)


def finish(intent: Intent, operation: Operation, answer: Answer, services: Services) -> Response:
    """What follows from the answer to the operation, and the answer to the request.

    With too little time left to ask the card's number, a refused network token is as good as no
    answer: who looks into it next finds it refused, and asks then.
    """
    if not falls_back(operation, answer):
        return _conclude(intent, operation, answer, services)
    if services.seconds_left() < SEND_SECONDS:
        unsent = answer.outcome is Outcome.NOT_SENT
        return _conclude(intent, operation, answer if unsent else UNKNOWN, services)
    fallen = fall_back(intent, operation, answer, services.now())
    try:
        try:
            services.store.write(*fallback_writes(fallen))
        except ConditionFailed:
            return replay(_of(intent, operation), services)
    except StoreBusy:
        return _cannot_write(intent, operation, services)
    token_refused(operation, services)
    if not fallen.is_sent:
        return _conclude(fallen.intent, fallen.second, UNKNOWN, services)
    answer = send(fallen.second, services)
    return _conclude(fallen.intent, fallen.second, answer, services)


def _of(intent: Intent, operation: Operation) -> idempotency.Earlier:
    return idempotency.Earlier(intent_id=intent.intent_id, operation_id=operation.operation_id)


def _conclude(intent: Intent, operation: Operation, answer: Answer, services: Services) -> Response:
    """Tx-2, and the answer to the request.

    If somebody took the operation over in the meantime, their conclusion stands and is told. If
    it cannot be written now, nobody may say that nothing happened: the outcome is unknown to the
    caller until the operation is looked into.
    """
    concluded = conclude(intent, operation, answer)
    day = services.business_day(operation.connector)
    after, writes, response = intent_writes(concluded, services.new_id, services.now(), day)
    try:
        try:
            write_outcome(concluded.operation, writes, services)
        except ConditionFailed:
            return replay(_of(intent, operation), services)
    except StoreBusy:
        return _cannot_write(intent, operation, services)
    if answer.outcome is Outcome.UNKNOWN:
        services.later.look(operation.address, FIRST_LOOK_SECONDS)
    remember(after, concluded.operation, services)
    return response


def _cannot_write(intent: Intent, operation: Operation, services: Services) -> Response:
    """Nobody can write now: it is unknown, and looked into when nobody can be at it any more."""
    services.later.look(operation.address, LEASE_SECONDS)
    return not_known_yet(operation, conclude(intent, operation, UNKNOWN).intent)
