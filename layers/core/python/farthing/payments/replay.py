"""A key that comes again: the present state of what it asked for, as a first answer gives it."""

from __future__ import annotations

from farthing.errors import REQUEST_IN_PROGRESS, FarthingError
from farthing.http.response import Response
from farthing.payments.address import Address
from farthing.payments.answers import RETRY_AFTER_SECONDS, answer_after_review
from farthing.payments.idempotency import DONE, HELD, REPLAYED, Earlier, row_key, stored_answer
from farthing.payments.intent import Intent, intent_key
from farthing.payments.operation import Operation, OperationState
from farthing.payments.resolve import current_answer, read_operation, resolve
from farthing.payments.services import Services


def replay(earlier: Earlier, services: Services) -> Response:
    """The answer of an earlier request with this key.

    Raises FarthingError (409) while that request may still be at work.
    """
    if earlier.answer is not None:
        return earlier.answer
    if earlier.held and earlier.intent_id is not None:
        return _held(earlier.intent_id, services)
    if earlier.intent_id is None or earlier.operation_id is None or earlier.released:
        raise in_progress()
    address = Address(services.tenant, earlier.intent_id, earlier.operation_id)
    operation = _at_work(read_operation(address, services), services)
    if operation.state is OperationState.OPEN and not operation.may_be_taken_over(services.now()):
        raise in_progress()
    operation = _at_work(resolve(operation, services), services)
    row = services.store.get(row_key(services.tenant, operation.idempotency_row))
    if row is not None and row["state"] == DONE:
        return stored_answer(row)
    if row is not None and row["state"] == HELD:
        return _held(operation.intent_id, services)
    return current_answer(operation, services).with_headers(**{REPLAYED: "true"})


def _held(intent_id: str, services: Services) -> Response:
    """The payment, which waits for its review; or what was stored if that was closed since its key
    was read: the payment may have gone on from there."""
    item = services.store.get(intent_key(services.tenant, intent_id))
    intent = Intent.from_item(item) if item is not None else None
    if intent is None or intent.review is None:
        raise LookupError(intent_id)
    if not intent.is_under_review:
        row = services.store.get(row_key(services.tenant, intent.review.waiting.idempotency_row))
        if row is not None and row["state"] == DONE:
            return stored_answer(row)
    answer = answer_after_review(intent, intent.review.waiting)
    return answer.with_headers(**{REPLAYED: "true"})


def _at_work(operation: Operation, services: Services) -> Operation:
    """What a request waits for: after a network token that was refused, the one that came next."""
    if operation.replaced_by is None:
        return operation
    second = Address(operation.tenant, operation.intent_id, operation.replaced_by)
    return read_operation(second, services)


def in_progress() -> FarthingError:
    """Somebody is at it with this key: try again with the same one."""
    return FarthingError(
        REQUEST_IN_PROGRESS,
        "a request with this key is being worked on; ask again with the same key",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
