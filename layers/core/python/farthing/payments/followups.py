"""Capture and cancel: what follows an authorization."""

from __future__ import annotations

from farthing.errors import not_found
from farthing.http.idempotency_key import IdempotentRequest
from farthing.http.response import Response, ok
from farthing.payments import begin, idempotency, reviews, states
from farthing.payments.begin import Asking
from farthing.payments.conclusion import intent_update
from farthing.payments.conditions import confirmable, enough_left_to_capture, voidable
from farthing.payments.guarded import Guarded, commit
from farthing.payments.intent import Intent, key_of
from farthing.payments.payable import PaymentRequest, refuse_state, state_event
from farthing.payments.perform import key_used, perform
from farthing.payments.read import settle_open_operation
from farthing.payments.replay import replay
from farthing.payments.review import ReviewStatus, ReviewStep
from farthing.payments.services import Services
from farthing.payments.views import show_intent

SUCCESS_STATUS = 200


def capture(
    intent_id: str,
    amount_cents: int | None,
    request: IdempotentRequest,
    request_id: str,
    services: Services,
) -> Response:
    """Take the held money, or a part of it and release the rest. Raises FarthingError."""
    intent = _read(intent_id, request, services)
    if isinstance(intent, Response):
        return intent
    begun = begin.capture(intent, amount_cents, _asking(request, request_id, services))
    when = enough_left_to_capture(begun.operation.amount_cents, intent.version)
    (write,) = intent_update(intent, begun.intent, when)
    guarded = Guarded(write, refuse_state("captured", states.AUTHORIZED))
    return perform(begun, guarded, request, services)


def cancel(
    intent_id: str, request: IdempotentRequest, request_id: str, services: Services
) -> Response:
    """Give held money back, or end an intent for which none was asked. Raises FarthingError."""
    intent = _read(intent_id, request, services)
    if isinstance(intent, Response):
        return intent
    if intent.state == states.NEW and intent.open_operation is None:
        return _cancel_unsent(intent, request, services)
    if intent.is_under_review:
        cancelled = ReviewStep(ReviewStatus.CANCELLED)
        asked = PaymentRequest(request, request_id, SUCCESS_STATUS)
        return reviews.refuse(intent, cancelled, asked, services)
    begun = begin.void(intent, _asking(request, request_id, services))
    (write,) = intent_update(intent, begun.intent, voidable(intent.version))
    guarded = Guarded(write, refuse_state("cancelled", states.AUTHORIZED))
    return perform(begun, guarded, request, services)


def _cancel_unsent(intent: Intent, request: IdempotentRequest, services: Services) -> Response:
    """Nothing was ever sent, so one transaction ends it."""
    after = intent.moved(states.CANCELLED, event_sequence=intent.event_sequence + 1)
    answer = ok(show_intent(after))
    (write,) = intent_update(intent, after, confirmable(intent.version))
    guarded = [
        key_used(request, answer, services),
        Guarded(write, refuse_state("cancelled", states.NEW)),
        state_event(after, "payment_intent.cancelled", services),
    ]
    return commit(services.store, guarded) or answer


def _read(intent_id: str, request: IdempotentRequest, services: Services) -> Intent | Response:
    """The intent, after looking into what may be left open on it; or an earlier answer."""
    row = idempotency.row_key(services.tenant, request.row_id)
    key = key_of(services.tenant, intent_id)
    found = services.store.batch_get([row, key])
    earlier = idempotency.examine(found.get(row), request, services.now())
    if not earlier.is_new:
        return replay(earlier, services)
    if key not in found:
        raise not_found("payment_intent", intent_id)
    return settle_open_operation(Intent.from_item(found[key]), services)


def _asking(request: IdempotentRequest, request_id: str, services: Services) -> Asking:
    return Asking(
        request.row_id,
        SUCCESS_STATUS,
        request_id,
        services.new_id("op"),
        services.now(),
        fees=services.fees,
    )
